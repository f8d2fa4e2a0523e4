# One program a room; each test file stands at the path of what it tests.

if HAVE_GTEST

check_PROGRAMS += tests/unit/wire_tests
tests_unit_wire_tests_SOURCES = tests/unit/libs/wire/frames_test.cpp tests/unit/libs/wire/layout.h \
	tests/unit/libs/wire/packing_test.cpp tests/unit/libs/wire/seq_test.cpp tests/unit/libs/wire/services_test.cpp \
	tests/unit/libs/wire/services_vectors_test.cpp tests/unit/libs/base/sha256_test.cpp \
	tests/unit/libs/wire/totem_vectors_test.cpp tests/unit/libs/feed/feed_test.cpp tests/fuzz/exercise.cpp \
	tests/fuzz/exercise.h tests/vectors/load.h
tests_unit_wire_tests_CPPFLAGS = $(AM_CPPFLAGS) $(GTEST_CFLAGS)
tests_unit_wire_tests_LDADD = libs/feed/libfeed.la libs/wire/libwire.la libs/base/libbase.la $(GTEST_LIBS)
TESTS += tests/unit/wire_tests

check_PROGRAMS += tests/unit/ring_tests
tests_unit_ring_tests_SOURCES = tests/unit/libs/ring/hostile_test.cpp tests/unit/libs/ring/memory_link.h \
	tests/unit/libs/ring/ring_test.cpp tests/unit/libs/ring/segment_test.cpp tests/unit/libs/ring/threads_test.cpp \
	tests/unit/libs/ring/wakeup_model_test.cpp tests/unit/libs/loop/loop_test.cpp tests/unit/libs/loop/spin_test.cpp
tests_unit_ring_tests_CPPFLAGS = $(AM_CPPFLAGS) $(GTEST_CFLAGS)
tests_unit_ring_tests_LDADD = libs/ring/libring.la libs/loop/libloop.la libs/base/libbase.la $(GTEST_LIBS)
TESTS += tests/unit/ring_tests

check_PROGRAMS += tests/unit/ipc_tests
tests_unit_ipc_tests_SOURCES = tests/unit/libs/ipc/scripted_client.h tests/unit/libs/ipc/server_hostile_test.cpp \
	tests/unit/libs/ipc/server_test.cpp tests/unit/libs/worker/rig.h \
	tests/unit/libs/ipc/overflow_test.cpp tests/unit/libs/worker/journal_test.cpp \
	tests/unit/libs/worker/uplink_test.cpp tests/unit/libs/worker/worker_test.cpp
tests_unit_ipc_tests_CPPFLAGS = $(AM_CPPFLAGS) $(GTEST_CFLAGS)
tests_unit_ipc_tests_LDADD = $(WORKER_LIBS) $(GTEST_LIBS)
TESTS += tests/unit/ipc_tests

# The frame once more, with crash points between its stores.
check_PROGRAMS += tests/unit/crash_tests
tests_unit_crash_tests_SOURCES = tests/unit/libs/worker/crash_test.cpp $(libs_ring_libring_la_SOURCES) $(libs_ipc_libserver_la_SOURCES) \
	$(libs_worker_libworker_la_SOURCES)
tests_unit_crash_tests_CPPFLAGS = $(AM_CPPFLAGS) $(GTEST_CFLAGS) -DMOTET_CRASH_POINTS
tests_unit_crash_tests_LDADD = libs/feed/libfeed.la libs/loop/libloop.la libs/sandbox/libsandbox.la libs/metrics/libmetrics.la \
	libs/config/libconfig.la libs/control/libcontrol.la libs/wire/libwire.la libs/base/libbase.la $(SECCOMP_LIBS) $(CAPNG_LIBS) $(GTEST_LIBS)
TESTS += tests/unit/crash_tests

