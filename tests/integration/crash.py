#!/usr/bin/env python3
"""kill -9 of a worker at random moments while clients flood: nobody notices. Long forms: see docs/testing.md.

  crash.py [--kills N] [--nodes N] [--clients N] [--rate MSGS_PER_S] [--pause SECONDS] [--signal KILL|STOP]
"""
import argparse
import os
import random
import signal
import statistics
import sys
import time

from loopback import Loopback, Member, check_traffic
from nodes import DELIVERED, Checks, GAP, LEFT, wait_for


def blackouts_ms(members, strikes):
    """For every strike [(when, node), ...] the longest pause of a client of that node that it falls into or that begins within 50 ms
    after it; pauses below 2 ms are not recorded and count as 2."""
    pauses = {}
    for m in members:
        for kind, low, high, us in m.records:
            if kind == GAP:
                end = (high << 32 | low) / 1e4
                pauses.setdefault(m.node.number, []).append((end - us / 1e6, end))
    return sorted(1000 * max([end - begin for begin, end in pauses.get(node, []) if begin <= when + 0.05 and end >= when], default=0.002)
                  for when, node in strikes)


def percentile(values, share):
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def replaced(node, name, pid, seconds=20):
    """Not whether it serves: the next blow may find it at any point of its start."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if node.pids().get(name) not in (None, pid):
            return True
        time.sleep(0.003)
    return False


def strike(area, victim, how, kills, pause, seed):
    """Kills the victim of random nodes: [(when, node), ...]"""
    chance = random.Random(seed)
    done = []
    while len(done) < kills:
        time.sleep(chance.uniform(0, 2) * pause)
        node = chance.choice(area.nodes)
        pid = node.pids().get(victim)
        if pid is None:
            continue
        when = time.monotonic()
        try:
            os.kill(pid, how)
        except ProcessLookupError:
            continue
        done.append((when, node.number))
        if not replaced(node, victim, pid):
            break
    return done


def run(checks, name, args, how):
    with Loopback(args.nodes, options=("--hang-ms", "2000")) as area:
        rings = [node.ring() for node in area.nodes]
        others = [{k: v for k, v in node.pids().items() if k != "motet-cpg"} for node in area.nodes]
        seconds = args.kills * args.pause * 1.6 + 300
        members = [Member(node, area.dir, f"{name}: member {c} of node {node.number}", seconds, args.rate, big_every=41, linger=seconds)
                   for node in area.nodes for c in range(args.clients)]
        time.sleep(1)
        started = time.monotonic()
        done = strike(area, "motet-cpg", how, args.kills, args.pause, args.seed)
        took = time.monotonic() - started
        time.sleep(2)
        for m in members:
            m.process.send_signal(signal.SIGUSR1)   # sends no more
        time.sleep(3)
        for m in members:
            m.process.send_signal(signal.SIGTERM)
        for m in members:
            m.finish()
        checks.that(f"{name}: {args.kills} times", len(done) == args.kills, (len(done), area.nodes[0].log()[-2000:]))
        check_traffic(checks, name, members)
        # At the end they leave one after the other, when nothing is sent any more.
        last = {m: max((i for i, r in enumerate(m.records) if r[0] == DELIVERED), default=0) for m in members}
        left = [r for m in members for r in m.records[:last[m]] if r[0] == LEFT][:3]
        checks.that(f"{name}: nobody is seen to leave", not left, left)
        checks.that(f"{name}: no ring is formed", [node.ring() for node in area.nodes] == rings, ([node.ring() for node in area.nodes], rings))
        after = [{k: v for k, v in node.pids().items() if k != "motet-cpg"} for node in area.nodes]
        checks.that(f"{name}: every other process has stayed", after == others, (others, after))
        out = blackouts_ms(members, done)
        messages = sum(1 for m in members for r in m.records if r[0] == DELIVERED)
        print(f"# {name}: {len(done)} in {took:.0f} s, {messages} deliveries to {len(members)} clients; blackout of a node's clients: "
              f"median {statistics.median(out) if out else 0:.1f} ms, 99 % {percentile(out, 0.99):.1f} ms, longest {out[-1] if out else 0:.1f} ms",
              flush=True)
        if checks.bad:
            for node in area.nodes:
                told = [line for line in node.log().splitlines() if " error " in line or any(w in line for w in ("disconnected", "cut off", "closed", "in hand", "silent"))]
                print(f"# node {node.number} says:", *told[:40], node.log()[-3000:], sep="\n")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--kills", type=int, default=40)
    p.add_argument("--nodes", type=int, default=1)
    p.add_argument("--clients", type=int, default=2)
    p.add_argument("--rate", type=float, default=3000)
    p.add_argument("--pause", type=float, default=0.25)
    p.add_argument("--signal", default="KILL")
    p.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    args = p.parse_args()
    print(f"# seed {args.seed}")
    checks = Checks()
    run(checks, f"cpg {args.signal}", args, getattr(signal, "SIG" + args.signal))
    checks.end()


if __name__ == "__main__":
    main()
