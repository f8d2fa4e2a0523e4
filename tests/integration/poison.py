#!/usr/bin/env python3
"""A request that ends its worker, or keeps it for ever, costs two processes and then its own client the connection: with a clear
line in the log, and nothing for anybody else. The victim is a service of the test's own with such requests."""
import os
import signal

from loopback import Loopback
from nodes import BUILD, Checks, binary, wait_for
from events import events


def child(node, name):
    return next((c for c in node.status().get("supervisor", {}).get("children", []) if c["name"] == name), {})


def others(node):
    return {c["name"]: c["pid"] for c in node.status()["supervisor"]["children"] if c["name"] != "fragile"}


def poison(checks, node, what, how):
    before, stay, ring, since = child(node, "fragile"), others(node), node.ring(), len(node.log())
    good = [node.client("tests/integration/fragile_client", "count") for _ in range(3)]
    for g in good:
        g.stdout.readline()
    bad = node.client("tests/integration/fragile_client", what)
    code = bad.wait(timeout=60)
    checks.that(f"{what}: its client is cut off", code == 0, (code, bad.stderr.read(), node.log()[since:][-1500:]))
    for g in good:
        g.send_signal(signal.SIGTERM)
    ends = [(g.wait(timeout=60), g.stdout.read().split(), g.stderr.read()) for g in good]
    checks.that(f"{what}: three others are answered every call, once and in order", all(e[0] == 0 and int(e[1][0]) > 10 for e in ends), ends)
    now = child(node, "fragile")
    checks.that(f"{what}: it has ended two processes, not three", now.get("restarts") == before.get("restarts") + 2, (before, now))
    log = node.log()[since:]
    checks.that(f"{what}: the log names connection and reason, once", log.count("is cut off by the next worker: the same request has ended two") == 1 and
                log.count("fragile had a request of connection") == 2 and log.count("is cut off: its request that ends at position") == 1, log[-1500:])
    exits = [e for e in events(node, process="fragile", kind="exit") if e["signal"] == signal.SIGABRT]
    checks.that(f"{what}: both deaths are recorded {how}", len(exits) >= 2 and all(e["last"] for e in exits), exits)
    checks.that(f"{what}: nobody else was replaced, the ring is the same", others(node) == stay and node.ring() == ring, (stay, others(node)))
    print(f"# {what}: longest wait of the others {max(float(e[1][2]) for e in ends if e[0] == 0):.0f} ms", flush=True)


def main():
    checks = Checks()
    os.environ["LD_LIBRARY_PATH"] = os.path.join(BUILD, "libs/worker/.libs")   # for the engine, which motet starts
    extra = f"services:\n  - name: fragile\n    program: {binary('tests/integration/fragile')}\n    id: 42\n"
    with Loopback(1, options=("--hang-ms", "1000"), extra=extra) as area:
        node = area.nodes[0]
        checks.that("the service is ready", wait_for("it", lambda: child(node, "fragile").get("state") == "ready", 20), node.log()[-1500:])
        poison(checks, node, "abort", "with the last words")
        poison(checks, node, "loop", "as SIGABRT of one that hung")
        hung = events(node, process="fragile", kind="hung")
        checks.that("a worker that does not come back is found by its heartbeat, with the request it had in hand", len(hung) == 2 and
                    all("request of connection" in e["text"] for e in hung), hung)
        # Killed from outside, with nobody to blame.
        good = node.client("tests/integration/fragile_client", "count")
        good.stdout.readline()
        for _ in range(5):
            pid = child(node, "fragile")["pid"]
            os.kill(pid, signal.SIGKILL)
            wait_for("the next", lambda old=pid: child(node, "fragile").get("pid") not in (0, None, old) and child(node, "fragile")["state"] == "ready", 20)
        good.send_signal(signal.SIGTERM)
        checks.that("kill -9 costs nobody anything", good.wait(timeout=60) == 0, good.stderr.read())
    checks.end()


if __name__ == "__main__":
    main()
