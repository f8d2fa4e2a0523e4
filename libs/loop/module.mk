# libs/loop
noinst_LTLIBRARIES += libs/loop/libloop.la
libs_loop_libloop_la_SOURCES = libs/loop/loop.cpp libs/loop/loop.h libs/loop/spin.h
