#!/bin/sh
# The built client libraries export Corosync's symbols under Corosync's versions, and nothing else.
here=$(cd "$(dirname "$0")" && pwd)
libs=${MOTET_BUILD:-.}/libs/client/.libs
for library in libsam.so.4 libquorum.so.5 libvotequorum.so.8 libcfg.so.7 libcpg.so.4 libcmap.so.4 libconfdb.so.4 libcorosync_common.so.4; do
	if sh "$here/abi.sh" "$libs/$library"; then
		echo "ok - $library exports what it should"
	else
		echo "not ok - $library: see above"
		failed=1
	fi
done
exit ${failed:-0}
