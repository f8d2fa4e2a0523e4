#!/usr/bin/env python3
"""SIGKILL and SIGSTOP of membership: it is replaced, clients are told, the other node sees consistent views. A worker's death, which
nobody notices, is crash.py's."""
import os
import signal
import time

from loopback import Loopback, Member, alive, check_traffic, wait_log
from nodes import Checks, DELIVERED, JOINED, LEFT, VIEW, holes, wait_for

LIBRARY = 3   # how ordercheck ends when a call says CS_ERR_LIBRARY
NODEDOWN, PROCDOWN = 3, 5   # cpg_reason_t


def restarts(node):
    return {c["name"]: c["restarts"] for c in node.status().get("supervisor", {}).get("children", [])}


def strike(checks, area, victim, how, name, alone_reasons):
    """Kills a child of node 1 under load; node 2 watches. `alone_reasons`: why node 2 is told that node 1's member left."""
    one, two = area.nodes
    before, other_before, count = one.pids(), two.pids(), restarts(one)
    since = len(one.log())
    hit = Member(one, area.dir, "the member of node 1", 40, 200, name)
    watcher = Member(two, area.dir, "the member of node 2", 5 if how == signal.SIGKILL else 8, 200, name, big_every=53, linger=3)
    time.sleep(1)
    os.kill(before[victim], how)
    struck = time.monotonic()
    ended = wait_for("the end of the old client", lambda: hit.process.poll() is not None, 20)
    checks.that(f"{name}: the client of the struck service is told with CS_ERR_LIBRARY", ended and hit.process.returncode == LIBRARY,
                (hit.process.poll(), one.log()[since:][-800:]))
    print(f"# {name}: client told after {time.monotonic() - struck:.2f} s")
    back = wait_for("service on node 1", lambda: one.members() == 2, 30)
    print(f"# {name}: both nodes serve in one ring again after {time.monotonic() - struck:.2f} s")
    checks.that(f"{name}: new clients are served in a ring of two", back, one.log()[since:][-1500:])
    after = one.pids()
    checks.that(f"{name}: the child is a new process and the old one is gone", after.get(victim) not in (None, before[victim]) and not alive(before[victim]), (before, after))
    checks.that(f"{name}: the supervisor has stayed", after["motet"] == before["motet"], (before, after))
    checks.that(f"{name}: no process of the other node was replaced", two.pids() == other_before, (other_before, two.pids()))
    short = victim.removeprefix("motet-")
    checks.that(f"{name}: status counts the restart and says how it ended", restarts(one).get(short) == count[short] + 1 and
                any(c["name"] == short and c["last_exit"] for c in one.status()["supervisor"]["children"]), (count, one.status().get("supervisor")))
    newcomer = Member(one, area.dir, "a new member of node 1", 1, 200, name, linger=1)
    for m in (hit, watcher, newcomer):
        m.finish()
    check_traffic(checks, name, [hit, watcher, newcomer], gone=[hit])

    first_view = None
    left = [r[3] for r in watcher.records if r[0] == LEFT and r[1:3] == (1, hit.pid)]
    checks.that(f"{name}: node 2 is told once that the process left, with the right reason", len(left) == 1 and left[0] in alone_reasons, left)
    at = [i for i, r in enumerate(watcher.records) if r[0] == LEFT and r[1:3] == (1, hit.pid)]
    late = [r for r in watcher.records[at[0]:] if r[0] == DELIVERED and r[1:3] == (1, hit.pid)] if at else ["never left"]
    checks.that(f"{name}: nothing of the process is delivered after it left", not late, late[:3])
    joined = [r for r in watcher.records if r[0] == JOINED and r[1:3] == (1, newcomer.pid)]
    checks.that(f"{name}: node 2 sees the new member join once", len(joined) == 1, joined)
    missing = holes(watcher.records, 1, hit.pid)
    checks.that(f"{name}: what node 2 got of the struck client has no hole", not missing, missing[:5])
    count_faults, size = [], 0
    for kind, _, _, number in watcher.records:
        size += {JOINED: 1, LEFT: -1}.get(kind, 0)
        if kind == VIEW and first_view is None:
            first_view, size = number, number   # who was there before is a member, and not listed as joined
        elif kind == VIEW and number != size:
            count_faults.append((number, size))
            size = number
    checks.that(f"{name}: every view of node 2 has the members its joins and leaves make", not count_faults, count_faults)


def idle_other_clients(checks, area):
    """A client that waits in poll only must see the end too."""
    node = area.nodes[0]
    silent = node.client("tests/integration/silent", "--group", "quiet", "--seconds", 30)
    silent.stdout.readline()
    os.kill(node.pids()["motet-membership"], signal.SIGKILL)
    out = silent.communicate(timeout=40)[0].strip()
    checks.that("a client that only polls sees POLLHUP", silent.returncode == 0 and out.startswith("cut off"), (silent.returncode, out))
    checks.that("and the service is back", node.wait_members(len(area.nodes), 20), node.log()[-500:])


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
        strike(checks, area, "motet-membership", signal.SIGKILL, "membership killed", (NODEDOWN, PROCDOWN))
        strike(checks, area, "motet-membership", signal.SIGSTOP, "membership stopped", (NODEDOWN, PROCDOWN))
        checks.that("the heartbeat's finding of membership too", wait_log(area.nodes[0], "motet-membership has been silent for"), area.nodes[0].log()[-800:])
        idle_other_clients(checks, area)
    with Loopback(1) as area:
        again_and_again(checks, area)
    checks.end()


if __name__ == "__main__":
    main()
