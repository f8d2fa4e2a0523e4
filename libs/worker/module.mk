# libs/worker
noinst_LTLIBRARIES += libs/worker/libworker.la
libs_worker_libworker_la_SOURCES = libs/worker/frame_state.cpp libs/worker/journal.cpp libs/worker/resume.cpp libs/worker/run.cpp libs/worker/start.cpp libs/worker/uplink.cpp libs/worker/worker.cpp \
	libs/worker/worker_host.cpp libs/worker/worker_values.cpp libs/worker/engine.h libs/worker/frame_state.h libs/worker/journal.h libs/worker/spin.h libs/worker/start.h libs/worker/traffic.h libs/worker/uplink.h libs/worker/worker.h
