noinst_LTLIBRARIES += libs/config/libconfig.la
libs_config_libconfig_la_SOURCES = libs/config/snapshot.cpp libs/config/snapshot.h libs/config/schema.cpp libs/config/schema.h \
	libs/config/explain.cpp libs/config/explain.h libs/config/changes.cpp libs/config/changes.h \
	libs/config/checks.cpp libs/config/checks.h libs/config/totem_settings.cpp libs/config/totem_settings.h \
	libs/config/address.cpp libs/config/address.h libs/config/host.cpp libs/config/host.h \
	libs/config/services.cpp libs/config/services.h \
	libs/config/listen.cpp libs/config/listen.h libs/config/live.cpp libs/config/live.h
