#!/usr/bin/env python3
"""Three Motet nodes over Soft-RoCE in a virtual machine: forming, load, loss, partition, kill, port, device.

check_rdma.py [--multicast auto|no] [--crypto aes256|none]      needs x86-64, qemu from Debian's packages (fetched), no rights
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
import nodes  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
TIME_LIMIT = 600     # seconds in the machine: it is emulated


def stage(where):
    """What the machine needs, as one directory."""
    os.makedirs(os.path.join(where, "libexec"))
    for name in ("motet", "motetctl", "tests/integration/ordercheck"):
        shutil.copy(nodes.binary(name), where)
    shutil.copy(os.path.join(HERE, "guest.sh"), where)
    os.makedirs(os.path.join(where, "lib"))
    for name in ("libcpg.so.4", "libcorosync_common.so.4", "libconfdb.so.4", "libcmap.so.4"):
        shutil.copy(os.path.join(nodes.BUILD, "libs", "client", ".libs", name), os.path.join(where, "lib"))
    for name in os.listdir(nodes.BUILD):
        path = os.path.join(nodes.BUILD, name)
        if name.startswith("motet-") and os.path.isfile(path) and os.access(path, os.X_OK):
            shutil.copy(nodes.binary(name), os.path.join(where, "libexec"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--multicast", choices=("auto", "no"), default="auto")
    parser.add_argument("--crypto", choices=("aes256", "none"), default="aes256")
    parser.add_argument("--keep", help="directory for the logs")
    options = parser.parse_args()
    if os.uname().machine != "x86_64":
        nodes.skip("the virtual machine needs x86-64")
    machine = os.path.join(HERE, "rdma-vm")
    prepared = subprocess.run([machine, "--prepare"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=300)
    if prepared.returncode != 0:
        nodes.skip("the virtual machine cannot be prepared: " + (prepared.stderr.strip().splitlines() or ["?"])[-1])
    checks = nodes.Checks()
    work = tempfile.mkdtemp(prefix="motet-rdma-")
    out = options.keep or os.path.join(work, "out")
    try:
        stage(os.path.join(work, "stage"))
        os.makedirs(out, exist_ok=True)
        run = subprocess.run([machine, "--dir", os.path.join(work, "stage"), "--nodes", "3", "--mem", "1500", "--timeout", str(TIME_LIMIT),
                              "--boot-timeout", "300", "--out", out, "--", "./guest.sh", options.crypto, options.multicast],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TIME_LIMIT + 400)
        print(run.stdout, end="")
        checks.bad += sum(line.startswith("not ok - ") for line in run.stdout.splitlines())
        checks.that("the machine ran to its end", run.returncode == 0, f"status {run.returncode}")
        for name, members in (("steady", (1, 2, 3)), ("lossy", (1, 2, 3)), ("cut", (1, 3)), ("killed", (1, 3)), ("carrier", (1, 2))):
            compare(checks, name, {n: os.path.join(out, f"{name}-{n}.log") for n in members})
        if checks.bad:
            for i in (1, 2, 3):
                path = os.path.join(out, f"motet{i}.log")
                if os.path.exists(path):
                    print(f"--- node {i}\n" + "".join(open(path, errors="replace").readlines()[-40:]))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    checks.end()


def compare(checks, name, paths):
    logs = {n: nodes.read_log(p) for n, p in paths.items() if os.path.exists(p)}
    checks.that(f"{name}: the clients wrote their logs", len(logs) == len(paths) and all(logs.values()), list(logs))
    faults = nodes.order_faults({f"node {n}": r for n, r in logs.items()})
    checks.that(f"{name}: every member delivers in one order", not faults, faults)
    for n, records in logs.items():
        accepted = [r for r in records if r[0] == nodes.ACCEPTED]
        delivered = {r[1:] for r in records if r[0] == nodes.DELIVERED}
        lost = [r for r in accepted if r[1:] not in delivered]
        checks.that(f"{name}: node {n} is delivered its own {len(accepted)} messages", accepted and not lost, lost[:5])
        others = {r[1:3] for m, theirs in logs.items() if m != n for r in theirs if r[0] == nodes.ACCEPTED}
        for node, pid in sorted(others):
            missing = nodes.holes(records, node, pid)
            checks.that(f"{name}: node {n} misses nothing of node {node}", not missing, missing[:5])


if __name__ == "__main__":
    main()
