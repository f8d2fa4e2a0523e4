check_PROGRAMS += tests/integration/ordercheck tests/integration/silent tests/integration/cpg_api tests/integration/hostile_client tests/integration/cfg_client
tests_integration_ordercheck_SOURCES = tests/integration/ordercheck.c
tests_integration_ordercheck_LDADD = libs/client/libcpg.la libs/client/libcorosync_common.la
tests_integration_silent_SOURCES = tests/integration/silent.c
tests_integration_silent_LDADD = libs/client/libcpg.la libs/client/libcorosync_common.la
tests_integration_cpg_api_SOURCES = tests/integration/cpg_api.c
tests_integration_cpg_api_LDADD = libs/client/libcpg.la libs/client/libcorosync_common.la
tests_integration_hostile_client_SOURCES = tests/integration/hostile_client.cpp
tests_integration_cfg_client_SOURCES = tests/integration/cfg_client.c
tests_integration_cfg_client_LDADD = libs/client/libcfg.la libs/client/libcorosync_common.la
tests_integration_hostile_client_LDADD = libs/ring/libring.la libs/base/libbase.la

integration_tests = tests/integration/cfg.py tests/integration/mixed_representative.sh tests/integration/mixed_member.sh tests/integration/demo.sh \
	tests/integration/single_node.py tests/integration/api_conformance.py tests/integration/hostile_client.py \
	tests/integration/slow_reader.py tests/integration/children.py tests/integration/crash.py tests/integration/transports.py tests/integration/garbage.py tests/integration/confinement.py tests/integration/replace_supervisor.py
	tests/integration/mixed_knet.py tests/integration/knet_links.py tests/integration/migration.py \
	tests/integration/slow_reader.py tests/integration/children.py tests/integration/transports.py tests/integration/garbage.py tests/integration/confinement.py tests/integration/replace_supervisor.py
dist_check_SCRIPTS += $(integration_tests)
EXTRA_DIST += tests/integration/knet_cluster.py tests/integration/nodes.py tests/integration/loopback.py tests/integration/mixed_ring.py
TESTS += $(integration_tests)
