noinst_LTLIBRARIES += libs/wire/libwire.la
libs_wire_libwire_la_SOURCES = libs/wire/client_cfg.h libs/wire/client_confdb.h libs/wire/client_cpg.h libs/wire/client_objects.h libs/wire/client_quorum.h libs/wire/client_sam.h libs/wire/seq.h libs/wire/fields.h \
	libs/wire/decoded.cpp libs/wire/decoded.h \
	libs/wire/header.cpp libs/wire/header.h \
	libs/wire/mcast.cpp libs/wire/mcast.h \
	libs/wire/token.cpp libs/wire/token.h \
	libs/wire/merge_detect.cpp libs/wire/merge_detect.h \
	libs/wire/join.cpp libs/wire/join.h \
	libs/wire/commit_token.cpp libs/wire/commit_token.h \
	libs/wire/hold_cancel.cpp libs/wire/hold_cancel.h \
	libs/wire/packing.cpp libs/wire/packing.h \
	libs/wire/group.cpp libs/wire/group.h \
	libs/wire/service.cpp libs/wire/service.h \
	libs/wire/sync.cpp libs/wire/sync.h \
	libs/wire/cpg.cpp libs/wire/cpg.h \
	libs/wire/cmap.cpp libs/wire/cmap.h \
	libs/wire/votequorum.cpp libs/wire/votequorum.h \
	libs/wire/cfg.cpp libs/wire/cfg.h \
	libs/wire/cfg_reload.cpp libs/wire/cfg_reload.h \
	libs/wire/pload.cpp libs/wire/pload.h
