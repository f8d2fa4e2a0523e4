#!/usr/bin/env python3
"""A ring of Motet and corosync nodes under load: order, leave, kill and rejoin of either side.

mixed_ring.py KINDS [SECONDS [TRANSPORT [CRYPTO]]]: e.g. mcc, Motet as representative; ccm, as ordinary member; knet, aes256/sha256.
"""
import shutil
import sys
import time

import nodes
from nodes import Checks, Cluster, binary, holes, order_faults, read_log, wait_for


def members(cluster, node):
    """Size of the ring as a client of this node sees it."""
    p = cluster.run(node, binary("tests/bench/cpgload"), "ready", "-E", 1, "-W", 10)
    return int(p.stdout.split('"view":')[1].split("}")[0]) if '"view":' in p.stdout else 0


def load(cluster, checks, name, seconds, rate, during=None):
    """ordercheck on all nodes; returns their records by node."""
    paths = {n: cluster.file(f"{name}-{n}.log") for n in range(1, cluster.n + 1)}
    running = {n: cluster.client(n, "tests/integration/ordercheck", "--log", paths[n], "--seconds", seconds, "--rate", rate,
                                 "--group", name, "--big-every", 97, "--linger", 4) for n in paths}
    if during:
        during(running)
    ends = {}
    for n, p in running.items():
        out, err = p.communicate(timeout=seconds + 60)
        ends[n] = (p.returncode, out.strip(), err.strip()[-200:])
    return {n: read_log(paths[n]) for n in paths}, ends


def compare(checks, name, logs, ends, gone=()):
    faults = order_faults({f"node {n}": r for n, r in logs.items()})
    checks.that(f"{name}: every member delivers in one order", not faults, faults)
    for n, end in ends.items():
        if n not in gone:
            checks.that(f"{name}: the client of node {n} is served to the end", end[0] == 0, end)
    for n in logs:
        if n in gone:
            continue
        for m, end in ends.items():
            pid = int(end[1].split()[2]) if end[1].startswith("joined") else 0
            if m not in gone:
                missing = holes(logs[n], m, pid)
                checks.that(f"{name}: node {n} misses nothing of node {m}", not missing, missing[:5])
        own = [r for r in logs[n] if r[0] == nodes.ACCEPTED]
        delivered = {r[1:] for r in logs[n] if r[0] == nodes.DELIVERED}
        lost = [r for r in own if r[1:] not in delivered]
        checks.that(f"{name}: node {n} is delivered its own {len(own)} messages", own and not lost, lost[:5])


def main():
    nodes.need_namespaces()
    if shutil.which("corosync") is None:
        nodes.skip("corosync is not installed")
    kinds = sys.argv[1] if len(sys.argv) > 1 else "mcc"
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 60
    checks = Checks()
    motet, corosync = kinds.index("m") + 1, kinds.rindex("c") + 1
    with Cluster(kinds, transport=sys.argv[3] if len(sys.argv) > 3 else "udpu", crypto=sys.argv[4] if len(sys.argv) > 4 else "none", token=1000) as cluster:
        n = cluster.n
        checks.that("all nodes share one ring", all(members(cluster, i) == n for i in range(1, n + 1)),
                    [members(cluster, i) for i in range(1, n + 1)])
        logs, ends = load(cluster, checks, "steady", seconds, 400)
        compare(checks, "steady", logs, ends)
        sent = sum(1 for records in logs.values() for r in records if r[0] == nodes.ACCEPTED)
        for i, records in logs.items():
            got = sum(1 for r in records if r[0] == nodes.DELIVERED)
            # Members that joined first see messages from before the last join; nobody may see fewer than from then on.
            checks.that(f"steady: node {i} delivers nearly all of {sent}", got > 0.98 * sent, got)

        for name, victim, how in (("motet-leaves", motet, "stop"), ("corosync-leaves", corosync, "stop"),
                                  ("motet-killed", motet, "kill9"), ("corosync-killed", corosync, "kill9")):
            def strike(running, v=victim, command=how):
                time.sleep(3)
                cluster.sh(command, v)
                wait_for(f"ring without node {v}", lambda: all(members(cluster, i) == n - 1 for i in range(1, n + 1) if i != v), 20)
                cluster.sh("start", v)
                wait_for(f"ring with node {v} again", lambda: all(members(cluster, i) == n for i in range(1, n + 1)), 30)
            logs, ends = load(cluster, checks, name, 14, 200, strike)
            compare(checks, name, logs, ends, gone=(victim,))
            checks.that(f"{name}: the node is a member again", members(cluster, victim) == n, cluster.log_tails())
            for i, records in logs.items():
                if i != victim:
                    left = [r for r in records if r[0] == nodes.LEFT and r[1] == victim]
                    checks.that(f"{name}: node {i} is told once that the process left", len(left) == 1, left)
        if checks.bad:
            print(cluster.log_tails())
    checks.end()


if __name__ == "__main__":
    main()
