#!/usr/bin/env python3
"""Keys of the configuration that a client changes through cmap while the node runs: timers and logging are in force at once, in every process
and for its successors; what would not be valid is refused; a reload brings the file back."""
import os
import re
import signal
import time

from loopback import Loopback, wait_log
from nodes import Checks, wait_for

QUORUM = "quorum:\n  provider: corosync_votequorum\n"


def tool(node, *args):
    return node.run("corosync-cmapctl", *args, timeout=20)


def get(node, key, *options):
    p = tool(node, *options, "-q", "-g", key)
    return p.stdout.strip() if p.returncode == 0 else None


def timers(checks, node):
    p = tool(node, "-s", "totem.token", "u32", "5000")
    checks.that("totem.token is set, and membership uses it", p.returncode == 0 and wait_log(node, "token 5000 ms, consensus 6000 ms from now on"), (p, node.log()[-500:]))
    checks.that("what follows from it is shown", (get(node, "runtime.config.totem.token"), get(node, "runtime.config.totem.consensus")) == ("5000", "6000"), tool(node, "runtime.config.totem").stdout)
    checks.that("the log tells who changed what", "changed by a client: totem.token: 1000 -> 5000" in node.log(), node.log()[-500:])
    for what, args, said in (("a value out of range", ("totem.consensus", "u32", "1"), "totem.consensus"),
                             ("a value that another key forbids", ("totem.join", "u32", "7000"), "less than totem.join"),
                             ("a wrong type", ("totem.token", "str", "5000"), "its type"),
                             ("a word that is none", ("logging.debug", "str", "perhaps"), "logging.debug")):
        since, before = len(node.log()), get(node, args[0])
        p = tool(node, "-s", *args)
        checks.that(f"{what} is refused and said", p.returncode != 0 and "CS_ERR_INVALID_PARAM" in p.stderr and said in node.log()[since:] and get(node, args[0]) == before,
                    (p, node.log()[since:]))
    checks.that("a key that cannot change is refused", "CS_ERR_ACCESS" in tool(node, "-s", "nodelist.node.7.nodeid", "u32", "7").stderr)
    p = node.run("motetctl", "confdb", "set", "totem.token=6000")
    checks.that("motetctl confdb does the same", p.returncode == 0 and wait_log(node, "token 6000 ms") and get(node, "runtime.config.totem.token") == "6000", (p, node.log()[-300:]))
    p = node.run("motetctl", "confdb", "set", "totem.token=7")
    checks.that("and is refused the same", p.returncode == 1 and get(node, "totem.token") == "6000", p)


def logging(checks, node):
    since = len(node.log())
    tool(node, "-s", "logging.debug", "str", "on")
    checks.that("logging.debug is heard by every process", wait_for("its key", lambda: get(node, "logging.debug") == "on", 5) and
                wait_log(node, "changed by a client: logging.debug", 5, since), node.log()[since:])
    checks.that("a successor is started with that level", level_of_successor(node, "motet-cpg") == "debug", node.log()[since:][:800])
    tool(node, "-s", "logging.debug", "str", "off")
    checks.that("and off again", wait_log(node, "logging.debug: on -> off", 5) and level_of_successor(node, "motet-quorum") == "info", node.log()[-500:])


def subsystem(checks, node):
    key = "logging.logger_subsys.VOTEQ.debug"
    tool(node, "-s", key, "str", "on")
    checks.that("a subsystem's debug is its process's", wait_log(node, key + ": on (new)", 5) and level_of_successor(node, "motet-quorum") == "debug", node.log()[-500:])
    checks.that("and no other's", level_of_successor(node, "motet-cpg") == "info", node.log()[-500:])
    tool(node, "-s", "logging.logger_subsys.CMAP.debug", "str", "on")
    checks.that("there is something to hear", wait_for("it", lambda: tool(node, "-g", "totem.version").returncode == 0 and re.search(r"debug motet-confdb: connection \d+: process \d+ \(corosync-cmapct", node.log()), 5), node.log()[-500:])
    tool(node, "-d", "logging.logger_subsys.CMAP.debug")
    tool(node, "-d", key)
    checks.that("until it is deleted", wait_for("its end", lambda: level_of_successor(node, "motet-quorum") == "info", 10), node.log()[-500:])


