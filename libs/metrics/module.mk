noinst_LTLIBRARIES += libs/metrics/libmetrics.la
libs_metrics_libmetrics_la_SOURCES = libs/metrics/mapped_pages.cpp libs/metrics/mapped_pages.h libs/metrics/openmetrics.cpp libs/metrics/openmetrics.h libs/metrics/publishers.cpp libs/metrics/publishers.h libs/metrics/recorder.cpp libs/metrics/recorder.h \
	libs/metrics/status_page.cpp libs/metrics/status_page.h libs/metrics/values.cpp libs/metrics/values.h
