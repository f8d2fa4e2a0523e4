#!/usr/bin/env python3
"""cmap's promises: every watcher hears of every change once and in order, a client that never reads hurts only itself, keys and
watchers survive the worker's process; run-time access; statistics of processes that hang; bounded tools.

KILLS=N: so many deaths of motet-confdb during the changes (default 5)."""
import os
import signal
import subprocess
import time

import loopback
from loopback import Loopback
from nodes import BUILD, Checks, binary, wait_for

KILLS = int(os.environ.get("KILLS", "5"))


def tool(node, *args, timeout=20):
    return node.run("corosync-cmapctl", *args, timeout=timeout)


def get(node, key, *options):
    p = tool(node, *options, "-q", "-g", key)
    return p.stdout.strip() if p.returncode == 0 else None


def watchers(checks, node):
    p = node.run("tests/integration/cmap_watch", 100, 10000, 2, timeout=120)
    checks.that("100 watchers hear each of 10000 changes once and in order, beside two that never read", p.returncode == 0, (p.stdout, p.stderr, node.log()[-300:]))
    print(f"# {p.stdout.strip()}")


def deaths(checks, node):
    tool(node, "-s", "kept.before", "u32", "77")
    client = node.client("tests/integration/cmap_watch", 100, 10000, 1, 500 * KILLS)
    killed = 0
    wait_for("the watchers", lambda: get(node, "watch.number") is not None, 20)
    for _ in range(KILLS):
        time.sleep(0.1)
        pid = node.pids().get("motet-confdb")
        if pid is None or client.poll() is not None:
            break
        os.kill(pid, signal.SIGKILL)
        killed += 1
        wait_for("a new confdb", lambda old=pid: node.pids().get("motet-confdb") not in (None, old), 10)
    out, err = client.communicate(timeout=120)
    checks.that(f"the same across {killed} kills of motet-confdb", client.returncode == 0 and killed == KILLS, (out, err, killed, node.log()[-600:]))
    print(f"# {out.strip()}")
    checks.that("a key written before is there after all deaths", get(node, "kept.before") == "77", node.log()[-300:])


def access(checks, node):
    """What Pacemaker does: a written key admits a group at once."""
    if os.geteuid() != 0:
        print("skip - users of others need root")
        return
    program = binary("corosync-cmapctl")
    env = node.env()

    def as_other():
        return subprocess.run(["setpriv", "--reuid", "4711", "--regid", "4712", "--clear-groups", program, "-q", "-g", "totem.version"], env=env, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20)
    p = as_other()
    checks.that("a stranger is refused", p.returncode == 1 and "CS_ERR_ACCESS" in p.stderr, p)
    tool(node, "-s", "uidgid.gid.4712", "u8", "1")
    checks.that("a group is admitted by its key at once", as_other().stdout.strip() == "2", node.log()[-300:])
    tool(node, "-d", "uidgid.gid.4712")
    checks.that("and refused again without it", as_other().returncode == 1)


def statistics(checks, node):
    pids = node.pids()
    os.kill(pids["motet-membership"], signal.SIGSTOP)
    try:
        value = get(node, "stats.srp.mcast_tx", "-m", "stats")
        members = get(node, "runtime.members.1.status")
        checks.that("statistics and members are read while membership stands still", value is not None and int(value) > 0 and members == "joined", (value, members))
    finally:
        os.kill(pids["motet-membership"], signal.SIGCONT)
    follower = node.client("corosync-cmapctl", "-T", "nothing.", stdin=subprocess.PIPE)
    listed = wait_for("the list of clients", lambda: "procname (str) = corosync-cmapct" in tool(node, "-m", "stats").stdout, 10)
    follower.communicate("q\n", timeout=10)
    checks.that("each client is listed with its program", listed, tool(node, "-m", "stats").stdout[:500])
    checks.that("the supervisor tells of its children", wait_for("the supervisor's page", lambda: get(node, "stats.worker.cpg.state", "-m", "stats") == "ready", 10))


def bounded(checks, node):
    for name, words in (("motet-confdb", "motet-confdb"), ("motet", "motet runs but has not answered")):
        pid = node.pids()[name]
        os.kill(pid, signal.SIGSTOP)
        try:
            started = time.monotonic()
            p = tool(node, "-g", "totem.version", timeout=10)
            took = time.monotonic() - started
        finally:
            os.kill(pid, signal.SIGCONT)
        checks.that(f"with {name} stopped the tool ends and names it", p.returncode == 1 and words in p.stderr, (p, took))
        print(f"# in {took:.1f} s")
        checks.that("and the node serves again", wait_for("service", lambda: get(node, "totem.version") == "2", 20), node.log()[-500:])


def motetctl(checks, node):
    def ctl(*args, **more):
        return node.run("motetctl", "confdb", *args, **more)
    checks.that("create makes objects and a key", ctl("create", "one.two.key=7", "one.two", "one.other").returncode == 0)
    checks.that("get prints it", ctl("get", "one.two.key").stdout == "one.two.key=7\n", ctl("get", "one.two.key"))
    checks.that("set changes it", ctl("set", "one.two.key=8").returncode == 0 and get(node, "one.two.key") == "8")
    checks.that("set makes no objects", ctl("set", "none.key=8").returncode == 1)
    checks.that("a type is kept", ctl("set", "totem.token=1500").returncode == 0 and "(u32) = 1500" in tool(node, "-g", "totem.token").stdout and
                ctl("set", "totem.token=words").returncode == 1)
    checks.that("dump shows the tree", ctl("dump", "one").stdout == "one.two.key=8\none.other\n", ctl("dump", "one").stdout)
    checks.that("and as JSON", '"path":"one.two.key","type":"str","value":"8"' in ctl("dump", "one", "--json").stdout, ctl("dump", "one", "--json").stdout)
    checks.that("a read-only key is refused", ctl("set", "totem.cluster_name=x").returncode == 1)
    path = os.path.join(node.dir, "load")
    with open(path, "w") as f:
        f.write("# comment\nloaded.a=1\nloaded.b.c=two words\n")
    checks.that("load reads lines", ctl("load", path).returncode == 0 and get(node, "loaded.b.c") == "two words")
    watch = node.client("motetctl", "confdb", "watch", "loaded", stdin=subprocess.PIPE)
    watch.stdout.readline()
    ctl("set", "loaded.a=2")
    ctl("create", "loaded.new.key=x")
    ctl("delete", "loaded.new")
    time.sleep(0.3)
    out, _ = watch.communicate("q\n", timeout=10)
    checks.that("watch tells changes", out == "key_replaced> loaded.a=2\nobject_created> loaded.new\nkey_created> loaded.new.key=x\nobject_deleted> loaded.new\n", out)
    checks.that("delete removes objects", ctl("delete", "one", "loaded").returncode == 0 and get(node, "one.two.key") is None)
    checks.that("bad usage is 2", ctl("what").returncode == 2)


def main():
    checks = Checks()
    with Loopback(1) as area:
        node = area.nodes[0]
        access(checks, node)
        statistics(checks, node)
        motetctl(checks, node)
        watchers(checks, node)
        deaths(checks, node)
        bounded(checks, node)
    checks.end()


if __name__ == "__main__":
    main()
