#!/usr/bin/env python3
"""kill -9 of membership at random moments on nodes whose clients flood: to its peers the node leaves and comes back, its own clients see
a partition and a merge, nobody is disconnected, nothing is lost or doubled. Long form: --kills 200.

  membership_death.py [--kills N] [--nodes N] [--clients N] [--rate MSGS_PER_S] [--pause SECONDS] [--signal KILL|STOP] [--workers]
"""
import argparse
import os
import random
import signal
import sys
import time

from loopback import Loopback, Member, check_traffic
from nodes import DELIVERED, GAP, JOINED, LEFT, VIEW, Checks, wait_for
import quorumlib

JOIN, NODEDOWN, NODEUP, PROCDOWN = 1, 3, 4, 5   # cpg_reason_t
NAME = "motet-membership"


class Watched:
    """What quorumlib wants of a cluster."""

    def __init__(self, area):
        self.area = area

    def file(self, name):
        return os.path.join(self.area.dir, name)

    def client(self, number, program, *args):
        return self.area.nodes[number - 1].client(program, *args)


def strike(area, args):
    """Kills membership of random nodes, and a worker with it now and then; {node: kills}."""
    chance = random.Random(args.seed)
    done = {}
    for _ in range(args.kills):
        time.sleep(chance.uniform(0.2, 1.8) * args.pause)
        node = chance.choice(area.nodes)
        pids = node.pids()
        pid = pids.get(NAME)
        if pid is None:
            break
        os.kill(pid, getattr(signal, "SIG" + args.signal))
        if args.workers and chance.random() < 0.5:
            os.kill(pids["motet-cpg"], signal.SIGKILL)
        if not wait_for("a new membership", lambda n=node, p=pid: n.pids().get(NAME) not in (None, p), 20):
            break
        done[node] = done.get(node, 0) + 1
    return done


def view_faults(member):
    """Every view has the members that its joins and leaves make, for reasons that fit."""
    faults, present, size = [], set(), None
    for kind, node, pid, number in member.records:
        if kind == JOINED:
            if (node, pid) in present:
                faults.append(("joined twice", node, pid))
            present.add((node, pid))
            size = None if size is None else size + 1
            if number not in (JOIN, NODEUP):
                faults.append(("joined for", number))
        elif kind == LEFT:
            present.discard((node, pid))
            size = None if size is None else size - 1
            if number not in (NODEDOWN, PROCDOWN):
                faults.append(("left for", number))
        elif kind == VIEW:
            if size is not None and number != size:
                faults.append(("members", number, "not", size))
            size = number
    return faults[:5]


def run(checks, args):
    with Loopback(args.nodes, options=("--hang-ms", "2000"), extra="quorum:\n  provider: corosync_votequorum\n") as area:
        others = [{k: v for k, v in node.pids().items() if k != NAME and not (args.workers and k == "motet-cpg")} for node in area.nodes]
        seconds = args.kills * (args.pause + 20) + 300
        members = [Member(node, area.dir, f"member {c} of node {node.number}", seconds, args.rate, big_every=41, safe_every=1 + 2 * c, linger=seconds)
                   for node in area.nodes for c in range(args.clients)]
        watches = [quorumlib.Watch(Watched(area), node.number, "w") for node in area.nodes]
        numbers = [node.number for node in area.nodes]
        checks.that("the ring is quorate before", quorumlib.settled(watches, numbers, True))
        started = time.monotonic()
        done = strike(area, args)
        took = time.monotonic() - started
        checks.that("all nodes are in one ring again and quorate", quorumlib.settled(watches, numbers, True, 60), [w.last() for w in watches])
        time.sleep(1)
        for m in members:
            m.process.send_signal(signal.SIGUSR1)   # sends no more
        time.sleep(4)
        ended = [m.name for m in members if m.process.poll() is not None]
        for m in members:
            m.process.send_signal(signal.SIGTERM)
        for m in members:
            m.finish()
        checks.that(f"membership is killed {args.kills} times", sum(done.values()) == args.kills, (sum(done.values()), area.nodes[0].log()[-2000:]))
        checks.that("no client has ended before its time", not ended, ended)
        check_traffic(checks, "traffic", members)
        for m in members:
            faults = view_faults(m)
            checks.that(f"{m.name} sees consistent views", not faults, faults)
            last = max((i for i, r in enumerate(m.records) if r[0] == DELIVERED), default=0)
            left = {}
            for kind, node, _, number in m.records[:last]:
                if kind == LEFT and number == NODEDOWN:
                    left[node] = left.get(node, 0) + 1
            strangers = [n for n in area.nodes if n is not m.node]
            if args.nodes > 1:
                # Of a node that is struck again before its ring is announced one departure is told for both.
                told = all(left.get(n.number, 0) > 0 for n in done if n is not m.node) and (m.node not in done or all(left.get(n.number, 0) > 0 for n in strangers))
                checks.that(f"{m.name} is told who left", told, (left, {n.number: k for n, k in done.items()}))
        checks.that("every client of quorum is still connected", all(w.alive() for w in watches), [w.lines()[-1:] for w in watches])
        faults = quorumlib.faults(watches)
        checks.that("quorum is told as it should be", not faults, faults[:5])
        after = [{k: v for k, v in node.pids().items() if k != NAME and not (args.workers and k == "motet-cpg")} for node in area.nodes]
        checks.that("every other process has stayed", after == others, (others, after))
        again = sum(int(line.split("this process: ")[1].split()[0]) for node in area.nodes for line in node.log().splitlines() if "goes on with this process" in line)
        sent = sum(1 for m in members for r in m.records if r[0] == DELIVERED and r[2] == m.pid)
        print(f"# {sum(done.values())} kills in {took:.0f} s, {sent} messages sent; {again} of them were given to their sender by a successor", flush=True)
        gaps = sorted(r[3] / 1000 for m in members for r in m.records if r[0] == GAP and r[3] > 50_000)
        print(f"# pauses longer than 50 ms of {len(members)} clients: {len(gaps)}, median {gaps[len(gaps) // 2] if gaps else 0:.0f} ms, "
              f"longest {gaps[-1] if gaps else 0:.0f} ms", flush=True)
        for w in watches:
            w.process.kill()
            w.process.wait()
        if checks.bad:
            for node in area.nodes:
                log = node.log()
                print(log[:2000] + "\n...\n" + log[-5000:])


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--kills", type=int, default=12)
    p.add_argument("--nodes", type=int, default=3)
    p.add_argument("--clients", type=int, default=2)
    p.add_argument("--rate", type=float, default=1000)
    p.add_argument("--pause", type=float, default=0.7)
    p.add_argument("--signal", default="KILL")
    p.add_argument("--workers", action="store_true", help="kill the cpg worker at the same moment now and then")
    p.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    args = p.parse_args()
    print(f"# seed {args.seed}")
    checks = Checks()
    run(checks, args)
    checks.end()


if __name__ == "__main__":
    sys.exit(main())
