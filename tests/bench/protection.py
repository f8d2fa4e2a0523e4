#!/usr/bin/env python3
"""What the children's confinement costs: two nodes on the loopback, with it and with --unprotected, in turns. Prints a line per run and medians.
  MOTET_BUILD=. tests/bench/protection.py [ROUNDS [SECONDS]]"""
import json
import os
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
from loopback import Loopback  # noqa: E402

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
SECONDS = int(sys.argv[2]) if len(sys.argv) > 2 else 3


def both(nodes, mode, *args):
    """The load program on both nodes at once; their JSON lines."""
    runs = [n.client("tests/bench/cpgload", mode, "-g", mode, "-E", 2, "-t", SECONDS, "-w", 1, *a) for n, a in zip(nodes, args)]
    out = []
    for r in runs:
        text, err = r.communicate(timeout=60 + SECONDS)
        lines = [line for line in text.splitlines() if line.startswith("{")]
        out.append(json.loads(lines[-1]) if lines else {"error": err[-200:]})
    return out


def measure(options):
    with Loopback(2, options=options) as area:
        time.sleep(0.5)
        load = both(area.nodes, "throughput", ["-k", 1, "-j", 1, "-S", 2, "-s", 100], ["-k", 1, "-j", 1, "-S", 2, "-s", 100])
        calm = both(area.nodes, "latency", ["-k", 1, "-j", 1, "-S", 1, "-s", 100, "-r", 500], ["-k", 1, "-j", 0, "-S", 1, "-s", 100, "-r", 500])
        return load, calm


def main():
    found = {"on": [], "off": []}
    for i in range(ROUNDS):
        for name, options in (("on", ()), ("off", ("--unprotected",))) if i % 2 == 0 else (("off", ("--unprotected",)), ("on", ())):
            load, calm = measure(options)
            rate = sum(x.get("deliv_s", 0) for x in load)
            p50, p99 = calm[0].get("lat", {}).get("p50"), calm[0].get("lat", {}).get("p99")
            found[name].append((rate, p50, p99))
            print(f"{name:4} deliveries/s {rate:10.0f}   latency p50 {p50} p99 {p99}", flush=True)
            if not rate or p50 is None:
                print("  ", load, calm)
    for name, runs in found.items():
        print(f"{name:4} median deliveries/s {statistics.median(r[0] for r in runs):10.0f}   p50 {statistics.median(r[1] for r in runs if r[1] is not None)}   "
              f"p99 {statistics.median(r[2] for r in runs if r[2] is not None)}")


if __name__ == "__main__":
    main()
