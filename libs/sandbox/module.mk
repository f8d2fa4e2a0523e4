noinst_LTLIBRARIES += libs/sandbox/libsandbox.la
libs_sandbox_libsandbox_la_SOURCES = libs/sandbox/sandbox.cpp libs/sandbox/sandbox.h libs/sandbox/profiles.cpp libs/sandbox/profiles.h \
	libs/sandbox/room.cpp libs/sandbox/room.h libs/sandbox/identity.cpp libs/sandbox/identity.h
libs_sandbox_libsandbox_la_CPPFLAGS = $(AM_CPPFLAGS) $(SECCOMP_CFLAGS) $(CAPNG_CFLAGS)
libs_sandbox_libsandbox_la_LIBADD = $(SECCOMP_LIBS) $(CAPNG_LIBS)
