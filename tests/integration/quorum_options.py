#!/usr/bin/env python3
"""Votequorum's options on running nodes: after every step all nodes report what nodes of corosync 3.1.7 reported after the same steps
(quorum_options.expected), but for the differences that docs/quorum.md names.

quorum_options.py [--record] [SCENARIO...]: by default what is in CHECKED, with MOTET_LONG=1 all; --record runs the steps on the installed corosync and writes the file anew.
"""
import json
import os
import re
import shutil
import sys
import time

import nodes
from nodes import Checks, Cluster, wait_for
from quorumlib import field, tool

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "quorum_options.expected")
LABELS = ("Nodes", "Quorate", "Expected votes", "Highest expected", "Total votes", "Quorum", "Flags")
SETTLED, POLL = 16, 0.5   # corosync's answers have settled when so many polls in a row are the same
PATIENCE = 30


class Run:
    def __init__(self, cluster):
        self.cluster, self.up = cluster, set(range(1, cluster.n + 1))

    def start(self, *numbers):
        for n in numbers:
            self.cluster.sh("start", n)
            self.up.add(n)

    def leave(self, *numbers):
        for n in numbers:
            self.cluster.sh("stop", n)
            self.up.discard(n)

    def crash(self, *numbers):
        for n in numbers:
            self.cluster.sh("kill9", n)
            self.up.discard(n)

    def isolate(self, *numbers):
        for n in numbers:
            self.cluster.sh("isolate", n)

    def heal(self, *numbers):
        for n in numbers:
            self.cluster.sh("heal", n)

    def reload(self, change):
        """New configuration files on all nodes, then a reload."""
        for n in range(1, self.cluster.n + 1):
            path = os.path.join(self.cluster.env["BENCH_STATE"], self.cluster.id, f"n{n}", "etc", "corosync.conf")
            with open(path) as f:
                text = f.read()
            with open(path, "w") as f:
                f.write(change(text))
        return self.cluster.run(min(self.up), "corosync-cfgtool", "-R").returncode

    def quorumtool(self, node, *args):
        return tool(self.cluster, node, *args).returncode

    def set_key(self, node, key, kind, value):
        return self.cluster.run(node, "corosync-cmapctl", "-s", key, kind, value).returncode

    def look(self):
        """{node: [fields]} of those that run; a field a node does not print is None."""
        out = {}
        for n in sorted(self.up):
            text = tool(self.cluster, n, "-s").stdout
            out[str(n)] = [field(text, label) for label in LABELS]
        return out


def votes(node, number):
    return lambda text: re.sub(rf"(nodeid: {node}\n)(    quorum_votes: \d+\n)?", rf"\1    quorum_votes: {number}\n", text)


def expected(number):
    return lambda text: re.sub(r"(provider: corosync_votequorum\n)(expected_votes: \d+\n)?", rf"\1expected_votes: {number}\n", text)


# name: (nodes, lines of the quorum section, [(what, how)])
SCENARIOS = {
    "plain": (4, "", [
        ("all are there", lambda r: None),
        ("4 leaves", lambda r: r.leave(4)),
        ("3 crashes", lambda r: r.crash(3)),
        ("3 is back", lambda r: r.start(3)),
        ("4 is back", lambda r: r.start(4)),
        ("expected votes set to 6", lambda r: r.quorumtool(1, "-e", 6)),
        ("expected votes set below what is there", lambda r: r.quorumtool(1, "-e", 1)),
        ("3 votes for node 2, set on node 1", lambda r: r.quorumtool(1, "-v", 3, "-n", 2)),
        ("votes of a node that is not there", lambda r: r.quorumtool(1, "-v", 3, "-n", 9)),
    ]),
    "reload": (3, "", [
        ("all are there", lambda r: None),
        ("reload: node 2 has 3 votes", lambda r: r.reload(votes(2, 3))),
        ("2 crashes", lambda r: r.crash(2)),
        ("2 is back", lambda r: r.start(2)),
        ("reload: node 2 has 1 vote", lambda r: r.reload(votes(2, 1))),
        ("reload: 5 votes are expected", lambda r: r.reload(expected(5))),
        ("reload: 3 votes are expected", lambda r: r.reload(expected(3))),
    ]),
    "allow_downscale": (4, "allow_downscale: 1", [
        ("all are there", lambda r: None),
        ("4 leaves", lambda r: r.leave(4)),
        ("3 leaves", lambda r: r.leave(3)),
        ("2 crashes", lambda r: r.crash(2)),
        ("2 is back", lambda r: r.start(2)),
        ("3 and 4 are back", lambda r: r.start(3, 4)),
        ("4 crashes", lambda r: r.crash(4)),
    ]),
    "tracking": (3, "expected_votes_tracking: 1", [
        ("all are there", lambda r: None),
        ("expected votes set to 5", lambda r: r.quorumtool(1, "-e", 5)),
        ("expected votes set to 3 again", lambda r: r.quorumtool(1, "-e", 3)),
        ("3 leaves", lambda r: r.leave(3)),
        ("3 is back", lambda r: r.start(3)),
        ("all leave and come back", lambda r: (r.leave(1, 2, 3), r.start(1, 2, 3))),
    ]),
    "last_man_standing": (4, "last_man_standing: 1;wait_for_all: 1;last_man_standing_window: 1000", [
        ("all are there", lambda r: None),
        ("4 crashes", lambda r: r.crash(4)),
        ("3 crashes", lambda r: r.crash(3)),
        ("3 and 4 are back", lambda r: r.start(3, 4)),
        ("4 leaves", lambda r: r.leave(4)),
        ("1 is cut off", lambda r: r.isolate(1)),
        ("1 is heard again", lambda r: r.heal(1)),
    ]),
    "last_man_and_tie_breaker": (3, "last_man_standing: 1;wait_for_all: 1;last_man_standing_window: 1000;auto_tie_breaker: 1", [
        ("all are there", lambda r: None),
        ("3 crashes", lambda r: r.crash(3)),
        ("2 crashes", lambda r: r.crash(2)),
        ("both are back", lambda r: r.start(2, 3)),
    ]),
    "wait_for_all": (3, "wait_for_all: 1", [
        ("all are there", lambda r: None),
        ("3 leaves", lambda r: r.leave(3)),
        ("all are gone and two come back", lambda r: (r.leave(1, 2), r.start(1, 2))),
        ("the wait is cancelled", lambda r: r.set_key(1, "quorum.cancel_wait_for_all", "u8", 1)),
        ("3 is back", lambda r: r.start(3)),
    ]),
}


