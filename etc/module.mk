noinst_PROGRAMS += etc/examples/kvstore/kvstore
etc_examples_kvstore_kvstore_SOURCES = etc/examples/kvstore/kvstore.c
etc_examples_kvstore_kvstore_LDADD = libs/client/libcpg.la libs/client/libcorosync_common.la

EXTRA_DIST += etc/examples/kvstore/demo.py
