#!/usr/bin/env python3
"""Corosync's own corosync-cfgtool and corosync-cpgtool on Corosync and on Motet print the same, and so do Motet's; in a ring of both,
reload, kill and shutdown of one kind are obeyed by the other."""
import os
import re
import shutil
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from nodes import Checks, Cluster, binary, need_namespaces, skip, wait_for  # noqa: E402

COMMANDS = [
    ("corosync-cfgtool", "-s"), ("corosync-cfgtool", "-s", "-b"), ("corosync-cfgtool", "--status", "--brief"), ("corosync-cfgtool", "-n"),
    ("corosync-cfgtool", "-i", "10.77.0.1", "-s"), ("corosync-cfgtool", "-a", "1"), ("corosync-cfgtool", "-a", "2"), ("corosync-cfgtool", "-a", "9"),
    ("corosync-cfgtool", "-k", "9"), ("corosync-cfgtool", "-k", "0"), ("corosync-cfgtool", "-k", "x"), ("corosync-cfgtool", "-L"), ("corosync-cfgtool", "-R"),
    ("corosync-cfgtool", "-z"), ("corosync-cpgtool",), ("corosync-cpgtool", "-n"), ("corosync-cpgtool", "-d", ":"), ("corosync-cpgtool", "-n", "-d", ":"),
    ("corosync-cpgtool", "-e"), ("corosync-cpgtool", "-z"),
]


def normal(p, pid, transport):
    """What two engines may differ in: process ids, the largest frame, and with udpu whose address Corosync calls its own."""
    def text(s):
        s = re.sub(r"(^|\D)%d(\D|$)" % pid, r"\1PID\2", s)
        s = re.sub(r" +PID\t", "\tPID\t", s)
        s = re.sub(r"mtu: \d+", "mtu: N", s)
        s = re.sub(r"^\S*(corosync-c\w+gtool)", r"\1", s, flags=re.M)
        if transport == "udpu":
            s = re.sub(r"(addr\t= ).*", r"\1A", s)
            s = re.sub(r"\(10\S*\)( enabled)", r"(A)\1", s)
        return s
    # A usage text is each tool's own.
    usage = p.args[-1] == "-z"
    return p.returncode, "" if usage else text(p.stdout), "" if usage else text(p.stderr)


def outputs(kinds, transport, tools):
    """{command: normal output} of node 1, by the tools of `tools`."""
    with Cluster(kinds, transport=transport, token=1000, **({"crypto": "aes256/sha256"} if transport == "knet" else {})) as c:
        member = c.client(1, "tests/integration/ordercheck", "--log", c.file("g"), "--seconds", 60, "--rate", 1, "--group", "odd group", "--linger", 1)
        member.stdout.readline()
        time.sleep(1.5)
        pids = [int(x) for x in re.findall(r":(\d+):1$", c.run(1, "corosync-cpgtool", "-d", ":").stdout, re.M)]
        found = {}
        for name, program in tools.items():
            found[name] = {}
            for command in COMMANDS:
                p = c.run(1, program(command[0]), *command[1:])
                p.args = command
                found[name][command] = normal(p, pids[0] if pids else -1, transport)
        return found


def compare(checks, transport):
    debian = {"Corosync's tools": lambda name: "/usr/sbin/" + name}
    both = {**debian, "Motet's tools": binary}
    reference = outputs("cc", transport, debian)["Corosync's tools"]
    for name, found in outputs("mm", transport, both).items():
        for command in COMMANDS:
            checks.that(f"{transport}: {name} on Motet: {' '.join(command)}", found[command] == reference[command],
                        f"\n{found[command]}\ninstead of\n{reference[command]}")


def mixed(checks):
    with Cluster("mcm", transport="udpu", token=1000) as c:
        def members(node):
            return len(re.findall(r"connected|localhost", c.run(node, "/usr/sbin/corosync-cfgtool", "-s").stdout.replace("disconnected", "")))
        checks.that("three nodes of both kinds", wait_for("ring", lambda: members(1) == 3, 20), c.log_tails())
        for asker, others in ((1, (2, 3)), (2, (1, 3))):
            since = {i: len(c.log(i)) for i in (1, 2, 3)}
            p = c.run(asker, "/usr/sbin/corosync-cfgtool", "-R")
            heard = all(wait_for(f"reload at {i}", lambda i=i: re.search(r"reload|Config reload", c.log(i)[since[i]:], re.I), 10) for i in others)
            checks.that(f"a reload asked for by node {asker} ({c.kinds[asker - 1]}) is heard by all", p.returncode == 0 and heard, (p, c.log_tails()))
        p = c.run(1, "/usr/sbin/corosync-cfgtool", "-k", "2")
        checks.that("Motet kills Corosync", p.returncode == 0 and wait_for("node 2 gone", lambda: members(1) == 2, 20), (p, c.log_tails()))
    with Cluster("mc", transport="udpu", token=1000) as c:
        since = len(c.log(1))
        p = c.run(2, "/usr/sbin/corosync-cfgtool", "-k", "1")
        checks.that("Corosync kills Motet, which says so", p.returncode == 0 and wait_for("the victim's words", lambda: "killed by node 2: " in c.log(1)[since:], 10),
                    (p, c.log_tails()))
    with Cluster("mc", transport="udpu", token=1000) as c:
        p = c.run(2, "/usr/sbin/corosync-cfgtool", "-H")
        checks.that("Motet hears that Corosync was shut down", p.returncode == 0 and wait_for("words", lambda: "node 2 was shut down" in c.log(1), 10), (p, c.log_tails()))
        p = c.run(1, "/usr/sbin/corosync-cfgtool", "-H")
        checks.that("and stops when it is asked", p.returncode == 0 and wait_for("end", lambda: "has stopped, exit code 0" in c.log(1), 15), (p, c.log_tails()))


def main():
    need_namespaces()
    if shutil.which("corosync-cfgtool", path="/usr/sbin") is None:
        skip("corosync is not installed")
    checks = Checks()
    parts = {"udpu": lambda: compare(checks, "udpu"), "knet": lambda: compare(checks, "knet"), "mixed": lambda: mixed(checks)}
    # Over udpu too on request: MOTET_TESTS=long.
    wanted = sys.argv[1:] or [name for name in parts if name != "udpu" or os.environ.get("MOTET_TESTS") == "long"]
    for name in wanted:
        began = time.monotonic()
        parts[name]()
        print(f"# {name}: {time.monotonic() - began:.1f} s", flush=True)
    checks.end()


main()
