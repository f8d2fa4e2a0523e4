#!/usr/bin/env python3
"""A three-node cluster on this machine replicates a key-value store across the crash of a node.

  demo.py [--build-dir DIR] [--updates N] [--keep]

Starts three Motet nodes on 127.0.0.1-3 and a kvstore on each; all three write at once. In mid-stream node 2 is killed with
SIGKILL, daemon and application, then started again: it rejoins and catches up. Exit status 0 only if the three stores end
with the same hash and every update was applied exactly once. Needs no privileges.
"""
import argparse
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

NODES = (1, 2, 3)
LIMIT_S = 58
RATE = 1500          # updates per second of each writer


def free_port():
    """A UDP port that is free on all three addresses, with the one below it."""
    for port in range(25405, 26405, 10):
        try:
            for node in NODES:
                for p in (port, port - 1):
                    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                        s.bind((f"127.0.0.{node}", p))
            return port
        except OSError:
            continue
    sys.exit("demo: no free UDP port between 25405 and 26405 on 127.0.0.1-3")


def tree(pid):
    """pid and all its descendants, children last."""
    pids = [pid]
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as f:
                for child in f.read().split():
                    pids += tree(int(child))
    except OSError:
        pass
    return pids


def find(build, *names):
    for name in names:
        path = os.path.join(build, name)
        if os.access(path, os.X_OK):
            return os.path.abspath(path)
    sys.exit(f"demo: {names[0]} is not built; run `make` first")


