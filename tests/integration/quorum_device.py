#!/usr/bin/env python3
"""Two Motet nodes with the distribution's corosync-qdevice and corosync-qnetd, unmodified: the surviving side keeps quorum."""
import os
import re
import shutil
import subprocess

import nodes
from nodes import Checks, Cluster, binary, wait_for
from quorumlib import Watch, cut, faults, field, join, settled, tool

DEVICE = ("device {; model: net; votes: 1; timeout: 3000; sync_timeout: 6000; net {; host: 10.77.0.200; tls: off; "
          "algorithm: ffsplit; tie_breaker: lowest; connect_timeout: 1000; }; }")


class Arbiter:
    """corosync-qnetd on the bridge that joins the nodes, in a mount namespace of its own."""

    def __init__(self, cluster):
        with open(os.path.join(cluster.env["BENCH_STATE"], cluster.id, "hub")) as f:
            hub = f.read().strip()
        subprocess.run(["nsenter", "-t", hub, "-n", "ip", "addr", "add", "10.77.0.200/24", "dev", "br0"], check=True)
        self.process = subprocess.Popen(
            ["nsenter", "-t", hub, "-n", "unshare", "-m", "sh", "-c",
             "mount -t tmpfs tmpfs /run && mkdir -p /run/corosync-qnetd && exec corosync-qnetd -f -s off -m 0"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        cluster.clients.append(self.process)


def start_device(cluster, node):
    p = subprocess.Popen([nodes.CLUSTER, "exec", cluster.id, str(node), "sh", "-c", "mkdir -p /run/corosync-qdevice && exec corosync-qdevice -f"],
                         env=cluster.env, stdout=open(cluster.file(f"qdevice-{node}"), "w"), stderr=subprocess.STDOUT)
    cluster.clients.append(p)
    return p


def voting(cluster, node):
    row = tool(cluster, node, "-p").stdout
    return "A,V" in row


def main():
    nodes.need_namespaces()
    for program in ("corosync-qdevice", "corosync-qnetd", "corosync-quorumtool"):
        if shutil.which(program) is None:
            nodes.skip(f"{program} is not installed")
    checks = Checks()
    with Cluster("mm", token=1000, rr="no", quorum=DEVICE) as cluster:
        Arbiter(cluster)
        watches = [Watch(cluster, n, "w") for n in (1, 2)]
        for n in (1, 2):
            start_device(cluster, n)

        def evidence():
            return [tool(cluster, n, "-p").stdout for n in (1, 2)] + [open(cluster.file(f"qdevice-{n}")).read()[-600:] for n in (1, 2)]

        checks.that("both devices register and vote", wait_for("votes", lambda: all(voting(cluster, n) for n in (1, 2)), 30), evidence())
        text = tool(cluster, 1, "-s").stdout
        checks.that("three votes are expected and present", field(text, "Expected votes") == "3" and field(text, "Total votes") == "3", text)
        row = [line.split() for line in text.splitlines() if "Qdevice" in line and line.strip().startswith("0 ")]
        checks.that("the device has a row of its own", row == [["0", "1", "Qdevice"]], text)

        cut(cluster, 1, 2)
        checks.that("split: exactly the half that the device chose is quorate",
                    settled(watches[:1], (1,), True) and settled(watches[1:], (2,), False), evidence())
        join(cluster, 1, 2)
        checks.that("merged: both are quorate", settled(watches, (1, 2), True), evidence())
        checks.that("and the device votes for both again", wait_for("votes", lambda: all(voting(cluster, n) for n in (1, 2)), 30), evidence())

        cluster.sh("kill9", 1)
        checks.that("the other node dies: the survivor stays quorate with the device's vote", settled(watches[1:], (2,), True), evidence())
        text = tool(cluster, 2, "-s").stdout
        checks.that("with two of three votes", field(text, "Total votes") == "2" and field(text, "Quorate") == "Yes", text)

        cluster.run(2, "sh", "-c", "kill -TERM $(cat /run/corosync-qdevice/corosync-qdevice.pid)")
        checks.that("an orderly end of the device takes its vote and its flag away", wait_for(
            "unregistration", lambda: re.search(r"^Flags:(?!.*Qdevice)", tool(cluster, 2, "-s").stdout, re.M), 20), evidence())
        checks.that("and the node alone is not quorate", settled(watches[1:], (2,), False), evidence())
        wrong = faults(watches, decisions_may_change=True)
        checks.that("what watchers heard fits together (Q1 to Q6)", not wrong, wrong)
        if checks.bad:
            print(cluster.log_tails())
    checks.end()


if __name__ == "__main__":
    main()
