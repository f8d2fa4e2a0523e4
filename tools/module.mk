bin_PROGRAMS += motetctl
motetctl_SOURCES = tools/motetctl.cpp tools/motetctl_request.cpp tools/motetctl_request.h tools/motetctl_text.cpp tools/motetctl_text.h \
	tools/motetctl_config.cpp tools/motetctl_config.h tools/motetctl_metrics.cpp
motetctl_LDADD = libs/metrics/libmetrics.la libs/config/libconfig.la libs/base/libbase.la
sbin_PROGRAMS += corosync-keygen
corosync_keygen_SOURCES = tools/corosync_keygen.cpp
dist_man8_MANS += docs/man/corosync-keygen.8

# Under Corosync's names.
sbin_PROGRAMS += corosync-cfgtool corosync-cpgtool
TOOL_LIMIT = tools/limit.cpp tools/limit.h tools/motetctl_request.cpp tools/motetctl_request.h
corosync_cfgtool_SOURCES = tools/cfgtool.cpp $(TOOL_LIMIT)
corosync_cfgtool_LDADD = libs/client/libcfg.la libs/client/libcmap.la libs/client/libcorosync_common.la -lpthread
corosync_cpgtool_SOURCES = tools/cpgtool.cpp $(TOOL_LIMIT)
corosync_cpgtool_LDADD = libs/client/libcfg.la libs/client/libcpg.la libs/client/libcorosync_common.la -lpthread
sbin_PROGRAMS += corosync-cmapctl
dist_man8_MANS += docs/man/corosync-cfgtool.8 docs/man/corosync-cpgtool.8
motetctl_SOURCES += tools/motetctl_confdb.cpp tools/motetctl_confdb.h tools/confdb_tree.cpp tools/confdb_tree.h tools/patience.cpp tools/patience.h tools/limit.cpp tools/limit.h
motetctl_LDADD += libs/client/libconfdb.la libs/client/libcorosync_common.la -lpthread
dist_man8_MANS += docs/man/corosync-cmapctl.8
corosync_cmapctl_SOURCES = tools/cmapctl.cpp tools/cmap_values.cpp tools/cmap_values.h tools/patience.cpp tools/patience.h $(TOOL_LIMIT)
corosync_cmapctl_LDADD = libs/client/libcmap.la libs/client/libcorosync_common.la -lpthread
