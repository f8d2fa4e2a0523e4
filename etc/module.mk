noinst_PROGRAMS += etc/examples/kvstore/kvstore
etc_examples_kvstore_kvstore_SOURCES = etc/examples/kvstore/kvstore.c
etc_examples_kvstore_kvstore_LDADD = libs/client/libcpg.la libs/client/libcorosync_common.la

EXTRA_DIST += etc/examples/kvstore/demo.py

# A complete service of somebody else's, built like one: against the installed interface alone.
noinst_PROGRAMS += etc/examples/counter/counter etc/examples/counter/counter-client
etc_examples_counter_counter_SOURCES = etc/examples/counter/counter.cpp
etc_examples_counter_counter_CPPFLAGS = -I$(top_srcdir)/libs/worker/include
etc_examples_counter_counter_LDADD = libs/worker/libmotet-service.la
etc_examples_counter_counter_client_SOURCES = etc/examples/counter/counter-client.cpp
etc_examples_counter_counter_client_CPPFLAGS = -I$(top_srcdir)/libs/worker/include
etc_examples_counter_counter_client_LDADD = libs/worker/libmotet-service-client.la
counterexampledir = $(examplesdir)/counter
dist_counterexample_DATA = etc/examples/counter/counter.cpp etc/examples/counter/counter-client.cpp
