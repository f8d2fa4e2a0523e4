# libquorum.so.5.1.0 and libvotequorum.so.8.0.0, as Debian's.
lib_LTLIBRARIES += libs/client/libquorum.la libs/client/libvotequorum.la

libs_client_libquorum_la_SOURCES = libs/client/quorum/quorum.cpp libs/client/quorum/shared.h libs/client/ask.h libs/client/dispatch.h libs/client/handles.h
libs_client_libquorum_la_LIBADD = libs/ipc/libclient.la libs/ring/libring.la
libs_client_libquorum_la_LDFLAGS = -version-info 6:0:1 -no-undefined -Wl,--as-needed \
	-Wl,--version-script,$(top_srcdir)/libs/client/quorum/quorum.map
EXTRA_libs_client_libquorum_la_DEPENDENCIES = libs/client/quorum/quorum.map

libs_client_libvotequorum_la_SOURCES = libs/client/votequorum/votequorum.cpp libs/client/quorum/shared.h libs/client/ask.h libs/client/dispatch.h libs/client/handles.h
libs_client_libvotequorum_la_LIBADD = libs/ipc/libclient.la libs/ring/libring.la
libs_client_libvotequorum_la_LDFLAGS = -version-info 8:0:0 -no-undefined -Wl,--as-needed \
	-Wl,--version-script,$(top_srcdir)/libs/client/votequorum/votequorum.map
EXTRA_libs_client_libvotequorum_la_DEPENDENCIES = libs/client/votequorum/votequorum.map

EXTRA_DIST += libs/client/quorum/quorum.map libs/client/votequorum/votequorum.map
corosyncinclude_HEADERS += libs/client/include/corosync/quorum.h libs/client/include/corosync/votequorum.h
pkgconfig_DATA += libs/client/pkgconfig/libquorum.pc libs/client/pkgconfig/libvotequorum.pc
