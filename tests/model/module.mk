# Model checks: exhaustive searches of pure cores. make model: the long form.
check_PROGRAMS += tests/model/quorum_model
tests_model_quorum_model_SOURCES = tests/model/quorum_model.cpp
tests_model_quorum_model_LDADD = workers/quorum/libcore.la libs/wire/libwire.la libs/base/libbase.la
TESTS += tests/model/quorum_model

.PHONY: model
model: tests/model/quorum_model$(EXEEXT)
	@tests/model/quorum_model --deep
