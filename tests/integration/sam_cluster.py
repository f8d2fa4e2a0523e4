#!/usr/bin/env python3
"""Applications with quorum and cmap policies in a cluster of three: loss of quorum stops them, its return starts them, keys
follow; resources of the machine and a watchdog that is a file."""
import os
import signal
import time

from loopback import Loopback, Node
from nodes import BUILD, Checks, wait_for
from sam_node import App, PATIENCE

# Ours, else another one: both speak through our libcmap here.
CMAPCTL = next((path for path in (os.path.join(BUILD, ".libs", "corosync-cmapctl"), "/usr/sbin/corosync-cmapctl") if os.access(path, os.X_OK)), None)
NOBODY = 65534
QUORUM = "quorum:\n  provider: corosync_votequorum\n"


def keys(node, pid):
    """{name: value} of resources.process.PID"""
    p = node.run(CMAPCTL, f"resources.process.{pid}.")
    found = {}
    for line in p.stdout.splitlines():
        name, _, value = line.partition(" = ")
        found[name.split(" ")[0].rpartition(".")[2]] = value
    return found


def gone(app):
    return wait_for("the end of the supervisor", lambda: app.process.poll() is not None, 20)


def quorum(checks, area):
    one, others = area.nodes[0], area.nodes[1:]
    app, quitter = App(one, area.dir, "restarts", "obeys_quorum"), App(one, area.dir, "quits", "obeys_quorum_quit")
    checks.that("in a quorate partition both start", wait_for("both", lambda: app.started() == 1 and quitter.started() == 1, PATIENCE), (app.lines(), quitter.lines(), one.log()[-800:]))
    for node in others:
        node.stop()
    checks.that("loss of quorum ends the instance and makes the next", wait_for("instance 2", lambda: len(app.instances()) == 2, PATIENCE), app.lines())
    checks.that("which waits", wait_for("the state", lambda: app.shown().get("state") == "waiting for quorum", 10) and app.started() == 1, (app.shown(), app.lines()))
    checks.that("loss of quorum ends the one with policy quit", gone(quitter) and quitter.process.returncode == 128 + signal.SIGTERM, quitter.process.returncode)
    for node in others:
        node.start()
    checks.that("return of quorum starts the one that waits", wait_for("the start", lambda: app.started() == 2, PATIENCE), (app.lines(), one.log()[-800:]))
    checks.that("without another instance in between", len(app.instances()) == 2, app.lines())
    pid = one.pids().get("motet-quorum")
    if pid:
        os.kill(pid, signal.SIGKILL)
        time.sleep(3)
        checks.that("the death of the quorum worker is no loss of quorum", len(app.instances()) == 2 and app.shown().get("state") == "running", (app.lines(), app.shown()))
    app.do("leave")
    gone(app)
    app.kill()
    quitter.kill()


def cmap(checks, area):
    node = area.nodes[0]
    app = App(node, area.dir, "published", "obeys_cmap")
    wait_for("the start", lambda: app.started() == 1, PATIENCE)
    supervisor = app.process.pid
    found = keys(node, supervisor)
    checks.that("a published application has Corosync's keys", found.get("state") == "running" and found.get("recovery") == "restart" and found.get("poll_period") == "400", found)
    first = int(found.get("last_updated", "0"))
    checks.that("whose time of the last heartbeat moves", wait_for("it", lambda: int(keys(node, supervisor).get("last_updated", "0")) > first > 0, 10), found)
    checks.that("and what the node adds", wait_for("it", lambda: keys(node, supervisor).get("supervision") == "watched", 10), keys(node, supervisor))
    app.do("failed")
    checks.that("sam_mark_failed ends it for good", gone(app) and app.process.returncode == 137 and len(app.instances()) == 1, (app.process.returncode, app.lines()))
    checks.that("and the key says so", keys(node, supervisor).get("state") == "failed", keys(node, supervisor))
    second = App(node, area.dir, "orderly", "obeys_cmap")
    wait_for("the start", lambda: second.started() == 1, PATIENCE)
    second.do("leave")
    checks.that("an orderly end removes the keys", gone(second) and wait_for("it", lambda: "state" not in keys(node, second.process.pid), 10), keys(node, second.process.pid))
    plain = App(node, area.dir, "plain")
    wait_for("the start", lambda: plain.started() == 1, PATIENCE)
    checks.that("the node publishes one without the flag", wait_for("it", lambda: keys(node, plain.process.pid).get("state") == "running", 10), keys(node, plain.process.pid))
    plain.do("leave")
    gone(plain)
    checks.that("until it ends", wait_for("it", lambda: not keys(node, plain.process.pid), 10), keys(node, plain.process.pid))
    for a in (app, second, plain):
        a.kill()


