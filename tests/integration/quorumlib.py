"""Watchers of quorum on the nodes of a cluster, and what must hold of everything they heard (Q1 to Q6)."""
import re
import subprocess
import time

import nodes

LINE = re.compile(r"(\w+) (?:(\d) )?(\d+\.\d+) \[([\d ]*)\](?: \[([\d ]*)\] \[([\d ]*)\])?$")


class Watch:
    """quorum_watch on a node."""

    def __init__(self, cluster, node, name):
        self.node, self.path = node, cluster.file(f"watch-{name}-{node}")
        self.process = cluster.client(node, "tests/integration/quorum_watch", self.path)
        self.process.stdout.readline()

    def lines(self):
        try:
            with open(self.path) as f:
                return f.read().splitlines()
        except OSError:
            return []

    def events(self):
        out = []
        for line in self.lines():
            m = LINE.match(line)
            if m:
                sets = [tuple(int(n) for n in (m[i] or "").split()) for i in (4, 5, 6)]
                out.append((m[1], None if m[2] is None else int(m[2]), m[3], *sets))
        return out

    def last(self, kind="quorum"):
        return next((e for e in reversed(self.events()) if e[0] == kind), None)

    def alive(self):
        return self.process.poll() is None


def settled(watches, members, quorate, seconds=40):
    """Every watcher's last word is a quorum notification of one ring with these members and this decision."""
    def now():
        words = [w.last() for w in watches]
        return all(w is not None and w[3] == tuple(members) and w[1] == int(quorate) for w in words) and len({w[2] for w in words}) == 1
    return nodes.wait_for(f"{'quorum' if quorate else 'no quorum'} of {members}", now, seconds)


def faults(watches, decisions_may_change=False):
    """What is wrong with what was heard: a list of sentences."""
    bad = []
    by_ring = {}
    for w in watches:
        before, ring_open, totem = None, None, {}
        for e in w.events():
            kind, quorate, ring, members, joined, left = e
            if kind == "totem":
                totem[ring] = members
            if kind == "nodelist":
                if before is not None and set(members) != (set(before) | set(joined)) - (set(left) - set(joined)):
                    bad.append(f"node {w.node}: {members} is not {before} with {joined} joined and {left} left (Q4)")
                if list(members) != sorted(members):
                    bad.append(f"node {w.node}: members not sorted: {members}")
                before, ring_open = members, ring
            if kind == "quorum":
                first = by_ring.setdefault(ring, (w.node, members, quorate))
                if first[1] != members:
                    bad.append(f"ring {ring}: node {w.node} has {members}, node {first[0]} {first[1]} (Q1)")
                if not decisions_may_change and first[2] != quorate:
                    bad.append(f"ring {ring}: node {w.node} says {quorate}, node {first[0]} {first[2]} (Q1)")
                if ring_open is not None and ring != ring_open:
                    bad.append(f"node {w.node}: decision for {ring} after the node list of {ring_open} (Q6)")
        for ring, members in totem.items():
            if ring in by_ring and by_ring[ring][1] != members:
                bad.append(f"ring {ring}: cpg of node {w.node} has {members}, quorum {by_ring[ring][1]} (Q5)")
    return bad[:10]


def tool(cluster, node, *args, program="/usr/sbin/corosync-quorumtool"):
    return cluster.run(node, program, *args)


def field(text, label):
    m = re.search(rf"^{re.escape(label)}:[ \t]*(.*?)[ \t]*$", text, re.M)
    return m[1] if m else None


def cut(cluster, a, b):
    """Nodes a and b do not hear each other; everybody else hears both."""
    for x, y in ((a, b), (b, a)):
        cluster.run(x, "ip", "route", "add", "blackhole", f"10.77.0.{y}/32")


def join(cluster, a, b):
    for x, y in ((a, b), (b, a)):
        cluster.run(x, "ip", "route", "del", "blackhole", f"10.77.0.{y}/32")
