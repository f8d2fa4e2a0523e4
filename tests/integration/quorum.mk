check_PROGRAMS += tests/integration/quorum_watch
tests_integration_quorum_watch_SOURCES = tests/integration/quorum_watch.c
tests_integration_quorum_watch_LDADD = libs/client/libquorum.la libs/client/libvotequorum.la libs/client/libcpg.la libs/client/libcorosync_common.la
EXTRA_DIST += tests/integration/quorumlib.py
