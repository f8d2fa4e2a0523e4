check_PROGRAMS += tests/bench/cpgload
tests_bench_cpgload_SOURCES = tests/bench/cpgload.c
tests_bench_cpgload_CFLAGS = $(AM_CFLAGS) -pthread
tests_bench_cpgload_LDADD = libs/client/libcpg.la libs/client/libcorosync_common.la -lpthread

EXTRA_DIST += tests/bench/bench tests/bench/run.py tests/bench/cluster.sh tests/bench/engines/corosync.sh \
	tests/bench/engines/motet.sh tests/bench/engines/mixed.sh
