#!/usr/bin/env python3
"""Transport knet among Motet nodes: failover between links, what is said of a link that is down, wrong keys, and rubbish at line rate.

knet_links.py [failover firewall keys versions rubbish rotation mixed_rotation compression]: which. By default the short form of
some; MOTET_LONG=1: the long form of all, with 100 replacements of the key.
"""
import os
import re
import shutil
import signal
import sys
import time

import nodes
from knet_cluster import (JOINED, LEFT, NODEDOWN, NODEUP, all_see, check_complete, check_order, links, load, motetctl, ring_of,
                          view_events)
from mixed_ring import members
from nodes import Checks, Cluster, wait_for


LONG = os.environ.get("MOTET_LONG")
SHORT = ("failover", "keys", "versions", "rubbish", "rotation", "mixed_rotation")


def down(cluster, node, peer, link):
    return not links(cluster, node).get((peer, link), {"connected": True})["connected"]


def up(cluster, node, peer, link):
    return links(cluster, node).get((peer, link), {"connected": False})["connected"]


# Goal: one of two links cut, nobody notices but the links' watch; both cut, the view changes; both back, the ring merges.
def failover(checks):
    with Cluster("mmm", transport="knet", crypto="aes256/sha256", token=1000, links=2, ping="50/200") as cluster:
        checks.that("failover: three nodes form one ring", all_see(cluster, 3, (1, 2, 3)), cluster.log_tails())
        wait_for("both links up", lambda: all(up(cluster, n, p, l) for n in (1, 2, 3) for p in (1, 2, 3) if p != n for l in (0, 1)), 10)
        checks.that("failover: two links to each peer, IPv4 and IPv6, are up", sorted(links(cluster, 1)) == [(2, 0), (2, 1), (3, 0), (3, 1)]
                    and all(entry["connected"] for entry in links(cluster, 1).values()), links(cluster, 1))
        time.sleep(3)     # libknet is lenient with a link that is new
        before = [ring_of(cluster, n) for n in (1, 2, 3)]
        running = load(cluster, "one", 60)
        time.sleep(1)
        cluster.sh("isolate", 3, 0)
        seen = wait_for("link 0 to node 3 down on node 1", lambda: down(cluster, 1, 3, 0), 10)
        checks.that("failover: the cut link is shown as down with a cause", seen and "nothing heard of node 3" in links(cluster, 1)[3, 0]["cause"], links(cluster, 1))
        checks.that("failover: the other link is up", up(cluster, 1, 3, 1), links(cluster, 1))
        time.sleep(1)
        cluster.sh("heal", 3, 0)
        checks.that("failover: the link comes back", wait_for("link 0 up", lambda: up(cluster, 1, 3, 0), 15), links(cluster, 1))
        done = [m.finish(stop=True) for m in running]
        check_order(checks, "failover", done)
        check_complete(checks, "failover", done)
        checks.that("failover: the ring is the same", [ring_of(cluster, n) for n in (1, 2, 3)] == before, cluster.log_tails(20))

        running = load(cluster, "both", 60)
        time.sleep(1)
        cluster.sh("isolate", 3)
        checks.that("failover: both links cut, the others form a ring without the node", all_see(cluster, 2, (1, 2)), cluster.log_tails())
        cluster.sh("heal", 3)
        checks.that("failover: one ring again", all_see(cluster, 3, (1, 2, 3), 30), cluster.log_tails())
        time.sleep(1)
        done = [m.finish(stop=True) for m in running]
        check_order(checks, "failover, both links", done)
        for m in done[:2]:
            told = [e for e in view_events(m, done[2]) if e[1] in (NODEDOWN, NODEUP)]
            checks.that(f"failover, both links: node {m.number} is told of NODEDOWN, then NODEUP", told == [(LEFT, NODEDOWN), (JOINED, NODEUP)], told)
        if checks.bad:
            print(cluster.log_tails(20))


