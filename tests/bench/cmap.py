#!/usr/bin/env python3
"""cmap of Motet beside cmap of corosync: gets, sets, walks and notices, one after the other in turns. cmap.py [SECONDS] [TURNS]"""
import json
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from nodes import Cluster, binary, need_namespaces   # noqa: E402

# What, clients, sets per second (0: as many as there can be).
CASES = (("get", 1, 0), ("get", 4, 0), ("set", 1, 0), ("set", 4, 0), ("iterate", 1, 0), ("track", 1, 1000), ("track", 10, 1000), ("track", 1, 0), ("track", 10, 0))


def middle(values):
    return sorted(values)[len(values) // 2]


def spread(values, show):
    return f"{show(middle(values))} [{show(min(values))}-{show(max(values))}]"


def table(results, turns, seconds):
    print(f"cmap: median of {turns} turns of {seconds} s [smallest-largest]; ratio: Motet to corosync\n")
    print("| | Clients | corosync /s | Motet /s | Ratio | corosync p50 us | Motet p50 us | corosync p99 us | Motet p99 us |\n|---|---|---|---|---|---|---|---|---|")
    for (what, clients, rate), by in results.items():
        def column(name, key, show):
            return spread([r[key] for r in by[name]], show) if name in by else "-"

        def thousands(n):
            return f"{n / 1000:.3g} k"
        ratio = f"{middle([r['per_second'] for r in by['motet']]) / max(middle([r['per_second'] for r in by['corosync']]), 1):.1f}" if "corosync" in by else "-"
        name = what + (f", {rate} sets/s" if rate else ", as many sets as can be" if what == "track" else "")
        print(f"| {name} | {clients} | {column('corosync', 'per_second', thousands)} | {column('motet', 'per_second', thousands)} | {ratio} | " +
              " | ".join(column(engine, key, lambda us: f"{us:.0f}") for key in ("us_p50", "us_p99") for engine in ("corosync", "motet")) + " |")


def main():
    need_namespaces()
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 2
    turns = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    kinds = {"motet": "m", "corosync": "c"} if shutil.which("corosync") else {"motet": "m"}
    clusters, results = {}, {}
    try:
        for name, kind in kinds.items():
            clusters[name] = Cluster(kind).__enter__()
        for _ in range(turns):
            for what, clients, rate in CASES:
                for name, cluster in clusters.items():
                    p = cluster.run(1, binary("tests/bench/cmapload"), what, seconds, clients, rate, timeout=seconds + 60)
                    if p.returncode != 0:
                        sys.exit(f"{name} {what}: {p.stderr.strip()} {p.stdout}")
                    results.setdefault((what, clients, rate), {}).setdefault(name, []).append(json.loads(p.stdout))
    finally:
        for cluster in clusters.values():
            cluster.__exit__()
    table(results, turns, seconds)


if __name__ == "__main__":
    main()
