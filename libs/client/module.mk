# libs/client: libraries, headers and pkg-config files under Corosync's names. Sonames and file versions are Debian's:
# libcpg.so.4.1.0, libcorosync_common.so.4.0.0.
lib_LTLIBRARIES += libs/client/libcorosync_common.la libs/client/libcpg.la libs/client/libcfg.la \
	libs/client/libcmap.la libs/client/libconfdb.la

libs_client_libcorosync_common_la_SOURCES = libs/client/common.cpp
libs_client_libcorosync_common_la_LDFLAGS = -version-info 4:0:0 -no-undefined -Wl,--as-needed \
	-Wl,--version-script,$(top_srcdir)/libs/client/common.map
EXTRA_libs_client_libcorosync_common_la_DEPENDENCIES = libs/client/common.map

libs_client_libcpg_la_SOURCES = libs/client/cpg/connect.cpp libs/client/cpg/connection.cpp libs/client/cpg/connection.h \
	libs/client/cpg/dispatch.cpp libs/client/cpg/events.cpp libs/client/cpg/events.h libs/client/cpg/groups.cpp \
	libs/client/cpg/send.cpp libs/client/handles.h
libs_client_libcpg_la_LIBADD = libs/ipc/libclient.la libs/ring/libring.la
libs_client_libcpg_la_LDFLAGS = -version-info 5:0:1 -no-undefined -Wl,--as-needed \
	-Wl,--version-script,$(top_srcdir)/libs/client/cpg/cpg.map
EXTRA_libs_client_libcpg_la_DEPENDENCIES = libs/client/cpg/cpg.map

libs_client_libcfg_la_SOURCES = libs/client/cfg/connection.cpp libs/client/cfg/connection.h libs/client/cfg/control.cpp \
	libs/client/cfg/dispatch.cpp libs/client/cfg/status.cpp libs/client/ask.h libs/client/dispatch.h libs/client/handles.h
libs_client_libcfg_la_LIBADD = libs/ipc/libclient.la libs/ring/libring.la
libs_client_libcfg_la_LDFLAGS = -version-info 10:0:3 -no-undefined -Wl,--as-needed \
	-Wl,--version-script,$(top_srcdir)/libs/client/cfg/cfg.map
EXTRA_libs_client_libcfg_la_DEPENDENCIES = libs/client/cfg/cfg.map

libs_client_libcmap_la_SOURCES = libs/client/cmap/connection.cpp libs/client/cmap/connection.h libs/client/cmap/tracks.cpp \
	libs/client/cmap/values.cpp libs/client/cmap/walks.cpp libs/client/dispatch.h libs/client/handles.h
libs_client_libcmap_la_LIBADD = libs/ipc/libclient.la libs/ring/libring.la
libs_client_libcmap_la_LDFLAGS = -version-info 5:0:1 -no-undefined -Wl,--as-needed \
	-Wl,--version-script,$(top_srcdir)/libs/client/cmap/cmap.map
EXTRA_libs_client_libcmap_la_DEPENDENCIES = libs/client/cmap/cmap.map

libs_client_libconfdb_la_SOURCES = libs/client/confdb/connection.cpp libs/client/confdb/connection.h libs/client/confdb/keys.cpp \
	libs/client/confdb/objects.cpp libs/client/dispatch.h libs/client/handles.h
libs_client_libconfdb_la_LIBADD = libs/ipc/libclient.la libs/ring/libring.la
libs_client_libconfdb_la_LDFLAGS = -version-info 5:0:1 -no-undefined -Wl,--as-needed \
	-Wl,--version-script,$(top_srcdir)/libs/client/confdb/confdb.map
EXTRA_libs_client_libconfdb_la_DEPENDENCIES = libs/client/confdb/confdb.map

EXTRA_DIST += libs/client/cmap/cmap.map libs/client/confdb/confdb.map
EXTRA_DIST += libs/client/common.map libs/client/cpg/cpg.map libs/client/cfg/cfg.map

corosyncincludedir = $(includedir)/corosync
corosyncinclude_HEADERS = libs/client/include/corosync/cfg.h libs/client/include/corosync/cmap.h libs/client/include/corosync/confdb.h libs/client/include/corosync/cpg.h libs/client/include/corosync/corotypes.h \
	libs/client/include/corosync/corodefs.h libs/client/include/corosync/hdb.h

pkgconfig_DATA = libs/client/pkgconfig/libcfg.pc libs/client/pkgconfig/libcmap.pc libs/client/pkgconfig/libconfdb.pc libs/client/pkgconfig/libcpg.pc libs/client/pkgconfig/libcorosync_common.pc libs/client/pkgconfig/corosync.pc
