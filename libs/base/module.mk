noinst_LTLIBRARIES += libs/base/libbase.la
libs_base_libbase_la_SOURCES = libs/base/crc32c.cpp libs/base/sha256.cpp libs/base/sha256.h libs/base/log.cpp libs/base/log.h libs/base/assert.h libs/base/bounded_vector.h \
	libs/base/bytes.h libs/base/crash_point.h libs/base/crc32c.h libs/base/ids.h libs/base/result.h libs/base/time.h
