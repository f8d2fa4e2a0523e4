noinst_LTLIBRARIES += libs/control/libcontrol.la
libs_control_libcontrol_la_SOURCES = libs/control/control.cpp libs/control/control.h