# Goal: why a link is down is said in one line. Method: a firewall on node 1 towards node 2; a neighbour entry on node 3 that sends
# everything for node 1 nowhere.
def firewall(checks):
    with Cluster("mmm", transport="knet", crypto="aes256/sha256", token=1000) as cluster:
        checks.that("firewall: three nodes form one ring", all_see(cluster, 3, (1, 2, 3)), cluster.log_tails())
        if shutil.which("nft") and cluster.run(1, "nft", "add", "table", "inet", "t").returncode == 0:
            cluster.run(1, "nft", "add", "chain", "inet", "t", "o", "{ type filter hook output priority 0 ; }")
            cluster.run(1, "nft", "add", "rule", "inet", "t", "o", "ip", "daddr", "10.77.0.2", "udp", "dport", "5405", "drop")
            said = wait_for("EPERM", lambda: "EPERM" in links(cluster, 1).get((2, 0), {}).get("cause", ""), 15)
            checks.that("firewall: the errno and the firewall are named", said and re.search("link 0 to node 2 .*EPERM.*firewall", cluster.log(1)), links(cluster, 1))
            checks.that("firewall: sends that fail are counted per peer", links(cluster, 1)[2, 0]["send_errors"] > 0 and links(cluster, 1)[3, 0]["send_errors"] == 0, links(cluster, 1))
            checks.that("firewall: not one line per packet", len(re.findall("EPERM", cluster.log(1))) <= 2, cluster.log_tails(20))
            said = wait_for("one way", lambda: links(cluster, 1).get((2, 0), {}).get("one_way") is False and links(cluster, 2)[1, 0]["connected"] is False, 10)
            cluster.run(1, "nft", "delete", "table", "inet", "t")
            checks.that("firewall: removed, the link comes back", said and wait_for("link up", lambda: up(cluster, 1, 2, 0), 20), links(cluster, 1))
        else:
            print("# nft does not work here: nothing was tried with a firewall")
        cluster.run(3, "ip", "neigh", "replace", "10.77.0.1", "lladdr", "02:00:00:00:00:99", "dev", "eth0", "nud", "permanent")
        heard = wait_for("one way", lambda: links(cluster, 3).get((1, 0), {}).get("one_way") is True, 20)
        checks.that("one way: node 3 says that it hears node 1, which does not hear it", heard and
                    "we hear node 1, node 1 does not hear us" in cluster.log(3), links(cluster, 3))
        checks.that("one way: node 1 hears nothing and says so", "nothing heard of node 3" in links(cluster, 1)[3, 0]["cause"], links(cluster, 1))
        cluster.run(3, "ip", "neigh", "del", "10.77.0.1", "dev", "eth0")
        checks.that("one way: one ring again", wait_for("link up", lambda: up(cluster, 3, 1, 0), 20) and all_see(cluster, 3, (1, 2, 3), 30), cluster.log_tails())


# Goal: a node with another key is refused with one clear line on both sides, and leaves the ring of the others alone.
def keys(checks):
    with Cluster("mmm", transport="knet", crypto="aes256/sha256", token=1000) as cluster:
        all_see(cluster, 3, (1, 2, 3))
        cluster.sh("stop", 3)
        all_see(cluster, 2, (1, 2))
        path = os.path.join(cluster.env["BENCH_STATE"], cluster.id, "n3", "etc", "authkey")
        for content, mode, wanted in ((b"x" * 12, 0o400, "12 bytes, but a key has 128 to 4096"), (b"y" * 200, 0o444, "mode 444 lets others read"), (None, 0, "corosync-keygen")):
            if os.path.exists(path):
                os.unlink(path)
            if content:
                with open(path, "wb") as f:
                    f.write(content)
                os.chmod(path, mode)
            p = cluster.run(3, os.path.join(nodes.BUILD, "motet"), "--foreground", "--config", "/etc/corosync/corosync.conf", "--node", "3", timeout=20)
            lines = [line for line in (p.stdout + p.stderr).splitlines() if "authkey" in line]
            checks.that(f"keys: refused with exit code 3 and one line: {wanted}", p.returncode == 3 and len(lines) == 1 and wanted in lines[0], (p.returncode, p.stdout + p.stderr))
        with open(path, "wb") as f:
            f.write(os.urandom(256))
        os.chmod(path, 0o400)
        before = [ring_of(cluster, n) for n in (1, 2)]
        cluster.sh("start", 3)
        pattern = "link 0 to node {} .*do not authenticate"
        told = wait_for("a line about the key", lambda: re.search(pattern.format(3), cluster.log(1)) and re.search(pattern.format(1), cluster.log(3)), 15)
        checks.that("keys: both sides say that packets do not authenticate", told, cluster.log_tails(20))
        time.sleep(2)
        for n, peer in ((1, 3), (3, 1)):
            checks.that(f"keys: node {n} says so once", len(re.findall(pattern.format(peer), cluster.log(n))) == 1, cluster.log_tails(20))
        checks.that("keys: what was refused is counted", motetctl(cluster, 1, "links").get("rejected", {}).get("unauthenticated", 0) > 0, motetctl(cluster, 1, "links"))
        checks.that("keys: the ring of the others is the same", [ring_of(cluster, n) for n in (1, 2)] == before, cluster.log_tails())


