# Engine hooks: Motet from a build tree (MOTET_BUILD) on the same corosync.conf as the reference.
# Options as for corosync; crash=NAME narrows a kill to one process by name.
engine_defaults() {
	: "${OPT_transport:=udpu}"
	case $OPT_transport in knet | udpu | udp) ;; *) echo "motet: transport $OPT_transport is not in this build" >&2; return 1 ;; esac
	[ "$OPT_transport" = knet ] || [ "$OPT_crypto" = none ] || return 1
	[ -n "${MOTET_BUILD:-}" ] && [ -x "$MOTET_BUILD/motet" ] || { echo "MOTET_BUILD names no build tree" >&2; return 1; }
}

engine_mounts() {
	echo "tmpfs /run"
	echo "tmpfs /dev/shm"
	echo "tmpfs /var/lib/motet"
	echo "bind $NODE_DIR/etc /etc/corosync"
}

engine_write_config() { (. "$HERE/engines/corosync.sh" && engine_write_config "$1"); }

# The printed pid is the root of the process tree that usage, pids and kill9 act on.
engine_start_node() {
	local i p ns
	(
		exec >>"$NODE_DIR/log" 2>&1 </dev/null
		exec_in_node "$1" setsid "$MOTET_BUILD/motet" --foreground --config /etc/corosync/corosync.conf --node "$1" \
			--state-dir /var/lib/motet --runtime-dir /run/motet
	) &
	ns=$(readlink "/proc/$(node_init "$1")/ns/pid")
	for i in $(seq 300); do
		for p in $(grep -lx motet /proc/[0-9]*/comm 2>/dev/null | cut -d/ -f3); do
			# One that was killed a moment ago may still be there as a zombie.
			if [ "$(readlink "/proc/$p/ns/pid" 2>/dev/null)" = "$ns" ] && ! grep -q '^State:.*Z' "/proc/$p/status" 2>/dev/null; then
				echo "$p"
				return 0
			fi
		done
		sleep 0.01
	done
	return 1
}

engine_stop_node() {
	local i p
	p=$(cat "$NODE_DIR/pid")
	kill -TERM "$p" 2>/dev/null
	for i in $(seq 1000); do
		[ -d "/proc/$p" ] || return 0
		sleep 0.01
	done
	return 1
}

engine_kill_pids() {
	local p
	for p in $(engine_pids "$1"); do
		if [ -z "${OPT_crash:-}" ] || grep -q "$OPT_crash" "/proc/$p/comm"; then echo "$p"; fi
	done
}

engine_client_env() {
	echo "BENCH_NODE=$1"
	echo "LD_LIBRARY_PATH=$MOTET_BUILD/libs/client/.libs"
}
