#!/usr/bin/env python3
"""How motet-membership is scheduled: in the ordinary way with a high weight, real-time while the machine makes it wait; and what
the configuration says instead. That the machine makes it wait is brought about by taking its weight away beside busy loops."""
import contextlib
import os
import signal
import subprocess
import sys

from loopback import Loopback, alive
from nodes import Checks, wait_for

LOOPS_FOR = 60      # seconds; they end with the test
RESET_ON_FORK = 0x40000000


def scheduled(pid):
    """(policies of its threads, nice value, real-time priority)"""
    threads = [int(t) for t in os.listdir(f"/proc/{pid}/task")]
    return {os.sched_getscheduler(t) for t in threads}, os.getpriority(os.PRIO_PROCESS, pid), os.sched_getparam(pid).sched_priority


def as_configured(checks, text, name, expected):
    with Loopback(1, start=False) as area:
        with open(area.config) as f:
            base = f.read()
        area.write("motet.yaml", base + text)
        node = area.nodes[0].start()
        node.wait_members(1, 30)
        found = scheduled(node.pids()["motet-membership"])
        checks.that(name, found == expected, found)


def the_rest(checks):
    """The supervisor has to be able to help; what it starts is ordinary."""
    with Loopback(1) as area:
        node = area.nodes[0]
        node.wait_members(1, 30)
        pids = node.pids()
        classes = {name: scheduled(pid)[:2] for name, pid in pids.items()}
        checks.that("the supervisor is real-time", os.sched_getscheduler(pids["motet"]) & ~RESET_ON_FORK == os.SCHED_RR, classes)
        workers = {name: c for name, c in classes.items() if name not in ("motet", "motet-membership")}
        checks.that("the workers are ordinary, of more weight than clients", len(workers) == 4 and set(map(str, workers.values())) == {str(({os.SCHED_OTHER}, -5))},
                    classes)


@contextlib.contextmanager
def busy_loops(count):
    loops = [subprocess.Popen([sys.executable, "-c", f"import time\nend = time.monotonic() + {LOOPS_FOR}\nwhile time.monotonic() < end: pass"])
             for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def when_it_waits(checks):
    with Loopback(1) as area:
        node = area.nodes[0]
        node.wait_members(1, 30)
        membership = node.pids()["motet-membership"]
        with busy_loops(2 * os.cpu_count()):
            os.sched_setscheduler(membership, os.SCHED_IDLE, os.sched_param(0))
            realtime = wait_for("real-time", lambda: scheduled(membership)[0] == {os.SCHED_RR}, 30)
        checks.that("a membership process that has to wait for a processor is made real-time", realtime, scheduled(membership))
        checks.that("with the default priority", scheduled(membership)[2] == 50, scheduled(membership))
        checks.that("and a line says so", "is real-time now, for 60 s" in node.log(), node.log()[-600:])
        os.kill(membership, signal.SIGKILL)
        wait_for("its end", lambda: not alive(membership), 10)
        wait_for("its successor", lambda: node.pids().get("motet-membership") not in (None, membership), 20)
        node.wait_members(1, 30)
        successor = node.pids()["motet-membership"]
        checks.that("its successor is real-time from the start", scheduled(successor)[0] == {os.SCHED_RR}, scheduled(successor))


def main():
    checks = Checks()
    if os.geteuid() != 0:
        print("needs root")
        sys.exit(77)
    other, realtime = {os.SCHED_OTHER}, {os.SCHED_RR}
    as_configured(checks, "", "by default it is scheduled in the ordinary way with a high weight", (other, -10, 0))
    as_configured(checks, "system:\n  sched_rr: yes\n  priority: 7\n", "with sched_rr yes it is real-time, with the priority given", (realtime, -10, 7))
    as_configured(checks, "system:\n  sched_rr: no\n  priority: -3\n", "with sched_rr no it has the nice value given", (other, -3, 0))
    the_rest(checks)
    when_it_waits(checks)
    checks.end()


main()
