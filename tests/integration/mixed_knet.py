#!/usr/bin/env python3
"""One ring of Motet and corosync nodes over knet or UDP unicast: kill, pause, partition and heal of nodes of both kinds under load.

mixed_knet.py [KINDS CARRIER SECONDS [STEP...]]: kinds as ccm; carrier: knet's crypto, aes256/sha256 or none, or udpu; steps are kill, pause,
split, each followed by the kind it befalls: kill-m. Without arguments the short form; MOTET_LONG=1: five minutes for each ring.
"""
import os
import shutil
import sys
import time

import nodes
from knet_cluster import (JOIN, JOINED, LEFT, NODEDOWN, NODEUP, PROCDOWN, all_see, check_complete, check_order, load, pause, resume,
                          view_events)
from nodes import Checks, Cluster

SHORT = (("mcc", "aes256/sha256", 0, ("kill-m", "split-c")),)
LONG = [(kinds, carrier, 300, ("kill-m", "kill-c", "pause-m", "pause-c", "split-m", "split-c"))
        for kinds, carrier in (("mcc", "aes256/sha256"), ("mmc", "aes256/sha256"), ("ccm", "none"), ("cmm", "none"), ("mcc", "udpu"), ("mmc", "udpu"))]


def step(checks, cluster, name, what, victim):
    """One blow to one node and its return; returns what its client is to see."""
    n = cluster.n
    others = [i for i in range(1, n + 1) if i != victim]
    if what == "kill":
        cluster.sh("kill9", victim)
        checks.that(f"{name}: the others go on without it", all_see(cluster, n - 1, others), cluster.log_tails())
        cluster.sh("start", victim)
    elif what == "pause":
        stopped = pause(cluster, victim)
        try:
            checks.that(f"{name}: the others go on without it", all_see(cluster, n - 1, others), cluster.log_tails())
        finally:
            resume(stopped)
    else:
        cluster.sh("isolate", victim)
        apart = all_see(cluster, n - 1, others) and all_see(cluster, 1, [victim])
        checks.that(f"{name}: both sides go on alone", apart, cluster.log_tails())
        cluster.sh("heal", victim)
    checks.that(f"{name}: one ring again", all_see(cluster, n, range(1, n + 1), 30), cluster.log_tails())


def run(checks, kinds, carrier, seconds, steps):
    ring = f"{kinds} {carrier}"
    transport, crypto = ("udpu", "none") if carrier == "udpu" else ("knet", carrier)
    with Cluster(kinds, transport=transport, crypto=crypto, token=1000) as cluster:
        checks.that(f"{ring}: all nodes share one ring", all_see(cluster, len(kinds), range(1, len(kinds) + 1)), cluster.log_tails())
        end, turn = time.monotonic() + seconds, 0
        while turn < len(steps) or time.monotonic() < end:
            what, kind = steps[turn % len(steps)].split("-")
            of_kind = [i + 1 for i, k in enumerate(kinds) if k == kind]
            victim = of_kind[turn // len(steps) % len(of_kind)]
            name = f"{ring}, {what} node {victim} ({kind})"
            running = load(cluster, f"g{turn}", 120, rate=300, on=range(1, len(kinds) + 1))
            time.sleep(1)
            step(checks, cluster, name, what, victim)
            time.sleep(1)
            done = [m.finish(stop=True) for m in running]
            struck = done[victim - 1]
            stayed = [m for m in done if m is not struck]
            check_order(checks, name, done)
            check_complete(checks, name, stayed)
            for m in stayed:
                told = [e for e in view_events(m, struck) if e not in ((JOINED, JOIN), (LEFT, PROCDOWN))]
                wanted = [(LEFT, NODEDOWN)] if what == "kill" else [(LEFT, NODEDOWN), (JOINED, NODEUP)]
                checks.that(f"{name}: node {m.number} is told that it left for NODEDOWN{'' if what == 'kill' else ' and came back with NODEUP'}",
                            told == wanted, view_events(m, struck))
            if checks.bad:
                print(cluster.log_tails(20))
                return
            turn += 1


def main():
    nodes.need_namespaces()
    if shutil.which("corosync") is None:
        nodes.skip("corosync is not installed")
    checks = Checks()
    if len(sys.argv) > 3:
        runs = [(sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4:] or LONG[0][3])]
    else:
        runs = LONG if os.environ.get("MOTET_LONG") else SHORT
    for one in runs:
        run(checks, *one)
    checks.end()


if __name__ == "__main__":
    main()
