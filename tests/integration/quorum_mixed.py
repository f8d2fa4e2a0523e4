#!/usr/bin/env python3
"""A ring of Motet and corosync nodes agrees on quorum through partition, heal and changed votes; the distribution's
corosync-quorumtool and ours print the same on Motet.

quorum_mixed.py [--kill] [KINDS [ROUNDS]]: e.g. mcm (default). ROUNDS > 0: so many random partitions besides, under load (the
long form). --kill: quorum workers die in between and no client may notice.
"""
import random
import re
import shutil
import signal
import os
import sys
import time

import nodes
from nodes import BUILD, Checks, Cluster, binary, wait_for
from quorumlib import Watch, cut, faults, field, join, settled, tool

OURS = os.path.join(BUILD, ".libs", "corosync-quorumtool")
OURS = OURS if os.path.exists(OURS) else os.path.join(BUILD, "corosync-quorumtool")
FORMS = ([], ["-s"], ["-l"], ["-p"], ["-H"], ["-i"], ["-a"], ["-a", "-i"], ["-o", "i"], ["-o", "n"], ["-l", "-p"], ["-s", "-H", "-p"], ["-V"], ["-f"],
         ["-e", "1"], ["-e", "99"], ["-v", "1", "-n", "77"], ["-e", "x"], ["-o", "x"])


def normal(text):
    return re.sub(r"(Date: +).*", r"\1(now)", text)


def compare_tools(cluster, checks, node, why, changing=True):
    for form in FORMS:
        if not changing and form[:1] in (["-e"], ["-v"]):
            continue
        theirs = tool(cluster, node, *form)
        ours = tool(cluster, node, *form, program=OURS)
        a = (theirs.returncode, normal(theirs.stdout), theirs.stderr)
        b = (ours.returncode, normal(ours.stdout), ours.stderr)
        checks.that(f"{why}: quorumtool {' '.join(form)} prints what corosync's does", a == b, f"\n{a}\n{b}")


def quorum_worker(cluster, node):
    for pid in cluster.sh("pids", node).split():
        try:
            with open(f"/proc/{pid}/comm") as f:
                if f.read().strip() == "motet-quorum":
                    return int(pid)
        except OSError:
            pass
    return 0


def kill_worker(cluster, node):
    """The quorum worker dies and is there again."""
    old = quorum_worker(cluster, node)
    os.kill(old, signal.SIGKILL)
    return wait_for("the successor of a quorum worker", lambda: quorum_worker(cluster, node) not in (0, old), 20)


def same_everywhere(cluster, checks, name):
    """All nodes report the same numbers."""
    labels = ("Nodes", "Quorate", "Expected votes", "Highest expected", "Total votes", "Quorum", "Flags")
    said = {n: tuple(field(tool(cluster, n, "-s").stdout, label) for label in labels) for n in range(1, cluster.n + 1)}
    checks.that(f"{name}: all nodes report the same", len(set(said.values())) == 1, said)


def short(cluster, checks, watches):
    everybody = tuple(range(1, cluster.n + 1))
    checks.that("all nodes are quorate together", settled(watches, everybody, True), [w.lines()[-3:] for w in watches])
    same_everywhere(cluster, checks, "at the start")
    motet = cluster.kinds.index("m") + 1
    compare_tools(cluster, checks, motet, "with a majority")

    last = cluster.n
    cluster.sh("isolate", last)
    checks.that("the majority stays quorate", settled(watches[:-1], everybody[:-1], True))
    checks.that("the node that is alone is not", settled(watches[-1:], everybody[-1:], False))
    alone = tool(cluster, last, "-s")
    checks.that("quorumtool says so with its exit code", alone.returncode == 2 and "Activity blocked" in alone.stdout, alone)
    if cluster.kinds[-1] == "m":
        compare_tools(cluster, checks, last, "without a majority", changing=False)
    cluster.sh("heal", last)
    checks.that("after the merge all are quorate", settled(watches, everybody, True))

    tool(cluster, motet, "-e", 5)
    checks.that("expected votes set on Motet are known everywhere", wait_for(
        "expected votes", lambda: all(field(tool(cluster, n, "-s").stdout, "Expected votes") == "5" for n in everybody), 10))
    other = cluster.kinds.index("c") + 1 if "c" in cluster.kinds else motet
    tool(cluster, other, "-e", cluster.n)
    checks.that("expected votes set on corosync are known everywhere", wait_for(
        "expected votes", lambda: all(field(tool(cluster, n, "-s").stdout, "Expected votes") == str(cluster.n) for n in everybody), 10))
    same_everywhere(cluster, checks, "after changed votes")

    if "--kill" in sys.argv:
        deaths(cluster, checks, watches, motet)


