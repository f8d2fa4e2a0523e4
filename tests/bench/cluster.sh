#!/bin/bash
# cluster.sh - N-node cluster of one engine on one machine.
#
# A node is one mount + PID + UTS (+ network) namespace held open by its init shell.
# No named namespaces are created: killing a node's init ends every process in
# the node, and the kernel then drops the namespaces and the veth pairs, so a
# crash of this script leaves nothing behind beyond the holders, which also end
# by themselves after BENCH_LIFETIME seconds (default 14400).
#
#   cluster.sh up ID ENGINE N [key=value ...]   create nodes, start, wait ready
#   cluster.sh down ID                          stop engine, remove everything
#   cluster.sh down-all                         the same for every known ID
#   cluster.sh exec ID NODE CMD ...             run a client inside a node
#   cluster.sh start|stop|kill9 ID NODE         engine on one node
#   cluster.sh killpids ID NODE                 what kill9 would kill
#   cluster.sh isolate|heal ID NODE [LINK]      cut / restore the node's link, or all of them
#   cluster.sh pids ID NODE                     engine pids (outer numbering)
#   cluster.sh usage ID NODE                    JSON: CPU seconds, RSS, PSS, threads
#   cluster.sh info ID                          JSON description
#
# key=value: net=ns|loop  transport=...  crypto=none|CIPHER/HASH  token=MS
#   rr=yes|no (each engine's default)  mtu=N  ip=4|6  log=file|none  nodes_extra="lines for the config"
#   links=N (net=ns): link 0 as ip= says, every second one IPv6
#   anything else is passed to the engine as OPT_<key>.
#
# An engine is engines/ENGINE.sh defining:
#   engine_defaults              set missing OPT_* values, reject bad ones
#   engine_mounts NODE           print "tmpfs PATH" or "bind SRC PATH" lines
#   engine_write_config NODE     write files under $NODE_DIR
#   engine_start_node NODE       start inside the node (use in_node), print pid
#   engine_wait_ready NODE       optional; the default waits on libcpg
#   engine_stop_node NODE        orderly stop
#   engine_kill_pids NODE        outer pids to SIGKILL for a crash test
#   engine_pids NODE             optional; default: tree under the recorded pid
#   engine_client_env NODE       print VAR=value lines for clients
# with these variables set: ID N NET STATE NODE_DIR ADDR[1..N] OPT_*.
set -u
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SYSTMP=$(dirname "$(env -u TMPDIR mktemp -u)") # the system's temporary directory
BASE=${BENCH_STATE:-${TMPDIR:-$SYSTMP}/bench-state.$(id -u)}
LIFETIME=${BENCH_LIFETIME:-14400}
CPGLOAD=${CPGLOAD:-$HERE/cpgload}
NETPFX=${BENCH_NET:-10.77.0}

die() { echo "cluster.sh: $*" >&2; exit 1; }

load() {
	ID=$1
	STATE=$BASE/$ID
	[ -f "$STATE/vars" ] || die "no cluster $ID"
	. "$STATE/vars"
	. "$HERE/engines/$ENGINE.sh"
	NODE_DIR=
}

node_init() { cat "$STATE/n$1/init" 2>/dev/null; }

# Replaces this shell by a command inside a node.  Long-lived processes must be
# started with this from a background subshell: a shell left waiting would keep
# the caller's pipes open.
exec_in_node() {
	local n=$1 p
	shift
	p=$(node_init "$n")
	[ -n "$p" ] || die "node $n has no init"
	if [ "$NET" = ns ]; then exec nsenter -t "$p" -m -u -p -n -- "$@"; fi
	exec nsenter -t "$p" -m -u -p -n"/proc/$(cat "$STATE/hub")/ns/net" -- "$@"
}
in_node() { (exec_in_node "$@"); }

