include membership/totem/module.mk

noinst_LTLIBRARIES += membership/sync/libsync.la membership/node/libnode.la
membership_sync_libsync_la_SOURCES = membership/sync/sync.cpp membership/sync/sync.h
membership_node_libnode_la_SOURCES = membership/node/node.cpp membership/node/node.h

pkglibexec_PROGRAMS += motet-membership
motet_membership_SOURCES = membership/main.cpp membership/process.cpp membership/process.h membership/reconfigure.cpp membership/link.cpp membership/link.h \
	membership/ring_file.cpp membership/ring_file.h membership/settings.cpp membership/settings.h \
	membership/status.cpp membership/status.h membership/transport/transport.h \
	membership/transport/udp/address.cpp membership/transport/udp/address.h \
	membership/transport/udp/udp.cpp membership/transport/udp/udp.h
motet_membership_LDADD = membership/node/libnode.la membership/sync/libsync.la membership/totem/libtotem.la \
	libs/feed/libfeed.la libs/ring/libring.la libs/config/libconfig.la libs/control/libcontrol.la \
	libs/metrics/libmetrics.la libs/sandbox/libsandbox.la libs/loop/libloop.la libs/wire/libwire.la libs/base/libbase.la $(SECCOMP_LIBS) $(CAPNG_LIBS)