def level_of_successor(node, name):
    before = node.pids()[name]
    os.kill(before, signal.SIGKILL)
    wait_for(f"a new {name}", lambda: node.pids().get(name) not in (None, before), 20)
    node.wait_members(1, 20)
    with open(f"/proc/{node.pids()[name]}/cmdline") as f:
        words = f.read().split("\0")
    return words[words.index("--log-level") + 1]


def votes(checks, node):
    tool(node, "-s", "quorum.expected_votes", "u32", "3")
    quorum = lambda: node.run("corosync-quorumtool", "-s", timeout=20).stdout
    checks.that("quorum.expected_votes: one vote of three is no quorum", wait_for("no quorum", lambda: re.search(r"Expected votes: +3", quorum()) and "Activity blocked" in quorum(), 10), quorum())
    tool(node, "-s", "quorum.expected_votes", "u32", "1")
    checks.that("and of one it is", wait_for("quorum", lambda: re.search(r"Quorate: +Yes", quorum()), 10), quorum())


def successors(checks, node):
    for name in ("motet-confdb", "motet-membership"):
        since, before = len(node.log()), node.pids()[name]
        os.kill(before, signal.SIGKILL)
        wait_for(f"a new {name}", lambda: node.pids().get(name) not in (None, before), 20)
        node.wait_members(1, 30)
        wait_for("cmap", lambda: get(node, "totem.version") == "2", 20)
        checks.that(f"a successor of {name} has them too", get(node, "runtime.config.totem.token") == "6000" and get(node, "totem.token") == "6000",
                    (get(node, "runtime.config.totem.token"), node.log()[since:][-600:]))
    since = len(node.log())
    tool(node, "-s", "totem.merge", "u32", "300")
    checks.that("and goes on", wait_log(node, "totem.merge: 300 (new)", 5, since), node.log()[since:])


def flood(checks, node):
    """Many changes are put into force together, the last one for good."""
    since = len(node.log())
    for i in range(40):
        node.run("motetctl", "confdb", "set", f"totem.token={6001 + i}")
    checks.that("the last of many changes is in force", wait_log(node, "token 6040 ms", 10, since) and get(node, "runtime.config.totem.token") == "6040", node.log()[since:][-600:])


def reload(checks, node):
    p = node.run("corosync-cfgtool", "-R", timeout=20)
    checks.that("a reload brings the file back", p.returncode == 0 and get(node, "totem.token") == "1000" and get(node, "totem.merge") is None and
                get(node, "runtime.config.totem.token") == "1000" and wait_log(node, "token 1000 ms"), (p, tool(node, "totem").stdout, node.log()[-600:]))


def late(checks, node):
    """Not a live key, but the way such keys are made: a process that stood still says so in stats.schedmiss."""
    pid = node.pids()["motet-membership"]
    os.kill(pid, signal.SIGSTOP)
    time.sleep(1.5)
    os.kill(pid, signal.SIGCONT)
    node.wait_members(1, 20)
    checks.that("a pause of membership is in stats.schedmiss", wait_for("it", lambda: float(get(node, "stats.schedmiss.0.delay", "-m", "stats") or 0) >= 800, 5) and
                abs(int(get(node, "stats.schedmiss.0.timestamp", "-m", "stats")) / 1000 - time.time()) < 60, tool(node, "-m", "stats", "stats.schedmiss").stdout)
    checks.that("and in the log", "was not scheduled for" in node.log(), node.log()[-500:])


def main():
    checks = Checks()
    with Loopback(1, extra=QUORUM) as area:
        node = area.nodes[0]
        timers(checks, node)
        logging(checks, node)
        subsystem(checks, node)
        votes(checks, node)
        successors(checks, node)
        flood(checks, node)
        reload(checks, node)
        late(checks, node)
        checks.that("nothing ended by itself", not re.search(r"killed by signal (?!9 )", node.log()), node.log()[-500:])
    checks.end()


if __name__ == "__main__":
    main()
