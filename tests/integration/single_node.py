#!/usr/bin/env python3
"""One node and its administrator: checking, starting, refusing, answering while children hang, reloading, stopping."""
import contextlib
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time

import loopback
from loopback import Loopback, alive, config_text, program, wait_log
from nodes import Checks, binary, wait_for

GOOD = config_text(["127.0.0.1"], 26405)

# name of the file, its text, what the one line must say besides file and line
BAD = [
    ("syntax.yaml", GOOD + "logging: [unclosed\n", ""),
    ("unknown-key.yaml", GOOD.replace("  token: 1000", "  tokken: 1000"), "tokken"),
    ("not-a-number.yaml", GOOD.replace("token: 1000", "token: soon"), "token"),
    ("range.yaml", GOOD.replace("token: 1000", "token: 1"), "token"),
    ("twice.yaml", config_text(["127.0.0.1", "127.0.0.2"], 26405).replace("nodeid: 2", "nodeid: 1"), "nodeid"),
    ("transport.yaml", GOOD.replace("udpu", "carrier-pigeon"), "transport"),
    ("unencrypted.yaml", GOOD.replace("allow_unencrypted: yes\n", ""), "allow_unencrypted"),
    ("brace.conf", "totem {\n  version: 2\n  transport: udpu\n", ""),
]


def motet(*args, before=(), timeout=20):
    return subprocess.run([*before, program("motet"), *args], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)


def options_and_checks(checks, area):
    good = area.write("good.yaml", GOOD)
    p = motet("--check", "--config", good)
    checks.that("a good file passes --check", p.returncode == 0, (p.returncode, p.stderr))
    conf = area.write("good.conf", "totem {\n  version: 2\n  cluster_name: c\n  transport: udpu\n}\nnodelist {\n  node {\n    ring0_addr: 127.0.0.1\n"
                      "    nodeid: 1\n  }\n}\n")
    p = motet("--check", "--config", conf)
    checks.that("a good file in Corosync's syntax passes --check", p.returncode == 0, (p.returncode, p.stderr))
    for name, text, word in BAD:
        path = area.write(name, text)
        p = motet("--check", "--config", path)
        lines = (p.stdout + p.stderr).strip().splitlines()
        located = [line for line in lines if re.search(re.escape(path) + r":\d+", line)]
        checks.that(f"{name} is refused with status 1 and file:line", p.returncode == 1 and located and word in " ".join(located),
                    (p.returncode, lines))
        checks.that(f"{name}: no more than one line for each fault", 1 <= len(lines) <= 3, lines)
        p = motet("--foreground", "--config", path, "--runtime-dir", os.path.join(area.dir, "bad-run"), "--state-dir", os.path.join(area.dir, "bad-state"))
        checks.that(f"{name}: motet does not start with it", p.returncode == 1, (p.returncode, p.stderr))
    p = motet("--check", "--config", os.path.join(area.dir, "none.yaml"))
    checks.that("a file that is not there is status 1 with one line", p.returncode == 1 and len(p.stderr.strip().splitlines()) == 1, (p.returncode, p.stderr))
    for name, args in (("an unknown option", ["--frobnicate"]), ("an unknown level", ["--log-level", "loud"]), ("a stray word", ["now"]),
                       ("an option without its value", ["--config"])):
        p = motet(*args)
        checks.that(f"{name} is status 2 with one line", p.returncode == 2 and len(p.stderr.strip().splitlines()) == 1, (p.returncode, p.stderr))
    for args, word in ((["--version"], "motet"), (["--help"], "Usage")):
        p = motet(*args)
        checks.that(f"{args[0]} is status 0 on stdout", p.returncode == 0 and word in p.stdout and not p.stderr, (p.returncode, p.stdout[:100], p.stderr))

    busy = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    port = loopback.free_port(["127.0.0.1"])
    busy.bind(("127.0.0.1", port))
    config = area.write("busy.yaml", config_text(["127.0.0.1"], port))
    p = motet("--foreground", "--config", config, "--runtime-dir", os.path.join(area.dir, "busy-run"), "--state-dir", os.path.join(area.dir, "busy-state"), timeout=60)
    checks.that("an address in use is status 3, and the reason names it", p.returncode == 3 and "127.0.0.1" in p.stderr, (p.returncode, p.stderr[-400:]))
    busy.close()
    p = motet("--foreground", "--config", good, "--runtime-dir", os.path.join(area.dir, "x" * 120), "--state-dir", area.dir)
    checks.that("a runtime directory too long for sockets is status 3 with a line", p.returncode == 3 and "--runtime-dir" in p.stderr, (p.returncode, p.stderr[-300:]))


