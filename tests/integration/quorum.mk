check_PROGRAMS += tests/integration/quorum_watch
tests_integration_quorum_watch_SOURCES = tests/integration/quorum_watch.c
tests_integration_quorum_watch_LDADD = libs/client/libquorum.la libs/client/libvotequorum.la libs/client/libcpg.la libs/client/libcorosync_common.la
dist_check_SCRIPTS += tests/integration/quorum_mixed.py tests/integration/quorum_device.py tests/integration/quorum_tracking.py
TESTS += tests/integration/quorum_mixed.py tests/integration/quorum_device.py tests/integration/quorum_tracking.py

check_PROGRAMS += tests/integration/quorum_api
tests_integration_quorum_api_SOURCES = tests/integration/quorum_api.c
tests_integration_quorum_api_LDADD = libs/client/libquorum.la libs/client/libvotequorum.la
dist_check_SCRIPTS += tests/integration/quorum_options.py tests/integration/quorum_conformance.py
TESTS += tests/integration/quorum_options.py tests/integration/quorum_conformance.py
EXTRA_DIST += tests/integration/quorum_options.expected tests/integration/quorum_api.votes.expected tests/integration/quorum_api.device.expected
EXTRA_DIST += tests/integration/quorumlib.py
