motetctl_SOURCES += tools/motetctl_sam.cpp tools/motetctl_sam.h tools/motetctl_sam_run.cpp tools/motetctl_sam_run.h libs/client/sam/api.cpp
motetctl_LDADD += libs/client/sam/libparts.la libs/client/libquorum.la libs/client/libcmap.la libs/ipc/libclient.la libs/ring/libring.la libs/base/libbase.la
# Flags of its own, so that the library's source is not shared with libtool's objects.
motetctl_CXXFLAGS = $(AM_CXXFLAGS)
dist_man8_MANS += docs/man/motetctl-sam.8
