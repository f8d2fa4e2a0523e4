#!/usr/bin/env python3
"""Debian's Pacemaker, unmodified, on three Motet nodes: it finds its cluster, starts a resource, does not notice the deaths of our
workers, moves the resource when a node dies, stops it without quorum and leaves in order. Then the same on a ring with a corosync
node, which is what a cluster is while it is moved from one to the other. Skipped where it is not installed."""
import os
import shutil
import signal
import subprocess
import time
import xml.etree.ElementTree as xml

import nodes
from nodes import BUILD, Checks, Cluster, wait_for

LIBRARIES = os.path.join(BUILD, "libs/client/.libs")
DAEMONS = {"pacemakerd", "pacemaker-based", "pacemaker-fenced", "pacemaker-execd", "pacemaker-attrd", "pacemaker-schedulerd", "pacemaker-controld"}
# Those that speak to the cluster themselves, each with its connection to cpg.
SPEAKERS = {"pacemakerd", "pacemaker-based", "pacemaker-fenced", "pacemaker-attrd", "pacemaker-controld"}
WORKERS = ("motet-cpg", "motet-confdb", "motet-quorum", "motet-sam")
PATIENCE = 90

# Each node has its own directories; the package has made users and programs.
PREPARE = """
for d in /var/lib/pacemaker /var/log/pacemaker; do mkdir -p $d; mount -t tmpfs tmpfs $d; chown hacluster:haclient $d; done
for d in blackbox cib cores pengine; do mkdir /var/lib/pacemaker/$d; chown hacluster:haclient /var/lib/pacemaker/$d; done
mkdir -p /run/crm /run/resource-agents; chown hacluster:haclient /run/crm
"""
DUMMY = '<primitive id="dummy" class="ocf" provider="pacemaker" type="Dummy"><operations><op id="dummy-watch" name="monitor" interval="2s"/></operations></primitive>'


