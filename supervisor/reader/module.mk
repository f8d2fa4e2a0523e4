# motet-config. Its parts are a library of their own so that the tests can have them without main().
noinst_LTLIBRARIES += supervisor/reader/libreader.la
supervisor_reader_libreader_la_SOURCES = supervisor/reader/compile.cpp supervisor/reader/compile.h \
	supervisor/reader/convert.cpp supervisor/reader/convert.h supervisor/reader/corosync_file.cpp supervisor/reader/document.cpp supervisor/reader/document.h \
	supervisor/reader/names.cpp supervisor/reader/names.h supervisor/reader/print.cpp supervisor/reader/print.h \
	supervisor/reader/problems.cpp supervisor/reader/problems.h supervisor/reader/yaml_file.cpp
supervisor_reader_libreader_la_CPPFLAGS = $(AM_CPPFLAGS) $(YAML_CFLAGS)
supervisor_reader_libreader_la_LIBADD = libs/config/libconfig.la $(YAML_LIBS)

pkglibexec_PROGRAMS += motet-config
motet_config_SOURCES = supervisor/reader/main.cpp
motet_config_LDADD = supervisor/reader/libreader.la libs/config/libconfig.la libs/sandbox/libsandbox.la libs/base/libbase.la \
	$(YAML_LIBS) $(SECCOMP_LIBS) $(CAPNG_LIBS)

dist_man5_MANS = docs/man/motet.yaml.5

EXTRA_DIST += etc/motet.yaml etc/examples/corosync-udpu.conf etc/examples/one-machine.yaml etc/examples/three-nodes-udp.yaml \
	etc/examples/two-nodes-udpu.yaml docs/configuration.md
