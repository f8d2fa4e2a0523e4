noinst_LTLIBRARIES += membership/transport/udp/libaddress.la
membership_transport_udp_libaddress_la_SOURCES = membership/transport/udp/address.cpp membership/transport/udp/address.h \
	membership/transport/key.cpp membership/transport/key.h
if HAVE_KNET
noinst_LTLIBRARIES += membership/transport/knet/libmotetknet.la
membership_transport_knet_libmotetknet_la_SOURCES = membership/transport/knet/guard.cpp membership/transport/knet/guard.h \
	membership/transport/knet/handle.cpp membership/transport/knet/handle.h \
	membership/transport/knet/knet.cpp membership/transport/knet/knet.h membership/transport/knet/notes.cpp membership/transport/knet/notes.h \
	membership/transport/knet/note_reader.cpp membership/transport/knet/note_reader.h \
	membership/transport/knet/watch.cpp membership/transport/knet/watch.h
knet_objects = membership/transport/knet/libmotetknet.la $(KNET_LIBS)
endif

if HAVE_RDMA
noinst_LTLIBRARIES += membership/transport/rdma/libmotetrdma.la
membership_transport_rdma_libmotetrdma_la_SOURCES = membership/transport/rdma/envelope.cpp membership/transport/rdma/envelope.h \
	membership/transport/rdma/fabric.h membership/transport/rdma/greeting.cpp membership/transport/rdma/greeting.h \
	membership/transport/rdma/incarnation.cpp membership/transport/rdma/keyring.h membership/transport/rdma/link.cpp membership/transport/rdma/link.h \
	membership/transport/rdma/link_traffic.cpp membership/transport/rdma/peer.cpp membership/transport/rdma/peer.h \
	membership/transport/rdma/rdma.cpp membership/transport/rdma/rdma.h membership/transport/rdma/seal.cpp membership/transport/rdma/seal.h \
	membership/transport/rdma/slots.h membership/transport/rdma/verbs.cpp
rdma_objects = membership/transport/rdma/libmotetrdma.la $(RDMA_LIBS)
endif

include membership/totem/module.mk

noinst_LTLIBRARIES += membership/sync/libsync.la membership/node/libnode.la
membership_sync_libsync_la_SOURCES = membership/sync/sync.cpp membership/sync/sync.h
membership_node_libnode_la_SOURCES = membership/node/node.cpp membership/node/node.h

pkglibexec_PROGRAMS += motet-membership
motet_membership_SOURCES = membership/main.cpp membership/process.cpp membership/process.h membership/reconfigure.cpp membership/link.cpp membership/heard.h membership/link.h \
	membership/ring_file.cpp membership/ring_file.h membership/settings.cpp membership/settings.h \
	membership/status.cpp membership/status.h membership/status_values.cpp membership/status_values.h membership/transport/transport.h \
	membership/transport/udp/udp.cpp membership/transport/udp/udp.h
motet_membership_LDADD = $(knet_objects) $(rdma_objects) membership/transport/udp/libaddress.la membership/node/libnode.la membership/sync/libsync.la membership/totem/libtotem.la \
	libs/feed/libfeed.la libs/ring/libring.la libs/config/libconfig.la libs/control/libcontrol.la \
	libs/metrics/libmetrics.la libs/sandbox/libsandbox.la libs/loop/libloop.la libs/wire/libwire.la libs/base/libbase.la $(SECCOMP_LIBS) $(CAPNG_LIBS)