# Goal: a node with an older version of the configuration is named on both sides; it stops in order where Corosync would.
def versions(checks):
    for kinds in ("mmm", "mmc") if shutil.which("corosync") else ("mmm",):
        with Cluster(kinds, transport="knet", crypto="aes256/sha256", token=1000) as cluster:
            all_see(cluster, 3, (1, 2, 3))
            for n in (1, 2, 3):
                cluster.sh("stop", n)
                path = os.path.join(cluster.env["BENCH_STATE"], cluster.id, f"n{n}", "etc", "corosync.conf")
                with open(path) as f:
                    text = f.read()
                with open(path, "w") as f:
                    f.write(text.replace("totem {", f"totem {{\n  config_version: {3 if n == 3 else 4}", 1))
            for n in (1, 2):
                cluster.sh("start", n)
            checks.that(f"versions, {kinds}: two nodes form one ring", all_see(cluster, 2, (1, 2)), cluster.log_tails())
            cluster.sh("start", 3)
            line = "node 3 has version 3 of the configuration, this node 4: copy the newer file to it"
            for n in (1, 2):
                told = wait_for(f"a line on node {n}", lambda: line in cluster.log(n), 20)
                checks.that(f"versions, {kinds}: node {n} names node 3 as the one behind", told and cluster.log(n).count(line) == 1, cluster.log_tails(20))
            if kinds == "mmm":
                mine = r"node [12] has version 4 of the configuration, this node 3: copy the newer file to this node|the configuration of this node is version 3, another node has 4"
                checks.that("versions: node 3 says what to do", wait_for("a line on node 3", lambda: re.search(mine, cluster.log(3)), 10), cluster.log_tails(20))
            settled = wait_for("a ring of the others", lambda: all(members(cluster, n) in (2, 3) for n in (1, 2)), 20)
            checks.that(f"versions, {kinds}: the others go on, with it or without it", settled, cluster.log_tails(20))


FLOOD = r"""
import os, random, socket, struct, sys, time
target, port, seconds, own = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
capture = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
capture.settimeout(2)
genuine = []
while len(genuine) < 40:      # what this node itself sends
    frame = capture.recv(65535)
    if frame[12:14] == b"\x08\x00" and frame[23] == 17 and frame[26:30] == socket.inet_aton(own) and frame[30:34] == socket.inet_aton(target):
        genuine.append(frame[42:])
capture.close()
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
random.seed(1)
kinds = [
    lambda g: os.urandom(random.randrange(1, 1400)),                                          # malformed
    lambda g: g,                                                                               # replayed
    lambda g: g[:random.randrange(0, len(g))],                                                 # truncated
    lambda g: bytes([g[0] ^ 1]) + g[1:],                                                       # damaged
    lambda g: b"\x01\x00" + struct.pack("!H", 77) + bytes(2) + struct.pack("!H", 7) + bytes(2) + b"\x01\x01\x00\x00" + b"\x70\xc0" + bytes(60),  # of a node that is none
    lambda g: b"\x01\x00" + g[2:4] + bytes(2) + struct.pack("!H", random.randrange(65536)) + bytes(2) + b"\x01\x03" + bytes([random.choice((0, 4, 255))]) + b"\x00" + bytes(60),  # impossible fragments
]
end, sent = time.monotonic() + seconds, 0
while time.monotonic() < end:
    for _ in range(50):
        try:
            out.sendto(random.choice(kinds)(random.choice(genuine)), (target, port))
            sent += 1
        except OSError:
            pass
print(sent)
"""


