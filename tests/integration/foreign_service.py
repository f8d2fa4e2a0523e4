#!/usr/bin/env python3
"""The example service runs on a cluster as a worker of somebody else: confined, in order, synchronised, restarted."""
import os
import signal
import subprocess
import time

from loopback import Loopback, wait_log
from nodes import BUILD, Checks, binary, wait_for


def client(node, *args):
    return node.run("etc/examples/counter/counter-client", *args, timeout=20)


def read(node, name):
    p = client(node, "read", name)
    return int(p.stdout) if p.returncode == 0 else p.stderr


def add(node, name, n):
    return client(node, "add", name, n).returncode == 0


def child(node, name="counter"):
    return next((c for c in node.status().get("supervisor", {}).get("children", []) if c["name"] == name), {})


def main():
    checks = Checks()
    os.environ["LD_LIBRARY_PATH"] = os.path.join(BUILD, "libs/worker/.libs")   # for the engine, which motet starts
    engine = binary("etc/examples/counter/counter")
    extra = f"services:\n  - name: counter\n    program: {engine}\n    id: 41\n    x-counters-max: 3\n"
    with Loopback(3, start=False, extra=extra) as area:
        one, two, three = area.nodes
        for node in (one, two):
            node.start()
        for node in (one, two):
            checks.that(f"node {node.number} serves with a service of somebody else", node.wait_members(2, 30), node.log()[-1500:])
        checks.that("the service is ready", wait_for("counter", lambda: child(one).get("state") == "ready" and child(two).get("state") == "ready", 10), (child(one), one.log()[-800:]))
        watcher = two.client("etc/examples/counter/counter-client", "watch", 8)
        watcher.stdout.readline()
        checks.that("both nodes add", add(one, "a", 5) and add(two, "a", 7) and add(one, "b", -2), one.log()[-500:])
        for node in (one, two):
            checks.that(f"node {node.number} has the sums", wait_for("the sums", lambda n=node: (read(n, "a"), read(n, "b")) == (12, -2), 5), (read(node, "a"), read(node, "b")))
        # A bound of the configuration that the engine was given.
        add(one, "c", 1), add(one, "d", 1)
        checks.that("its own settings reach it", wait_for("c", lambda: read(two, "c") == 1, 5) and read(two, "d") == 0, (read(two, "c"), read(two, "d")))

        three.start()
        checks.that("a third node joins", three.wait_members(3, 30), three.log()[-1000:])
        checks.that("and is told the counters by synchronisation", wait_for("the sums", lambda: (read(three, "a"), read(three, "b")) == (12, -2), 10), (read(three, "a"), three.log()[-800:]))

        before = {n: child(n)["pid"] for n in area.nodes}
        os.kill(before[one], signal.SIGKILL)
        checks.that("a killed engine is started again", wait_for("a new engine", lambda: child(one).get("pid") not in (0, None, before[one]) and child(one).get("state") == "ready", 15), child(one))
        checks.that("its successor learns the counters", wait_for("the sums", lambda: (read(one, "a"), read(one, "b")) == (12, -2), 15), (read(one, "a"), one.log()[-1500:]))
        checks.that("nobody else was replaced", child(two)["pid"] == before[two] and child(three)["pid"] == before[three], "")
        checks.that("and all go on adding", add(one, "a", 1) and wait_for("13", lambda: read(three, "a") == 13, 5), read(three, "a"))
        out = watcher.communicate(timeout=20)[0].split("\n")
        checks.that("a client hears every change in order", [line for line in out if line.startswith("a ")][:2] in (["a 5", "a 12"], ["a 7", "a 12"]), out)
        if os.geteuid() == 0:
            with open(f"/proc/{child(two)['pid']}/status") as f:
                s = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
            checks.that("it is confined like our own workers", s["Seccomp"] == "2" and s["NoNewPrivs"] == "1" and int(s["CapPrm"], 16) == 0 and int(s["CapBnd"], 16) == 0 and
                        s["Uid"].split()[0] != "0" and os.listdir(f"/proc/{child(two)['pid']}/root/") == [], s)
        since = len(one.log())
        rubbish = one.client("etc/examples/counter/counter-client", "add", "x" * 65, 1)
        checks.that("a client that breaks the service's rules is cut off, the service stays", rubbish.wait(timeout=20) == 1 and "makes no sense" in one.log()[since:] and read(one, "a") == 13,
                    (rubbish.returncode, one.log()[since:][-500:]))

    # A program that anybody could have written over is not started.
    if os.geteuid() == 0:
        with Loopback(1, start=False) as area:
            loose = os.path.join(area.dir, "loose")
            subprocess.run(["cp", engine, loose], check=True)
            os.chmod(loose, 0o777)
            with open(area.config, "a") as f:
                f.write(f"services:\n  - name: counter\n    program: {loose}\n    id: 41\n")
            node = area.nodes[0].start()
            checks.that("a program that others may write is not started, and the log says why", wait_log(node, "writable by nobody else", 15), node.log()[-800:])
            checks.that("a service that never comes up is given up for a while, the node serves", wait_log(node, "it is tried again every 30 s", 20) and node.wait_members(1, 10), node.log()[-800:])
    checks.end()


if __name__ == "__main__":
    main()
