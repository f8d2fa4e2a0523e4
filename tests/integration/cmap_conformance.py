#!/usr/bin/env python3
"""cmap beside corosync: the library call by call, the tool option by option, the keys of a node; and libconfdb case by case."""
import os
import shutil
import subprocess
import tempfile

import nodes
from api_conformance import linked_with_the_distribution, run
from loopback import Loopback
from nodes import BUILD, HERE, Checks, Cluster, binary

EXPECTED = os.path.join(HERE, "cmap_api.expected")
DISTRIBUTION_TOOL = "/usr/sbin/corosync-cmapctl"
# Keys that corosync shows and Motet does not, and why: modules that Motet has not.
NOT_HERE = ("runtime.services.mon.", "runtime.services.wd.", "runtime.votequorum.", "runtime.services.votequorum.")
ONLY_HERE = ("allow_unencrypted", "x-")


def same(checks, name, wanted, got):
    wanted, got = wanted.splitlines(), got.splitlines()
    first = next((i for i, (a, b) in enumerate(zip(wanted, got)) if a != b), min(len(wanted), len(got)))
    checks.that(name, wanted == got and len(wanted) > 50, f"from line {first + 1}: {wanted[first:first + 3]} and {got[first:first + 3]}")


def cases(runner, tool, directory, name):
    where = os.path.join(directory, name)
    os.mkdir(where)
    p = runner(os.path.join(HERE, "cmapctl_cases.sh"), tool, where)
    return p.stdout + p.stderr


def keys(text):
    """{key: type}, without what differs between two runs."""
    return {line.split(" (")[0]: line.split(" (")[1].split(")")[0] for line in text.splitlines() if " (" in line}


def main():
    checks = Checks()
    with open(EXPECTED) as f:
        expected = f.read()
    our_tool = binary("corosync-cmapctl")
    have_tool = os.access(DISTRIBUTION_TOOL, os.X_OK)
    have_corosync = shutil.which("corosync") is not None and os.geteuid() == 0
    with tempfile.TemporaryDirectory(prefix="motet-test-") as directory:
        foreign = linked_with_the_distribution(checks, directory, "cmap_api", "-lcmap")
        with Loopback(1) as area:
            node = area.nodes[0]
            same(checks, "libcmap answers every call as corosync does", expected, node.run("tests/integration/cmap_api").stdout)
            if foreign is not None:
                same(checks, "a program linked with the distribution's libcmap runs on ours", expected, node.run(foreign).stdout)
            p = node.run("tests/integration/confdb_api")
            run(checks, "libconfdb", p)
            ours = cases(lambda *a: node.run(*a), our_tool, directory, "ours")
            if have_tool:
                same(checks, "the distribution's corosync-cmapctl and ours say the same", cases(lambda *a: node.run(*a), DISTRIBUTION_TOOL, directory, "theirs"), ours)
            p = node.run(our_tool, "-h")
            checks.that("our tool explains itself", p.returncode == 0 and "usage:" in p.stdout, p)
            listing = keys(node.run(our_tool).stdout)
            checks.that("no restarts", not any(c["restarts"] for c in node.status()["supervisor"]["children"]), node.log()[-800:])
            p = subprocess.run([our_tool], env=dict(os.environ, MOTET_RUNTIME_DIR="/nonexistent", LD_LIBRARY_PATH=os.path.join(BUILD, "libs/client/.libs")), text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            checks.that("without a daemon the tool says so", (p.returncode, p.stderr) == (1, "Failed to initialize the cmap API. Error CS_ERR_LIBRARY\n"), p)
        if not (have_tool and have_corosync):
            print("skip - corosync: not installed, or no root for its namespace")
        else:
            nodes.need_namespaces()
            with Cluster("c") as cluster:
                same(checks, "corosync itself answers as it was recorded", expected, cluster.run(1, foreign or binary("tests/integration/cmap_api")).stdout)
                same(checks, "our tool says what the distribution's says of corosync", cases(lambda *a: cluster.run(1, *a), DISTRIBUTION_TOOL, directory, "real"), ours)
                theirs = keys(cluster.run(1, DISTRIBUTION_TOOL).stdout)
            # Another configuration: only what every node has is compared.
            common = {k: t for k, t in theirs.items() if k.startswith(("runtime.", "internal_configuration.", "resources.", "nodelist.node.0.nodeid", "totem.version",
                                                                       "totem.cluster_name")) and not k.startswith(NOT_HERE) and ".interface." not in k}
            missing = {k: t for k, t in common.items() if listing.get(k) != t}
            checks.that("a node has corosync's keys with corosync's types", not missing and len(common) > 60, missing)
    checks.end()


if __name__ == "__main__":
    main()