check_PROGRAMS += tests/unit/client_tests
tests_unit_client_tests_SOURCES = tests/unit/libs/client/abi_layout.c tests/unit/libs/client/abi_layout_cfg.c tests/unit/libs/client/abi_layout_quorum.c tests/unit/libs/client/abi_test.cpp \
	tests/unit/libs/client/common_test.cpp tests/unit/libs/client/connect_test.cpp tests/unit/libs/client/cpg_fixture.h \
	tests/unit/libs/client/dispatch_test.cpp tests/unit/libs/client/fake_daemon.h \
	tests/unit/libs/client/groups_test.cpp tests/unit/libs/client/handles_test.cpp \
	tests/unit/libs/client/hostile_test.cpp tests/unit/libs/client/hostile_services_test.cpp tests/unit/libs/client/send_test.cpp \
	tests/unit/libs/ipc/client_link_test.cpp
tests_unit_client_tests_CPPFLAGS = $(AM_CPPFLAGS) $(GTEST_CFLAGS)
tests_unit_client_tests_LDADD = libs/client/libcpg.la libs/client/libcfg.la libs/client/libquorum.la libs/client/libvotequorum.la libs/client/libcorosync_common.la libs/ipc/libclient.la libs/ring/libring.la libs/base/libbase.la -ldl $(GTEST_LIBS)
TESTS += tests/unit/client_tests

check_PROGRAMS += tests/unit/cfg_tests
tests_unit_cfg_tests_SOURCES = tests/unit/workers/confdb/cfg_reload_test.cpp tests/unit/workers/confdb/cfg_ring.h \
	tests/unit/workers/confdb/cfg_test.cpp
tests_unit_cfg_tests_CPPFLAGS = $(AM_CPPFLAGS) $(GTEST_CFLAGS)
tests_unit_cfg_tests_LDADD = workers/confdb/libcfg_core.la libs/config/libconfig.la libs/wire/libwire.la libs/base/libbase.la $(GTEST_LIBS)
TESTS += tests/unit/cfg_tests

check_PROGRAMS += tests/unit/config_tests
tests_unit_config_tests_SOURCES = tests/unit/supervisor/reader/broken_test.cpp tests/unit/supervisor/reader/convert_test.cpp \
	tests/unit/libs/config/changes_test.cpp tests/unit/libs/config/listen_test.cpp tests/unit/libs/config/live_test.cpp tests/unit/libs/config/schema_test.cpp tests/unit/libs/config/snapshot_test.cpp \
	tests/unit/libs/config/totem_settings_test.cpp tests/unit/supervisor/reader/compile_test.cpp \
	tests/unit/supervisor/reader/names_test.cpp tests/unit/supervisor/reader/print_test.cpp
tests_unit_config_tests_CPPFLAGS = $(AM_CPPFLAGS) $(GTEST_CFLAGS)
tests_unit_config_tests_LDADD = supervisor/reader/libreader.la libs/config/libconfig.la libs/base/libbase.la $(YAML_LIBS) $(GTEST_LIBS)
TESTS += tests/unit/config_tests
EXTRA_DIST += tests/unit/supervisor/reader/broken.txt

check_PROGRAMS += tests/unit/supervisor_tests
tests_unit_supervisor_tests_SOURCES = tests/unit/supervisor/access_test.cpp tests/unit/supervisor/fdstore_test.cpp tests/unit/supervisor/keyfile_test.cpp \
	tests/unit/supervisor/options_test.cpp tests/unit/supervisor/plan_test.cpp \
	tests/unit/supervisor/state_test.cpp tests/unit/supervisor/status_page_test.cpp tests/unit/supervisor/subsystems_test.cpp tests/unit/supervisor/take_over_test.cpp \
	tests/unit/supervisor/urgency_test.cpp tests/unit/supervisor/watchdog_test.cpp tests/unit/tools/motetctl_test.cpp \
	tests/unit/libs/control/control_test.cpp tests/unit/libs/metrics/status_page_test.cpp \
	tests/unit/libs/metrics/values_test.cpp tests/unit/libs/metrics/openmetrics_test.cpp \
	tests/unit/libs/metrics/recorder_test.cpp tests/unit/libs/sandbox/sandbox_test.cpp \
	tools/motetctl_request.cpp tools/motetctl_text.cpp
