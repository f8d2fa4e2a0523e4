#!/bin/bash
# In the virtual machine: messages per second and latency of one ring of three over UDP unicast and over RDMA, in turns.
# Each line "figures CARRIER JSON" is what cpgload measured.
#   guest_bench.sh ROUNDS
set -u
D=/payload B=/tmp/motet
export LD_LIBRARY_PATH=$D/lib MOTET_LIBEXECDIR=$D/libexec
mkdir -p $B /out
head -c 256 /dev/zero | tr '\0' 'k' > $B/authkey; chmod 400 $B/authkey

configuration() { # CARRIER
    local transport=rdma cipher=none
    case $1 in udpu) transport=udpu ;; *aes256*) cipher=aes256 ;; esac
    echo "allow_unencrypted: yes"
    echo "totem:"
    echo "  version: 2"
    echo "  cluster_name: fabric"
    echo "  transport: $transport"
    echo "  token: 5000"
    if [ $transport = rdma ]; then
        echo "  crypto_cipher: $cipher"
        echo "  keyfile: $B/authkey"
        case $1 in *fan-out*) echo "  rdma_multicast: no" ;; *poll*) echo "  rdma_poll_us: 1000" ;; esac
        echo "  interface:"
        echo "    - linknumber: 0"
        echo "      mcastaddr: 239.192.77.1"
    fi
    echo "nodelist:"
    for i in 1 2 3; do printf '  - nodeid: %s\n    name: n%s\n    ring0_addr: 10.77.0.%s\n' $i $i $i; done
}
load() { # NODE MODE ARGUMENTS...
    local n=$1; shift
    MOTET_RUNTIME_DIR=$B/run$n fab on $n timeout 60 $D/cpgload "$@" 2>/dev/null
}

for round in $(seq "$1"); do
    for carrier in udpu rdma-none rdma-aes256 rdma-aes256-fan-out rdma-aes256-poll; do
        configuration $carrier > $B/motet.yaml
        for i in 1 2 3; do
            rm -rf $B/run$i $B/state$i; mkdir -p $B/run$i $B/state$i
            fab on $i $D/motet --config $B/motet.yaml --node n$i --runtime-dir $B/run$i --state-dir $B/state$i --foreground >> /out/$carrier-$i.log 2>&1 &
            pids[$i]=$!
        done
        load 1 ready -E 3 -W 40 > /out/ready.json
        if grep -q '"view":3' /out/ready.json; then
            echo "figures $carrier $(load 1 latency -g l -s 256 -w 1 -t 4)"
            for i in 2 3; do load $i throughput -g t -s 1000 -E 3 -S 3 -w 1 -t 5 > /out/throughput-$i.json & clients[$i]=$!; done
            echo "figures $carrier $(load 1 throughput -g t -s 1000 -E 3 -S 3 -w 1 -t 5)"
            for i in 2 3; do wait ${clients[$i]}; done
            MOTET_RUNTIME_DIR=$B/run1 fab on 1 timeout 5 $D/motetctl status --json > /out/$carrier-status.json 2>/dev/null
        else
            echo "not ok - $carrier, round $round: three nodes form a ring: $(cat /out/ready.json)"
        fi
        for i in 1 2 3; do kill -TERM ${pids[$i]}; done
        for i in 1 2 3; do wait ${pids[$i]}; done
    done
done
