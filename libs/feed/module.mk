noinst_LTLIBRARIES += libs/feed/libfeed.la
libs_feed_libfeed_la_SOURCES = libs/feed/feed.cpp libs/feed/feed.h