tests_unit_supervisor_tests_CPPFLAGS = $(AM_CPPFLAGS) $(GTEST_CFLAGS)
tests_unit_supervisor_tests_LDADD = supervisor/libsupervisor.la libs/sandbox/libsandbox.la libs/metrics/libmetrics.la libs/control/libcontrol.la libs/base/libbase.la $(SECCOMP_LIBS) $(CAPNG_LIBS) $(GTEST_LIBS)
TESTS += tests/unit/supervisor_tests

check_PROGRAMS += tests/unit/totem_tests
tests_unit_totem_tests_SOURCES = tests/unit/membership/totem/gather_test.cpp \
	tests/unit/membership/totem/malformed_test.cpp tests/unit/membership/totem/net.h \
	tests/unit/membership/totem/packing_test.cpp tests/unit/membership/totem/reconfigure_test.cpp tests/unit/membership/totem/recovery_test.cpp \
	tests/unit/membership/totem/rest_test.cpp tests/unit/membership/totem/ring_test.cpp tests/unit/membership/totem/safe_test.cpp
tests_unit_totem_tests_CPPFLAGS = $(AM_CPPFLAGS) $(GTEST_CFLAGS)
tests_unit_totem_tests_LDADD = membership/totem/libtotem.la libs/wire/libwire.la libs/base/libbase.la $(GTEST_LIBS)
TESTS += tests/unit/totem_tests

check_PROGRAMS += tests/unit/sync_tests
tests_unit_sync_tests_SOURCES = tests/unit/membership/sync/sync_test.cpp
tests_unit_sync_tests_CPPFLAGS = $(AM_CPPFLAGS) $(GTEST_CFLAGS)
tests_unit_sync_tests_LDADD = membership/sync/libsync.la libs/wire/libwire.la libs/base/libbase.la $(GTEST_LIBS)
TESTS += tests/unit/sync_tests

check_PROGRAMS += tests/unit/membership_tests
tests_unit_membership_tests_SOURCES = tests/unit/membership/link_test.cpp tests/unit/membership/ring_file_test.cpp \
	tests/unit/membership/node/node_test.cpp tests/integration/udp_transport_test.cpp membership/link.cpp \
	membership/ring_file.cpp membership/transport/udp/address.cpp membership/transport/udp/udp.cpp
tests_unit_membership_tests_CPPFLAGS = $(AM_CPPFLAGS) $(GTEST_CFLAGS)
tests_unit_membership_tests_LDADD = membership/node/libnode.la membership/sync/libsync.la membership/totem/libtotem.la libs/feed/libfeed.la libs/ring/libring.la libs/wire/libwire.la libs/base/libbase.la $(GTEST_LIBS)
TESTS += tests/unit/membership_tests

# Membership's side of a link once more, with crash points between its stores.
check_PROGRAMS += tests/unit/take_over_tests
tests_unit_take_over_tests_SOURCES = tests/unit/membership/take_over_crash_test.cpp membership/link.cpp $(libs_ring_libring_la_SOURCES)
tests_unit_take_over_tests_CPPFLAGS = $(AM_CPPFLAGS) $(GTEST_CFLAGS) -DMOTET_CRASH_POINTS
tests_unit_take_over_tests_LDADD = membership/node/libnode.la membership/sync/libsync.la membership/totem/libtotem.la libs/feed/libfeed.la libs/wire/libwire.la libs/base/libbase.la $(GTEST_LIBS)
TESTS += tests/unit/take_over_tests

if HAVE_RDMA
check_PROGRAMS += tests/unit/rdma_tests
tests_unit_rdma_tests_SOURCES = tests/unit/membership/transport/rdma/fake_fabric.h tests/unit/membership/transport/rdma/incarnation_test.cpp \
	tests/unit/membership/transport/rdma/keys_test.cpp tests/unit/membership/transport/rdma/link_test.cpp tests/unit/membership/transport/rdma/pieces_test.cpp
tests_unit_rdma_tests_CPPFLAGS = $(AM_CPPFLAGS) $(GTEST_CFLAGS)
tests_unit_rdma_tests_LDADD = membership/transport/rdma/libmotetrdma.la membership/transport/udp/libaddress.la libs/loop/libloop.la libs/base/libbase.la $(RDMA_LIBS) $(GTEST_LIBS)
TESTS += tests/unit/rdma_tests
endif

