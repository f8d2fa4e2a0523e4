# The simulator, its proof, and what of it belongs to every `make check`.
tests_sim_sources = tests/sim/check_delivery.cpp tests/sim/check_order.cpp tests/sim/check_pairs.cpp tests/sim/check_views.cpp \
	tests/sim/checkers.h tests/sim/client.cpp tests/sim/client.h tests/sim/content.cpp tests/sim/content.h tests/sim/draw.cpp \
	tests/sim/history.cpp tests/sim/history.h tests/sim/mutator.h tests/sim/network.cpp tests/sim/network.h \
	tests/sim/observer.cpp tests/sim/observer.h tests/sim/plan.cpp tests/sim/plan.h tests/sim/prng.h tests/sim/queue.h \
	tests/sim/run.cpp tests/sim/run.h tests/sim/worker.cpp tests/sim/worker.h tests/sim/world.cpp tests/sim/world.h \
	tests/sim/world_end.cpp tests/sim/world_node.cpp
tests_sim_libs = membership/node/libnode.la membership/sync/libsync.la membership/totem/libtotem.la workers/cpg/libcore.la \
	libs/wire/libwire.la libs/base/libbase.la

check_LTLIBRARIES += tests/sim/libsim.la
tests_sim_libsim_la_SOURCES = $(tests_sim_sources)

check_PROGRAMS += tests/sim/sim tests/sim/sim_mutants
tests_sim_sim_SOURCES = tests/sim/main/sim.cpp
tests_sim_sim_LDADD = tests/sim/libsim.la $(tests_sim_libs)
tests_sim_sim_mutants_SOURCES = tests/sim/main/sim_mutants.cpp
tests_sim_sim_mutants_LDADD = tests/sim/libsim.la $(tests_sim_libs)

TESTS += tests/sim/sim_mutants tests/sim/scenarios.sh tests/sim/seeds.sh
dist_check_SCRIPTS += tests/sim/scenarios.sh tests/sim/seeds.sh
EXTRA_DIST += tests/sim/scenarios tests/sim/README.md
