bin_PROGRAMS += motetctl
motetctl_SOURCES = tools/motetctl.cpp tools/motetctl_request.cpp tools/motetctl_request.h tools/motetctl_text.cpp tools/motetctl_text.h \
	tools/motetctl_config.cpp tools/motetctl_config.h
motetctl_LDADD = libs/config/libconfig.la libs/base/libbase.la
sbin_PROGRAMS += corosync-keygen
corosync_keygen_SOURCES = tools/corosync_keygen.cpp
dist_man8_MANS += docs/man/corosync-keygen.8