check_PROGRAMS += tests/unit/cpg_tests
tests_unit_cpg_tests_SOURCES = tests/unit/workers/cpg/core_fixture.h tests/unit/workers/cpg/core_flows_test.cpp \
	tests/unit/workers/cpg/core_hostile_test.cpp tests/unit/workers/cpg/core_parts_test.cpp \
	tests/unit/workers/cpg/core_requests_test.cpp tests/unit/workers/cpg/core_snapshot_test.cpp tests/unit/workers/cpg/core_sync_test.cpp
tests_unit_cpg_tests_CPPFLAGS = $(AM_CPPFLAGS) $(GTEST_CFLAGS)
tests_unit_cpg_tests_LDADD = workers/cpg/libcore.la membership/sync/libsync.la libs/wire/libwire.la libs/base/libbase.la $(GTEST_LIBS)
TESTS += tests/unit/cpg_tests

check_PROGRAMS += tests/unit/sam_tests
tests_unit_sam_tests_SOURCES = tests/unit/libs/client/sam/channel_test.cpp tests/unit/libs/client/sam/vigil_test.cpp \
	tests/unit/libs/client/sam/watch_test.cpp \
	tests/unit/workers/sam/core_test.cpp tests/unit/workers/sam/monitors_test.cpp
tests_unit_sam_tests_CPPFLAGS = $(AM_CPPFLAGS) $(GTEST_CFLAGS)
tests_unit_sam_tests_LDADD = workers/sam/libcore.la libs/client/sam/libparts.la libs/client/libquorum.la libs/client/libcmap.la libs/ipc/libclient.la libs/ring/libring.la libs/base/libbase.la $(GTEST_LIBS)
TESTS += tests/unit/sam_tests

check_PROGRAMS += tests/unit/quorum_tests
tests_unit_quorum_tests_SOURCES = tests/unit/workers/quorum/core_device_test.cpp tests/unit/workers/quorum/core_fixture.h \
	tests/unit/workers/quorum/core_flows_test.cpp tests/unit/workers/quorum/core_hostile_test.cpp \
	tests/unit/workers/quorum/core_requests_test.cpp tests/unit/workers/quorum/core_votes_test.cpp
tests_unit_quorum_tests_CPPFLAGS = $(AM_CPPFLAGS) $(GTEST_CFLAGS)
tests_unit_quorum_tests_LDADD = workers/quorum/libcore.la membership/sync/libsync.la libs/wire/libwire.la libs/base/libbase.la $(GTEST_LIBS)
TESTS += tests/unit/quorum_tests

check_PROGRAMS += tests/unit/confdb_tests
tests_unit_confdb_tests_SOURCES = tests/unit/workers/confdb/cmap_test.cpp tests/unit/workers/confdb/config_version_test.cpp tests/unit/workers/confdb/recorder.h \
	tests/unit/workers/confdb/store_test.cpp
tests_unit_confdb_tests_CPPFLAGS = $(AM_CPPFLAGS) $(GTEST_CFLAGS)
tests_unit_confdb_tests_LDADD = workers/confdb/libconfdb_worker.la workers/confdb/libcore.la $(WORKER_LIBS) $(GTEST_LIBS)
TESTS += tests/unit/confdb_tests

endif

if HAVE_KNET
check_PROGRAMS += tests/unit/knet_tests
tests_unit_knet_tests_SOURCES = tests/unit/membership/transport/guard_test.cpp tests/unit/membership/transport/key_test.cpp \
	tests/unit/membership/transport/notes_test.cpp tests/unit/membership/transport/rotation_test.cpp tests/unit/membership/transport/watch_test.cpp
tests_unit_knet_tests_CPPFLAGS = $(AM_CPPFLAGS) $(GTEST_CFLAGS)
tests_unit_knet_tests_LDADD = membership/transport/knet/libmotetknet.la membership/transport/udp/libaddress.la libs/wire/libwire.la libs/loop/libloop.la libs/base/libbase.la $(KNET_LIBS) $(GTEST_LIBS)
TESTS += tests/unit/knet_tests
endif
