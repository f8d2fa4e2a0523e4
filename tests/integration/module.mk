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
check_PROGRAMS += tests/integration/hostile_worker
tests_integration_hostile_worker_SOURCES = tests/integration/hostile_worker.cpp
tests_integration_hostile_worker_LDADD = $(WORKER_LIBS)
check_PROGRAMS += tests/integration/escape_probe
tests_integration_escape_probe_SOURCES = tests/integration/escape_probe.cpp
tests_integration_escape_probe_LDADD = libs/sandbox/libsandbox.la libs/ring/libring.la libs/base/libbase.la
TESTS += tests/integration/escape_probe

check_PROGRAMS += tests/integration/cmap_api tests/integration/confdb_api tests/integration/cmap_watch
tests_integration_cmap_api_SOURCES = tests/integration/cmap_api.c
tests_integration_cmap_api_LDADD = libs/client/libcmap.la libs/client/libcorosync_common.la
tests_integration_confdb_api_SOURCES = tests/integration/confdb_api.c
tests_integration_confdb_api_LDADD = libs/client/libconfdb.la libs/client/libcorosync_common.la
tests_integration_cmap_watch_SOURCES = tests/integration/cmap_watch.c
tests_integration_cmap_watch_LDADD = libs/client/libcmap.la libs/client/libcorosync_common.la

integration_tests = tests/integration/cfg.py tests/integration/mixed_representative.sh tests/integration/mixed_member.sh tests/integration/demo.sh \
integration_tests = tests/integration/cfg_compare.py tests/integration/cfg.py tests/integration/mixed_representative.sh tests/integration/mixed_member.sh tests/integration/demo.sh \
	tests/integration/single_node.py tests/integration/api_conformance.py tests/integration/hostile_client.py \
	tests/integration/slow_reader.py tests/integration/children.py tests/integration/crash.py tests/integration/transports.py tests/integration/garbage.py tests/integration/confinement.py tests/integration/replace_supervisor.py
	tests/integration/mixed_knet.py tests/integration/knet_links.py tests/integration/migration.py \
	tests/integration/slow_reader.py tests/integration/children.py tests/integration/transports.py tests/integration/garbage.py tests/integration/confinement.py tests/integration/replace_supervisor.py
integration_tests += tests/integration/cmap_conformance.py tests/integration/cmap_guarantees.py
EXTRA_DIST += tests/integration/cmap_api.expected tests/integration/cmapctl_cases.sh
	tests/integration/slow_reader.py tests/integration/children.py tests/integration/transports.py tests/integration/garbage.py tests/integration/confinement.py tests/integration/replace_supervisor.py tests/integration/foreign_service.py tests/integration/events.py
	tests/integration/slow_reader.py tests/integration/children.py tests/integration/transports.py tests/integration/garbage.py tests/integration/confinement.py tests/integration/replace_supervisor.py tests/integration/foreign_service.py tests/integration/events.py tests/integration/hostile_worker.py
dist_check_SCRIPTS += $(integration_tests)
EXTRA_DIST += tests/integration/knet_cluster.py tests/integration/nodes.py tests/integration/loopback.py tests/integration/mixed_ring.py
TESTS += $(integration_tests)
