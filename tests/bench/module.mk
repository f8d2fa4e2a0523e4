check_PROGRAMS += tests/bench/cpgload
tests_bench_cpgload_SOURCES = tests/bench/cpgload.c
tests_bench_cpgload_CFLAGS = $(AM_CFLAGS) -pthread
tests_bench_cpgload_LDADD = libs/client/libcpg.la libs/client/libcorosync_common.la -lpthread

# cmap beside corosync's, part of make bench.
EXTRA_PROGRAMS += tests/bench/cmapload
tests_bench_cmapload_SOURCES = tests/bench/cmapload.c
tests_bench_cmapload_LDADD = libs/client/libcmap.la libs/client/libcorosync_common.la
EXTRA_DIST += tests/bench/cmap.py
EXTRA_DIST += tests/bench/bench tests/bench/protection.py tests/bench/run.py tests/bench/cluster.sh tests/bench/engines/corosync.sh \
	tests/bench/engines/motet.sh tests/bench/engines/mixed.sh

# One worker against a scripted membership and clients; built on request: make tests/bench/worker_path
EXTRA_PROGRAMS += tests/bench/worker_path
tests_bench_worker_path_SOURCES = tests/bench/worker_path.cpp
tests_bench_worker_path_LDADD = libs/feed/libfeed.la libs/ring/libring.la libs/loop/libloop.la libs/control/libcontrol.la \
	libs/config/libconfig.la libs/wire/libwire.la libs/base/libbase.la
