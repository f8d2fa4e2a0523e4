# What all processes have published, as text; the server over HTTP is optional.
noinst_LTLIBRARIES += workers/metrics/libexposition.la
workers_metrics_libexposition_la_SOURCES = workers/metrics/exposition.cpp workers/metrics/exposition.h
if HAVE_MICROHTTPD
pkglibexec_PROGRAMS += motet-metrics
motet_metrics_SOURCES = workers/metrics/main.cpp workers/metrics/http.cpp workers/metrics/http.h
motet_metrics_CPPFLAGS = $(AM_CPPFLAGS) $(MICROHTTPD_CFLAGS)
motet_metrics_LDADD = workers/metrics/libexposition.la libs/control/libcontrol.la libs/loop/libloop.la libs/sandbox/libsandbox.la \
	libs/metrics/libmetrics.la libs/base/libbase.la $(MICROHTTPD_LIBS)
endif
