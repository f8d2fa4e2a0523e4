noinst_LTLIBRARIES += workers/sam/libcore.la
workers_sam_libcore_la_SOURCES = workers/sam/core.cpp workers/sam/core.h workers/sam/core_requests.cpp workers/sam/core_snapshot.cpp \
	workers/sam/core_monitors.cpp workers/sam/core_monitors.h

pkglibexec_PROGRAMS += motet-sam
motet_sam_SOURCES = workers/sam/main.cpp workers/sam/engine.cpp workers/sam/engine.h
motet_sam_LDADD = workers/sam/libcore.la $(WORKER_LIBS)