def answers(checks, node, what, command=("status",)):
    started = time.monotonic()
    p = node.ctl(*command, timeout=10)
    took = time.monotonic() - started
    checks.that(f"motetctl {' '.join(command)} {what} answers within 3 s", p.returncode == 0 and took < 3, (p.returncode, round(took, 2), p.stderr))
    return p.stdout


def administration(checks, node):
    status = node.status()
    checks.that("status has the schema's sections", {"schema", "supervisor", "membership", "cpg"} <= status.keys(), list(status))
    children = {c["name"]: c for c in status["supervisor"]["children"]}
    checks.that("status lists the children", {"membership", "cpg", "confdb", "quorum"} <= set(children) and all(c["pid"] > 0 and c["restarts"] == 0 for c in children.values()), children)
    pids = node.pids()
    checks.that("status names the pids that run", (status["supervisor"]["pid"], children["membership"]["pid"], children["cpg"]["pid"]) ==
                (pids["motet"], pids["motet-membership"], pids["motet-cpg"]), (status["supervisor"]["pid"], children, pids))
    m = status["membership"]
    checks.that("status says ring, members and encryption", m["node"] == 1 and m["ring"]["rep"] == 1 and m["ring"]["seq"] > 0 and m["encrypted"] is False and
                [(x["id"], x["name"], x["address"], x["state"]) for x in m["members"]] == [(1, "node1", "127.0.0.1", "joined")], m)
    checks.that("status text marks the lack of encryption", "UNENCRYPTED" in answers(checks, node, "in peace"), "")
    checks.that("members lists the node", "node1" in answers(checks, node, "in peace", ("members",)), "")
    member = node.client("tests/integration/ordercheck", "--log", "/dev/null", "--seconds", 20, "--rate", 10, "--group", 'a"b\\c')
    member.stdout.readline()
    wait_for("the group", lambda: (json.loads(node.ctl("--json", "groups").stdout).get("group_count") or 0) == 1, 5)
    groups = json.loads(node.ctl("--json", "groups").stdout)
    checks.that("groups lists a member of a group with quotes in its name", groups["group_count"] == 1 and groups["groups"][0]["name"] == 'a"b\\c' and
                groups["groups"][0]["members"] == [{"node": 1, "pid": member.pid}], groups)
    checks.that("groups as text", 'a"b\\c' in answers(checks, node, "in peace", ("groups",)), "")
    member.terminate()
    checks.that("a client is served to its end", member.wait(timeout=10) == 0, member.returncode)
    for name, args, code in (("an unknown command", ["explode"], 2), ("no command", [], 2), ("an unknown option", ["--frob"], 2)):
        p = node.ctl(*args)
        checks.that(f"motetctl with {name} is status {code}", p.returncode == code, (p.returncode, p.stderr[:200]))


def hanging(checks, node):
    for victim in ("motet-membership", "motet-cpg"):
        pid = node.pids()[victim]
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(1.5)
            for command in (("status",), ("members",), ("groups",), ("--json", "status"), ("events",)):
                answers(checks, node, f"with {victim} stopped", command)
        finally:
            os.kill(pid, signal.SIGCONT)
        checks.that(f"{victim} goes on after SIGCONT", node.wait_members(1, 10) and node.pids().get(victim) == pid, (pid, node.pids(), node.log()[-600:]))
    os.kill(node.daemon(), signal.SIGSTOP)
    started = time.monotonic()
    try:
        p = node.ctl("status", timeout=10)
        took = time.monotonic() - started
        checks.that("motetctl with the supervisor stopped says so within 3 s", p.returncode == 1 and took < 3 and len(p.stderr.strip().splitlines()) == 1,
                    (p.returncode, round(took, 2), p.stderr))
    finally:
        os.kill(node.daemon(), signal.SIGCONT)
    checks.that("the node is served after the supervisor's pause, by the same children", node.wait_members(1, 10), node.log()[-500:])


