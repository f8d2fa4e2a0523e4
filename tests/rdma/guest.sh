#!/bin/bash
# In the virtual machine: three Motet nodes over Soft-RoCE, under load, through everything a fabric does to them. Writes one line
# per check; logs of members go to /out, where the host compares them. Every wait has a limit.
#   guest.sh CRYPTO(aes256|none) MULTICAST(auto|no) STEADY(seconds)
set -u
crypto=$1 multicast=$2 steady=$3
D=/payload B=/tmp/motet
export LD_LIBRARY_PATH=$D/lib MOTET_LIBEXECDIR=$D/libexec
mkdir -p $B /out
ok() { echo "ok - $1"; }
bad() { echo "not ok - $1: ${2:-}"; }
check() { local name=$1; shift; if "$@"; then ok "$name"; else bad "$name" "$*"; fi; }

# A key in a file of its own on every node.
put_key() { # FILE NODE
    cp $1 $B/authkey$2.new; chmod 400 $B/authkey$2.new; mv $B/authkey$2.new $B/authkey$2
}
head -c 256 /dev/zero | tr '\0' 'k' > $B/first
for i in 1 2 3; do put_key $B/first $i; done
configuration() { # NODE
    [ "$crypto" = none ] && echo "allow_unencrypted: yes"
    echo "totem:"
    echo "  version: 2"
    echo "  cluster_name: fabric"
    echo "  transport: rdma"
    echo "  token: 5000"
    echo "  crypto_cipher: $crypto"
    [ "$crypto" = none ] && echo "  crypto_hash: none"
    echo "  keyfile: $B/authkey$1"
    echo "  rdma_multicast: $multicast"
    echo "  interface:"
    echo "    - linknumber: 0"
    echo "      mcastaddr: 239.192.77.1"
    echo "nodelist:"
    for j in 1 2 3; do printf '  - nodeid: %s\n    name: n%s\n    ring0_addr: 10.77.0.%s\n' $j $j $j; done
    echo "quorum:"
    echo "  provider: corosync_votequorum"
}
for i in 1 2 3; do configuration $i > $B/motet$i.yaml; done

start() {
    mkdir -p $B/run$1 $B/state$1
    fab on $1 $D/motet --config $B/motet$1.yaml --node n$1 --runtime-dir $B/run$1 --state-dir $B/state$1 --foreground >> /out/motet$1.log 2>&1 &
    pids[$1]=$!
}
motetctl() { local n=$1; shift; MOTET_RUNTIME_DIR=$B/run$n fab on $n timeout 5 $D/motetctl "$@" 2>/dev/null; }
# How many members the ring of a node has.
members() { motetctl $1 members --json | tr -d ' \n' | grep -o '"state":"joined"' | wc -l; }
rings() { for i in "$@"; do [ "$(members $i)" = "$want" ] || return 1; done; }
within() { # SECONDS CONDITION...
    local end=$((SECONDS + $1)); shift
    while [ $SECONDS -lt $end ]; do "$@" && return 0; sleep 0.5; done
    return 1
}
load() { # NAME SECONDS RATE NODE...
    local name=$1 seconds=$2 rate=$3; shift 3
    for i in "$@"; do
        MOTET_RUNTIME_DIR=$B/run$i fab on $i $D/ordercheck --log /out/$name-$i.log --seconds $seconds --rate $rate --group $name --big-every 97 --linger 6 \
            > /out/$name-$i.out 2>&1 &
        clients+=($!)
    done
}
finish() { # NAME
    local failed=0
    for p in "${clients[@]}"; do wait $p || failed=1; done
    clients=()
    [ $failed = 0 ] && ok "$1: every client is served to the end" || bad "$1: every client is served to the end" "$(cat /out/$1-*.out | tail -n 3)"
}
tree() { local p; echo $1; for p in $(ps -o pid,ppid 2>/dev/null | awk -v p=$1 '$2 == p { print $1 }'); do tree $p; done; }
kill_tree() { kill -9 $(tree ${pids[$1]}) 2>/dev/null; wait ${pids[$1]} 2>/dev/null; }
views() { grep -c 'members:' /out/motet$1.log; }

clients=() pids=()
for i in 1 2 3; do start $i; done
want=3
check "three nodes form a ring over RDMA" within 60 rings 1 2 3

load steady $steady 60 1 2 3; finish steady

before=$(views 1)
fab netem all loss 2%
load lossy 10 40 1 2 3; finish lossy
fab netem all off
check "2 % loss costs no membership change" [ "$(views 1)" = "$before" ]

# The key is replaced on every node under load.
logged() { # TIMES TEXT: on every node
    for i in 1 2 3; do [ "$(grep -c "$2" /out/motet$i.log)" = "$1" ] || return 1; done
}
refused() { motetctl $1 links --json | tr -d ' \n' | grep -o '"unauthenticated":[0-9]*'; }
if [ "$crypto" != none ]; then
    before=$(views 1) refused_before="$(refused 1) $(refused 2) $(refused 3)"
    load rotated 30 40 1 2 3
    turns=10 turn=0
    while [ $turn -lt $turns ]; do
        head -c 256 /dev/urandom > $B/fresh
        for i in 1 2 3; do put_key $B/fresh $i; done
        kill -HUP ${pids[$((turn % 3 + 1))]}
        turn=$((turn + 1))
        within 30 logged $turn "the old key is forgotten" || break
    done
    check "the key is replaced $turns times on every node" logged $turns "the old key is forgotten"
    finish rotated
    check "new keys cost no membership change" [ "$(views 1)" = "$before" ]
    check "and no datagram" [ "$(refused 1) $(refused 2) $(refused 3)" = "$refused_before" ]
fi

load cut 25 20 1 3
fab cut 2; want=2
check "a cut: the others go on without node 2" within 30 rings 1 3
fab heal; want=3
check "healed: three members again" within 60 rings 1 2 3
finish cut

load killed 30 20 1 3
kill_tree 2; want=2
check "kill -9: the others go on without node 2" within 30 rings 1 3
start 2; want=3
check "started again: three members" within 60 rings 1 2 3
finish killed

load carrier 25 20 1 2
fab carrier 3 down; want=2
check "port down: the others go on without node 3" within 30 rings 1 2
fab carrier 3 up; want=3
check "port up: three members again" within 60 rings 1 2 3
finish carrier

fab remove 3 >/dev/null 2>&1 & removal=$!
end=$((SECONDS + 20)); while kill -0 $removal 2>/dev/null && [ $SECONDS -lt $end ]; do sleep 0.2; done
if kill -0 $removal 2>/dev/null; then bad "a removed device is let go of" "after 20 s"; kill $removal; else ok "a removed device is let go of"; fi
want=2; check "device removed: the others go on" within 30 rings 1 2
fab restore 3 >/dev/null 2>&1
want=3; check "device restored: three members again, without a restart" within 60 rings 1 2 3

for i in 1 2 3; do motetctl $i status > /out/status$i.txt; done
for i in 1 2 3; do kill -TERM ${pids[$i]} 2>/dev/null; done
failed=0; for i in 1 2 3; do wait ${pids[$i]} || failed=1; done
check "every node stops in order" [ $failed = 0 ]
check "no process was killed by its system-call list" sh -c '! grep -q "outside its list" /out/motet*.log'
