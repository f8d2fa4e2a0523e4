#!/usr/bin/env python3
"""USR2 replaces the supervisor under load; a program that cannot take over leaves the old one running; without a supervisor nothing stays."""
import contextlib
import os
import shutil
import signal
import time

from loopback import Loopback, Member, alive, check_traffic, program, wait_log
from nodes import BUILD, Checks, wait_for

ROUNDS = int(os.environ.get("REPLACE_ROUNDS", "5"))


def own_copy(area, node):
    """Lets the node run a copy of motet that can be exchanged."""
    path = os.path.join(area.dir, "motet")
    shutil.copy(program("motet"), path)
    command = node.command
    node.command = lambda *more: [path if word == program("motet") else word for word in command(*more)]
    return path


def fds(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def replace(checks, node, expect="has taken over"):
    since = len(node.log())
    node.process.send_signal(signal.SIGUSR2)
    return checks.that(f"USR2: {expect}", wait_log(node, expect, 10, since), node.log()[since:][-800:])


def under_load(checks, area, path):
    one, two = area.nodes
    before, ring = one.pids(), one.ring()
    members = [Member(node, area.dir, f"member {i} of node {node.number}", ROUNDS * 0.6 + 2, 300, "replacing", big_every=41, linger=4)
               for node in area.nodes for i in (1, 2)]
    silent = one.client("tests/integration/silent", "--group", "quiet", "--seconds", 4)
    silent.stdout.readline()
    first = None
    for _ in range(ROUNDS):
        time.sleep(0.3)
        replace(checks, one)
        first = first or fds(one.daemon())
    checks.that("the supervisor keeps its pid and every child lives on", one.pids() == before, (before, one.pids()))
    checks.that("no descriptor is left over", fds(one.daemon()) <= first + 2, (first, fds(one.daemon())))
    for m in members:
        m.finish()
    check_traffic(checks, "under load", members)
    checks.that("a client that only polls was not cut off", silent.wait(timeout=20) == 2 or "cut off" not in (silent.stdout.read() or ""), silent.returncode)
    checks.that("no ring was formed", one.ring() == ring, (ring, one.ring()))
    checks.that("new clients are served", one.members() == 2, one.log()[-500:])
    status = one.status()["supervisor"]
    checks.that("status goes on counting", status["uptime_ms"] > ROUNDS * 300 and all(c["restarts"] == 0 for c in status["children"]), status)

    # A child that dies is replaced by the new supervisor, in the same rooms.
    os.kill(before["motet-cpg"], signal.SIGKILL)
    checks.that("a worker killed afterwards is restarted", wait_for("a new cpg", lambda: one.pids().get("motet-cpg") not in (None, before["motet-cpg"]), 10) and
                one.wait_members(2, 20), one.log()[-800:])
    since = len(one.log())
    one.process.send_signal(signal.SIGUSR1)
    checks.that("and signals are still heard", wait_log(one, "state: cpg", 10, since), one.log()[since:][-500:])


def broken_programs(checks, node, path):
    before = node.pids()
    good = path + ".good"
    os.rename(path, good)
    for name, make in (("a program that is gone", lambda: None),
                       ("a file that is no program", lambda: write(path, "not a program\n")),
                       ("a program that fails at once", lambda: write(path, "#!/bin/sh\nexit 1\n")),
                       ("a program that dies of a signal", lambda: write(path, "#!/bin/sh\nkill -SEGV $$\n")),
                       ("a program that never answers", lambda: write(path, "#!/bin/sh\nexec sleep 60\n"))):
        make()
        replace(checks, node, "not replaced and goes on")
        checks.that(f"{name}: the old supervisor and its children go on", node.pids() == before and node.members() == 2, (before, node.pids()))
        with contextlib.suppress(OSError):
            os.unlink(path)
    shutil.copy(good, path)
    replace(checks, node)
    checks.that("a good program is taken again", node.pids() == before and node.members() == 2, (before, node.pids()))


def write(path, text):
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, 0o755)


def no_half_node(checks, area):
    """kill -9 of the supervisor: its children end within a second, and other nodes hear of it at once."""
    one, two = area.nodes
    pids = {name: pid for name, pid in one.pids().items() if name != "motet"}
    since, losses = len(two.log()), two.counters().get("token_losses")
    one.process.kill()
    struck = time.monotonic()
    ended = wait_for("the end of all children", lambda: not any(alive(p) for p in pids.values()), 5)
    took = time.monotonic() - struck
    checks.that("without a supervisor no child is left", ended, {n: alive(p) for n, p in pids.items()})
    print(f"# all children had ended after {took * 1000:.0f} ms")
    one.process.wait()
    checks.that("the other node goes on alone", two.wait_members(1, 10), two.log()[since:][-500:])
    checks.that("it was told and did not have to miss the token", losses is not None and two.counters().get("token_losses") == losses, (losses, two.counters()))
    one.start()
    checks.that("the node comes back with a new supervisor", one.wait_members(2, 20), one.log()[-800:])


def main():
    checks = Checks()
    os.environ["MOTET_LIBEXECDIR"] = os.path.dirname(program("motet-membership"))
    os.environ["LD_LIBRARY_PATH"] = os.path.join(BUILD, "libs/client/.libs")
    with Loopback(2, start=False) as area:
        path = own_copy(area, area.nodes[0])
        for node in area.nodes:
            node.start()
        for node in area.nodes:
            checks.that(f"node {node.number} is in a ring of two", node.wait_members(2, 30), node.log()[-1000:])
        under_load(checks, area, path)
        broken_programs(checks, area.nodes[0], path)
        no_half_node(checks, area)
        checks.that("a replaced supervisor stops in order", area.nodes[0].stop() == 0, area.nodes[0].log()[-500:])
    checks.end()


if __name__ == "__main__":
    main()