children_of() { cat "/proc/$1/task/"*/children 2>/dev/null; }
tree_of() {
	local p c
	for p in "$@"; do
		[ -d "/proc/$p" ] || continue
		echo "$p"
		for c in $(children_of "$p"); do tree_of "$c"; done
	done
}
engine_pids() { tree_of "$(cat "$STATE/n$1/pid" 2>/dev/null)"; }
engine_wait_ready() {
	local -a e=()
	mapfile -t e < <(engine_client_env "$1")
	in_node "$1" env "${e[@]}" "$CPGLOAD" ready -E "$N" -W "${READY_WAIT:-30}"
}

# Address of node $1 on link $2.
link_address() {
	if [ "$2" = 0 ]; then echo "${ADDR[$1]}"
	elif [ $(($2 % 2)) = 1 ]; then echo "fd00:77:$2::$1"
	else echo "${NETPFX%.*}.$2.$1"; fi
}

holder_script='
trap "" HUP INT
trap "exit 0" TERM
mount --make-rprivate /
end=$((SECONDS + LIFETIME))
while [ $SECONDS -lt $end ]; do read -r -t 30 -u 9 _ || :; done
'
# Starts a holder with the given unshare flags; prints the outer pid of its init.
holder() {
	local dir=$1 u c i
	shift
	mkdir -p "$dir"
	[ -p "$dir/hold" ] || mkfifo "$dir/hold"
	LIFETIME=$LIFETIME setsid unshare "$@" bash -c "$holder_script" \
		bench-holder 9<>"$dir/hold" >/dev/null 2>&1 </dev/null &
	u=$!
	disown $u
	echo $u >"$dir/outer"
	for i in $(seq 200); do
		c=$(children_of "$u")
		c=${c%% *}
		case " $* " in *" -f "*) ;; *) c=$u ;; esac
		if [ -n "$c" ] && [ "$(readlink /proc/$c/ns/mnt)" != "$(readlink /proc/self/ns/mnt)" ] &&
			[ "$(tr '\0' ' ' </proc/$c/cmdline | head -c 4)" = bash ]; then
			echo "$c"
			return 0
		fi
		sleep 0.01
	done
	return 1
}

make_node() {
	local n=$1 d=$STATE/n$1 p kind a b
	NODE_DIR=$d
	mkdir -p "$d"
	if [ "$NET" = ns ]; then p=$(holder "$d" -m -u -n -p -f --kill-child --mount-proc) || die "holder"
	else
		p=$(holder "$d" -m -u -p -f --kill-child --mount-proc) || die "holder"
	fi
	echo "$p" >"$d/init"
	nsenter -t "$p" -u hostname "n$n"
	engine_write_config "$n" || die "config of node $n"
	engine_mounts "$n" | while read -r kind a b; do
		case $kind in
		tmpfs) nsenter -t "$p" -m -- sh -c "mkdir -p '$a' && mount -t tmpfs -o mode=1777 tmpfs '$a'" ;;
		bind) nsenter -t "$p" -m -- sh -c "mkdir -p '$b' && mount --bind '$a' '$b'" ;;
		esac || die "mount $kind $a $b"
	done
	# A private temporary directory must still show the client binary.
	if engine_mounts "$n" | grep -qx "tmpfs $SYSTMP" && [ "${CPGLOAD#"$SYSTMP"/}" != "$CPGLOAD" ]; then
		nsenter -t "$p" -m -- sh -c "mkdir -p '${CPGLOAD%/*}' && cat >'$CPGLOAD' && chmod 755 '$CPGLOAD'" <"$CPGLOAD"
	fi
	if [ "$NET" = ns ]; then
		local hub
		hub=$(cat "$STATE/hub")
		nsenter -t "$hub" -n ip link add "h$n" mtu "$OPT_mtu" type veth peer name eth0 mtu "$OPT_mtu" netns "$p" || die veth
		nsenter -t "$hub" -n ip link set "h$n" master br0 up
		nsenter -t "$p" -n ip link set lo up
		case ${ADDR[$n]} in
		*:*) nsenter -t "$p" -n ip addr add "${ADDR[$n]}/64" dev eth0 nodad ;;
		*) nsenter -t "$p" -n ip addr add "${ADDR[$n]}/24" brd + dev eth0 ;;
		esac
		nsenter -t "$p" -n ip link set eth0 up
		local l address
		for ((l = 1; l < OPT_links; l++)); do
			nsenter -t "$hub" -n ip link add "h${n}l$l" mtu "$OPT_mtu" type veth peer name "eth$l" mtu "$OPT_mtu" netns "$p" || die veth
			nsenter -t "$hub" -n ip link set "h${n}l$l" master "br$l" up
			address=$(link_address "$n" "$l")
			case $address in
			*:*) nsenter -t "$p" -n ip addr add "$address/64" dev "eth$l" nodad ;;
			*) nsenter -t "$p" -n ip addr add "$address/24" brd + dev "eth$l" ;;
			esac
			nsenter -t "$p" -n ip link set "eth$l" up
		done
		case ${ADDR[$n]} in *:*) ;; *) nsenter -t "$p" -n ip route add 224.0.0.0/4 dev eth0 ;; esac
	fi
}

