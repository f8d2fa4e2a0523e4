#!/usr/bin/env python3
"""Members that never dispatch, or too slowly, beside others that flood: memory stays bounded, the silent one is cut off, the
others lose nothing.

slow_reader.py [--minutes M] [--rate R]: rounds of about twenty seconds; one by default.
"""
import argparse
import threading
import time

from loopback import Loopback, Member, check_traffic, rss_kib
from nodes import ACCEPTED, Checks

SILENT_S, SLOW_S = 10, 6
# KiB above what a process had with its clients connected and idle. What may come to it under load:
#   motet-cpg        32 MiB of backlog for the lagging client, the rings between it and membership (56 MiB) and 4 MiB for each of four
#                    clients, 16 MiB for the allocator
#   motet-membership 64 MiB of backlog for its worker, the same rings, 16 MiB for the allocator
#   motet            nothing but its log lines
#   the others       nothing: they have no part in it
OTHERS_KIB = 4 << 10
BOUNDS_KIB = {"motet-cpg": (32 + 56 + 4 * 4 + 16) << 10, "motet-membership": (64 + 56 + 16) << 10, "motet": OTHERS_KIB,
              "motet-confdb": OTHERS_KIB, "motet-quorum": OTHERS_KIB, "motet-sam": OTHERS_KIB}


class Memory:
    """Samples the resident size of every process once a second."""

    def __init__(self, pids):
        self.pids, self.first, self.peak, self.last = pids, {n: rss_kib(p) for n, p in pids.items()}, {}, {}
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.sample, daemon=True)
        self.thread.start()

    def sample(self):
        while not self.ending.wait(1):
            for name, pid in self.pids.items():
                self.last[name] = rss_kib(pid)
                self.peak[name] = max(self.peak.get(name, 0), self.last[name])

    def end(self):
        self.ending.set()
        self.thread.join()


def load(node, area, seconds, rate):
    """A flooder and a bystander to their end; also how much the flooder could send."""
    members = [Member(node, area.dir, "the flooder", seconds, rate, "slow", big_every=40), Member(node, area.dir, "a bystander", seconds, 50, "slow")]
    for m in members:
        m.finish()
    return members, sum(1 for r in members[0].records if r[0] == ACCEPTED)


def silent_round(checks, area, number, rate):
    node, name, since = area.nodes[0], f"round {number}, a silent member", len(area.nodes[0].log())
    silent = node.client("tests/integration/silent", "--group", "slow", "--seconds", 60)
    silent.stdout.readline()
    members, sent = load(node, area, SILENT_S, rate)
    check_traffic(checks, name, members)
    out = silent.communicate(timeout=90)[0].strip()
    checks.that(f"{name} is cut off", silent.returncode == 0 and out.startswith("cut off"), (silent.returncode, out, sent))
    lines = [line for line in node.log()[since:].splitlines() if f"process {silent.pid} " in line and "is cut off: it does not read" in line]
    checks.that(f"{name}: one line of the log says so and why", len(lines) == 1, node.log()[since:][-800:])
    print(f"# {name}: {sent} messages of the flooder; {out}", flush=True)


def slow_round(checks, area, number, rate):
    """One that reads, but slower than is sent, holds the senders back instead: nobody is cut off."""
    node, name = area.nodes[0], f"round {number}, a slow member"
    slow = node.client("tests/integration/silent", "--group", "slow", "--seconds", SLOW_S + 3, "--take", 200)
    slow.stdout.readline()
    members, sent = load(node, area, SLOW_S, rate)
    check_traffic(checks, name, members)
    out = slow.communicate(timeout=60)[0].strip()
    checks.that(f"{name} stays connected", slow.returncode == 4, (slow.returncode, out))
    print(f"# {name}: {sent} messages of the flooder", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=0)
    parser.add_argument("--rate", type=float, default=2000)
    args = parser.parse_args()
    checks = Checks()
    with Loopback(1) as area:
        node = area.nodes[0]
        pids, started, number = node.pids(), time.monotonic(), 0
        memory = Memory(pids)
        while number == 0 or time.monotonic() - started < args.minutes * 60:
            number += 1
            silent_round(checks, area, number, args.rate)
            slow_round(checks, area, number, args.rate)
            print("# " + ", ".join(f"{n} {memory.last.get(n, 0)} KiB (peak {memory.peak.get(n, 0)})" for n in sorted(pids)), flush=True)
        memory.end()
        for n in sorted(pids):
            grown = memory.peak[n] - memory.first[n]
            checks.that(f"{n}: at most {BOUNDS_KIB[n]} KiB above the {memory.first[n]} it began with", grown <= BOUNDS_KIB[n], grown)
            print(f"# {n}: began with {memory.first[n]} KiB, peak {memory.peak[n]}, at the end {memory.last[n]}")
        checks.that("no process was replaced", node.pids() == pids and not any(c["restarts"] for c in node.status()["supervisor"]["children"]), (pids, node.pids()))
    checks.end()


if __name__ == "__main__":
    main()
