"""Clusters of Motet and corosync nodes in namespaces of their own, for tests; everything ends with the test."""
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.abspath(os.environ.get("MOTET_BUILD", os.environ.get("abs_top_builddir", ".")))
CLUSTER = os.path.join(TOP, "tests", "bench", "cluster.sh")


def skip(why):
    """Ends the test as skipped, which automake reports as such."""
    print(f"skip - {os.path.basename(sys.argv[0])}: {why}")
    sys.exit(77)


def need_namespaces():
    if os.geteuid() != 0:
        skip("needs root for network namespaces")
    for tool in ("ip", "nsenter", "unshare"):
        if shutil.which(tool) is None:
            skip(f"{tool} is not installed")
    if subprocess.run(["unshare", "-n", "-m", "true"], stderr=subprocess.DEVNULL).returncode != 0:
        skip("namespaces cannot be made here")


def binary(name):
    """A program of the build tree, behind libtool's wrapper."""
    for path in (os.path.join(BUILD, os.path.dirname(name), ".libs", os.path.basename(name)), os.path.join(BUILD, name)):
        if os.access(path, os.X_OK):
            return path
    sys.exit(f"not ok - {name} is not built in {BUILD}")


class Checks:
    """Collects named checks; prints one line each."""

    def __init__(self):
        self.bad = 0

    def that(self, name, condition, evidence=""):
        print(f"{'ok' if condition else 'not ok'} - {name}{'' if condition else ': ' + str(evidence)}", flush=True)
        self.bad += not condition
        return condition

    def end(self):
        sys.exit(self.bad > 0)


class Cluster:
    """kinds: one letter a node, m Motet or c corosync."""

    def __init__(self, kinds, **options):
        self.kinds, self.n = kinds, len(kinds)
        self.dir = tempfile.mkdtemp(prefix="motet-test-")
        self.id = f"t{os.getpid()}-{id(self) & 0xffff}"
        self.env = dict(os.environ, MOTET_BUILD=BUILD, BENCH_STATE=os.path.join(self.dir, "state"), CPGLOAD=binary("tests/bench/cpgload"),
                        BENCH_LIFETIME="1200")
        self.options = {"kinds": kinds, **options}
        self.clients = []

    def sh(self, command, *args, timeout=60, check=True):
        p = subprocess.run([CLUSTER, command, self.id, *map(str, args)], env=self.env, text=True, timeout=timeout,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if check and p.returncode != 0:
            raise RuntimeError(f"{command} {args}: {p.stderr.strip()[-600:]}{self.log_tails()}")
        return p.stdout

    def __enter__(self):
        try:
            self.sh("up", "mixed", self.n, *[f"{k}={v}" for k, v in self.options.items()], timeout=90)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for p in self.clients:
            if p.poll() is None:
                p.kill()
        subprocess.run([CLUSTER, "down", self.id], env=self.env, timeout=60, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.dir, ignore_errors=True)

    def client(self, node, program, *args):
        """Starts a program of the build tree on a node."""
        p = subprocess.Popen([CLUSTER, "exec", self.id, str(node), binary(program), *map(str, args)], env=self.env,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.clients.append(p)
        return p

    def run(self, node, *command, timeout=30):
        return subprocess.run([CLUSTER, "exec", self.id, str(node), *map(str, command)], env=self.env, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)

    def file(self, name):
        return os.path.join(self.dir, name)

    def log(self, node):
        path = os.path.join(self.env["BENCH_STATE"], self.id, f"n{node}", "log")
        try:
            with open(path, errors="replace") as f:
                return f.read()
        except OSError:
            return ""

    def log_tails(self, lines=8):
        return "".join(f"\n--- node {i + 1} ({self.kinds[i]})\n" + "\n".join(self.log(i + 1).splitlines()[-lines:])
                       for i in range(self.n))


DELIVERED, DAMAGED, ACCEPTED, LEFT, JOINED, VIEW, GAP = 1, 2, 3, 4, 5, 6, 7


def read_log(path):
    """[(kind, nodeid, pid, number), ...] of an ordercheck log."""
    with open(path, "rb") as f:
        data = f.read()
    return [struct.unpack_from("4I", data, at) for at in range(0, len(data) - len(data) % 16, 16)]


def order_faults(logs):
    """What is wrong with the deliveries of several members: damage, duplicates, broken order of one sender, two members that
    deliver two common messages in opposite orders. `logs`: {name: records}."""
    faults = []
    sequences = {}
    for name, records in logs.items():
        seen = {}
        for at, (kind, node, pid, number) in enumerate(records):
            if kind == DAMAGED:
                faults.append(f"{name}: damaged message of {node}/{pid}")
            if kind not in (DELIVERED, DAMAGED):
                continue
            if (node, pid, number) in seen:
                faults.append(f"{name}: {node}/{pid} number {number} delivered twice")
            seen[node, pid, number] = at
        last = {}
        for node, pid, number in seen:
            if number <= last.get((node, pid), -1):
                faults.append(f"{name}: {node}/{pid} number {number} after {last[node, pid]}")
            last[node, pid] = number
        sequences[name] = seen
    names = list(sequences)
    for i, a in enumerate(names):
        for b in names[i + 1:]:
            order = [sequences[b][m] for m in sequences[a] if m in sequences[b]]
            if any(x > y for x, y in zip(order, order[1:])):
                faults.append(f"{a} and {b} deliver common messages in different orders")
    return faults[:10]


def holes(records, node, pid):
    """Numbers of a sender missing between two deliveries while it stayed in view."""
    missing, last = [], None
    for kind, n, p, number in records:
        if (n, p) != (node, pid):
            continue
        if kind in (LEFT, JOINED):
            last = None
        elif kind == DELIVERED:
            if last is not None and number > last + 1:
                missing.append((last, number))
            last = number
    return missing


def wait_for(what, condition, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    print(f"# waited {seconds} s for {what}")
    return False
