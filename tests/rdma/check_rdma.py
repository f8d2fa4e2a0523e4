#!/usr/bin/env python3
"""Three Motet nodes over Soft-RoCE in a virtual machine: forming, load, loss, partition, kill, port, device.

check_rdma.py [--multicast auto|no] [--crypto aes256|none] [--steady SECONDS]   needs x86-64, qemu from Debian's packages (fetched), no rights
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
MACHINE = os.path.join(HERE, "rdma-vm")
PREPARE_LIMIT = 300  # seconds; 136 MiB are fetched once
TIME_LIMIT = 600     # seconds in the machine: it is emulated


class Machine:
    """The virtual machine with everything of the build tree that it needs. run() may be called once."""

    def __init__(self, keep=None):
        if os.uname().machine != "x86_64":
            nodes.skip("the virtual machine needs x86-64")
        try:
            prepared = subprocess.run([MACHINE, "--prepare"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=PREPARE_LIMIT)
        except subprocess.TimeoutExpired:
            nodes.skip(f"the packages of the virtual machine did not come within {PREPARE_LIMIT} s")
        if prepared.returncode != 0:
            nodes.skip("the virtual machine cannot be prepared: " + (prepared.stderr.strip().splitlines() or ["?"])[-1])
        self.keep = keep

    def __enter__(self):
        self.work = tempfile.mkdtemp(prefix="motet-rdma-")
        self.out = self.keep or os.path.join(self.work, "out")
        os.makedirs(self.out, exist_ok=True)
        self.stage(os.path.join(self.work, "stage"))
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.work, ignore_errors=True)

    @staticmethod
    def stage(where):
        os.makedirs(os.path.join(where, "libexec"))
        for name in ("motet", "motetctl", "tests/integration/ordercheck", "tests/bench/cpgload"):
            shutil.copy(nodes.binary(name), where)
        for name in ("guest.sh", "guest_bench.sh"):
            shutil.copy(os.path.join(HERE, name), where)
        os.makedirs(os.path.join(where, "lib"))
        for name in ("libcpg.so.4", "libcorosync_common.so.4", "libconfdb.so.4", "libcmap.so.4"):
            shutil.copy(os.path.join(nodes.BUILD, "libs", "client", ".libs", name), os.path.join(where, "lib"))
        for name in os.listdir(nodes.BUILD):
            path = os.path.join(nodes.BUILD, name)
            if name.startswith("motet-") and os.path.isfile(path) and os.access(path, os.X_OK):
                shutil.copy(nodes.binary(name), os.path.join(where, "libexec"))

    def run(self, command, limit, mtu=1500):
        """Status and output of a command in the machine; what it puts into /out is in self.out."""
        run = subprocess.run([MACHINE, "--dir", os.path.join(self.work, "stage"), "--nodes", "3", "--mtu", str(mtu), "--mem", "1500", "--timeout", str(limit),
                              "--boot-timeout", "300", "--out", self.out, "--", *command],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=limit + 400)
        return run.returncode, run.stdout


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--multicast", choices=("auto", "no"), default="auto")
    parser.add_argument("--crypto", choices=("aes256", "none"), default="aes256")
    parser.add_argument("--steady", type=int, default=10, help="seconds of load before anything happens")
    parser.add_argument("--keep", help="directory for the logs")
    options = parser.parse_args()
    checks = nodes.Checks()
    with Machine(options.keep) as machine:
        status, output = machine.run(("./guest.sh", options.crypto, options.multicast, str(options.steady)), TIME_LIMIT + options.steady)
        print(output, end="")
        checks.bad += sum(line.startswith("not ok - ") for line in output.splitlines())
        checks.that("the machine ran to its end", status == 0, f"status {status}")
        passages = [("steady", (1, 2, 3)), ("lossy", (1, 2, 3))] + ([("rotated", (1, 2, 3))] if options.crypto != "none" else [])
        for name, members in (*passages, ("cut", (1, 3)), ("killed", (1, 3)), ("carrier", (1, 2))):
            compare(checks, name, {n: os.path.join(machine.out, f"{name}-{n}.log") for n in members})
        if checks.bad:
            for i in (1, 2, 3):
                path = os.path.join(machine.out, f"motet{i}.log")
                if os.path.exists(path):
                    print(f"--- node {i}\n" + "".join(open(path, errors="replace").readlines()[-40:]))
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
