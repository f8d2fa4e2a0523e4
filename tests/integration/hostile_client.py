#!/usr/bin/env python3
"""Clients that break the link protocol in every way we could think of, one kind after another, beside two that keep it. The
hostile ones are cut off with a line each; the others lose nothing; no process dies, keeps descriptors or grows.

hostile_client.py [KIND...] [--seed N]
"""
import argparse
import re
import time

from loopback import Loopback, Member, check_traffic, fd_count, rss_kib
from nodes import Checks, wait_for

# kind: must every connection be cut off?
KINDS = {"rubbish": True, "heads": True, "tails": True, "lengths": True, "types": True, "half": True, "requests": False, "pads": False,
         "tokens": False, "deaf": False, "page": False, "changing": False, "descriptors": False, "deaths": False, "closed": False, "crowd": False}
MEMORY_MAX_KIB = 96 << 10   # what one kind may leave behind in a process


def one(checks, area, kind, all_cut, seed):
    node = area.nodes[0]
    pids, since = node.pids(), len(node.log())
    before = {n: (fd_count(p), rss_kib(p)) for n, p in pids.items()}
    members = [Member(node, area.dir, f"{name} of node {n.number}", 1.5, 150, kind, big_every=71, linger=0.5)
               for name, n in (("a member", node), ("another", node), ("one", area.nodes[1]))]
    started = time.monotonic()
    p = node.run("tests/integration/hostile_client", kind, seed, timeout=40)
    took = time.monotonic() - started
    done = re.match(r"(\d+) (\d+) (\d+)$", p.stdout.strip())
    checks.that(f"{kind}: the hostile client comes to its end", p.returncode == 0 and done, (p.returncode, p.stdout, p.stderr[-300:]))
    pid, connections, cuts = map(int, done.groups()) if done else (0, 0, 0)
    check_traffic(checks, kind, [m.finish() for m in members])
    checks.that(f"{kind}: no process was replaced", node.pids() == pids, (pids, node.pids(), node.log()[since:][-600:]))
    checks.that(f"{kind}: it was connected", connections > 0, connections)
    lines = [line for line in node.log()[since:].splitlines() if f"process {pid} " in line]
    if all_cut:
        checks.that(f"{kind}: all {connections} connections are cut off", cuts == connections, cuts)
        checks.that(f"{kind}: a line for each names the process and what it did", len(lines) == connections and all("cut off: it" in x for x in lines), (len(lines), lines[:3]))
    else:
        checks.that(f"{kind}: at most a line for each connection", len(lines) <= connections, (len(lines), lines[:3]))
    if kind == "crowd":
        checks.that("crowd: those beyond the limit are refused, and one line says so", cuts >= connections - 4096 and node.log()[since:].count("is refused") == 1,
                    (connections, cuts, node.log()[since:][-500:]))
    total = len(node.log()[since:].splitlines())
    checks.that(f"{kind}: the log is not flooded", total <= connections + 20, total)
    given_back = wait_for("descriptors", lambda: all(fd_count(p) <= before[n][0] for n, p in pids.items()), 5)
    checks.that(f"{kind}: every descriptor is given back", given_back, {n: (before[n][0], fd_count(p)) for n, p in pids.items()})
    grown = {n: rss_kib(p) - before[n][1] for n, p in pids.items()}
    checks.that(f"{kind}: no process keeps more than {MEMORY_MAX_KIB} KiB", all(g <= MEMORY_MAX_KIB for g in grown.values()), grown)
    print(f"# {kind}: {connections} connections, {cuts} cut off or refused, {total} lines, {took:.1f} s, memory {grown}", flush=True)
    return done


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kinds", nargs="*", default=list(KINDS))
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    checks = Checks()
    with Loopback(2) as area:
        for kind in args.kinds:
            one(checks, area, kind, KINDS[kind], args.seed)
        children = area.nodes[0].status()["supervisor"]["children"]
        checks.that("nothing was restarted in all this", not any(c["restarts"] for c in children), children)
        checks.that("both nodes are still in one ring", all(n.members() == 2 for n in area.nodes), area.nodes[0].log()[-600:])
    checks.end()


if __name__ == "__main__":
    main()
