check_PROGRAMS += tests/integration/ordercheck
tests_integration_ordercheck_SOURCES = tests/integration/ordercheck.c
tests_integration_ordercheck_LDADD = libs/client/libcpg.la libs/client/libcorosync_common.la

dist_check_SCRIPTS += tests/integration/mixed_representative.sh tests/integration/mixed_member.sh tests/integration/demo.sh
EXTRA_DIST += tests/integration/nodes.py tests/integration/mixed_ring.py
TESTS += tests/integration/mixed_representative.sh tests/integration/mixed_member.sh tests/integration/demo.sh
