#!/usr/bin/env python3
"""Messages per second and latency over RDMA against UDP unicast, in one virtual machine. The machine is emulated: only ratios mean something.

bench_rdma.py [--rounds N] [--mtu BYTES]      of the Ethernet; three rounds of about two minutes by default; needs what check_rdma.py needs
"""
import argparse
import json
import statistics
import sys

import check_rdma
import nodes

TIME_LIMIT = 1200   # seconds in the machine
BASE = "udpu"


def figures(text):
    """{carrier: ([messages per second and node], [median latency in us])}, and what went wrong."""
    found, wrong = {}, []
    for line in text.splitlines():
        if line.startswith("not ok - "):
            wrong.append(line)
        if not line.startswith("figures "):
            continue
        _, carrier, rest = line.split(" ", 2)
        try:
            measured = json.loads(rest)
        except ValueError:
            wrong.append(f"no figures: {line}")
            continue
        rates, latencies = found.setdefault(carrier, ([], []))
        if measured["error"] or measured["lost"] or measured["seq_errors"] or measured["order_agree"] is not True or measured["views"]:
            wrong.append(f"{carrier}: not measured, as messages were lost or the ring has changed: {rest}")
        elif measured["mode"] == "latency":
            latencies.append(measured["lat"]["p50"])
        else:
            rates.append(measured["deliv_s"])
    return found, wrong


def table(found):
    """Lines of a table of medians over the rounds, relative to the same over UDP."""
    base_rate, base_latency = (statistics.median(values) for values in found[BASE])
    yield f"{'carrier':<22}{'messages/s':>12}{'latency':>10}    (of {BASE}: {base_rate:.0f}/s, {base_latency / 1000:.1f} ms here)"
    for carrier, (rates, latencies) in found.items():
        if rates and latencies:
            yield f"{carrier:<22}{statistics.median(rates) / base_rate:>12.2f}{statistics.median(latencies) / base_latency:>10.2f}    {len(rates)} rounds"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mtu", type=int, default=1500)
    parser.add_argument("--keep", help="directory for the logs")
    options = parser.parse_args()
    checks = nodes.Checks()
    with check_rdma.Machine(options.keep) as machine:
        status, output = machine.run(("./guest_bench.sh", str(options.rounds)), TIME_LIMIT, options.mtu)
    found, wrong = figures(output)
    checks.that("the machine ran to its end", status == 0, f"status {status}: {output[-2000:]}")
    for line in wrong:
        print(line)
    if found.get(BASE) and all(found[BASE]):
        print("\n".join(table(found)))
    checks.that("every carrier was measured", not wrong and len(found) == 5 and all(r and l for r, l in found.values()), sorted(found))
    checks.end()


if __name__ == "__main__":
    sys.exit(main())
