#!/usr/bin/env python3
"""The cfg service on real processes: status, a reload that all nodes take or none, timers, nodes and addresses of a running ring,
shutdown with a veto, kill; and that every tool answers while any one process is stopped."""
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from loopback import Loopback, Node, config_text, program, wait_log  # noqa: E402
from nodes import Checks, wait_for  # noqa: E402


def tool(node, name, *args, timeout=15):
    """One of Corosync's tools, ours."""
    return node.run(program(name), *args, timeout=timeout)


class Ring(Loopback):
    """Nodes with a file each."""

    def __init__(self, count, room=0):
        super().__init__(count + room, start=False)
        self.count = count
        self.rewrite(list(range(1, count + 1)))
        for node in self.nodes:
            node.config = os.path.join(self.dir, f"node{node.number}.yaml")

    def text(self, members, token=1000, addresses=None, extra=""):
        addresses = addresses or {i: f"127.0.0.{i}" for i in members}
        text = config_text([addresses[i] for i in members], self.port, extra=extra).replace("token: 1000", f"token: {token}")
        for position, i in enumerate(members, 1):
            text = text.replace(f"  - nodeid: {position}\n    name: node{position}\n", f"  - nodeid: @{i}\n    name: node{i}\n", 1)
        return text.replace("@", "")

    def rewrite(self, members, only=None, **changes):
        for i in only or range(1, len(self.nodes) + 1):
            self.write(f"node{i}.yaml", self.text(members, **changes))

    def __enter__(self):
        try:
            for node in self.nodes[:self.count]:
                node.start()
            for node in self.nodes[:self.count]:
                if not node.wait_members(self.count, 30):
                    raise RuntimeError(f"node {node.number} is not ready:\n{node.log()[-2000:]}")
        except BaseException:
            self.__exit__()
            raise
        return self


def token_of(node):
    p = node.run("/usr/sbin/corosync-cmapctl", "-q", "-g", "runtime.config.totem.token")
    return p.stdout.strip()


def tokens(nodes):
    return [token_of(n) for n in nodes]


def looking(checks, ring):
    a = ring.nodes[0]
    p = tool(a, "corosync-cfgtool", "-s")
    checks.that("-s shows the local link and both other nodes", p.returncode == 0 and "Local node ID 1, transport udpu\nLINK ID 0 \n\taddr\t= 127.0.0.1\n" in p.stdout and
                "\t\tnodeid:          1:\tlocalhost\n\t\tnodeid:          2:\tconnected\n\t\tnodeid:          3:\tconnected\n" in p.stdout, (p.stdout, p.stderr))
    checks.that("-s -b is one character for each node", "\tstatus\t= n33\n" in tool(a, "corosync-cfgtool", "-s", "-b").stdout)
    p = tool(a, "corosync-cfgtool", "-n")
    checks.that("-n shows the reachable nodes", "nodeid: 2 reachable\n   LINK: 0  (127.0.0.1->127.0.0.2) enabled connected mtu: 1410\n\n" in p.stdout, p.stdout)
    p = tool(a, "corosync-cfgtool", "-a", "2")
    checks.that("-a shows addresses", (p.returncode, p.stdout) == (0, "127.0.0.2\n"), (p.stdout, p.stderr))
    p = tool(a, "corosync-cfgtool", "-a", "9")
    checks.that("-a of an unknown node is status 1", (p.returncode, p.stderr) == (1, "Could not get node address for nodeid 9\n"), p)
    p = tool(a, "corosync-cfgtool", "-k", "9")
    checks.that("-k of a node that is no member is refused", (p.returncode, p.stdout, p.stderr) ==
                (1, "Killing node 9\n", "Could not kill node (error = CS_ERR_NOT_EXIST)\n"), p)
    p = a.ctl("metrics")
    families = re.findall(r"^# TYPE (\S+) (counter|gauge)$", p.stdout, re.M)
    odd = [line for line in p.stdout.splitlines() if not re.match(r"^(# (TYPE|HELP) \S+ .+|# EOF|[a-zA-Z_][a-zA-Z0-9_]*(\{[^{}]*\})? -?[0-9][0-9.e+-]*)$", line)]
    checks.that("motetctl metrics is OpenMetrics text: every family once, counters with _total, an end", p.returncode == 0 and p.stdout.endswith("# EOF\n") and not odd and
                len(families) == len(set(families)) > 5 and re.search(r"^motet_process_up\{process=\"membership\"\} 1$", p.stdout, re.M) and
                re.search(r"^motet_worker_restarts_total\{worker=\"cpg\"\} 0$", p.stdout, re.M), (odd[:5], p.stdout[-800:], p.stderr))
    member = a.client("tests/integration/ordercheck", "--log", os.path.join(ring.dir, "g"), "--seconds", 4, "--rate", 1, "--group", "gr", "--linger", 1)
    member.stdout.readline()
    p = tool(a, "corosync-cpgtool")
    checks.that("corosync-cpgtool shows groups and members", re.search(r"^Group Name\t {7}PID\t {3}Node ID\ngr(\\x00)?\n\t\t +%d\t +1 \(127\.0\.0\.1\)$" % member.pid, p.stdout, re.M),
                (p.stdout, p.stderr))
    p = tool(a, "corosync-cpgtool", "-d", ":")
    checks.that("corosync-cpgtool -d is one line for each member", re.search(r"^GRP_NAME:PID:NODEID\ngr(\\x00)?:%d:1$" % member.pid, p.stdout, re.M), p.stdout)
    member.communicate(timeout=30)


