#!/usr/bin/env python3
"""SIGKILL and SIGSTOP of membership: it is replaced, clients stay, both nodes see the other leave and come back. Many deaths under more load
are membership_death.py's, those of a worker, which nobody notices, crash.py's."""
import os
import signal
import time

from loopback import Loopback, Member, alive, check_traffic, wait_log
from nodes import Checks, JOINED, LEFT, VIEW, wait_for

NAME = "motet-membership"
NODEDOWN, NODEUP = 3, 4   # cpg_reason_t


def restarts(node):
    return {c["name"]: c["restarts"] for c in node.status().get("supervisor", {}).get("children", [])}


def strike(checks, area, how, name):
    """Ends membership of node 1 under load, once with a client that only polls; node 2 watches."""
    one, two = area.nodes
    before, other_before, count = one.pids(), two.pids(), restarts(one)
    since = len(one.log())
    hit = Member(one, area.dir, "the member of node 1", 60, 200, name, linger=60)
    watcher = Member(two, area.dir, "the member of node 2", 60, 200, name, big_every=53, linger=60)
    silent = one.client("tests/integration/silent", "--group", "quiet", "--seconds", 120)
    silent.stdout.readline()
    time.sleep(1)
    os.kill(before[NAME], how)
    struck = time.monotonic()
    replaced = wait_for("a new membership", lambda: one.pids().get(NAME) not in (None, before[NAME]), 20)
    back = replaced and wait_for("service on node 1", lambda: one.members() == 2, 30)
    print(f"# {name}: both nodes serve in one ring again after {time.monotonic() - struck:.2f} s")
    checks.that(f"{name}: new clients are served in a ring of two", back, one.log()[since:][-1500:])
    after = one.pids()
    checks.that(f"{name}: membership is a new process and the old one is gone", after.get(NAME) not in (None, before[NAME]) and not alive(before[NAME]), (before, after))
    checks.that(f"{name}: every other process of the node has stayed", {**after, NAME: 0} == {**before, NAME: 0}, (before, after))
    checks.that(f"{name}: no process of the other node was replaced", two.pids() == other_before, (other_before, two.pids()))
    checks.that(f"{name}: status counts the restart and says how it ended", restarts(one).get("membership") == count["membership"] + 1 and
                any(c["name"] == "membership" and c["last_exit"] for c in one.status()["supervisor"]["children"]), (count, one.status().get("supervisor")))
    newcomer = Member(one, area.dir, "a new member of node 1", 1, 200, name, linger=1)
    time.sleep(1)
    for m in (hit, watcher):
        m.process.send_signal(signal.SIGUSR1)
    time.sleep(2)
    checks.that(f"{name}: a client that only polls has seen nothing", silent.poll() is None, silent.poll())
    silent.kill()
    silent.communicate()
    for m in (hit, watcher):
        m.process.send_signal(signal.SIGTERM)
    for m in (hit, watcher, newcomer):
        m.finish()
    check_traffic(checks, name, [hit, watcher, newcomer])

    left = [r[3] for r in watcher.records if r[0] == LEFT and r[1:3] == (1, hit.pid)]
    checks.that(f"{name}: node 2 is told once that the process left, with its node", left[:1] == [NODEDOWN] and left.count(NODEDOWN) == 1, left)
    joined = [r[3] for r in watcher.records if r[0] == JOINED and r[1:3] == (1, hit.pid)]
    checks.that(f"{name}: and once that it came back with it", joined.count(NODEUP) == 1, joined)
    mine = [r[3] for r in hit.records if r[0] == LEFT and r[1:3] == (2, watcher.pid)]
    checks.that(f"{name}: node 1 is told the same of node 2", mine.count(NODEDOWN) == 1, mine)
    count_faults, size, first_view = [], 0, None
    for kind, _, _, number in watcher.records:
        size += {JOINED: 1, LEFT: -1}.get(kind, 0)
        if kind == VIEW and first_view is None:
            first_view, size = number, number   # who was there before is a member, and not listed as joined
        elif kind == VIEW and number != size:
            count_faults.append((number, size))
            size = number
    checks.that(f"{name}: every view of node 2 has the members its joins and leaves make", not count_faults, count_faults)


def again_and_again(checks, area):
    """A worker that is killed over and over is not given up. Membership dying over and over is the end."""
    node = area.nodes[0]
    silent = node.client("tests/integration/silent", "--group", "quiet", "--seconds", 120)
    silent.stdout.readline()
    lives = node.log().count("motet-cpg is ready")
    for i in range(12):   # more than make a child that dies by itself a failed one
        os.kill(node.pids()["motet-cpg"], signal.SIGKILL)
        wait_for("a new cpg", lambda n=lives + i: node.log().count("motet-cpg is ready") > n, 20)
    checks.that("twelve kills of cpg in a row are survived", node.wait_members(1, 30), node.log()[-800:])
    checks.that("by a client that has nothing to say, too", silent.poll() is None, silent.poll())
    silent.kill()
    deadline = time.monotonic() + 60
    while node.process.poll() is None and time.monotonic() < deadline:
        pid = node.pids().get("motet-membership")
        if pid and pid != node.daemon():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.05)
    checks.that("ten deaths of membership in a row end motet with status 4 and a line", node.process.poll() == 4 and "Giving up" in node.log(),
                (node.process.poll(), node.log()[-800:]))
    checks.that("nothing is left in the runtime directory", not os.listdir(node.run_dir), os.listdir(node.run_dir))


def main():
    checks = Checks()
    with Loopback(2, options=("--hang-ms", "2000")) as area:
        strike(checks, area, signal.SIGKILL, "membership killed")
        strike(checks, area, signal.SIGSTOP, "membership stopped")
        checks.that("the heartbeat's finding of membership too", wait_log(area.nodes[0], "motet-membership has been silent for"), area.nodes[0].log()[-800:])
    with Loopback(1) as area:
        again_and_again(checks, area)
    checks.end()


if __name__ == "__main__":
    main()
