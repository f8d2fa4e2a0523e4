# libs/worker
noinst_LTLIBRARIES += libs/worker/libworker.la
libs_worker_libworker_la_SOURCES = libs/worker/frame_state.cpp libs/worker/journal.cpp libs/worker/resume.cpp libs/worker/run.cpp libs/worker/start.cpp libs/worker/uplink.cpp libs/worker/worker.cpp \
	libs/worker/worker_host.cpp libs/worker/worker_values.cpp libs/worker/engine.h libs/worker/frame_state.h libs/worker/journal.h libs/worker/start.h libs/worker/traffic.h libs/worker/uplink.h libs/worker/worker.h

# What service authors get: the frame as a shared library behind an interface of its own, and the client's side.
lib_LTLIBRARIES += libs/worker/libmotet-service.la libs/worker/libmotet-service-client.la
libs_worker_libmotet_service_la_SOURCES = libs/worker/service/service.cpp libs/worker/include/motet/service/service.h
libs_worker_libmotet_service_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/libs/worker/include
libs_worker_libmotet_service_la_LIBADD = libs/worker/libworker.la libs/ipc/libserver.la libs/feed/libfeed.la libs/ring/libring.la libs/loop/libloop.la \
	libs/sandbox/libsandbox.la libs/metrics/libmetrics.la libs/config/libconfig.la libs/control/libcontrol.la libs/wire/libwire.la libs/base/libbase.la
libs_worker_libmotet_service_la_LDFLAGS = -version-info 0:0:0 -no-undefined -Wl,--as-needed
libs_worker_libmotet_service_client_la_SOURCES = libs/worker/service/client.cpp libs/worker/include/motet/service/client.h
libs_worker_libmotet_service_client_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/libs/worker/include
libs_worker_libmotet_service_client_la_LIBADD = libs/ipc/libclient.la libs/ring/libring.la libs/base/libbase.la
libs_worker_libmotet_service_client_la_LDFLAGS = -version-info 0:0:0 -no-undefined -Wl,--as-needed
motetserviceincludedir = $(includedir)/motet/service
motetserviceinclude_HEADERS = libs/worker/include/motet/service/service.h libs/worker/include/motet/service/client.h
pkgconfig_DATA += libs/worker/pkgconfig/motet-service.pc libs/worker/pkgconfig/motet-service-client.pc
dist_man7_MANS = docs/man/motet-service.7