CHECKED = ("reload", "allow_downscale", "last_man_standing", "wait_for_all")   # two minutes of `make check`

# Where Motet differs on purpose (docs/quorum.md): the votes that were tracked are remembered by a node that starts again.
REMEMBERED = ["3", "Yes", "5", "5", "3", "3", "Quorate"]
ON_PURPOSE = {
    ("tracking", "3 is back"): {"1": REMEMBERED, "2": REMEMBERED, "3": REMEMBERED},
    ("tracking", "all leave and come back"): {"1": REMEMBERED, "2": REMEMBERED, "3": REMEMBERED},
}


def record(names):
    try:
        with open(FILE) as f:
            book = json.load(f)
    except OSError:
        book = {}
    for name in names:
        count, lines, steps = SCENARIOS[name]
        book[name] = []
        with Cluster("c" * count, token=1000, rr="no", quorum=lines) as cluster:
            run = Run(cluster)
            for what, how in steps:
                status = how(run)
                same, before = 0, None
                while same < SETTLED:
                    time.sleep(POLL)
                    seen = run.look()
                    same, before = (same + 1 if seen == before else 0), seen
                book[name].append([what, status if isinstance(status, int) else None, before])
                print(f"{name}: {what}: {status} {before}", flush=True)
    with open(FILE, "w") as f:
        f.write("{\n" + ",\n".join(json.dumps(k) + ": [\n" + ",\n".join("  " + json.dumps(step) for step in v) + "\n]" for k, v in sorted(book.items())) + "\n}\n")


def compare(checks, name, book):
    count, lines, steps = SCENARIOS[name]
    with Cluster("m" * count, token=1000, rr="no", quorum=lines) as cluster:
        run = Run(cluster)
        for (what, how), (was, expected_status, theirs) in zip(steps, book[name], strict=True):
            assert what == was, (what, was)
            theirs, whose = (ON_PURPOSE[name, what], "docs/quorum.md") if (name, what) in ON_PURPOSE else (theirs, "corosync")
            status = how(run)
            same = wait_for("what corosync said", lambda: run.look() == theirs, PATIENCE)
            time.sleep(1)   # and stays so
            ours = run.look()
            checks.that(f"{name}: {what}: all {len(theirs)} nodes say what {whose} says", same and ours == theirs,
                        "".join(f"\nnode {n}: {ours.get(n)}\n    not {theirs[n]}" for n in theirs if ours.get(n) != theirs[n]))
            if expected_status is not None:
                checks.that(f"{name}: {what}: with the same exit status {expected_status}", status == expected_status, status)
        if checks.bad:
            print(cluster.log_tails(30))


def main():
    nodes.need_namespaces()
    for program in ("corosync-quorumtool", "corosync-cfgtool", "corosync-cmapctl"):
        if shutil.which(program) is None:
            nodes.skip(f"{program} is not installed")
    everything = "--record" in sys.argv or os.environ.get("MOTET_LONG")
    names = [w for w in sys.argv[1:] if not w.startswith("--")] or list(SCENARIOS if everything else CHECKED)
    if "--record" in sys.argv:
        return record(names)
    checks = Checks()
    with open(FILE) as f:
        book = json.load(f)
    for name in names:
        compare(checks, name, book)
    return checks.end()


if __name__ == "__main__":
    main()