start_node() {
	NODE_DIR=$STATE/n$1
	date +%s%N >"$NODE_DIR/started"
	awk '{printf "%.0f\n", $1 * 1e9}' /proc/uptime >"$NODE_DIR/started_mono"
	engine_start_node "$1" >"$NODE_DIR/pid" || die "start of node $1"
}

cmd_up() {
	local hub i kv t0 t1
	ID=$1 ENGINE=$2 N=$3
	shift 3
	STATE=$BASE/$ID
	[ -d "$STATE" ] && die "cluster $ID exists"
	[ -f "$HERE/engines/$ENGINE.sh" ] || die "no engine $ENGINE"
	[ "$N" -ge 1 ] && [ "$N" -le 32 ] || die "N out of range"
	NET=ns
	for kv in "$@"; do
		case $kv in
		net=*) NET=${kv#net=} ;;
		*=*) declare -g "OPT_${kv%%=*}=${kv#*=}" ;;
		*) die "bad option $kv" ;;
		esac
	done
	: "${OPT_ip:=4}" "${OPT_mtu:=1500}" "${OPT_token:=}" "${OPT_rr:=}" "${OPT_log:=file}" "${OPT_crypto:=none}" "${OPT_links:=1}"
	. "$HERE/engines/$ENGINE.sh"
	engine_defaults || die "engine defaults"
	mkdir -p "$STATE"
	for i in $(seq "$N"); do
		if [ "$NET" != ns ]; then ADDR[$i]=127.77.0.$i
		elif [ "$OPT_ip" = 6 ]; then ADDR[$i]=fd00:77::$i
		else ADDR[$i]=$NETPFX.$i; fi
	done
	{
		declare -p ID ENGINE N NET STATE ADDR
		for i in ${!OPT_*}; do declare -p "$i"; done
	} | sed 's/^declare --/declare -g/; s/^declare -a/declare -ga/' >"$STATE/vars"
	hub=$(holder "$STATE/hubdir" -n -m) || die "hub"
	echo "$hub" >"$STATE/hub"
	nsenter -t "$hub" -n ip link set lo up
	if [ "$NET" = ns ]; then
		nsenter -t "$hub" -n ip link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0 || die bridge
		nsenter -t "$hub" -n ip link set br0 up
		for ((i = 1; i < OPT_links; i++)); do
			nsenter -t "$hub" -n ip link add "br$i" type bridge stp_state 0 forward_delay 0 mcast_snooping 0 || die bridge
			nsenter -t "$hub" -n ip link set "br$i" up
		done
	fi
	if [ "$NET" = loop ]; then
		for i in $(seq "$N"); do nsenter -t "$hub" -n ip addr add "${ADDR[$i]}/32" dev lo || die addr; done
	fi
	for i in $(seq "$N"); do make_node "$i"; done
	t0=$(date +%s%N)
	for i in $(seq "$N"); do start_node "$i"; done
	for i in $(seq "$N"); do
		NODE_DIR=$STATE/n$i
		engine_wait_ready "$i" >"$NODE_DIR/ready" || {
			cat "$NODE_DIR/ready" >&2
			tail -5 "$NODE_DIR/log" >&2
			die "node $i not ready"
		}
	done
	t1=$(date +%s%N)
	echo "{\"id\":\"$ID\",\"engine\":\"$ENGINE\",\"n\":$N,\"up_ms\":$(((t1 - t0) / 1000000))}"
}