def connections(checks):
    """An ordinary user has so many connections, two for every application; the log says which key lifts that, and a reload does."""
    limit = lambda n: f"ipc:\n  connections_per_user_max: {n}\nuidgid:\n  - uid: {NOBODY}\n"
    with Loopback(1, start=False) as area:
        with open(area.config) as f:
            base = f.read()
        area.write("motet.yaml", base + limit(3))
        node = area.nodes[0].start()
        node.wait_members(1, 30)
        place = os.path.join(area.dir, "nobody")
        os.mkdir(place)
        os.chown(place, NOBODY, NOBODY)
        apps = []
        for name in ("one", "two"):
            apps.append(App(node, place, name, before=("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")))
            checks.that(f"application {name} of an ordinary user starts", wait_for("it", lambda: apps[-1].started() == 1, PATIENCE), apps[-1].lines())
            checks.that("and is known to the node", wait_for("it", lambda: apps[-1].shown().get("supervision") == "watched", 20), node.log()[-800:])
        checks.that("the first has a standby", wait_for("it", apps[0].watched, 20), apps[0].shown())
        checks.that("for that of the second the user has no connection left, and the log names the key", wait_for(
            "the log", lambda: "ipc.connections_per_user_max (3)" in node.log() and "3 of them this user's" in node.log(), 20), node.log()[-800:])
        area.write("motet.yaml", base + limit(64))
        os.kill(node.daemon(), signal.SIGHUP)
        checks.that("with a higher limit it comes", wait_for("it", apps[1].watched, 30), (apps[1].shown(), node.log()[-800:]))
        for app in apps:
            app.do("leave")
            gone(app)
            app.kill()


def watchdog(checks):
    with Loopback(1, start=False) as area:
        device = area.write("watchdog", "")
        limit = lambda value: f"resources:\n  watchdog_device: {device}\n  watchdog_timeout: 2\n  system:\n    memory_used:\n      max: {value}\n      recovery: watchdog\n      poll_period: 500\n"
        with open(area.config) as f:
            base = f.read()
        area.write("motet.yaml", base + limit(100))
        node = area.nodes[0].start()
        fed = lambda: os.path.getsize(device)
        wait_for("the node", lambda: node.members() == 1, 30)
        before = fed()
        checks.that("a healthy node feeds its watchdog", wait_for("feeding", lambda: fed() > before + 1, 10), node.log()[-500:])
        area.write("motet.yaml", base + limit(0))
        os.kill(node.daemon(), signal.SIGHUP)
        starves = wait_for("the log line", lambda: "the watchdog is not fed any more" in node.log(), 15)
        before = fed()
        time.sleep(3)
        checks.that("one beyond a limit does not", starves and fed() == before, (fed(), before, node.log()[-800:]))
        area.write("motet.yaml", base + limit(100))
        os.kill(node.daemon(), signal.SIGHUP)
        checks.that("and does again when it is within", wait_for("feeding", lambda: fed() > before, 15), node.log()[-800:])
        checks.that("an orderly stop disarms the device", node.stop() == 0 and open(device).read().endswith("V"), open(device).read()[-5:])


def main():
    checks = Checks()
    with Loopback(3, extra=QUORUM) as area:
        quorum(checks, area)
        if CMAPCTL:
            cmap(checks, area)
        else:
            print("# no corosync-cmapctl here: keys are not looked at")
    connections(checks)
    watchdog(checks)
    checks.end()


if __name__ == "__main__":
    main()
