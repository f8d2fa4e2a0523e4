bin_PROGRAMS += motetctl
motetctl_SOURCES = tools/motetctl.cpp tools/motetctl_request.cpp tools/motetctl_request.h tools/motetctl_text.cpp tools/motetctl_text.h
