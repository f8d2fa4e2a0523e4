#!/usr/bin/env python3
"""cmap of Motet beside cmap of corosync: gets, sets, walks and notices, one after the other in turns. cmap.py [SECONDS] [TURNS]"""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from nodes import Cluster, binary, need_namespaces   # noqa: E402

CASES = (("get", 1), ("get", 4), ("set", 1), ("set", 4), ("iterate", 1), ("track", 1), ("track", 10))


def main():
    need_namespaces()
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 2
    turns = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    results = {}
    with Cluster("m") as motet, Cluster("c") as corosync:
        for _ in range(turns):
            for what, clients in CASES:
                for name, cluster in (("motet", motet), ("corosync", corosync)):
                    p = cluster.run(1, binary("tests/bench/cmapload"), what, seconds, clients, timeout=seconds + 60)
                    if p.returncode != 0:
                        sys.exit(f"{name} {what}: {p.stderr.strip()} {p.stdout}")
                    results.setdefault((what, clients), {}).setdefault(name, []).append(json.loads(p.stdout))
    print(f"{'':14}{'motet /s':>12}{'corosync /s':>13}{'ratio':>8}   {'p50 us':>16}{'p99 us':>20}   median of {turns} turns of {seconds} s")
    for (what, clients), by in results.items():
        middle = {name: sorted(runs, key=lambda r: r["per_second"])[len(runs) // 2] for name, runs in by.items()}
        m, c = middle["motet"], middle["corosync"]
        print(f"{what + ' x' + str(clients):14}{m['per_second']:12}{c['per_second']:13}{m['per_second'] / max(c['per_second'], 1):8.1f}   "
              f"{m['us_p50']:7} {c['us_p50']:8}   {m['us_p99']:8} {c['us_p99']:8}")


if __name__ == "__main__":
    main()
