# libs/worker
noinst_LTLIBRARIES += libs/worker/libworker.la
libs_worker_libworker_la_SOURCES = libs/worker/run.cpp libs/worker/start.cpp libs/worker/uplink.cpp libs/worker/worker.cpp \
	libs/worker/worker_host.cpp libs/worker/worker_values.cpp libs/worker/traffic.h libs/worker/engine.h libs/worker/spin.h libs/worker/start.h libs/worker/uplink.h libs/worker/worker.h
