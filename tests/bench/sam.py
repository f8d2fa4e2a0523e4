#!/usr/bin/env python3
"""What supervision costs and how soon it acts, with 1 and with 500 applications: processor time of motet-sam and of the
supervisors, memory, and the time from a failure to the next instance, from the death of a supervisor to the next one.
Usage: sam.py [COUNT...]   (MOTET_BUILD as in make bench)"""
import contextlib
import json
import os
import signal
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from loopback import Loopback, rss_kib  # noqa: E402
from nodes import wait_for  # noqa: E402
from sam_node import App  # noqa: E402

INTERVAL_MS, SECONDS, BATCH = 1000, 10, 25
SAMPLES = {"killed": 10, "stopped": 3, "supervisor killed": 10, "supervisor stopped": 3}


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError), open(f"/proc/{pid}/schedstat") as f:   # nanoseconds: most use less than a tick of the clock
            total += int(f.read().split()[0])
    return total / 1e9


def until(condition, limit=30):
    start = time.monotonic()
    while time.monotonic() - start < limit:
        if condition():
            return time.monotonic() - start
        time.sleep(0.002)
    return float("nan")


def known(node):
    """{pid of the instance: what the node knows}"""
    p = node.ctl("sam", "list", "--json", timeout=30)
    return {a["pid"]: a for a in json.loads(p.stdout)["applications"]} if p.returncode == 0 else {}


def settled(node, count):
    watched = [a for a in known(node).values() if a["supervision"] == "watched" and a["standby"] and a["state"] == "running"]
    return len(watched) == count


def start(node, area, count):
    apps = []
    while len(apps) < count:
        batch = [App(node, area.dir, f"app{len(apps) + i}", interval_ms=INTERVAL_MS) for i in range(min(BATCH, count - len(apps)))]
        apps += batch
        if not wait_for("a batch of instances", lambda b=batch: all(a.started() >= 1 for a in b), 60):
            sys.exit(f"sam.py: {sum(a.started() >= 1 for a in batch)} of {len(batch)} applications started:\n{node.log()[-1500:]}")
    if not wait_for("all standbys", lambda: settled(node, count), 120):
        sys.exit(f"sam.py: not all of {count} applications are watched:\n{node.log()[-1500:]}")
    return apps


def strike(node, app, what):
    """Seconds until the application runs again, or is supervised again with a standby; NaN if it never does."""
    number, pid, _, _ = app.instances()[-1]
    shown = app.shown()
    supervisor = shown.get("supervisor", 0)
    victim = supervisor if what.startswith("supervisor") else pid
    started = app.started()
    try:
        os.kill(victim, signal.SIGSTOP if what.endswith("stopped") else signal.SIGKILL)
    except ProcessLookupError:   # it failed by itself just now
        return float("nan")
    if what.startswith("supervisor"):
        return until(lambda: app.watched(other_than=supervisor))
    return until(lambda: app.started() > started)


def measure(count):
    with Loopback(1, extra="sam:\n  restart_burst: 100000\n") as area:
        node = area.nodes[0]
        apps = start(node, area, count)
        time.sleep(2)
        restarts = sum(a["restarts"] for a in known(node).values())
        everybody = known(node).values()
        supervisors, standbys = [a["supervisor"] for a in everybody], [a["standby"] for a in everybody]
        worker = [node.pids()["motet-sam"]]
        before = [cpu_seconds(pids) for pids in (supervisors, standbys, worker)]
        time.sleep(SECONDS)
        used = [100 * (cpu_seconds(pids) - b) / SECONDS for pids, b in zip((supervisors, standbys, worker), before)]
        restarts = sum(a["restarts"] for a in known(node).values()) - restarts
        print(f"{count} application{'s' if count > 1 else ''}, health interval {INTERVAL_MS} ms, {SECONDS} s without a failure")
        print(f"  processor: supervisors {used[0]:.2f} %, standbys {used[1]:.2f} %, motet-sam {used[2]:.2f} % of one; memory of motet-sam {rss_kib(worker[0])} KiB; "
              f"{restarts} restarts without cause")
        for what, samples in SAMPLES.items():
            times = [strike(node, apps[i % len(apps)], what) for i in range(samples)]
            good = [t for t in times if t == t]
            lost = f"; {len(times) - len(good)} NOT SEEN" if len(good) < len(times) else ""
            then = "supervised again, with a standby," if what.startswith("supervisor") else "next instance runs"
            if good:
                print(f"  {then} after it was {what.split()[-1]}: median {1000 * statistics.median(good):.0f} ms, longest {1000 * max(good):.0f} ms of {len(good)}{lost}")
            else:
                print(f"  {what}: {lost}")
        for app in apps:
            app.do("leave")
        wait_for("the end of all", lambda: not known(node), 60)
        for app in apps:
            with contextlib.suppress(ProcessLookupError):
                if app.process.poll() is None:
                    app.process.kill()
        leftover = [app for app in apps if app.instances() and os.path.exists(f"/proc/{app.instances()[-1][1]}")]
        for app in leftover:
            app.kill()


for wanted in map(int, sys.argv[1:] or ["1", "500"]):
    measure(wanted)
