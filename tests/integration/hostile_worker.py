#!/usr/bin/env python3
"""A worker that has been taken over, in the place of each worker of a running node: nobody else is harmed, and what it did is in the log."""
import json
import os

from loopback import Loopback
from nodes import BUILD, Checks, binary, wait_for

LIVES = 6
SAYS = {1: "forges a message of another service", 2: "moves its own head beyond the ring", 3: "says it has read what was never written",
        4: "floods", 5: "plays membership and the supervisor", 6: "opens a file"}
# What the log must say about it afterwards.
ANSWER = {1: "is cut off", 2: "is cut off", 3: "is cut off", 4: "malformed message", 5: "ended", 6: "system call"}


def libexec(directory, victim):
    """The children's programs, one of them replaced."""
    os.makedirs(directory)
    for name in os.listdir(BUILD):
        if name.startswith("motet-") and os.access(os.path.join(BUILD, name), os.X_OK) and os.path.isfile(os.path.join(BUILD, name)):
            os.symlink(binary("tests/integration/hostile_worker" if name == victim else name), os.path.join(directory, name))
    return directory


def children(node):
    return {c["name"]: c for c in node.status().get("supervisor", {}).get("children", [])}


def one_role(checks, role, table):
    with Loopback(2, start=False) as area:
        one, two = area.nodes
        os.environ["MOTET_LIBEXECDIR"] = libexec(os.path.join(area.dir, "libexec"), "motet-" + role)
        one.start()
        del os.environ["MOTET_LIBEXECDIR"]
        two.start()
        wait_for("a ring of two", lambda: "members: 1 2" in two.log(), 20)
        before = {name: c["pid"] for name, c in children(one).items() if name != role}
        others = {name: c["pid"] for name, c in children(two).items()}
        if role not in children(one):
            return print(f"# SKIP {role}: this build does not start it")
        done = wait_for(f"{LIVES} lives", lambda: children(one).get(role, {}).get("restarts", 0) >= LIVES, 40)
        log = one.log()
        checks.that(f"{role}: all {LIVES} lives were tried", done, log[-1500:])
        for life in range(1, LIVES + 1):
            at = log.find("hostile: " + SAYS[life])
            after = log[at:log.find("hostile: ", at + 10)] if at >= 0 else ""
            ok = checks.that(f"{role}: {SAYS[life]}: it is in the log and was answered", at >= 0 and ANSWER[life] in after, after[-600:])
            table.append((role, SAYS[life], "denied" if ok else "NOT DENIED"))
        checks.that(f"{role}: forged lines stand as one line of that process", "\n2026-01-01 error motet: a forged line" not in log, "")
        checks.that(f"{role}: a view cannot be forged", not any(e["text"] == "a forged view" and e["kind"] == "view" for e in
                    json.loads(one.ctl("--json", "events").stdout)["events"]), "")
        now = children(one)
        checks.that(f"{role}: no other process of the node was replaced", {n: now[n]["pid"] for n in before} == before and one.process.poll() is None, (before, now))
        checks.that(f"{role}: no process of the other node was replaced, and no node left", {n: c["pid"] for n, c in children(two).items()} == others and
                    "left: 1" not in two.log(), two.log()[-600:])


def main():
    checks = Checks()
    table = []
    roles = [n.removeprefix("motet-") for n in sorted(os.listdir(BUILD)) if n in ("motet-cpg", "motet-confdb", "motet-quorum", "motet-sam")]
    for role in roles:
        one_role(checks, role, table)
    print("# a hostile program in the place of each worker of a running node")
    for role, what, outcome in table:
        print(f"# {role:8} {what:60} {outcome}")
    checks.end()


if __name__ == "__main__":
    main()
