# libsam.so.4.4.0. Its parts are an archive of their own for unit tests.
noinst_LTLIBRARIES += libs/client/sam/libparts.la
libs_client_sam_libparts_la_SOURCES = libs/client/sam/channel.cpp libs/client/sam/channel.h libs/client/sam/clock.h \
	libs/client/sam/family.cpp libs/client/sam/family.h libs/client/sam/health.cpp libs/client/sam/health.h \
	libs/client/sam/node.cpp libs/client/sam/node.h libs/client/sam/parent.cpp libs/client/sam/parent.h \
	libs/client/sam/published.cpp libs/client/sam/published.h libs/client/sam/quorum.cpp libs/client/sam/quorum.h \
	libs/client/sam/shared.cpp libs/client/sam/shared.h libs/client/sam/standby.cpp libs/client/sam/vigil.cpp \
	libs/client/sam/vigil.h libs/client/sam/watch.cpp libs/client/sam/watch.h

lib_LTLIBRARIES += libs/client/libsam.la
libs_client_libsam_la_SOURCES = libs/client/sam/api.cpp
libs_client_libsam_la_LIBADD = libs/client/libquorum.la libs/client/libcmap.la libs/client/sam/libparts.la libs/ipc/libclient.la libs/ring/libring.la
libs_client_libsam_la_LDFLAGS = -version-info 8:0:4 -no-undefined -Wl,--as-needed \
	-Wl,--version-script,$(top_srcdir)/libs/client/sam/sam.map
EXTRA_libs_client_libsam_la_DEPENDENCIES = libs/client/sam/sam.map

EXTRA_DIST += libs/client/sam/sam.map
corosyncinclude_HEADERS += libs/client/include/corosync/sam.h
pkgconfig_DATA += libs/client/pkgconfig/libsam.pc
dist_examples_DATA += etc/examples/sam/counter.c
