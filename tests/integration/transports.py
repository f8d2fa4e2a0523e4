#!/usr/bin/env python3
"""Rings of three Motet nodes over UDP multicast and over IPv6: load, kill and rejoin, partition and heal, order and views.

transports.py [udp udp6 udpu6]: which; all by default.
"""
import sys
import time

import nodes
from loopback import check_traffic
from mixed_ring import members
from nodes import DELIVERED, JOINED, LEFT, Checks, Cluster, read_log, wait_for

KINDS = {"udp": ("udp", 4), "udp6": ("udp", 6), "udpu6": ("udpu", 6)}
JOIN, NODEDOWN, NODEUP, PROCDOWN = 1, 3, 4, 5   # cpg_reason_t


class Place:
    """What loopback.Member wants to know of a node, for a node in a namespace."""

    def __init__(self, cluster, number):
        self.cluster, self.number = cluster, number


class Member:
    """ordercheck on a node of a Cluster."""

    def __init__(self, cluster, number, seconds, rate, group, linger=3):
        self.node, self.name, self.path = Place(cluster, number), f"node {number}", cluster.file(f"{group}-{number}.log")
        self.seconds = seconds
        self.process = cluster.client(number, "tests/integration/ordercheck", "--log", self.path, "--seconds", seconds, "--rate", rate,
                                      "--group", group, "--big-every", 97, "--linger", linger)

    def begun(self):
        self.joined = self.process.stdout.readline().strip()
        self.pid = int(self.joined.split()[2]) if self.joined.startswith("joined") else 0
        return self

    def finish(self):
        out, self.err = self.process.communicate(timeout=self.seconds + 60)
        self.records = read_log(self.path)
        return self


def all_see(cluster, count, of, seconds=20):
    return wait_for(f"a ring of {count}", lambda: all(members(cluster, n) == count for n in of), seconds)


def load(cluster, group, seconds, rate=300):
    started = [Member(cluster, n, seconds, rate, group) for n in range(1, cluster.n + 1)]
    return [m.begun() for m in started]


def kill_and_rejoin(checks, cluster, name):
    victim = 3
    running = load(cluster, "kill", 8)
    time.sleep(2)
    cluster.sh("kill9", victim)
    checks.that(f"{name}: the others form a ring without the killed node", all_see(cluster, 2, (1, 2)), cluster.log_tails())
    cluster.sh("start", victim)
    checks.that(f"{name}: the node is a member again after its start", all_see(cluster, 3, (1, 2, 3)), cluster.log_tails())
    done = [m.finish() for m in running]
    check_traffic(checks, f"{name}, kill and rejoin", done, gone=[done[victim - 1]])
    for m in done[:2]:
        left = [r for r in m.records if r[0] == LEFT and r[1] == victim]
        checks.that(f"{name}: {m.name} is told once that the killed one left, for NODEDOWN", len(left) == 1 and left[0][3] == NODEDOWN, left)


def partition_and_heal(checks, cluster, name):
    lonely = 3
    running = load(cluster, "split", 11)
    time.sleep(2)
    cluster.sh("isolate", lonely)
    apart = all_see(cluster, 2, (1, 2)) and all_see(cluster, 1, (lonely,))
    checks.that(f"{name}: both sides of a partition form a ring", apart, cluster.log_tails())
    time.sleep(1)
    cluster.sh("heal", lonely)
    checks.that(f"{name}: the sides merge when it heals", all_see(cluster, 3, (1, 2, 3)), cluster.log_tails())
    done = [m.finish() for m in running]
    # Both sides go on alone, and everybody sees the other side leave and come back. While apart they deliver different messages;
    # what two members have in common must be in the same order all the same.
    check_traffic(checks, f"{name}, partition and merge", done)
    for m in done:
        others = [o for o in done if (o.node.number == lonely) != (m.node.number == lonely)]
        for o in others:
            events = [(r[0], r[3]) for r in m.records if r[0] in (LEFT, JOINED) and r[1:3] == (o.node.number, o.pid)]
            came = [e for e in events if e not in ((JOINED, JOIN), (LEFT, PROCDOWN))]
            checks.that(f"{name}: {m.name} sees {o.name} leave with NODEDOWN and return with NODEUP", came == [(LEFT, NODEDOWN), (JOINED, NODEUP)], events)
        apart = False
        wrong = []
        for kind, who, pid, number in m.records:
            if others and (who, pid) == (others[0].node.number, others[0].pid):
                apart = kind == LEFT or (apart and kind != JOINED)
                if kind == DELIVERED and apart:
                    wrong.append(number)
        checks.that(f"{name}: {m.name} is delivered nothing of the other side while apart", not wrong, wrong[:5])


def main():
    nodes.need_namespaces()
    checks = Checks()
    for name in sys.argv[1:] or KINDS:
        transport, family = KINDS[name]
        with Cluster("mmm", transport=transport, token=1000, ip=family) as cluster:
            checks.that(f"{name}: three nodes form one ring", all_see(cluster, 3, (1, 2, 3)), cluster.log_tails())
            kill_and_rejoin(checks, cluster, name)
            partition_and_heal(checks, cluster, name)
            if checks.bad:
                print(cluster.log_tails())
    checks.end()


if __name__ == "__main__":
    main()
