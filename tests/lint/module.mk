# tests/lint
dist_check_SCRIPTS += tests/lint/layers.sh
EXTRA_DIST += tests/lint/layers.py tests/lint/layers.txt tests/lint/distribution.py
TESTS += tests/lint/layers.sh
