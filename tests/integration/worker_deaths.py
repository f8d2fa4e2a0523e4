#!/usr/bin/env python3
"""Each worker is killed and stopped under load of all services: nobody is disconnected, no call fails, no answer is lost or doubled,
no other process is replaced, no ring is formed. KILLS=N: deaths of each worker (default 16, most of them one node's
and more than the ten deaths without any work done that would end a service); STOPS=N: times it hangs (default 1)."""
import os
import signal
import socket
import struct
import time

from loopback import Loopback, Member, check_traffic
from nodes import LEFT, DELIVERED, Checks, wait_for
from sam_node import App, PATIENCE

KILLS, STOPS = int(os.environ.get("KILLS", "16")), int(os.environ.get("STOPS", "1"))
SOCKETS = {"motet-cpg": "cpg.sock", "motet-confdb": "confdb.sock", "motet-quorum": "quorum.sock", "motet-sam": "sam.sock"}
QUORUM = "quorum:\n  provider: corosync_votequorum\n"


def peer(node, name):
    """(pid, uid) of whoever listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.settimeout(10)
        s.connect(os.path.join(node.run_dir, name))
        pid, uid, _ = struct.unpack("3i", s.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return pid, uid


def restarts(node, worker):
    return next(c["restarts"] for c in node.status()["supervisor"]["children"] if "motet-" + c["name"] == worker)


def ready(node, worker):
    return next((c["state"] for c in node.status().get("supervisor", {}).get("children", []) if "motet-" + c["name"] == worker), "") == "ready"


def strike(checks, node, worker, how):
    """One death; while the successor is on its way a new client is still accepted by the supervisor."""
    pid = node.pids()[worker]
    began = time.monotonic()
    os.kill(pid, how)
    who = peer(node, SOCKETS[worker])
    if not wait_for(f"a new {worker}", lambda: node.pids().get(worker) not in (None, pid) and ready(node, worker), 30):
        checks.that(f"{worker} is replaced after signal {how}", False, node.log()[-1500:])
    return who, time.monotonic() - began


def main():
    checks = Checks()
    with Loopback(2, options=("--hang-ms", "2000"), extra=QUORUM) as area:
        one, two = area.nodes
        wait_for("quorum", lambda: all("quorate: 2 of 2" in n.log() for n in area.nodes), 20)
        rings, before = [n.ring() for n in area.nodes], [n.pids() for n in area.nodes]
        app = App(one, area.dir, "application")
        checks.that("an application is supervised", wait_for("it", lambda: app.started() == 1 and app.watched(), PATIENCE), app.lines())
        loads = [n.client("tests/integration/service_load", n.daemon(), n.number) for n in area.nodes for _ in range(3)]
        for p in loads:
            p.stdout.readline()
        flood = [Member(n, area.dir, f"member of node {n.number}", 600, 1000, big_every=41, linger=600) for n in area.nodes]
        time.sleep(1)
        for worker in SOCKETS:
            peers, stops = [], []
            for i in range(KILLS):
                peers.append(strike(checks, area.nodes[i % 8 == 7], worker, signal.SIGKILL)[0])
            for i in range(STOPS):
                who, took = strike(checks, area.nodes[i % 2], worker, signal.SIGSTOP)
                peers.append(who)
                stops.append(took)
            wanted = {(n.daemon(), os.geteuid()) for n in area.nodes}
            checks.that(f"{worker}: who connects meanwhile sees the supervisor with its user", len(peers) == KILLS + STOPS and set(peers) <= wanted, (peers, wanted))
            bad = [(p.poll(), p.stdout.read()) for p in loads if p.poll() is not None]
            checks.that(f"{worker}: {KILLS} kills and {STOPS} stops, and no client of any service has an error", not bad, (bad, one.log()[-1500:]))
            count = sum(restarts(n, worker) for n in area.nodes)
            checks.that(f"{worker}: as many deaths as blows", count == KILLS + STOPS, count)
            if stops:
                print(f"# {worker}: a stopped one was found and replaced after {', '.join(f'{s:.1f}' for s in stops)} s (--hang-ms 2000, looked for every second)", flush=True)
        for p in loads:
            p.send_signal(signal.SIGTERM)
        ends = [(p.wait(timeout=60), p.stdout.read().strip(), p.stderr.read()) for p in loads]
        checks.that("every call of every client was answered, once and in order", all(e[0] == 0 and int(e[1].split()[0]) > 100 for e in ends), ends)
        print("# rounds and longest waits in ms:", "; ".join(e[1] for e in ends), flush=True)
        checks.that("the application was not restarted and is supervised", len(app.instances()) == 1 and wait_for("supervision", app.watched, PATIENCE), app.lines())
        for m in flood:
            m.process.send_signal(signal.SIGUSR1)
        time.sleep(2)
        for m in flood:
            m.process.send_signal(signal.SIGTERM)
        for m in flood:
            m.finish()
        check_traffic(checks, "cpg", flood)
        last = {m: max((i for i, r in enumerate(m.records) if r[0] == DELIVERED), default=0) for m in flood}
        left = [r for m in flood for r in m.records[:last[m]] if r[0] == LEFT]
        checks.that("nobody is seen to leave", not left, left[:3])
        checks.that("no ring is formed", [n.ring() for n in area.nodes] == rings, ([n.ring() for n in area.nodes], rings))
        after = [n.pids() for n in area.nodes]
        stayed = all(a[name] == b[name] for a, b in zip(after, before) for name in ("motet", "motet-membership"))
        checks.that("supervisors and memberships have stayed", stayed, (before, after))
        app.do("leave")
        wait_for("its end", lambda: app.process.poll() is not None, 20)
        app.kill()
    checks.end()


if __name__ == "__main__":
    main()
