# libsam and the sam worker.
check_PROGRAMS += tests/integration/sam_app
tests_integration_sam_app_SOURCES = tests/integration/sam_app.c
tests_integration_sam_app_LDADD = libs/client/libsam.la

sam_tests = tests/integration/sam_alone.py tests/integration/sam_node.py tests/integration/sam_cluster.py tests/integration/resources.py
dist_check_SCRIPTS += $(sam_tests)
TESTS += $(sam_tests)
EXTRA_DIST += tests/bench/sam.py
