#!/usr/bin/env python3
"""What the children's confinement costs: two nodes on the loopback, with it and with --unprotected, in turns. Prints a line per run, medians, and
the median and range of the ratios of neighbouring runs. Processor time of the nodes' processes is the steadiest of the figures.
  MOTET_BUILD=. tests/bench/protection.py [ROUNDS [SECONDS]]"""
import json
import os
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
from loopback import Loopback, tree  # noqa: E402

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
SECONDS = int(sys.argv[2]) if len(sys.argv) > 2 else 3
WARM = 1


def both(nodes, mode, *args):
    """The load program on both nodes at once; their JSON lines."""
    runs = [n.client("tests/bench/cpgload", mode, "-g", mode, "-E", 2, "-t", SECONDS, "-w", WARM, *a) for n, a in zip(nodes, args)]
    out = []
    for r in runs:
        text, err = r.communicate(timeout=60 + SECONDS)
        lines = [line for line in text.splitlines() if line.startswith("{")]
        out.append(json.loads(lines[-1]) if lines else {"error": err[-200:]})
    return out


def cpu_s(nodes):
    """Processor seconds of all processes of the nodes so far."""
    ticks = 0
    for node in nodes:
        for pid in tree(node.daemon()):
            with open(f"/proc/{pid}/stat") as f:
                words = f.read().rpartition(")")[2].split()
            ticks += int(words[11]) + int(words[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def measure(options):
    """(deliveries a second, microseconds of processor time a delivery, p50, p99); None where a run has failed."""
    with Loopback(2, options=options) as area:
        time.sleep(0.5)
        before = cpu_s(area.nodes)
        load = both(area.nodes, "throughput", ["-k", 1, "-j", 1, "-S", 2, "-s", 100], ["-k", 1, "-j", 1, "-S", 2, "-s", 100])
        used = cpu_s(area.nodes) - before
        calm = both(area.nodes, "latency", ["-k", 1, "-j", 1, "-S", 1, "-s", 100, "-r", 500], ["-k", 1, "-j", 0, "-S", 1, "-s", 100, "-r", 500])
        rate, p50, p99 = sum(x.get("deliv_s", 0) for x in load), calm[0].get("lat", {}).get("p50"), calm[0].get("lat", {}).get("p99")
        if not rate or p50 is None:
            print("  failed:", load, calm, flush=True)
            return None
        return rate, used * 1e6 / (rate * (SECONDS + WARM)), p50, p99


def main():
    found = {"on": [], "off": []}
    for i in range(ROUNDS):
        pair = {}
        for name in ("on", "off") if i % 2 == 0 else ("off", "on"):
            pair[name] = measure(("--unprotected",) if name == "off" else ())
            if pair[name]:
                print("%-4s deliveries/s %9.0f   processor us/delivery %.3f   latency us p50 %.0f p99 %.0f" % (name, *pair[name]), flush=True)
        if all(pair.values()):
            for name, run in pair.items():
                found[name].append(run)
    if not found["on"]:
        sys.exit("protection: no pair of runs")
    for name, runs in found.items():
        print("%-4s median of %d: deliveries/s %.0f   processor us/delivery %.3f   latency us p50 %.0f p99 %.0f" %
              (name, len(runs), *(statistics.median(r[n] for r in runs) for n in range(4))))
    print("on/off, median of pairs [smallest-largest]:")
    for n, what in enumerate(("deliveries/s", "processor time", "p50", "p99")):
        ratios = sorted(a[n] / b[n] for a, b in zip(found["on"], found["off"]))
        print(f"  {what:14} {statistics.median(ratios):.3f} [{ratios[0]:.2f}-{ratios[-1]:.2f}]")


if __name__ == "__main__":
    main()
