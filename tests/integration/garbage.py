#!/usr/bin/env python3
"""Packets that are not the ring's, thrown at it while it works: from a host that is not in the nodelist, and from one that
is. The ring stands, the load loses nothing, and what is dropped is counted by its kind."""
import json
import os
import random
import subprocess
import sys
import textwrap
import time

import nodes
from loopback import check_traffic
from nodes import BUILD, TOP, Checks, Cluster
from transports import Member, all_see

VECTORS = os.path.join(os.environ.get("MOTET_TEST_VECTORS", os.path.join(TOP, "tests", "vectors")), "totem")
PORT, SEED = 5405, 20
SURE = 0.5   # of what is thrown; the rest may find the socket's buffer full
OUTSIDE = 0
MCAST, MCAST_HEADER = 1, 45   # the type, in byte 3 of a frame, and the bytes before its payload
DROPS = ("dropped_malformed", "dropped_unlisted", "dropped_foreign_ring", "dropped_duplicate", "dropped_out_of_window", "dropped_state",
         "datagrams_unlisted", "datagrams_truncated")


def vectors():
    """{name: bytes} of every golden datagram that is not framed for knet."""
    found = {}
    for name in sorted(os.listdir(VECTORS)):
        if name.endswith(".hex") and not name.startswith("knet"):
            with open(os.path.join(VECTORS, name)) as f:
                found[name[:-4]] = bytes.fromhex("".join(line.split("#")[0] for line in f))
    return found


def cut(seed):
    """Every vector cut at every length up to 64 bytes and at some beyond. None is a whole packet; a multicast is whole with any
    length behind its header, so it is cut only there."""
    r = random.Random(seed)
    for data in vectors().values():
        end = MCAST_HEADER if data[3] == MCAST else len(data)
        for length in sorted({*range(min(end, 64)), *(r.randrange(end) for _ in range(20))}):
            yield data[:length]


def changed(seed):
    """Vectors with bytes changed, and with more behind them. Some are whole packets of a node of this ring, with another meaning."""
    r = random.Random(seed)
    for data in vectors().values():
        for _ in range(60):
            copy = bytearray(data)
            # In the common header and counts, where it hurts, and anywhere.
            for _ in range(r.randint(1, 4)):
                at = r.randrange(min(len(data), 120)) if r.random() < 0.8 else r.randrange(len(data))
                copy[at] = r.choice((0, 1, 0x7F, 0x80, 0xFF, r.randrange(256)))
            yield bytes(copy)
        yield data + b"\x00" * 7
        yield data + data


# Runs inside the thrower's namespace; reads what to throw from a file of length-prefixed packets.
THROW = textwrap.dedent("""
    import random, socket, struct, sys, time
    path, port, seconds, *targets = sys.argv[1:]
    data, at, packets = open(path, "rb").read(), 0, []
    while at < len(data):
        n, = struct.unpack_from("I", data, at)
        packets.append(data[at + 4:at + 4 + n])
        at += 4 + n
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end, sent, r = time.monotonic() + float(seconds), 0, random.Random(7)
    def out(packet):
        global sent
        for t in targets:
            try:
                s.sendto(packet, (t, int(port)))
                sent += 1
            except OSError:
                pass
    for i, p in enumerate(packets):
        out(p)
        if i % 50 == 49:
            time.sleep(0.002)
    while time.monotonic() < end:
        for _ in range(100):
            out(r.randbytes(r.choice((0, 1, 8, 16, 40, 200, r.randrange(1, 1472), 9000))))
        time.sleep(0.001)
    print(sent)
""")


def status(cluster, number):
    p = cluster.run(number, os.path.join(BUILD, "motetctl"), "--json", "status")
    return json.loads(p.stdout)["membership"]


