# motet, the supervisor. Its state machine and small parts are a library of their own so that the tests can have them.
noinst_LTLIBRARIES += supervisor/libsupervisor.la
supervisor_libsupervisor_la_SOURCES = supervisor/access.cpp supervisor/access.h supervisor/child.cpp supervisor/child.h \
	supervisor/clients.cpp supervisor/configuration.cpp supervisor/configuration.h supervisor/control.cpp supervisor/control.h \
	supervisor/daemon.cpp supervisor/daemon.h supervisor/events.cpp supervisor/events.h supervisor/kernel_log.cpp supervisor/kernel_log.h supervisor/fdstore.cpp supervisor/fdstore.h supervisor/json.h supervisor/keyfile.cpp supervisor/keyfile.h \
	supervisor/live.cpp supervisor/logging.cpp supervisor/logging.h supervisor/metrics_socket.cpp supervisor/metrics_socket.h supervisor/notify.cpp supervisor/notify.h supervisor/options.cpp \
	supervisor/options.h supervisor/plan.cpp supervisor/plan.h supervisor/quarters.cpp supervisor/quarters.h supervisor/reconfigure.cpp supervisor/replace.cpp supervisor/take_over.cpp supervisor/take_over.h supervisor/remembered.cpp supervisor/remembered.h supervisor/report.cpp \
	supervisor/runtime_dir.cpp supervisor/runtime_dir.h \
	supervisor/scheduling.cpp supervisor/scheduling.h supervisor/spawn.cpp supervisor/spawn.h supervisor/state.cpp supervisor/state.h supervisor/subsystems.cpp supervisor/subsystems.h supervisor/supervisor.cpp \
	supervisor/supervisor.h supervisor/unique_fd.h supervisor/urgency.h supervisor/watchdog.cpp supervisor/watchdog.h supervisor/feeding.cpp
supervisor_libsupervisor_la_LIBADD = libs/config/libconfig.la libs/control/libcontrol.la libs/metrics/libmetrics.la \
	libs/ring/libring.la libs/loop/libloop.la libs/sandbox/libsandbox.la libs/base/libbase.la

sbin_PROGRAMS += motet
motet_SOURCES = supervisor/main.cpp
motet_LDADD = supervisor/libsupervisor.la
dist_man8_MANS = docs/man/motet.8 docs/man/motetctl.8

# For the service manager: unit, users, directories.
systemdunitdir = $(prefix)/lib/systemd/system
nodist_systemdunit_DATA = etc/systemd/motet.service
sysusersdir = $(prefix)/lib/sysusers.d
dist_sysusers_DATA = etc/systemd/sysusers.d/motet.conf
tmpfilesdir = $(prefix)/lib/tmpfiles.d
dist_tmpfiles_DATA = etc/systemd/tmpfiles.d/motet.conf
etc/systemd/motet.service: etc/systemd/motet.service.in GNUmakefile
	$(AM_V_GEN)$(MKDIR_P) etc/systemd && sed -e 's|@sbindir[@]|$(sbindir)|g' $(srcdir)/etc/systemd/motet.service.in > $@
EXTRA_DIST += etc/systemd/motet.service.in
CLEANFILES += etc/systemd/motet.service

include supervisor/reader/module.mk
