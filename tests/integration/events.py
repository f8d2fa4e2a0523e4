#!/usr/bin/env python3
"""motetctl events: starts, deaths with their causes and last words, changes of the ring with evidence, across restarts of everything."""
import json
import os
import signal

from loopback import Loopback, alive
from nodes import Checks, wait_for


def events(node, **wanted):
    p = node.ctl("--json", "events")
    found = json.loads(p.stdout)["events"] if p.returncode == 0 else []
    return [e for e in found if all(e.get(k) == v for k, v in wanted.items())]


def text(node):
    return node.ctl("events").stdout


def main():
    checks = Checks()
    with Loopback(2, options=("--hang-ms", "2000")) as area:
        one, two = area.nodes
        first = one.pids()
        for name in ("membership", "cpg"):
            checks.that(f"{name}: its start and its readiness are events", len(events(one, process=name, kind="start", pid=first["motet-" + name])) == 1 and
                        len(events(one, process=name, kind="ready", pid=first["motet-" + name])) == 1, events(one, process=name))
        checks.that("joining a ring is an event with its members", any("2 members: 1 2" in e["text"] for e in events(one, kind="view")), events(one, kind="view"))

        os.kill(first["motet-cpg"], signal.SIGKILL)
        wait_for("the exit", lambda: events(one, process="cpg", kind="exit"), 10)
        died = events(one, process="cpg", kind="exit", pid=first["motet-cpg"])
        checks.that("a death names signal and pid, and holds the last words", len(died) == 1 and died[0]["signal"] == 9 and died[0]["last"] and "started" in died[0]["last"][0], died)
        wait_for("service", lambda: one.members() == 2, 20)
        second = one.pids()["motet-cpg"]
        os.kill(second, signal.SIGSTOP)
        wait_for("the finding", lambda: events(one, process="cpg", kind="hung"), 15)
        hung = events(one, process="cpg", kind="hung", pid=second)
        checks.that("a hang is found and says for how long", len(hung) == 1 and "silent for" in hung[0]["text"], hung)
        wait_for("service", lambda: one.members() == 2, 20)

        # Killed without a word: the other node says who was silent and for how long.
        two.kill()
        wait_for("a ring of one", lambda: one.members() == 1, 20)
        left = [e["text"] for e in events(one, kind="view") if e["text"].startswith("1 left: 2 (last heard ")]
        checks.that("a node that vanished: when it was last heard, and the token", left and "the token was last here" in left[-1] or "a leave was announced" in (left or [""])[-1], left)
        two.start()
        wait_for("a ring of two", lambda: one.members() == 2, 20)
        two.stop()
        wait_for("a ring of one", lambda: one.members() == 1, 20)
        said = [e["text"] for e in events(one, kind="view") if "a leave was announced" in e["text"]]
        checks.that("a node that left in order: that it said so", said, events(one, kind="view")[-4:])

        before = events(one)
        since = one.daemon()
        one.process.send_signal(signal.SIGUSR2)
        wait_for("the replacement", lambda: events(one, kind="replaced"), 10)
        checks.that("a replaced supervisor keeps them", events(one)[:len(before)] == before, len(events(one)))
        checks.that("an orderly stop", one.stop() == 0, one.log()[-300:])
        one.start()
        wait_for("service", lambda: one.members() == 1, 20)
        kept = events(one)
        checks.that("a node started anew has them all, and its stop", kept[:len(before)] == before and len([e for e in kept if e["process"] == "motet" and e["kind"] == "stop"]) == 1, len(kept))
        one.kill()
        one.start()
        wait_for("service", lambda: one.members() == 1, 20)
        checks.that("and after its end without warning too", events(one)[:len(before)] == before and len(events(one, process="motet", kind="start")) == 3, events(one, process="motet"))
        checks.that("as text, one line each and the last words below", f"cpg[{first['motet-cpg']}] exit: killed by signal 9" in text(one) and "before: " in text(one), text(one)[-1500:])
        checks.that("no time runs backwards", [e["time_ms"] for e in kept] == sorted(e["time_ms"] for e in kept), "")
        size = os.path.getsize(os.path.join(one.state_dir, "events.log"))
        checks.that("the file is bounded", size < 512 * 1024, size)
        with open(os.path.join(one.state_dir, "events.log"), "a") as f:
            f.write('{"half a line')
        one.kill()
        one.start()
        checks.that("half a line in the file harms nobody", wait_for("service", lambda: one.members() == 1, 20) and len(events(one)) > len(before), one.log()[-500:])
        checks.that("the pid was kept over the replacement", alive(since) is False, since)
    checks.end()


if __name__ == "__main__":
    main()
