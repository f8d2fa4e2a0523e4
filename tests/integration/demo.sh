#!/bin/sh
# The demonstration itself, as anybody runs it.
here=$(cd "$(dirname "$0")" && pwd)
if python3 "$here/../../etc/examples/kvstore/demo.py" --build-dir "${MOTET_BUILD:-.}"; then
	echo "ok - three stores are equal after a crash in mid-stream"
else
	echo "not ok - the demonstration failed"
	exit 1
fi
