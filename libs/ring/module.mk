# libs/ring
noinst_LTLIBRARIES += libs/ring/libring.la
libs_ring_libring_la_SOURCES = libs/ring/ring.cpp libs/ring/segment.cpp libs/ring/layout.h libs/ring/ring.h libs/ring/segment.h libs/ring/state_page.h
