"""Motet nodes on 127.0.0.x, each with directories of its own. Needs no privileges; everything ends with the test."""
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from nodes import ACCEPTED, BUILD, DELIVERED, binary, holes, order_faults, read_log, wait_for

DAEMONS = ("motet", "motet-membership", "motet-cpg", "motet-confdb", "motet-sam")


def free_port(addresses):
    """A UDP port that is free on all the addresses, with the one below it; tests that run at the same time look in different places."""
    for n in range(1200):
        port = 20005 + (os.getpid() + n) * 10 % 12000
        with contextlib.ExitStack() as held:
            try:
                for address in addresses:
                    for p in (port, port - 1):
                        held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).bind((address, p))
                return port
            except OSError:
                continue
    raise RuntimeError(f"no free UDP port between 20000 and 32000 on {addresses}")


def tree(pid):
    """pid and its descendants, children last."""
    pids = [pid]
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as f:
                for child in f.read().split():
                    pids += tree(int(child))
    return pids


def alive(pid):
    """Is there such a process, and not just its remains?"""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def rss_kib(pid):
    """Resident bytes of a process in KiB; 0 when it is gone."""
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/status") as f:
            for line in f:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
    return 0


def fd_count(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def program(name):
    """A daemon or tool of the build tree."""
    return binary(name)


def config_text(addresses, port, cluster="loopback", extra=""):
    lines = ["allow_unencrypted: yes", "totem:", "  version: 2", f"  cluster_name: {cluster}", "  transport: udpu", "  token: 1000",
             "  interface:", "    - linknumber: 0", f"      mcastport: {port}", "nodelist:"]
    for i, address in enumerate(addresses, 1):
        lines += [f"  - nodeid: {i}", f"    name: node{i}", f"    ring0_addr: {address}"]
    return "\n".join(lines) + "\n" + extra


class Node:
    """One node; `before`: words put before the command, such as setpriv."""

    def __init__(self, directory, number, config, before=(), options=()):
        self.dir, self.number, self.config, self.before, self.options = directory, number, config, list(before), list(options)
        self.run_dir, self.state_dir = os.path.join(directory, f"run{number}"), os.path.join(directory, f"state{number}")
        self.log_path = os.path.join(directory, f"node{number}.log")
        self.process = None

    def command(self, *more):
        return self.before + [program("motet"), "--config", self.config, "--runtime-dir", self.run_dir, "--state-dir", self.state_dir,
                              "--node", str(self.number), *self.options, *more]

    def start(self):
        os.makedirs(self.state_dir, exist_ok=True)
        with open(self.log_path, "a") as log:
            self.process = subprocess.Popen(self.command("--foreground"), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True)
        return self

    def env(self):
        return dict(os.environ, MOTET_RUNTIME_DIR=self.run_dir, LD_LIBRARY_PATH=os.path.join(BUILD, "libs/client/.libs") + ":" + os.path.join(BUILD, "libs/worker/.libs"))

    def client(self, name, *args, **options):
        """Starts a program of the build tree, or any with an absolute path, as a client of this node."""
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": self.env(), **options}
        return subprocess.Popen([*self.before, name if name.startswith("/") else binary(name), *map(str, args)], **options)

    def run(self, name, *args, timeout=60):
        p = self.client(name, *args)
        try:
            out, err = p.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            p.kill()
            out, err = p.communicate()
            err += f"\nstopped after {timeout} s"
        return subprocess.CompletedProcess(p.args, p.returncode, out, err)

    def members(self):
        """Nodes of the ring as a client sees it; 0 while it is not served."""
        p = self.run("tests/bench/cpgload", "ready", "-E", 1, "-W", 10, timeout=20)
        return int(p.stdout.split('"view":')[1].split("}")[0]) if '"view":' in p.stdout else 0

    def wait_members(self, count, seconds=20):
        return wait_for(f"a ring of {count} at node {self.number}", lambda: self.members() == count, seconds)

    def ctl(self, *args, timeout=10):
        return subprocess.run([*self.before, program("motetctl"), "--runtime-dir", self.run_dir, *args], text=True, env=self.env(),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)

    def status(self):
        p = self.ctl("--json", "status")
        return json.loads(p.stdout) if p.returncode == 0 else {}

    def counters(self):
        return (self.status().get("membership") or {}).get("counters") or {}

    def ring(self):
        ring = (self.status().get("membership") or {}).get("ring") or {}
        return ring.get("rep"), ring.get("seq")

    def daemon(self):
        """The supervisor's pid; what stands before the command has become it."""
        return self.process.pid

    def pids(self):
        """{program: pid} of the running children and the supervisor."""
        found = {}
        for pid in tree(self.daemon()):
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/comm") as f:
                    comm = f.read().strip()
                found[next((d for d in DAEMONS if d[:15] == comm), comm)] = pid
        return found

    def log(self):
        try:
            with open(self.log_path, errors="replace") as f:
                return f.read()
        except OSError:
            return ""

    def stop(self, seconds=10):
        """TERM; the exit status, or None if it did not end."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self):
        """Everything of this node at once."""
        if self.process is None:
            return
        for pid in tree(self.process.pid):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


class Loopback:
    """A directory with nodes in it; all are alive and members of one ring on entry."""

    def __init__(self, count=1, start=True, before=(), options=(), extra=""):
        self.dir = tempfile.mkdtemp(prefix="motet-test-")
        os.chmod(self.dir, 0o755)
        self.addresses = [f"127.0.0.{i}" for i in range(1, count + 1)]
        self.port = free_port(self.addresses)
        self.config = self.write("motet.yaml", config_text(self.addresses, self.port, extra=extra))
        self.nodes = [Node(self.dir, i, self.config, before, options) for i in range(1, count + 1)]
        self.starts = start

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def __enter__(self):
        try:
            if self.starts:
                for node in self.nodes:
                    node.start()
                for node in self.nodes:
                    if not node.wait_members(len(self.nodes), 30):
                        raise RuntimeError(f"node {node.number} is not ready:\n{node.log()[-2000:]}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            node.kill()
        shutil.rmtree(self.dir, ignore_errors=True)


def wait_log(node, text, seconds=5, since=0):
    return wait_for(f"'{text}' in the log of node {node.number}", lambda: text in node.log()[since:], seconds)


class Member:
    """An ordercheck client: numbered messages, and a record of everything it was delivered."""

    def __init__(self, node, directory, name, seconds, rate, group="loopback", big_every=0, linger=2, safe_every=0):
        self.node, self.name, self.limit = node, name, seconds + linger + 60
        self.path = os.path.join(directory, name + ".log")
        self.process = node.client("tests/integration/ordercheck", "--log", self.path, "--seconds", seconds, "--rate", rate, "--group", group,
                                   "--big-every", big_every, "--safe-every", safe_every, "--linger", linger)
        self.joined = self.process.stdout.readline().strip()
        self.pid = self.process.pid

    def finish(self):
        """Waits for its end and reads its record."""
        try:
            self.out, self.err = self.process.communicate(timeout=self.limit)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.out, self.err = self.process.communicate()
        self.records = read_log(self.path)
        os.unlink(self.path)
        return self


def check_traffic(checks, name, members, gone=()):
    """Finished members of one group: all in one order, nothing lost or doubled, everybody served to the end. `gone` ended early."""
    stayed = [m for m in members if m not in gone]
    faults = order_faults({m.name: m.records for m in members})
    checks.that(f"{name}: all deliver in one order", not faults, faults)
    for m in stayed:
        checks.that(f"{name}: {m.name} is served to the end", m.process.returncode == 0, (m.process.returncode, m.joined, m.err[-300:]))
        delivered = {r[1:] for r in m.records if r[0] == DELIVERED}
        own = [r for r in m.records if r[0] == ACCEPTED]
        lost = [r for r in own if r[1:] not in delivered]
        checks.that(f"{name}: {m.name} is delivered its own {len(own)} messages", own and not lost, (len(lost), lost[:3]))
        missing = {other.name: gone[:3] for other in stayed if (gone := holes(m.records, other.node.number, other.pid))}
        checks.that(f"{name}: {m.name} misses nothing of {len(stayed)} members", not missing, list(missing.items())[:5])