def throw(cluster, thrower, packets, seconds, targets):
    path = cluster.file(f"packets-{thrower}-{len(packets)}")
    with open(path, "wb") as f:
        for p in packets:
            f.write(len(p).to_bytes(4, "little") + p)
    words = [sys.executable, "-c", THROW, path, PORT, seconds, *[f"10.77.0.{t}" for t in targets]]
    if thrower == OUTSIDE:
        p = subprocess.run(["nsenter", "-t", hub(cluster), "-n", *map(str, words)], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    else:
        p = cluster.run(thrower, *words, timeout=120)
    return int(p.stdout or 0), p.stderr


def hub(cluster):
    """A process in the namespace of the bridge, which is no node."""
    with open(os.path.join(cluster.env["BENCH_STATE"], cluster.id, "hub")) as f:
        return f.read().strip()


def raise_ring_sequence(cluster, ring):
    """The golden vectors carry the ring ids of young clusters; a packet of one's own ring is no garbage."""
    for n in ring:
        cluster.sh("stop", n)
        cluster.run(n, "sh", "-c", f"printf '\\320\\007\\0\\0\\0\\0\\0\\0' > /var/lib/motet/ringid_{n}")   # 2000, little-endian
    for n in ring:
        cluster.sh("start", n)


def attack(checks, cluster, name, thrower, packets, seconds, rejected_by, ring_stands=True):
    """Throws under load; `rejected_by`: the counter that must account for what reached the nodes."""
    ring = [1, 2]
    before = {n: status(cluster, n) for n in ring}
    running = [Member(cluster, n, seconds + 4, 300, name.replace(" ", "-")[:40]) for n in ring]
    running = [m.begun() for m in running]
    time.sleep(1)
    sent, errors = throw(cluster, thrower, packets, seconds, ring)
    checks.that(f"{name}: {sent} packets were thrown", sent > len(packets), errors[-300:])
    time.sleep(1)
    after = {n: status(cluster, n) for n in ring}
    if ring_stands:
        for n in ring:
            checks.that(f"{name}: the ring of node {n} stands", after[n]["ring"] == before[n]["ring"] and after[n]["state"] == "operational",
                        (before[n]["ring"], after[n]["ring"], after[n]["state"], cluster.log(n)[-400:]))
    for n in ring:
        grown = {k: after[n]["counters"][k] - before[n]["counters"][k] for k in DROPS if after[n]["counters"][k] != before[n]["counters"][k]}
        checks.that(f"{name}: node {n} counts what it drops", sum(grown.get(k, 0) for k in rejected_by) > SURE * sent / len(ring), (grown, sent))
        print(f"# {name}: node {n} of {sent // len(ring)} thrown: {grown}")
    check_traffic(checks, name, [m.finish() for m in running])


def main():
    nodes.need_namespaces()
    checks = Checks()
    # Node 3 is in the nodelist, and throws while it runs no daemon; the bridge's own address is in no list.
    with Cluster("mmm", transport="udpu", token=1000) as cluster:
        subprocess.run(["nsenter", "-t", hub(cluster), "-n", "ip", "addr", "add", "10.77.0.200/24", "dev", "br0"], check=True)
        cluster.sh("stop", 3)
        raise_ring_sequence(cluster, (1, 2))
        checks.that("two nodes form the ring", all_see(cluster, 2, (1, 2)) and status(cluster, 1)["ring"]["seq"] > 2000, cluster.log_tails())
        parts, others = list(cut(SEED)), list(changed(SEED))
        pids = {n: cluster.sh("pids", n).split() for n in (1, 2)}
        attack(checks, cluster, "from an unlisted host", OUTSIDE, parts + others + list(vectors().values()), 3, ("datagrams_unlisted", "dropped_unlisted"))
        attack(checks, cluster, "cut packets and random bytes from a listed host", 3, parts, 5, ("dropped_malformed",))
        # Whole joins and merge detects of a configured node make the others look who is there: the ring may form again, and again.
        attack(checks, cluster, "changed packets from a listed host", 3, others, 0, DROPS, ring_stands=False)
        sent, errors = throw(cluster, 3, list(vectors().values()), 0, (1, 2))
        checks.that("whole packets of another cluster are thrown", sent > 50, errors[-300:])
        time.sleep(3)
        checks.that("the ring of two forms again after whole packets of another cluster", all_see(cluster, 2, (1, 2)), cluster.log_tails())
        checks.that("no process was replaced", {n: cluster.sh("pids", n).split() for n in (1, 2)} == pids, pids)
        cluster.sh("start", 3)
        checks.that("the listed node joins the ring after all that", all_see(cluster, 3, (1, 2, 3)), cluster.log_tails())
        if checks.bad:
            print(cluster.log_tails())
    checks.end()


if __name__ == "__main__":
    main()
