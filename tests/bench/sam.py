#!/usr/bin/env python3
"""What supervision costs and how soon it acts, with 1 and with 500 applications: processor time of motet-sam and of the
supervisors, memory, and the time from a failure to the next instance. Usage: sam.py [COUNT...]   (MOTET_BUILD as in make bench)"""
import os
import signal
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from loopback import Loopback, rss_kib  # noqa: E402
from nodes import wait_for  # noqa: E402
from sam_node import App  # noqa: E402

INTERVAL_MS, SECONDS, SAMPLES = 1000, 5, 10
HZ = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat") as f:
                fields = f.read().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        except OSError:
            pass
    return total / HZ


def until(condition, limit=20):
    start = time.monotonic()
    while time.monotonic() - start < limit:
        if condition():
            return time.monotonic() - start
        time.sleep(0.002)
    return float("nan")


def measure(count):
    with Loopback(1, extra="sam:\n  restart_burst: 100000\n") as area:
        node = area.nodes[0]
        apps = [App(node, area.dir, f"app{i}", interval_ms=INTERVAL_MS) for i in range(count)]
        wait_for("all instances", lambda: all(a.started() == 1 for a in apps), 120)
        wait_for("all standbys", lambda: all(a.watched() for a in (apps[0], apps[-1])), 60)
        time.sleep(2)
        supervisors = [a.process.pid for a in apps]
        worker = [node.pids()["motet-sam"]]
        before = cpu_seconds(supervisors), cpu_seconds(worker)
        time.sleep(SECONDS)
        after = cpu_seconds(supervisors), cpu_seconds(worker)
        print(f"{count} applications, health interval {INTERVAL_MS} ms")
        print(f"  processor: all supervisors {100 * (after[0] - before[0]) / SECONDS:.2f} %, motet-sam {100 * (after[1] - before[1]) / SECONDS:.2f} % of one")
        print(f"  memory: motet-sam {rss_kib(worker[0])} KiB")
        times = {"killed": [], "stopped (two intervals)": []}
        for i in range(SAMPLES):
            app = apps[i % len(apps)]
            for what, sign in (("killed", signal.SIGKILL), ("stopped (two intervals)", signal.SIGSTOP)):
                if what != "killed" and i >= 3:
                    continue
                started = app.started()
                os.kill(app.instances()[-1][1], sign)
                times[what].append(until(lambda a=app, s=started: a.started() > s))
        for what, values in times.items():
            print(f"  next instance runs after it was {what}: median {1000 * statistics.median(values):.1f} ms, longest {1000 * max(values):.1f} ms")
        for app in apps:
            app.do("leave")
        wait_for("the end of all", lambda: all(a.process.poll() is not None for a in apps), 30)
        for pid in (p for a in apps for _, p, _, _ in a.instances()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


for wanted in map(int, sys.argv[1:] or ["1", "500"]):
    measure(wanted)