class Demo:
    def __init__(self, args):
        self.args, self.start, self.lines = args, time.monotonic(), queue.Queue()
        self.dir = tempfile.mkdtemp(prefix="motet-demo-")
        self.port = free_port()
        self.motet = find(args.build_dir, "motet")
        self.kvstore = find(args.build_dir, "etc/examples/kvstore/kvstore", "kvstore")
        self.daemons, self.stores = {}, {}
        self.applied, self.written, self.done, self.views = {}, {}, {}, {}
        self.ended = []
        self.write_config()

    def say(self, text):
        print(f"{time.monotonic() - self.start:6.2f} s  {text}", flush=True)

    def write_config(self):
        self.config = os.path.join(self.dir, "motet.yaml")
        with open(self.config, "w") as f:
            f.write("# UDP carries no encryption; this cluster never leaves the machine.\nallow_unencrypted: yes\n"
                    f"totem:\n  version: 2\n  cluster_name: demo\n  transport: udpu\n  token: 1000\n"
                    f"  interface:\n    - linknumber: 0\n      mcastport: {self.port}\nnodelist:\n")
            for node in NODES:
                f.write(f"  - nodeid: {node}\n    name: node{node}\n    ring0_addr: 127.0.0.{node}\n")

    def start_node(self, node):
        run, state = os.path.join(self.dir, f"run{node}"), os.path.join(self.dir, f"state{node}")
        os.makedirs(state, exist_ok=True)
        with open(os.path.join(self.dir, f"node{node}.log"), "a") as log:
            self.daemons[node] = subprocess.Popen(
                [self.motet, "--foreground", "--config", self.config, "--runtime-dir", run, "--state-dir", state,
                 "--node", str(node)], stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        env = dict(os.environ, MOTET_RUNTIME_DIR=run)
        store = subprocess.Popen([self.kvstore, "--node", str(node), "--updates", str(self.args.updates), "--rate", str(RATE)],
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env, start_new_session=True)
        self.stores[node] = store
        threading.Thread(target=self.read, args=(node, store), daemon=True).start()

    def read(self, node, process):
        for line in process.stdout:
            self.lines.put((node, line.strip()))
        self.lines.put((node, None))

    def kill_node(self, node):
        victims = tree(self.daemons[node].pid) + tree(self.stores[node].pid)
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.daemons[node].wait()
        self.stores[node].wait()
        return len(victims)

    def handle(self, node, line):
        if line is None:
            return
        if m := re.match(r"applied (\d+) written (\d+)", line):
            self.applied[node], self.written[node] = int(m[1]), int(m[2])
        elif m := re.match(r"done (\w+) applied (\d+)", line):
            self.done[node], self.applied[node] = (m[1], int(m[2])), int(m[2])
            self.say(f"node {node}: all {m[2]} updates applied, hash {m[1]}")
        elif line.startswith("view"):
            self.views[node] = re.search(r"members((?: \d+)*)", line)[1].split()
            self.say(f"node {node}: {line}")
        else:
            self.say(f"node {node}: {line}")

    def wait_until(self, what, condition):
        """Handles lines until the condition holds; a live line per second meanwhile."""
        shown = time.monotonic()
        before = dict(self.applied)
        while not condition():
            if time.monotonic() - self.start > LIMIT_S:
                raise TimeoutError(f"{what}: not within {LIMIT_S} s of the start")
            for node, process in self.daemons.items():
                if process.poll() is not None and node not in self.ended:
                    raise RuntimeError(f"the daemon of node {node} has exited with status {process.returncode}")
            try:
                self.handle(*self.lines.get(timeout=0.1))
            except queue.Empty:
                pass
            if time.monotonic() - shown >= 1:
                rates = "  ".join(f"node {n}: {self.applied.get(n, 0):6d} ({(self.applied.get(n, 0) - before.get(n, 0)) / (time.monotonic() - shown):5.0f}/s)"
                                  for n in NODES)
                self.say("applied  " + rates)
                shown, before = time.monotonic(), dict(self.applied)

    def run(self):
        total = len(NODES) * self.args.updates
        self.say(f"three nodes on 127.0.0.1-3, port {self.port}; {total} updates; logs in {self.dir}")
        for node in NODES:
            self.start_node(node)
        self.wait_until("first view of three", lambda: all(len(self.views.get(n, [])) == 3 for n in NODES))
        ring_at = time.monotonic() - self.start
        self.say("all three are members; writing begins")
        self.wait_until("a third of the updates", lambda: max(self.applied.values(), default=0) > total // 4)
        at_kill = dict(self.applied)
        self.ended.append(2)
        killed = self.kill_node(2)
        kill_time = time.monotonic()
        self.say(f"node 2: {killed} processes killed with SIGKILL, after {at_kill.get(2, 0)} updates")
        self.wait_until("view without node 2", lambda: all("2" not in self.views[n] for n in (1, 3)))
        detect_s = time.monotonic() - kill_time
        self.applied.pop(2, None)
        self.start_node(2)
        self.ended.remove(2)
        self.say("node 2: started again")
        self.wait_until("all updates on all nodes", lambda: len(self.done) == len(NODES))
        hashes = {h for h, _ in self.done.values()}
        counts = {n for _, n in self.done.values()}
        clean = self.stop()
        print(f"\n  updates            {total} from three writers, applied on each node: {', '.join(map(str, sorted(counts)))}\n"
              f"  first full view    {ring_at:.2f} s after the start\n"
              f"  crash of node 2    noticed after {detect_s:.2f} s (token 1650 ms + consensus 1980 ms)\n"
              f"  hashes             {' '.join(sorted(hashes))}\n"
              f"  orderly end        {'yes' if clean else 'NO'}\n"
              f"  time               {time.monotonic() - self.start:.1f} s")
        if len(hashes) != 1 or counts != {total} or not clean:
            raise RuntimeError("the stores differ" if len(hashes) != 1 else "updates are missing or a daemon did not stop cleanly")
        print("\nThe three stores are equal.")

    def stop(self):
        """Ends everything; True if all ended in order."""
        clean = True
        for process in list(self.stores.values()) + list(self.daemons.values()):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in list(self.stores.values()) + list(self.daemons.values()):
            try:
                clean &= process.wait(timeout=8) in (0, -signal.SIGKILL)
            except subprocess.TimeoutExpired:
                clean = False
                for pid in tree(process.pid):
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                process.wait()
        return clean


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build-dir", default=".")
    parser.add_argument("--updates", type=int, default=10000, help="of each writer")
    parser.add_argument("--keep", action="store_true", help="keep logs and state")
    demo = Demo(parser.parse_args())
    status = 1
    try:
        demo.run()
        status = 0
    except (TimeoutError, RuntimeError) as e:
        print(f"demo: {e}", file=sys.stderr)
        for node in NODES:
            path = os.path.join(demo.dir, f"node{node}.log")
            if os.path.exists(path):
                print(f"--- last lines of {path}", file=sys.stderr)
                print("".join(open(path, errors="replace").readlines()[-12:]), file=sys.stderr)
    finally:
        demo.stop()
        if not demo.args.keep:
            shutil.rmtree(demo.dir, ignore_errors=True)
    sys.exit(status)


if __name__ == "__main__":
    main()