class Pacemaker:
    """One node's; ours below it is the cluster's business."""

    def __init__(self, cluster, number):
        self.cluster, self.number = cluster, number
        self.name = f"n{number}"

    def prepare(self):
        p = self.cluster.run(self.number, "sh", "-ec", PREPARE)
        if p.returncode != 0:
            raise RuntimeError(p.stderr)

    def start(self):
        self.daemon = self.cluster.client(self.number, "/usr/sbin/pacemakerd")

    def run(self, *command, timeout=30):
        return self.cluster.run(self.number, *command, timeout=timeout)

    def pids(self):
        """{daemon: pid}, as seen from outside."""
        own, found = self.namespace(), {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink(f"/proc/{pid}/ns/pid") == own:
                    with open(f"/proc/{pid}/cmdline", "rb") as f:
                        name = os.path.basename(f.read().split(b"\0")[0].decode(errors="replace"))
                    if name in DAEMONS or name in WORKERS:
                        found[name] = int(pid)
            except OSError:
                continue
        return found

    def namespace(self):
        with open(os.path.join(self.cluster.env["BENCH_STATE"], self.cluster.id, f"n{self.number}", "init")) as f:
            return os.readlink(f"/proc/{f.read().strip()}/ns/pid")

    def daemons(self):
        return {k: v for k, v in self.pids().items() if k in DAEMONS}

    def status(self):
        """What crm_mon says: (nodes online, quorum, {resource: node}); None while it says nothing."""
        try:
            p = self.run("crm_mon", "-1", "--output-as=xml", timeout=20)
            top = xml.fromstring(p.stdout)
        except (subprocess.TimeoutExpired, xml.ParseError):
            return None
        dc = top.find("summary/current_dc")
        online = {n.get("name") for n in top.iterfind("nodes/node") if n.get("online") == "true" and n.get("pending") != "true"}
        where = {r.get("id"): n.get("name") for r in top.iterfind("resources/resource") if r.get("role") == "Started" for n in r.iterfind("node")}
        return online, dc is not None and dc.get("with_quorum") == "true", where

    def log(self):
        return self.run("cat", "/var/log/pacemaker/pacemaker.log").stdout

    def kill(self):
        """As if the power had failed: everything of the node at once."""
        self.run("kill", "-9", "-1")


def agree(what, parts, online, quorum, resource=None, seconds=PATIENCE):
    """All of `parts` say the same; `resource`: True started on one of those online, False nowhere."""
    def now():
        said = [p.status() for p in parts]
        if any(s is None or s[0] != online or s[1] != quorum for s in said):
            return False
        places = {s[2].get("dummy") for s in said}
        return resource is None or (len(places) == 1 and (places <= online if resource else places == {None}))
    return wait_for(what, now, seconds)


def through(sender, receivers, value):
    """A value that travels over cpg from one node to all."""
    sender.run("attrd_updater", "-n", "probe", "-U", value)
    return wait_for(f"value {value}", lambda: all(f'value="{value}"' in r.run("attrd_updater", "-n", "probe", "-Q", "-N", sender.name).stdout for r in receivers), 30)


def workers_die(checks, parts):
    before = [p.daemons() for p in parts]
    ring = [p.status() for p in parts]
    marks = [len(p.log()) for p in parts]
    for round_, victim in enumerate(WORKERS * 2):
        for p in parts:
            pid = p.pids().get(victim)
            if pid:
                os.kill(pid, signal.SIGKILL)
        checks.that(f"{victim} killed on all nodes at once: a value still reaches every node ({round_ // 4 + 1})", through(parts[round_ % 3], parts, f"after-{round_}"),
                    [p.log()[-1500:] for p in parts[:1]])
    checks.that("every Pacemaker daemon has stayed", [p.daemons() for p in parts] == before, (before, [p.daemons() for p in parts]))
    checks.that("all nodes stay online, the resource where it was", [p.status() for p in parts] == ring, [p.status() for p in parts])
    noticed = [line for p, mark in zip(parts, marks) for line in p.log()[mark:].splitlines()
               if any(word in line for word in ("CS_ERR", "onnection to", "is now lost", "eft the cluster", "uorum lost", "isconnect"))]
    checks.that("and their logs know nothing of it", not noticed, noticed[:5])


def begin(checks, cluster, name):
    parts = [Pacemaker(cluster, n) for n in range(1, cluster.n + 1)]
    everyone = {p.name for p in parts}
    for p in parts:
        p.prepare()
        p.start()
    checks.that(f"{name}: three nodes are online and have quorum", agree("three nodes", parts, everyone, True), [p.status() for p in parts] + [p.log()[-1500:] for p in parts[:1]])
    one = parts[0]
    one.run("crm_attribute", "-t", "crm_config", "-n", "stonith-enabled", "-v", "false")
    made = one.run("cibadmin", "-o", "resources", "-C", "-X", DUMMY)
    checks.that(f"{name}: a resource is accepted", made.returncode == 0, made.stderr)
    checks.that(f"{name}: and started on one node", agree("the resource", parts, everyone, True, True), [p.status() for p in parts])
    return parts, everyone


def move_away(checks, name, parts, place):
    """Standby of the node that has the resource."""
    one = parts[0]
    one.run("crm_standby", "-N", place, "-v", "on")
    checks.that(f"{name}: standby moves it away", wait_for("the move", lambda: (one.status() or (0, 0, {}))[2].get("dummy", place) != place, PATIENCE), one.status())
    one.run("crm_standby", "-N", place, "-D")
    agree("the move everywhere", parts, {p.name for p in parts}, True, True)


def node_dies(checks, name, parts, everyone):
    place = parts[0].status()[2].get("dummy")
    victim = next(p for p in parts if p.name == place)
    rest = [p for p in parts if p is not victim]
    victim.kill()
    checks.that(f"{name}: the death of its node moves it to another", agree("failover", rest, everyone - {place}, True, True), [p.status() for p in rest])
    victim.cluster.sh("start", victim.number)
    victim.start()
    checks.that(f"{name}: the node comes back", agree("three nodes again", parts, everyone, True, True), [p.status() for p in parts])


def motet(checks):
    with Cluster("mmm", transport="knet", crypto="aes256/sha256", token=1000, rr="no") as cluster:
        parts, everyone = begin(checks, cluster, "Motet")
        for p in parts:
            maps = {name: open(f"/proc/{pid}/maps").read() for name, pid in p.daemons().items()}
            foreign = [n for n, text in maps.items() if n in SPEAKERS and (f"{LIBRARIES}/libcpg.so.4" not in text or "/lib/x86_64-linux-gnu/libcpg" in text)]
            checks.that(f"{p.name}: all its daemons run, on our libraries", set(maps) == DAEMONS and not foreign, (set(maps), foreign))
        workers_die(checks, parts)
        move_away(checks, "Motet", parts, parts[0].status()[2]["dummy"])
        node_dies(checks, "Motet", parts, everyone)

        alone, *others = parts
        for p in others:
            p.kill()
        checks.that("without quorum it is stopped", agree("the loss of quorum", [alone], {alone.name}, False, False), alone.status())
        for p in others:
            cluster.sh("start", p.number)
            p.start()
        checks.that("with quorum it is started again", agree("quorum again", parts, everyone, True, True), [p.status() for p in parts])

        cfgtool = nodes.binary("corosync-cfgtool")
        refused = parts[2].run(cfgtool, "-H")
        checks.that("while Pacemaker runs it refuses an orderly stop of the node", "Could not shutdown" in refused.stdout + refused.stderr and
                    agree("no change", parts, everyone, True, True), refused)
        os.kill(parts[2].daemons()["pacemakerd"], signal.SIGTERM)
        checks.that("Pacemaker ends in order", wait_for("its end", lambda: not parts[2].daemons(), PATIENCE), parts[2].daemons())
        checks.that("the others see it leave, quorum stays", agree("the leave", parts[:2], {"n1", "n2"}, True, True), [p.status() for p in parts[:2]])
        parts[2].run(cfgtool, "-H")
        checks.that("then the node stops", wait_for("its end", lambda: not parts[2].pids(), 30), (parts[2].pids(), cluster.log(3)[-800:]))
        checks.that("and has left", agree("the leave of the node", parts[:2], {"n1", "n2"}, True, True), [p.status() for p in parts[:2]])
        for p in parts[:2]:
            bad = [line for line in cluster.log(p.number).splitlines() if " error " in line]
            checks.that(f"{p.name}: our log shows no error", not bad, bad[:3])


def mixed(checks):
    with Cluster("cmm", transport="knet", crypto="aes256/sha256", token=1000, rr="no") as cluster:
        parts, everyone = begin(checks, cluster, "mixed")
        checks.that("mixed: a value of a corosync node reaches all, and one of a Motet node", through(parts[0], parts, "from-corosync") and through(parts[1], parts, "from-motet"), "")
        for target in ("n1", "n2"):   # onto corosync, then away from it
            place = parts[0].status()[2].get("dummy")
            parts[0].run("crm_resource", "--move", "-r", "dummy", "-N", target)
            checks.that(f"mixed: it moves from {place} to {target}", wait_for("the move", lambda: all((p.status() or (0, 0, {}))[2].get("dummy") == target for p in parts), PATIENCE), [p.status() for p in parts])
            parts[0].run("crm_resource", "--clear", "-r", "dummy")
        node_dies(checks, "mixed", parts, everyone)


def main():
    nodes.need_namespaces()
    for tool in ("pacemakerd", "crm_mon", "cibadmin", "crm_attribute", "crm_resource", "attrd_updater", "crm_standby"):
        if shutil.which(tool) is None:
            nodes.skip(f"{tool} is not installed (packages pacemaker and pacemaker-cli-utils)")
    checks = Checks()
    motet(checks)
    if shutil.which("corosync") is None:
        print("# corosync is not installed: without the mixed ring")
    else:
        mixed(checks)
    checks.end()


if __name__ == "__main__":
    main()
