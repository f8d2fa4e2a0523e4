noinst_LTLIBRARIES += workers/cpg/libcore.la
workers_cpg_libcore_la_SOURCES = workers/cpg/core.cpp workers/cpg/core_groups.cpp workers/cpg/core_iteration.cpp \
	workers/cpg/core_messages.cpp workers/cpg/core_parts.cpp workers/cpg/core_requests.cpp workers/cpg/core_sending.cpp \
	workers/cpg/core_snapshot.cpp workers/cpg/core_sync.cpp workers/cpg/core.h workers/cpg/core_request.h workers/cpg/core_state.h

noinst_LTLIBRARIES += workers/quorum/libcore.la
workers_quorum_libcore_la_SOURCES = workers/quorum/core.cpp workers/quorum/core_clients.cpp workers/quorum/core_device.cpp \
	workers/quorum/core_report.cpp workers/quorum/core_save.cpp workers/quorum/core_votes.cpp workers/quorum/core_votes_sync.cpp \
	workers/quorum/core.h workers/quorum/core_settings.h workers/quorum/core_votes.h

# What every worker is made of besides its own service.
WORKER_LIBS = libs/worker/libworker.la libs/ipc/libserver.la libs/feed/libfeed.la libs/ring/libring.la libs/loop/libloop.la \
	libs/sandbox/libsandbox.la libs/metrics/libmetrics.la libs/config/libconfig.la libs/control/libcontrol.la \
	libs/wire/libwire.la libs/base/libbase.la

noinst_LTLIBRARIES += workers/confdb/libcfg_core.la
workers_confdb_libcfg_core_la_SOURCES = workers/confdb/cfg.cpp workers/confdb/cfg.h workers/confdb/cfg_output.h \
	workers/confdb/cfg_reload.cpp workers/confdb/cfg_reload.h workers/confdb/cfg_shutdown.cpp workers/confdb/cfg_shutdown.h

pkglibexec_PROGRAMS += motet-cpg
motet_cpg_SOURCES = workers/cpg/main.cpp workers/cpg/engine.cpp workers/cpg/engine.h
motet_cpg_LDADD = workers/cpg/libcore.la $(WORKER_LIBS)

noinst_LTLIBRARIES += workers/confdb/libcore.la
workers_confdb_libcore_la_SOURCES = workers/confdb/core/cmap.cpp workers/confdb/core/cmap.h workers/confdb/core/cmap_tracks.cpp \
	workers/confdb/core/config_version.cpp workers/confdb/core/config_version.h workers/confdb/core/fanout.h workers/confdb/core/gate.h \
	workers/confdb/core/names.cpp workers/confdb/core/names.h workers/confdb/core/objects.cpp workers/confdb/core/objects.h \
	workers/confdb/core/objects_tracks.cpp workers/confdb/core/output.h workers/confdb/core/read_only.cpp \
	workers/confdb/core/read_only.h workers/confdb/core/store.cpp workers/confdb/core/store.h workers/confdb/core/store_save.cpp \
	workers/confdb/core/store_tree.cpp workers/confdb/core/value.cpp workers/confdb/core/value.h

# The worker without its main().
noinst_LTLIBRARIES += workers/confdb/libconfdb_worker.la
workers_confdb_libconfdb_worker_la_SOURCES = workers/confdb/cmap_part.cpp workers/confdb/cmap_part.h workers/confdb/control_part.cpp \
	workers/confdb/control_part.h workers/confdb/engine.cpp \
	workers/confdb/engine.h workers/confdb/fill.cpp workers/confdb/fill.h workers/confdb/host_output.h workers/confdb/live_keys.cpp workers/confdb/live_keys.h \
	workers/confdb/objects_part.h workers/confdb/pages.cpp workers/confdb/pages.h workers/confdb/part.h

pkglibexec_PROGRAMS += motet-confdb
motet_confdb_SOURCES = workers/confdb/main.cpp
motet_confdb_LDADD = workers/confdb/libconfdb_worker.la workers/confdb/libcfg_core.la workers/confdb/libcore.la $(WORKER_LIBS)

pkglibexec_PROGRAMS += motet-quorum
motet_quorum_SOURCES = workers/quorum/main.cpp workers/quorum/engine.cpp workers/quorum/engine.h workers/quorum/settings.cpp \
	workers/quorum/settings.h
motet_quorum_LDADD = workers/quorum/libcore.la $(WORKER_LIBS)