def signals(checks, area, node):
    pids = node.pids()
    since = len(node.log())
    node.process.send_signal(signal.SIGUSR1)
    checks.that("USR1 writes the state of every process to the log", wait_log(node, "state: membership", 5, since) and wait_log(node, "state: cpg", 5, since) and
                wait_for("dump of cpg", lambda: "clients" in node.log()[since:], 5), node.log()[since:])
    with open(node.config) as f:
        good = f.read()
    for name, text in (("a file with a fault", good.replace("token: 1000", "token: soon")), ("an empty file", ""), ("a file of rubbish", "\x01\x02{{{\n")):
        since = len(node.log())
        with open(node.config, "w") as f:
            f.write(text)
        node.process.send_signal(signal.SIGHUP)
        checks.that(f"HUP with {name} is refused in the log", wait_log(node, "refused", 10, since), node.log()[since:])
    os.unlink(node.config)
    since = len(node.log())
    node.process.send_signal(signal.SIGHUP)
    checks.that("HUP without a file is refused in the log", wait_log(node, "the configuration in force stays", 10, since), node.log()[since:])
    with open(node.config, "w") as f:
        f.write(good)
    since = len(node.log())
    node.process.send_signal(signal.SIGHUP)
    checks.that("HUP with the same file changes nothing", wait_log(node, "the new configuration is in force", 10, since), node.log()[since:])
    checks.that("reloads leave all processes alone", node.pids() == pids and node.members() == 1, (pids, node.pids()))


def second_start(checks, node):
    started = time.monotonic()
    p = subprocess.run(node.command("--foreground"), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20)
    lines = [line for line in p.stderr.splitlines() if "error" in line]
    checks.that("a second motet on the same directory is status 3 with one line naming the first", p.returncode == 3 and len(lines) == 1 and
                str(node.daemon()) in lines[0] and time.monotonic() - started < 5, (p.returncode, p.stderr))
    checks.that("the first is unharmed", node.members() == 1, node.log()[-500:])


def stop(checks, node, name="TERM", number=signal.SIGTERM):
    pids = list(node.pids().values())
    client = node.client("tests/integration/ordercheck", "--log", "/dev/null", "--seconds", 30, "--rate", 100)
    client.stdout.readline()
    started = time.monotonic()
    node.process.send_signal(number)
    try:
        status = node.process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        status = None
    checks.that(f"{name} ends motet with status 0 within 6 s", status == 0 and time.monotonic() - started < 6,
                (status, round(time.monotonic() - started, 1), node.log()[-800:]))
    checks.that(f"{name} leaves no process", not [p for p in pids if alive(p)], [p for p in pids if alive(p)])
    left = os.listdir(node.run_dir) if os.path.isdir(node.run_dir) else []
    checks.that(f"{name} leaves no socket and no pid file", not left, left)
    checks.that(f"{name}: a client learns of the end", client.wait(timeout=10) == 3, client.returncode)
    p = node.ctl("status")
    checks.that(f"motetctl without a daemon is status 1 with one line, after {name}", p.returncode == 1 and len(p.stderr.strip().splitlines()) == 1, (p.returncode, p.stderr))


