noinst_LTLIBRARIES += membership/totem/libtotem.la
membership_totem_libtotem_la_SOURCES = membership/totem/totem.h membership/totem/output.h membership/totem/config.h \
	membership/totem/core.h membership/totem/totem.cpp membership/totem/ring.cpp membership/totem/gather.cpp \
	membership/totem/commit.cpp membership/totem/recovery.cpp membership/totem/delivery.cpp membership/totem/describe.cpp \
	membership/totem/flow.cpp membership/totem/flow.h membership/totem/retransmit.cpp membership/totem/retransmit.h \
	membership/totem/packing.cpp membership/totem/packing.h membership/totem/assembly.cpp membership/totem/assembly.h \
	membership/totem/byte_fifo.h membership/totem/frame_pool.h membership/totem/node_set.h membership/totem/sort_queue.h \
	membership/totem/timers.h
