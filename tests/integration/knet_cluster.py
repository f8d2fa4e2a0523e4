"""What the tests of transport knet share: load with a record of everything, links as motetctl tells them, and the steps of a day."""
import json
import os
import signal
import time

import nodes
from mixed_ring import members
from nodes import DELIVERED, JOINED, LEFT, Cluster, read_log, wait_for

JOIN, NODEDOWN, NODEUP, PROCDOWN = 1, 3, 4, 5   # cpg_reason_t


def offspring(pid):
    """The processes at the ends of the tree under `pid`."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            below = [int(p) for p in f.read().split()]
    except OSError:
        return []
    return [leaf for p in below for leaf in offspring(p)] or [pid]


class Member:
    """ordercheck on a node."""

    def __init__(self, cluster, number, seconds, rate, group, linger=1.5):
        self.number, self.seconds, self.path = number, seconds, cluster.file(f"{group}-{number}-{time.monotonic_ns()}.log")
        self.process = cluster.client(number, "tests/integration/ordercheck", "--log", self.path, "--seconds", seconds, "--rate", rate,
                                      "--group", group, "--big-every", 97, "--linger", linger)

    def begun(self):
        self.joined = self.process.stdout.readline().strip()
        self.pid = int(self.joined.split()[2]) if self.joined.startswith("joined") else 0
        return self

    def finish(self, stop=False):
        if stop and self.process.poll() is None:
            for p in offspring(self.process.pid):     # the shell around it does not pass signals on
                try:
                    os.kill(p, signal.SIGUSR1)
                except ProcessLookupError:
                    pass
        out, self.err = self.process.communicate(timeout=self.seconds + 60)
        self.records = read_log(self.path)
        return self


def load(cluster, group, seconds, rate=300, on=None, linger=1.5):
    started = [Member(cluster, n, seconds, rate, group, linger) for n in on or range(1, cluster.n + 1)]
    return [m.begun() for m in started]


def all_see(cluster, count, of, seconds=20):
    return wait_for(f"a ring of {count} on {of}", lambda: all(members(cluster, n) == count for n in of), seconds)


def motetctl(cluster, node, what):
    p = cluster.run(node, nodes.binary("motetctl"), "--json", what)
    return json.loads(p.stdout) if p.stdout.startswith("{") else {}


def links(cluster, node):
    """{(peer, link): what motetctl links --json says}"""
    return {(entry["node"], entry["link"]): entry for entry in motetctl(cluster, node, "links").get("links", [])}


def ring_of(cluster, node):
    """The ring's id; of a node that does not answer something that equals nothing."""
    return motetctl(cluster, node, "members").get("ring", object())


def pids(cluster, node):
    return [int(p) for p in cluster.sh("pids", node).split()]


def pause(cluster, node):
    stopped = pids(cluster, node)
    for p in stopped:
        os.kill(p, signal.SIGSTOP)
    return stopped


def resume(stopped):
    for p in stopped:
        try:
            os.kill(p, signal.SIGCONT)
        except ProcessLookupError:
            pass


def check_order(checks, name, done):
    faults = nodes.order_faults({f"node {m.number} ({m.pid})": m.records for m in done})
    checks.that(f"{name}: all members deliver in one order, nothing twice, nothing damaged", not faults, faults)


def check_complete(checks, name, done):
    """For members that stayed together from the beginning to the end."""
    for m in done:
        for other in done:
            missing = nodes.holes(m.records, other.number, other.pid)
            checks.that(f"{name}: node {m.number} misses nothing of node {other.number}", not missing, missing[:5])
        delivered = {r[1:] for r in m.records if r[0] == DELIVERED}
        lost = [r for r in m.records if r[0] == nodes.ACCEPTED and r[1:] not in delivered]
        checks.that(f"{name}: node {m.number} is delivered everything it sent", not lost, (len(lost), lost[:5]))


def view_events(member, of):
    """[(LEFT or JOINED, reason), ...] that `member` was told about the process of `of`."""
    return [(r[0], r[3]) for r in member.records if r[0] in (LEFT, JOINED) and r[1:3] == (of.number, of.pid)]