cmd_down() {
	local i p
	ID=$1
	STATE=$BASE/$ID
	[ -d "$STATE" ] || return 0
	if [ -f "$STATE/vars" ]; then
		load "$ID"
		for i in $(seq "$N"); do
			p=$(cat "$STATE/n$i/outer" 2>/dev/null) || continue
			# pid recorded by us; check that it is still our holder
			if grep -q bench-holder "/proc/$p/cmdline" 2>/dev/null; then
				kill -9 "$p" $(cat "$STATE/n$i/init" 2>/dev/null) 2>/dev/null
			fi
		done
		p=$(cat "$STATE/hub" 2>/dev/null)
		[ -n "$p" ] && grep -q bench-holder "/proc/$p/cmdline" 2>/dev/null && kill -9 "$p"
	fi
	for i in $(seq 100); do
		p=0
		for f in "$STATE"/n*/init; do [ -f "$f" ] && [ -d "/proc/$(cat "$f")" ] && p=1; done
		[ $p = 0 ] && break
		sleep 0.02
	done
	rm -rf "$STATE"
}

case ${1:-} in
up) shift; cmd_up "$@" ;;
down) cmd_down "$2" ;;
down-all) for d in "$BASE"/*/; do [ -d "$d" ] && cmd_down "$(basename "$d")"; done; rmdir "$BASE" 2>/dev/null ;;
exec)
	load "$2"
	n=$3
	shift 3
	mapfile -t e < <(engine_client_env "$n")
	in_node "$n" env "${e[@]}" "$@"
	;;
start) load "$2"; start_node "$3" ;;
wait) load "$2"; NODE_DIR=$STATE/n$3; engine_wait_ready "$3" ;;
stop) load "$2"; NODE_DIR=$STATE/n$3; engine_stop_node "$3" ;;
kill9) load "$2"; NODE_DIR=$STATE/n$3; kill -9 $(engine_kill_pids "$3") ;;
killpids) load "$2"; NODE_DIR=$STATE/n$3; engine_kill_pids "$3" ;;
isolate | heal)
	load "$2"
	[ "$1" = heal ] && to=up || to=down
	for ((l = 0; l < ${OPT_links:-1}; l++)); do
		[ -z "${4:-}" ] || [ "$4" = "$l" ] || continue
		[ "$l" = 0 ] && port=h$3 || port=h${3}l$l
		nsenter -t "$(cat "$STATE/hub")" -n ip link set "$port" "$to"
	done
	;;
pids) load "$2"; NODE_DIR=$STATE/n$3; engine_pids "$3" ;;
usage)
	load "$2"
	NODE_DIR=$STATE/n$3
	ticks=0 rss=0 pss=0 thr=0 np=0 hz=$(getconf CLK_TCK)
	for p in $(engine_pids "$3"); do
		s=$(cat "/proc/$p/stat" 2>/dev/null) || continue
		s=${s##*) }
		set -- $s
		ticks=$((ticks + ${12} + ${13})) thr=$((thr + ${18})) np=$((np + 1))
		rss=$((rss + $(awk '/^Rss:/{print $2}' "/proc/$p/smaps_rollup")))
		pss=$((pss + $(awk '/^Pss:/{print $2}' "/proc/$p/smaps_rollup")))
	done
	echo "{\"procs\":$np,\"threads\":$thr,\"cpu_s\":$(awk "BEGIN{print $ticks/$hz}"),\"rss_kib\":$rss,\"pss_kib\":$pss}"
	;;
info) load "$2"; echo "{\"id\":\"$ID\",\"engine\":\"$ENGINE\",\"n\":$N,\"net\":\"$NET\"}" ;;
*) sed -n '2,/^set -u/p' "$0" | sed 's/^# \{0,1\}//; /^set -u/d'; exit 64 ;;
esac