def background(checks, area):
    """Without --foreground: returns when the node is up, and TERM to the pid of the pid file ends it."""
    node = area.nodes[0]
    os.makedirs(node.state_dir, exist_ok=True)
    p = subprocess.run(node.command(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
    pid_file = os.path.join(node.run_dir, "motet.pid")
    pid = int(open(pid_file).read()) if os.path.exists(pid_file) else 0
    try:
        checks.that("in the background: the command returns 0 and the pid file names a living process", p.returncode == 0 and pid > 0 and alive(pid), (p.returncode, p.stderr, pid))
        checks.that("in the background: the node is served", node.members() == 1, p.stderr)
    finally:
        if pid > 0:
            pids = loopback.tree(pid)
            os.kill(pid, signal.SIGTERM)
            gone = wait_for("the end", lambda: not any(alive(x) for x in pids), 8)
            checks.that("in the background: TERM ends all processes", gone, [x for x in pids if alive(x)])
            for x in pids:
                if alive(x):
                    os.kill(x, signal.SIGKILL)


def crash_leftovers(checks, area):
    """SIGKILL of the supervisor ends the children; the next start is not disturbed by what is left lying."""
    node = area.nodes[0].start()
    node.wait_members(1)
    pids = list(node.pids().values())
    os.kill(node.daemon(), signal.SIGKILL)
    node.process.wait()
    checks.that("children end with a killed supervisor", wait_for("the end of the children", lambda: not any(alive(p) for p in pids), 5), [p for p in pids if alive(p)])
    node.start()
    checks.that("a start after a crash finds its stale sockets no hindrance", node.wait_members(1), node.log()[-600:])
    for name, number in (("INT", signal.SIGINT), ("QUIT", signal.SIGQUIT)):
        checks.that(f"{name} stops in order", (node.process.send_signal(number), node.process.wait(timeout=10))[1] == 0, node.log()[-400:])
        node.start()
        node.wait_members(1)
    node.stop()


def access(checks, node):
    """Whom root's node serves: others only when the file lists them, and a reload is enough for that."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        print("skip - access of other users: needs root and setpriv")
        return
    user = pwd.getpwnam("nobody")

    def result():
        words = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", binary("tests/bench/cpgload"), "ready", "-E", 1, "-W", 2]
        p = node.run(shutil.which("setpriv"), *words[1:], timeout=20)
        return '"view":1' in p.stdout.replace(" ", ""), p.stdout + p.stderr

    since = len(node.log())
    served, out = result()
    lines = [line for line in node.log()[since:].splitlines() if f"user {user.pw_uid}" in line]
    checks.that("an unlisted user is refused, with one line of the log", not served and len(lines) == 1, (out, node.log()[since:]))
    with open(node.config) as f:
        text = f.read()
    for listed, extra in ((True, f"uidgid:\n  - uid: {user.pw_uid}\n"), (False, ""), (True, f"uidgid:\n  - gid: {user.pw_gid}\n"), (False, "")):
        since = len(node.log())
        with open(node.config, "w") as f:
            f.write(text + extra)
        node.process.send_signal(signal.SIGHUP)
        wait_log(node, "the new configuration is in force", 10, since)
        served, out = result()
        checks.that(f"after a reload {'with uidgid' if listed else 'without it'} the user is {'served' if listed else 'refused'}", served == listed, (extra, out, node.log()[since:]))


def unprivileged(checks):
    if os.geteuid() != 0:
        return   # then everything above was unprivileged already
    if shutil.which("setpriv") is None:
        print("skip - as an ordinary user: setpriv is not installed")
        return
    user = pwd.getpwnam("nobody")
    before = ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
    if subprocess.run([*before, "test", "-x", program("motet")]).returncode != 0:
        print("skip - as an ordinary user: the build tree is not readable for everybody")
        return
    area = Loopback(1, start=False, before=before)
    os.chown(area.dir, user.pw_uid, user.pw_gid)
    node = area.nodes[0]
    os.makedirs(node.state_dir)
    os.chown(node.state_dir, user.pw_uid, user.pw_gid)
    with contextlib.ExitStack() as stack:
        stack.push(area.__exit__)
        node.start()
        checks.that("as an ordinary user: the node is served", node.wait_members(1), node.log()[-1500:])
        status = node.status()
        lines = [line for line in node.log().splitlines() if "not enforced" in line]
        checks.that("as an ordinary user: one warning says what is not enforced", len(lines) == 1 and status["supervisor"]["unenforced"], (lines, status.get("supervisor")))
        confined = {p: re.findall(r"^(NoNewPrivs|Seccomp):\s*(\d)", open(f"/proc/{pid}/status").read(), re.M) for p, pid in node.pids().items()}
        checks.that("as an ordinary user: the worker keeps no-new-privs and its system-call list", dict(confined["motet-cpg"]) == {"NoNewPrivs": "1", "Seccomp": "2"}, confined)
        stop(checks, node, "TERM as an ordinary user")


def main():
    checks = Checks()
    with Loopback(1, start=False) as area:
        options_and_checks(checks, area)
    with Loopback(1) as area:
        node = area.nodes[0]
        said = [node.log().count(f"{child} is ready") for child in ("motet-membership", "motet-cpg")]
        checks.that("readiness of every child is said once", said == [1, 1], node.log())
        administration(checks, node)
        second_start(checks, node)
        signals(checks, area, node)
        access(checks, node)
        hanging(checks, node)
        stop(checks, node)
        crash_leftovers(checks, area)
        background(checks, area)
    unprivileged(checks)
    checks.end()


if __name__ == "__main__":
    main()
