#!/usr/bin/env python3
"""libquorum and libvotequorum beside corosync, call by call: a program built here and one linked with the distribution's libraries get
on Motet what corosync 3.1.7 answers (quorum_api.MODE.expected). MOTET_LONG=1: each with both, and corosync itself still answers that.

quorum_conformance.py [--record]: --record writes what the installed corosync answers.
"""
import difflib
import os
import shutil
import sys
import tempfile

import nodes
from api_conformance import linked_with_the_distribution
from nodes import HERE, Checks, Cluster, binary

LONG = bool(os.environ.get("MOTET_LONG"))
MODES = {"votes": "", "device": "device {; model: net; votes: 1; timeout: 3000; sync_timeout: 5000; net {; host: 127.0.0.1; }; }"}


def expected(mode):
    return os.path.join(HERE, f"quorum_api.{mode}.expected")


def same(checks, name, wanted, got):
    """What ends the caller of corosync's library may be answered by ours."""
    wanted, got = wanted.splitlines(), got.splitlines()
    deadly = {line.removesuffix(": the caller dies") for line in wanted if line.endswith(": the caller dies")}
    got = [f"{call}: the caller dies" if call in deadly else line for line in got for call in [line.rpartition(": ")[0]]]
    difference = list(difflib.unified_diff(wanted, got, "corosync", "here", n=1, lineterm=""))
    checks.that(name, not difference and len(wanted) > 50, "\n" + "\n".join(difference[:60]))


def answers(kind, mode, program):
    with Cluster(kind, token=1000, rr="no", quorum=MODES[mode]) as cluster:
        p = cluster.run(1, program, mode, timeout=120)
        return p.stdout + p.stderr + (cluster.log_tails(12) if p.returncode != 0 else "")


def main():
    nodes.need_namespaces()
    have_corosync = shutil.which("corosync") is not None
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="motet-test-") as directory:
        foreign = linked_with_the_distribution(checks, directory, "quorum_api", "-lvotequorum", "-lquorum")
        for mode in MODES:
            if "--record" in sys.argv:
                with open(expected(mode), "w") as f:
                    f.write(answers("c", mode, foreign))
                continue
            with open(expected(mode)) as f:
                wanted = f.read()
            if LONG or mode == "device" or foreign is None:
                same(checks, f"{mode}: every call is answered as corosync does", wanted, answers("m", mode, binary("tests/integration/quorum_api")))
            if foreign is not None and (LONG or mode == "votes"):
                same(checks, f"{mode}: a program linked with the distribution's libraries gets the same", wanted, answers("m", mode, foreign))
            if foreign is not None and have_corosync and LONG:
                same(checks, f"{mode}: corosync itself answers as it was recorded", wanted, answers("c", mode, foreign))
        if LONG and not have_corosync:
            print("skip - corosync is not installed")
    checks.end()


if __name__ == "__main__":
    main()