def deaths(cluster, checks, watches, motet):
    everybody, last = tuple(range(1, cluster.n + 1)), cluster.n
    checks.that("the quorum worker comes back", kill_worker(cluster, motet))
    cluster.sh("isolate", last)
    checks.that("clients of the worker that died hear of the next ring", settled(watches[:-1], everybody[:-1], True),
                [w.lines()[-3:] for w in watches])
    cluster.sh("heal", last)
    checks.that("and of the one after it", settled(watches, everybody, True))
    same_everywhere(cluster, checks, "at the end")


def partitions(cluster, checks, watches, rounds):
    """Random pairs are cut and joined under load while quorum workers die; at the end all agree again."""
    rng = random.Random(int(os.environ.get("SEED", "1")))
    for n in range(1, cluster.n + 1):
        cluster.client(n, "tests/integration/ordercheck", "--log", cluster.file(f"load-{n}.log"), "--seconds", rounds * 4 + 60, "--rate", 300,
                       "--group", "load", "--linger", 1)
    motets = [n + 1 for n, kind in enumerate(cluster.kinds) if kind == "m"]
    kills = 0
    for round_ in range(rounds):
        victims = rng.sample(range(1, cluster.n + 1), rng.randint(1, cluster.n - 1))
        for v in victims:
            cluster.sh("isolate", v)
        if "--kill" in sys.argv and round_ % 2 == 0:
            node = rng.choice(motets)
            kills += checks.that(f"round {round_}: the worker of node {node} comes back", kill_worker(cluster, node))
        time.sleep(rng.uniform(0.1, 3))
        for v in victims:
            cluster.sh("heal", v)
        time.sleep(rng.uniform(0.1, 2))
    everybody = tuple(range(1, cluster.n + 1))
    checks.that(f"after {rounds} partitions and {kills} deaths of quorum workers all agree", settled(watches, everybody, True, 90),
                [w.lines()[-3:] for w in watches])


def main():
    nodes.need_namespaces()
    if shutil.which("corosync-quorumtool") is None:
        nodes.skip("corosync is not installed")
    words = [w for w in sys.argv[1:] if not w.startswith("--")]
    kinds = words[0] if words else "mcm"
    rounds = int(words[1]) if len(words) > 1 else 0
    checks = Checks()
    binary("tests/integration/quorum_watch")
    with Cluster(kinds, token=1000, rr="no") as cluster:
        watches = [Watch(cluster, n, "w") for n in range(1, cluster.n + 1)]
        short(cluster, checks, watches)
        if rounds:
            partitions(cluster, checks, watches, rounds)
        wrong = faults(watches)
        checks.that(f"what {sum(len(w.events()) for w in watches)} notifications say fits together (Q1 to Q6)", not wrong, wrong)
        checks.that("no watcher lost its connection", all(w.alive() for w in watches), [w.lines()[-2:] for w in watches])
        if checks.bad:
            for n in range(1, cluster.n + 1):   # what matters lies far back after many rounds
                lines = [line for line in cluster.log(n).splitlines() if " error " in line or " warning " in line]
                print(f"--- node {n}", *lines[-60:], sep="\n")
            print(cluster.log_tails())
    checks.end()


if __name__ == "__main__":
    main()
