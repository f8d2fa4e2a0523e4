#!/usr/bin/env python3
"""Three corosync nodes become Motet one by one and corosync again, under load: who stays loses nothing, sees one order, and quorum holds.

migration.py [CRYPTO]: aes256/sha256 by default, or none. Only the first node goes there and back; MOTET_LONG=1: all three, with and without encryption.
"""
import os
import shutil
import sys
import time

import nodes
from knet_cluster import LEFT, PROCDOWN, all_see, check_complete, check_order, load, view_events
from nodes import Checks, Cluster


LONG = os.environ.get("MOTET_LONG")
NOT_PRIMARY = "within the non-primary component"


def become(cluster, node, kind):
    """What runs on `node` from its next start on; its configuration, key and namespaces stay."""
    path = os.path.join(cluster.env["BENCH_STATE"], cluster.id, "vars")
    cluster.kinds = cluster.kinds[:node - 1] + kind + cluster.kinds[node:]
    with open(path) as f:
        lines = f.readlines()
    with open(path, "w") as f:
        f.writelines(f'declare -g OPT_kinds="{cluster.kinds}"\n' if " OPT_kinds=" in line else line for line in lines)


def migrate(checks, crypto):
    with Cluster("ccc", transport="knet", crypto=crypto, token=1000) as cluster:
        checks.that(f"{crypto}: three corosync nodes form one ring", all_see(cluster, 3, (1, 2, 3)), cluster.log_tails())
        for turn, (node, kind) in enumerate([(n, k) for k in "mc" for n in ((1, 2, 3) if LONG else (1,))]):
            name = f"{crypto}, node {node} becomes {'Motet' if kind == 'm' else 'corosync'}"
            stay = [n for n in (1, 2, 3) if n != node]
            lost = {n: cluster.log(n).count(NOT_PRIMARY) for n in stay}
            running = load(cluster, f"turn{turn}", 120, rate=300, on=(1, 2, 3))
            time.sleep(0.5)
            cluster.sh("stop", node)
            checks.that(f"{name}: the others go on", all_see(cluster, 2, stay), cluster.log_tails())
            become(cluster, node, kind)
            cluster.sh("start", node)
            checks.that(f"{name}: one ring again", all_see(cluster, 3, (1, 2, 3), 30), cluster.log_tails())
            time.sleep(0.5)
            done = [m.finish(stop=True) for m in running]
            stayed = [m for m in done if m.number in stay]
            check_order(checks, name, done)
            check_complete(checks, name, stayed)
            for m in stayed:
                left = [e for e in view_events(m, done[node - 1]) if e[0] == LEFT]
                checks.that(f"{name}: node {m.number} is told once that the process there left, in order or with its node", len(left) == 1, left)
                others = [e for o in stayed if o is not m for e in view_events(m, o) if e[0] == LEFT and e[1] != PROCDOWN]
                checks.that(f"{name}: node {m.number} never loses the other one that stays", not others, others)
            for n in stay:
                if cluster.kinds[n - 1] == "c":
                    checks.that(f"{name}: node {n} keeps quorum", cluster.log(n).count(NOT_PRIMARY) == lost[n], cluster.log(n)[-800:])
            if checks.bad:
                print(cluster.log_tails(20))
                return


def main():
    nodes.need_namespaces()
    if shutil.which("corosync") is None:
        nodes.skip("corosync is not installed")
    checks = Checks()
    for crypto in sys.argv[1:] or (("aes256/sha256", "none") if LONG else ("aes256/sha256",)):
        migrate(checks, crypto)
    checks.end()


if __name__ == "__main__":
    main()
