noinst_LTLIBRARIES += libs/metrics/libmetrics.la
libs_metrics_libmetrics_la_SOURCES = libs/metrics/status_page.cpp libs/metrics/status_page.h \
	libs/metrics/openmetrics.cpp libs/metrics/openmetrics.h libs/metrics/values.cpp libs/metrics/values.h
	libs/metrics/values.cpp libs/metrics/values.h \
	libs/metrics/recorder.cpp libs/metrics/recorder.h
