#!/usr/bin/env python3
"""What follows from a resource of the machine beyond its limit, or from an application that failed for good: the watchdog, an
orderly stop, a reboot. The reboot is of a process namespace of its own, inside a user namespace: nothing in there may reboot the
machine, and the kernel reports it as the end of the namespace's first process by SIGHUP (SIGINT would be a halt)."""
import ctypes
import json
import os
import signal
import sys
import time

import nodes
from loopback import Loopback
from nodes import Checks, wait_for
from sam_node import App, PATIENCE, kill_worker

NEWNS, NEWUSER, NEWPID = 0x20000, 0x10000000, 0x20000000


def limit(value, recovery):
    return f"  system:\n    memory_used:\n      max: {value}\n      recovery: {recovery}\n      poll_period: 500\n"


class Config:
    """The node's configuration with one section that changes."""

    def __init__(self, area):
        self.area = area
        with open(area.config) as f:
            self.base = f.read()

    def set(self, text, node=None):
        self.area.write("motet.yaml", self.base + text)
        if node:
            os.kill(node.daemon(), signal.SIGHUP)


def forgotten(checks):
    """An application with the cmap flag that fails for good starves the watchdog until an administrator says to forget it."""
    with Loopback(1, start=False) as area:
        device = area.write("watchdog", "")
        Config(area).set(f"resources:\n  watchdog_device: {device}\n  watchdog_timeout: 2\n")
        node = area.nodes[0].start()
        node.wait_members(1, 30)
        listed = lambda: {a["id"]: a for a in json.loads(node.ctl("sam", "list", "--json").stdout)["applications"]}
        fed = lambda: os.path.getsize(device)
        app, other = App(node, area.dir, "failing", "obeys_cmap"), App(node, area.dir, "well")
        for a in (app, other):
            wait_for("the start", lambda a=a: a.started() == 1, PATIENCE)
            wait_for("supervision", a.watched, PATIENCE)
        running = other.shown()["id"]
        app.do("failed")
        checks.that("an application with the cmap flag fails for good: the watchdog starves", wait_for("it", lambda: "the watchdog is not fed any more" in node.log(), 30),
                    node.log()[-800:])
        before = fed()
        time.sleep(2.5)
        checks.that("and is not written to", fed() == before, (before, fed()))
        ended = [i for i, a in listed().items() if a["supervision"] == "ended" and a["state"] == "failed"]
        checks.that("the list has it", len(ended) == 1, listed())
        kill_worker(node)
        checks.that("and has it after the death of the sam worker", wait_for("the list", lambda: ended[0] in listed(), 20), node.log()[-500:])
        for target in (str(running), "999999"):
            p = node.ctl("sam", "forget", target)
            checks.that(f"forget {'one that runs' if target != '999999' else 'one that never was'} is refused with a line", p.returncode == 1 and
                        len(p.stderr.strip().splitlines()) == 1 and target in p.stderr, (p.returncode, p.stderr))
        p = node.ctl("sam", "forget", str(ended[0]))
        checks.that("forget is obeyed", p.returncode == 0 and ended[0] not in listed() and running in listed(), (p.stderr, listed()))
        checks.that("and the watchdog is fed again", wait_for("it", lambda: "the watchdog is fed again" in node.log() and fed() > before, 20), node.log()[-800:])
        kill_worker(node)
        checks.that("what was forgotten stays so", wait_for("the list", lambda: running in listed(), 20) and ended[0] not in listed(), node.log()[-500:])
        checks.that("an orderly stop disarms the device", node.stop() == 0 and open(device).read().endswith("V"), open(device).read()[-5:])
        for a in (app, other):
            a.kill()


def shut_down(checks):
    with Loopback(1, start=False) as area:
        config = Config(area)
        config.set("resources:\n" + limit(100, "shutdown"))
        node = area.nodes[0].start()
        checks.that("within its limits a node runs", node.wait_members(1, 30), node.log()[-500:])
        config.set("resources:\n" + limit(0, "none"), node)
        checks.that("beyond them with recovery none it says so", wait_for("it", lambda: "more than its max" in node.log(), 20) and node.members() == 1, node.log()[-500:])
        config.set("resources:\n" + limit(0, "shutdown"), node)
        checks.that("with recovery shutdown it stops in order", wait_for("its end", lambda: node.process.poll() is not None, 30) and node.process.poll() == 0 and
                    "its recovery is shutdown" in node.log(), (node.process.poll(), node.log()[-800:]))
        checks.that("and leaves nothing in its runtime directory", not os.listdir(node.run_dir), os.listdir(node.run_dir))


def first_process(area, outer):
    """The first process of the namespace: runs the node until it is ended with everything else."""
    if os.getpid() != 1 or ctypes.CDLL(None).mount(b"proc", b"/proc", b"proc", 0, None) != 0 or os.readlink("/proc/self/ns/pid") == outer[0] or \
            os.readlink("/proc/self/ns/user") == outer[1]:
        os._exit(98)   # not where a reboot is harmless: nothing is started
    config = Config(area)
    config.set("resources:\n" + limit(100, "reboot"))
    node = area.nodes[0].start()
    if not node.wait_members(1, 30):
        os._exit(97)
    area.write("ready", "")
    config.set("resources:\n" + limit(0, "reboot"), node)
    time.sleep(60)
    os._exit(96)


def reboots(checks):
    outer = [os.readlink(f"/proc/self/ns/{kind}") for kind in ("pid", "user")]
    with Loopback(1, start=False) as area:
        (there, here), (go, went) = os.pipe(), os.pipe()
        outside = os.fork()
        if outside == 0:
            if ctypes.CDLL(None).unshare(NEWUSER | NEWNS | NEWPID) != 0:
                os._exit(77)
            os.write(here, b"x")
            os.read(go, 1)
            first = os.fork()
            if first == 0:
                try:
                    first_process(area, outer)
                finally:
                    os._exit(95)
            status = os.waitpid(first, 0)[1]
            os._exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
        os.close(here)
        if os.read(there, 1):
            for what in ("uid_map", "gid_map"):
                with open(f"/proc/{outside}/{what}", "w") as f:
                    f.write("0 0 4294967295")
            os.write(went, b"x")
        status = os.WEXITSTATUS(os.waitpid(outside, 0)[1])
        log = area.nodes[0].log()
        if status == 77:
            print("# no user namespaces here: the reboot is not tested")
            return
        checks.that("with recovery reboot the node ran", os.path.exists(os.path.join(area.dir, "ready")), (status, log[-1500:]))
        checks.that("said so", "its recovery is reboot" in log, log[-800:])
        checks.that("and rebooted: the namespace ended by SIGHUP", status == 128 + signal.SIGHUP, (status, log[-800:]))


def main():
    if os.geteuid() != 0:
        nodes.skip("needs root for a namespace to reboot")
    checks = Checks()
    forgotten(checks)
    shut_down(checks)
    sys.stdout.flush()
    reboots(checks)
    checks.end()


if __name__ == "__main__":
    main()