def reloading(checks, ring):
    nodes = ring.nodes[:3]
    before, ring_before = tokens(nodes), nodes[0].ring()
    watch = subprocess.Popen(["/usr/sbin/corosync-cmapctl", "-T", "config.", "-T", "totem.token"], env=nodes[1].env(), stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
    time.sleep(0.5)
    ring.rewrite([1, 2, 3], token=2000)
    p = tool(nodes[0], "corosync-cfgtool", "-R")
    checks.that("-R is done", (p.returncode, p.stdout) == (0, "Reloading corosync.conf...\nDone\n"), p)
    checks.that("every node has the new token, without a new ring", tokens(nodes) == ["2650"] * 3 and nodes[0].ring() == ring_before, (before, tokens(nodes)))
    for n in nodes:
        checks.that(f"the log of node {n.number} shows the difference and membership has it", wait_log(n, "reload: totem.token: 1000 -> 2000", 5) and
                    wait_log(n, "token 2650 ms", 5), n.log()[-1500:])
    time.sleep(0.5)
    watch.communicate("q\n", timeout=10)

    watch = subprocess.Popen(["/usr/sbin/corosync-cmapctl", "-T", ""], env=nodes[1].env(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    time.sleep(0.5)
    ring.rewrite([1, 2, 3], token=1500)
    tool(nodes[2], "corosync-cfgtool", "-R")
    wait_for("token 1500", lambda: tokens(nodes) == ["2150"] * 3, 10)
    out, _ = watch.communicate("q\n", timeout=10)
    keys = [line.split(" ")[1] + "=" + line.rstrip().rsplit(" ", 1)[1] for line in out.splitlines() if "> " in line and
            (" config." in line or " totem.token " in line)]
    checks.that("keys change between the rise and the fall of the flags, and the flag of totem falls last",
                keys == ["config.reload_in_progress=1", "config.totemconfig_reload_in_progress=1", "totem.token=1500", "config.reload_in_progress=0",
                         "config.totemconfig_reload_in_progress=0"] or
                keys == ["config.reload_in_progress=1", "config.totemconfig_reload_in_progress=1", "totem.token=1500", "config.reload_status=1",
                         "config.reload_in_progress=0", "config.totemconfig_reload_in_progress=0"], (keys, out[:1500]))

    since = [len(n.log()) for n in nodes]
    ring.rewrite([1, 2, 3], token=3000)
    ring.write("node3.yaml", ring.text([1, 2, 3], token=3000).replace("token: 3000", "token: soon"))
    p = tool(nodes[0], "corosync-cfgtool", "-R")
    checks.that("one bad file refuses the reload for all", (p.returncode, p.stderr) == (7, "Could not reload configuration. Error CS_ERR_INVALID_PARAM\n") and
                tokens(nodes) == ["2150"] * 3, (p, tokens(nodes)))
    for n, at in zip(nodes, since):
        checks.that(f"node {n.number} says which node refused, where and why", wait_log(n, "node 3: ", 5, at) and wait_log(n, "node3.yaml:6:3: totem.token", 5, at), n.log()[at:])
    since = [len(n.log()) for n in nodes]
    ring.rewrite([1, 2, 3], token=3000)
    ring.rewrite([1, 2, 3], only=[2], token=4000)
    p = tool(nodes[0], "corosync-cfgtool", "-R")
    checks.that("files that disagree refuse it, and the setting is named", p.returncode == 7 and tokens(nodes) == ["2150"] * 3 and
                all(wait_log(n, "totem.token is 3000 on node 1 and 4000 on node 2", 5, at) for n, at in zip(nodes, since)), nodes[0].log()[since[0]:])

    ring.rewrite([1, 2, 3], token=1000)
    since = [len(n.log()) for n in nodes]
    nodes[1].process.send_signal(signal.SIGHUP)
    checks.that("HUP on one node reloads all", wait_for("tokens", lambda: tokens(nodes) == ["1650"] * 3, 10), [n.log()[at:] for n, at in zip(nodes, since)])
    ring.write("node1.yaml", ring.text([1, 2, 3]).replace("cluster_name: loopback", "cluster_name: other"))
    p = tool(nodes[0], "corosync-cfgtool", "-R")
    checks.that("a cluster name that differs is refused", p.returncode == 7, p)
    for i in (1, 2, 3):
        ring.write(f"node{i}.yaml", ring.text([1, 2, 3]).replace("cluster_name: loopback", "cluster_name: other"))
    p = tool(nodes[0], "corosync-cfgtool", "-R")
    p2 = nodes[0].ctl("status")
    checks.that("what needs a restart is named and keeps its value", p.returncode == 0 and "totem.cluster_name" in p2.stdout and
                "loopback" in nodes[0].run("/usr/sbin/corosync-cmapctl", "-g", "totem.cluster_name").stdout, (p, p2.stdout))
    ring.rewrite([1, 2, 3])
    tool(nodes[0], "corosync-cfgtool", "-R")


def nodes_and_addresses(checks, ring):
    nodes = ring.nodes
    ring.rewrite([1, 2, 3, 4])
    p = tool(nodes[0], "corosync-cfgtool", "-R")
    nodes[3].start()
    checks.that("a node that is added comes in", p.returncode == 0 and all(n.wait_members(4, 20) for n in nodes), (p, nodes[3].log()[-800:]))
    ring.rewrite([1, 2, 3])
    p = tool(nodes[0], "corosync-cfgtool", "-R")
    checks.that("a member cannot be taken out of the list", p.returncode == 7 and nodes[0].members() == 4, p)
    ring.rewrite([1, 2, 3, 4], addresses={1: "127.0.0.1", 2: "127.0.0.2", 3: "127.0.0.33", 4: "127.0.0.4"})
    p = tool(nodes[0], "corosync-cfgtool", "-R")
    moved = wait_for("node 3 at its new address", lambda: tool(nodes[0], "corosync-cfgtool", "-a", "3").stdout == "127.0.0.33\n", 10)
    time.sleep(2)
    checks.that("the address of a node changes while the ring runs", p.returncode == 0 and moved and all(n.wait_members(4, 20) for n in nodes), (p, nodes[2].log()[-800:]))
    ring.rewrite([1, 2, 3, 4])
    p = tool(nodes[1], "corosync-cfgtool", "-R")
    time.sleep(1)
    checks.that("and back", p.returncode == 0 and all(n.wait_members(4, 20) for n in nodes), p)
    checks.that("a stopped node can be taken out", nodes[3].stop() == 0 and nodes[0].wait_members(3, 20))
    ring.rewrite([1, 2, 3])
    p = tool(nodes[0], "corosync-cfgtool", "-R")
    checks.that("after which the list has three", p.returncode == 0 and "nodelist.node.3." not in nodes[0].run("/usr/sbin/corosync-cmapctl", "nodelist.").stdout, p)


def stopped(checks, ring):
    """Every tool with every process stopped, one at a time."""
    node = ring.nodes[0]
    pids = node.pids()
    for victim in ("motet", "motet-membership", "motet-cpg", "motet-confdb"):
        asked = []
        os.kill(pids[victim], signal.SIGSTOP)
        time.sleep(1.0)
        try:
            for name, *args in (("corosync-cfgtool", "-s"), ("corosync-cfgtool", "-R"), ("corosync-cpgtool",), ("motetctl", "metrics")):
                began = time.monotonic()
                p = node.ctl(*args) if name == "motetctl" else tool(node, name, *args, timeout=20)
                asked.append((name, args, round(time.monotonic() - began, 2), p.returncode, p.stderr.strip()))
        finally:
            os.kill(pids[victim], signal.SIGCONT)
        late = [a for a in asked if a[2] >= 3]
        unnamed = [a for a in asked if a[3] != 0 and victim not in a[4] and "motet" not in a[4]]
        checks.that(f"with {victim} stopped every tool answers in 3 s, and who fails names it", not late and not unnamed and
                    (victim == "motet-membership" or any(a[3] != 0 and victim in a[4] for a in asked)), asked)
        wait_for("all well again", lambda: tool(node, "corosync-cfgtool", "-s").returncode == 0 and node.members() == 3, 20)
        pids = node.pids()


def ending(checks, ring):
    nodes = ring.nodes[:3]
    tracker = nodes[1].client("tests/integration/cfg_client", "no")
    tracker.stdout.readline()
    p = tool(nodes[1], "corosync-cfgtool", "-H")
    checks.that("a user's NO keeps the node up, and -H says so with status 0", p.returncode == 0 and p.stdout == "Shutting down corosync\n" and
                p.stderr == "Could not shutdown (error = 10)\n" and nodes[1].process.poll() is None, p)
    p = tool(nodes[1], "corosync-cfgtool", "-H", "--force")
    checks.that("--force stops it all the same", p.returncode == 0 and nodes[1].process.wait(timeout=15) == 0, (p, nodes[1].log()[-600:]))
    tracker.kill()
    checks.that("the others see it leave", nodes[0].wait_members(2, 5) and wait_log(nodes[0], "node 2 was shut down", 5), nodes[0].log()[-600:])
    p = tool(nodes[0], "corosync-cfgtool", "-k", "3")
    checks.that("a node that is killed exits with 255 and says who did it", p.returncode == 0 and nodes[2].process.wait(timeout=10) == 255 and
                "killed by node 1: " in nodes[2].log(), (p, nodes[2].log()[-800:]))
    checks.that("the others see it lost", nodes[0].wait_members(1, 20))
    p = tool(nodes[0], "corosync-cfgtool", "-H")
    checks.that("-H stops the last one in order", p.returncode == 0 and nodes[0].process.wait(timeout=15) == 0, (p, nodes[0].log()[-600:]))
    p = tool(nodes[0], "corosync-cfgtool", "-s")
    checks.that("without a daemon the tools say so", (p.returncode, p.stderr) == (1, "Could not initialize corosync configuration API error 2\n"), p)
    p = tool(nodes[0], "corosync-cfgtool", "-R")
    checks.that("-R names the error", (p.returncode, p.stderr) == (1, "Could not initialize corosync configuration API error CS_ERR_LIBRARY\n"), p)


def main():
    checks = Checks()
    wanted = sys.argv[1:]
    with Ring(3, room=1) as ring:
        for part in (looking, reloading, nodes_and_addresses, stopped, ending):
            if not wanted or part.__name__ in wanted:
                began = time.monotonic()
                part(checks, ring)
                print(f"# {part.__name__}: {time.monotonic() - began:.1f} s", flush=True)
    checks.end()


main()