# Goal: rubbish from the address of a member, as fast as one process can send it, is counted and disturbs nothing.
def rubbish(checks):
    for crypto in ("aes256/sha256", "none") if LONG else ("none",):
        with Cluster("mmm", transport="knet", crypto=crypto, token=3000) as cluster:
            checks.that(f"rubbish, {crypto}: three nodes form one ring", all_see(cluster, 3, (1, 2, 3)), cluster.log_tails())
            before = [ring_of(cluster, n) for n in (1, 2, 3)]
            running = load(cluster, "calm", 60, rate=200)
            time.sleep(0.5)
            with open(cluster.file("flood.py"), "w") as f:
                f.write(FLOOD)
            flood = cluster.run(3, sys.executable, cluster.file("flood.py"), "10.77.0.1", "5405", "3", "10.77.0.3", timeout=60)
            time.sleep(1)
            done = [m.finish(stop=True) for m in running]
            sent = int(flood.stdout or 0)
            refused = motetctl(cluster, 1, "links").get("rejected", {})
            print(f"# {sent} packets of rubbish in 3 s; node 1 refused {refused}")
            checks.that(f"rubbish, {crypto}: it was a flood", sent > 3000, flood)
            wanted = ("unauthenticated",) if crypto != "none" else ("malformed", "unknown_sender", "in_kernel")
            for kind in wanted + ("duplicate",):
                checks.that(f"rubbish, {crypto}: {kind} is counted", refused.get(kind, 0) > 0, refused)
            check_order(checks, f"rubbish, {crypto}", done)
            check_complete(checks, f"rubbish, {crypto}", done)
            checks.that(f"rubbish, {crypto}: the ring is the same", [ring_of(cluster, n) for n in (1, 2, 3)] == before, cluster.log_tails(20))
            checks.that(f"rubbish, {crypto}: no line per packet in the log", len(cluster.log(1).splitlines()) < 100, cluster.log_tails(30))


# Every compression that a peer may use can be read, whatever this node uses itself; but zstd only where both use it (libknet 1.25).
def compression(checks):
    kinds = "mc" if shutil.which("corosync") else "mm"
    for model in ("zlib", "lz4", "lz4hc", "lzo2", "lzma", "bzip2", "zstd"):
        with Cluster(kinds, transport="knet", crypto="aes256/sha256", token=1000, compression=model,
                     compression_from=1 if model == "zstd" else 2) as cluster:
            checks.that(f"compression, {model}: one ring", all_see(cluster, 2, (1, 2)), cluster.log_tails())
            done = [m.finish() for m in load(cluster, "z", 2, rate=200)]
            check_order(checks, f"compression, {model}", done)
            check_complete(checks, f"compression, {model}", done)


def put_key(cluster, node, content):
    path = os.path.join(cluster.env["BENCH_STATE"], cluster.id, f"n{node}", "etc", "authkey")
    with open(os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o400), "wb") as f:
        f.write(content)
    os.rename(path + ".new", path)


def reload_by_signal(cluster, node):
    os.kill(min(int(p) for p in cluster.sh("pids", node).split()[:1]), signal.SIGHUP)


def unauthenticated(cluster, node):
    return motetctl(cluster, node, "links").get("rejected", {}).get("unauthenticated", "no answer")


