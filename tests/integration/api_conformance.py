#!/usr/bin/env python3
"""libcpg case by case: against a Motet node, against corosync with its own library, and a program linked with the
distribution's library on ours; the exported symbols of both are compared."""
import os
import re
import shutil
import subprocess
import tempfile

import nodes
from loopback import Loopback
from nodes import BUILD, HERE, Checks, Cluster, binary

OURS = os.path.join(BUILD, "libs/client/.libs")


def run(checks, name, p):
    """Takes over the program's own lines."""
    for line in p.stdout.splitlines():
        if line.startswith("#"):
            print(line)
            continue
        good = line.startswith("ok - ")
        checks.bad += not good
        print(f"{'ok' if good else 'not ok'} - {name}: {line.partition(' - ')[2]}" if " - " in line else f"# {line}")
    checks.that(f"{name}: the program ends in order", p.returncode == 0 and p.stdout.count("\n") > 100, (p.returncode, p.stderr[-300:]))


def linked_with_the_distribution(checks, directory, program="cpg_api", *libraries):
    """A program built as any application is; None where the development files are not installed."""
    libraries = libraries or ("-lcpg",)
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not all(os.path.exists(f"/usr/include/corosync/{library[2:]}.h") for library in libraries):
        return None
    path = os.path.join(directory, program)
    p = subprocess.run([compiler, "-o", path, os.path.join(HERE, program + ".c"), *libraries, "-lcorosync_common"], text=True, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT)
    return path if checks.that("the program builds against the distribution's headers and library", p.returncode == 0, p.stdout[-500:]) else None


def installed(library):
    """Where the loader would find the distribution's library."""
    p = subprocess.run(["/sbin/ldconfig", "-p"], text=True, stdout=subprocess.PIPE)
    found = re.search(rf"^\s*{re.escape(library)} .* => (\S+)$", p.stdout, re.M)
    return found[1] if found else None


def exported(path):
    """{(name, version)} of what a library defines for others."""
    symbols = set()
    for line in subprocess.run(["objdump", "-T", path], text=True, stdout=subprocess.PIPE, check=True).stdout.splitlines():
        fields = re.match(r"[0-9a-f]{16} .{7} (\S+)\s+[0-9a-f]{16}\s+(.*)$", line)
        if fields and fields[1] != "*UND*":
            version, _, name = fields[2].strip().rpartition(" ")
            symbols.add((name, version.strip().strip("()") or "Base"))
    return symbols


def compare_symbols(checks):
    for library in ("libcpg.so.4", "libcmap.so.4", "libcorosync_common.so.4"):
        theirs = installed(library)
        if theirs is None or shutil.which("objdump") is None:
            print(f"skip - {library}: the distribution's library or objdump is not installed")
            continue
        ours, wanted = exported(os.path.join(OURS, library)), exported(theirs)
        checks.that(f"{library} exports exactly what the distribution's does, versions included", ours == wanted and ours,
                    {"missing": sorted(wanted - ours), "too many": sorted(ours - wanted)})


def main():
    checks = Checks()
    compare_symbols(checks)
    with tempfile.TemporaryDirectory(prefix="motet-test-") as directory:
        foreign = linked_with_the_distribution(checks, directory)
        with Loopback(1) as area:
            node = area.nodes[0]
            run(checks, "Motet", node.run("tests/integration/cpg_api", "--engine", "motet", timeout=120))
            if foreign is None:
                print("skip - a program linked with the distribution's library: no compiler or no libcpg-dev")
            else:
                run(checks, "linked with the distribution's library", node.run(foreign, "--engine", "motet", timeout=120))
            p = node.run("tests/bench/cpgload", "ready", "-E", 1)
            checks.that("the node serves after all that, by the same processes", p.returncode == 0 and
                        not any(c["restarts"] for c in node.status()["supervisor"]["children"]), node.log()[-800:])
        if shutil.which("corosync") is None or os.geteuid() != 0:
            print("skip - corosync: not installed, or no root for its namespace")
        else:
            nodes.need_namespaces()
            with Cluster("c") as cluster:
                run(checks, "corosync", cluster.run(1, foreign or binary("tests/integration/cpg_api"), "--engine", "corosync", timeout=120))
    checks.end()


if __name__ == "__main__":
    main()
