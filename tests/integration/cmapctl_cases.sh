#!/bin/bash
# What corosync-cmapctl prints and how it ends, case by case. cmapctl_cases.sh TOOL DIRECTORY; the node must have no key below
# foo., load. and lo. The text is the same for every tool and engine.
C=$1
W=$2
cd "$W" || exit 1
run() {
	echo "--- cmapctl ${*//$W\//}"
	timeout 20 "$C" "$@" >o 2>e
	echo "ends with $?"
	sed 's/^/ /' o
	# Who complains depends on how the program was called.
	sed "s#^.*corosync-cmapctl: #cmapctl: #; s/^/!/" e
}
follow() { # seconds, options; changes on stdin of this function
	echo "--- follow ${*:2}"
	(sleep "$1"; echo q) | timeout 20 "$C" "${@:2}" >o 2>e &
	local follower=$!
	sleep 0.4
	eval "$CHANGES"
	wait $follower
	echo "ends with $?"
	sed 's/^/ /' o
	sed 's/^/!/' e
}
run -x
run -g
run -s foo
run -s foo u8
run -s foo.a u8 300
run -s foo.a u8 -1
run -s foo.a u8 abc
run -s foo.a u8 1x
run -s foo.a u8 ""
run -s foo.a u8 0x10
run -g foo.a
run -s foo.a u64 18446744073709551616
run -g foo.a
run -s foo.a i32 -- -5
run -s -- foo.a i32 -6
run -g foo.a
run -s foo.i64 i64 99999999999999999999
run -s foo.i8 i8 128
run -s foo.u16 u16 65536
run -s foo.u32 u32 4294967296
run -s foo.f flt 1.5
run -s foo.d dbl 2.25x
run -s foo.nan dbl nan
run -s foo.bad dbl x
run -s foo.s str ""
run -s foo.s2 str "two words"
run -s foo.t bad 1
run -s ab str x
run -s "a b" str x
run -s totem.version u32 3
run -s foo.many u8 1 2 3
printf 'vm\n\\x\x01' >bin
run -s foo.bin bin bin
: >empty
run -s foo.empty bin empty
run -s foo.bin2 bin /nonexistent
run foo.
run -b foo.bin
run -g foo.bin
run -b -g foo.bin
run -q -g foo.s2 foo.f
run -q -g foo.f nosuch.key foo.d
run -g foo.f nosuch.key foo.d
run nosuch. foo.f
run foo.f nosuch.
run -s -g foo.a
run -d nosuch.key foo.f
run -d foo.d nosuch.key
run -d totem.version
run -D foo.b nosuch.
run -D totem.v
run -D
run -C
run -C knet
run -C foo
run -m bad
run -m icmap totem.version
run -m default totem.version
run -m stats -g totem.version
run -m stats -s stats.foo u8 1
run -m stats -d stats.pg.msg_reserved
run -p /nonexistent
cat >load <<'X'
# comment
   # indented comment

load.a u8 5
load.b str hello world  and   more
  load.c   str   x
^load.a
load.d
load.e u8 7
X
run -p load
run load.
cat >load <<'X'
^^load.
lo.x str y
^nosuch
lo.y i8 -3
lo.z bin bin
X
run -p load
run load. lo.
run -t
CHANGES='$C -s lo.new u8 1; $C -s lo.new u8 1; $C -s lo.other u8 1' follow 1.1 -t lo.new
CHANGES='$C -s lo.new u8 2; $C -d lo.new; $C -s lo.bin bin bin; $C -s lo.q str x; $C -s lo.q str y' follow 1.1 -T lo.
CHANGES='$C -s lp.new u8 2; $C -s lo.new u8 3' follow 1.1 -T lo. lp.
run -T lo. </dev/null
run -m stats -t stats.pg.msg_reserved </dev/null
run -D foo. lo. load. lp.
run foo. lo. load. lp.
