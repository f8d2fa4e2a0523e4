#!/bin/sh
# Which room may include which: tests/lint/layers.txt against every #include.
cd "$(dirname "$0")/../.." || exit 1
if "${PYTHON3:-python3}" tests/lint/layers.py; then
	echo "ok - every include points downwards"
else
	echo "not ok - see the includes above; the rules stand in tests/lint/layers.txt"
	exit 1
fi