# Goal: the key is replaced again and again under load; nobody leaves, nothing is lost, and nothing is refused. Where one node has another
# new key than the others, all keep the old one.
def rotation(checks):
    rounds = 100 if LONG else 5
    with Cluster("mmm", transport="knet", crypto="aes256/sha256", token=3000) as cluster:
        checks.that("rotation: three nodes form one ring", all_see(cluster, 3, (1, 2, 3)), cluster.log_tails())
        wait_for("all links up", lambda: all(up(cluster, n, p, 0) for n in (1, 2, 3) for p in (1, 2, 3) if p != n), 10)
        before = [ring_of(cluster, n) for n in (1, 2, 3)]
        running = load(cluster, "keys", 600, rate=200)
        for n in (1, 2, 3):
            put_key(cluster, n, (b"x" if n == 3 else b"y") * 200)
        reload_by_signal(cluster, 1)
        why = "the new key is not the same everywhere: node 1, 2 has one, node 3 another"
        wait_for("a refusal", lambda: all(why in cluster.log(n) for n in (1, 2, 3)), 15)
        for n in (1, 2, 3):
            checks.that(f"rotation: node {n} keeps the key and says that node 3 has another new one", cluster.log(n).count(why) == 1, cluster.log_tails(20))
        done, at = 0, time.monotonic()
        for turn in range(1, rounds + 1):
            fresh = os.urandom(128 + turn)
            for n in (1, 2, 3):
                put_key(cluster, n, fresh)
            reload_by_signal(cluster, 1 + turn % 3)
            if not wait_for(f"key {turn}", lambda: all(cluster.log(n).count("the old key is forgotten") == turn for n in (1, 2, 3)), 15):
                break
            done = turn
        print(f"# {done} rotations in {time.monotonic() - at:.1f} s")
        checks.that(f"rotation: the key was replaced {rounds} times on every node", done == rounds, cluster.log_tails(20))
        ended = [m.finish(stop=True) for m in running]
        check_order(checks, "rotation", ended)
        check_complete(checks, "rotation", ended)
        checks.that("rotation: the ring is the same", [ring_of(cluster, n) for n in (1, 2, 3)] == before, cluster.log_tails(20))
        for n in (1, 2, 3):
            checks.that(f"rotation: node {n} refused nothing", unauthenticated(cluster, n) == 0, motetctl(cluster, n, "links").get("rejected"))


# Goal: in a ring with a corosync node every node reloads for itself, at Corosync's own message; nobody leaves and nothing is lost. (Packets
# are refused for as long as a Motet node reads its file: corosync does not wait for it.)
def mixed_rotation(checks):
    if shutil.which("corosync") is None:
        return print("# corosync is not installed: nothing was tried with it")
    with Cluster("mcm", transport="knet", crypto="aes256/sha256", token=3000) as cluster:
        checks.that("mixed rotation: three nodes form one ring", all_see(cluster, 3, (1, 2, 3)), cluster.log_tails())
        before = [ring_of(cluster, n) for n in (1, 3)]
        # Refused pings are silence to knet: a change may cost a link two seconds, during which the ring stands still.
        running = load(cluster, "keys", 600, rate=100, linger=6)
        for turn in range(1, 6):
            fresh = os.urandom(128 + turn)
            for n in (1, 2, 3):
                put_key(cluster, n, fresh)
            if turn % 2:
                reload_by_signal(cluster, 1)
            else:
                p = cluster.run(2, "corosync-cfgtool", "-R")
                checks.that(f"mixed rotation: corosync-cfgtool -R on the corosync node, key {turn}", p.returncode == 0, p.stdout + p.stderr)
            done = wait_for(f"key {turn}", lambda: all(cluster.log(n).count("the old key is forgotten") == turn for n in (1, 3)), 15)
            checks.that(f"mixed rotation: key {turn} is in force on the Motet nodes", done, cluster.log_tails(20))
            time.sleep(1)
        ended = [m.finish(stop=True) for m in running]
        check_order(checks, "mixed rotation", ended)
        check_complete(checks, "mixed rotation", ended)
        checks.that("mixed rotation: the ring is the same", [ring_of(cluster, n) for n in (1, 3)] == before, cluster.log_tails(20))
        print(f"# refused: {[motetctl(cluster, n, 'links').get('rejected') for n in (1, 3)]}")


def main():
    nodes.need_namespaces()
    parts = {"failover": failover, "firewall": firewall, "keys": keys, "versions": versions, "rubbish": rubbish, "rotation": rotation, "mixed_rotation": mixed_rotation,
             "compression": compression}
    checks = Checks()
    for name in sys.argv[1:] or (parts if LONG else SHORT):
        parts[name](checks)
    checks.end()


if __name__ == "__main__":
    main()
