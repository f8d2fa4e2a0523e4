#!/usr/bin/env python3
"""The metrics socket: scraped over HTTP by a plain client while workers hang, by clients that misbehave, across restarts of its process;
what is refused at start and at reload."""
import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time

from confinement import check_process, children
from loopback import Loopback, program, wait_log
from nodes import Checks, skip, wait_for

SAMPLE = re.compile(r'^([a-zA-Z_][a-zA-Z0-9_]*)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*)\})? (-?[0-9][0-9.e+-]*)$')
CONNECTIONS_MAX = 32


class Unix(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("x", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def ask(where, path="/metrics", method="GET", timeout=3):
    connection = Unix(where, timeout) if where.startswith("/") else http.client.HTTPConnection(where, timeout=timeout)
    with contextlib.closing(connection):
        connection.request(method, path)
        answer = connection.getresponse()
        return answer, answer.read().decode()


def families(text):
    """{family: type} and {sample with labels: value}; an error message as the third where the text breaks the format."""
    types, samples, last = {}, {}, None
    lines = text.split("\n")
    if lines[-2:] != ["# EOF", ""]:
        return types, samples, "no # EOF at the end"
    for line in lines[:-2]:
        if line.startswith("# TYPE "):
            last, kind = line.split(" ")[2:4]
            if last in types:
                return types, samples, f"{last} appears twice"
            types[last] = kind
        elif line.startswith("# HELP "):
            if line.split(" ")[2] != last:
                return types, samples, f"help of another family: {line}"
        else:
            found = SAMPLE.match(line)
            if not found or found[1] != (last + "_total" if types.get(last) == "counter" else last):
                return types, samples, f"no sample of {last}: {line}"
            key = found[1] + (f"{{{found[2]}}}" if found[2] else "")
            if key in samples:
                return types, samples, f"{key} appears twice"
            samples[key] = found[3]
    return types, samples, None


def up(where):
    return {k.split('"')[1]: v for k, v in families(ask(where)[1])[1].items() if k.startswith("motet_process_up{")}


def served(checks, where, node):
    answer, text = ask(where)
    types, samples, wrong = families(text)
    checks.that(f"{where}: OpenMetrics text with its type and its length", answer.status == 200 and wrong is None and len(types) > 20 and
                answer.getheader("Content-Type") == "application/openmetrics-text; version=1.0.0; charset=utf-8" and
                answer.getheader("Content-Length") == str(len(text)), (answer.status, wrong, answer.getheaders(), text[:300]))
    said = families(node.ctl("metrics").stdout)[0]
    checks.that(f"{where}: the same families as motetctl metrics", set(types) == set(said), set(types) ^ set(said))
    names = ("membership", "cpg", "confdb", "quorum", "sam", "metrics", "supervisor")
    checks.that(f"{where}: every process is up", wait_for("everybody", lambda: up(where) == dict.fromkeys(names, "1"), 5), up(where))
    answer, text = ask(where, method="HEAD")
    checks.that(f"{where}: HEAD is the same without the text", answer.status == 200 and int(answer.getheader("Content-Length")) > 1000 and text == "", answer.getheaders())
    checks.that(f"{where}: another path is not found, another method not allowed", (ask(where, "/")[0].status, ask(where, method="DELETE")[0].status) == (404, 405), "")
    checks.that(f"{where}: a request that is none is refused", raw(where, b"\x16\x03\x01\x02\x00\x01\x00\n\n").startswith(b"HTTP/1.1 4") or
                raw(where, b"\x16\x03\x01\x02\x00\x01\x00\n\n") == b"", raw(where, b"\x16\x03\x01\x02\x00\x01\x00\n\n")[:80])
    checks.that(f"{where}: a header larger than its connection is refused",
                raw(where, b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100000 + b"\r\n\r\n")[:12] in (b"HTTP/1.1 431", b"HTTP/1.1 413", b""), "")
    checks.that(f"{where}: and it serves on, the same process", ask(where)[0].status == 200 and "motet-metrics (pid" not in node.log(), node.log()[-1500:])


def raw(where, data):
    with contextlib.closing(socket.socket(socket.AF_UNIX if where.startswith("/") else socket.AF_INET)) as s:
        s.settimeout(5)
        s.connect(where if where.startswith("/") else (where.split(":")[0], int(where.split(":")[1])))
        got = b""
        with contextlib.suppress(OSError):
            s.sendall(data)
            while piece := s.recv(65536):
                got += piece
        return got


def hanging(checks, where, node):
    for victim in ("motet-cpg", "motet-confdb", "motet-membership"):
        pid = node.pids()[victim]
        os.kill(pid, signal.SIGSTOP)
        try:
            name = victim[6:]
            # The supervisor replaces what hangs; until then its last values are there and it is marked as down.
            answer, text = ask(where)
            checks.that(f"{victim} stopped: a scrape is answered, with its values", answer.status == 200 and families(text)[2] is None and
                        f'motet_worker_restarts_total{{worker="{name}"}}' in text, text[-300:])
            if victim == "motet-cpg":
                checks.that("and it is told that it publishes nothing", wait_for("down", lambda: up(where).get(name) == "0", 8), up(where))
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        checks.that(f"{victim} goes on or is replaced", wait_for("all up", lambda: set(retried(where).values()) == {"1"} and node.members() == 1, 30), retried(where))


def retried(where):
    """While membership is replaced its children are too."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        return up(where)
    return {}


def crowded(checks, where, node):
    """Silent clients and clients that read nothing: others are served as soon as one of them has been closed."""
    host, port = where.split(":")
    silent = [socket.create_connection((host, int(port))) for _ in range(CONNECTIONS_MAX + 8)]
    try:
        for s in silent[::2]:
            s.sendall(b"GET /metr")
        checks.that(f"{len(silent)} clients that say nothing delay a scrape, no more", ask(where, timeout=20)[0].status == 200, "")
        pid = node.pids()["motet-metrics"]
        checks.that("never more than so many connections", len(os.listdir(f"/proc/{pid}/fd")) < CONNECTIONS_MAX + 16, len(os.listdir(f"/proc/{pid}/fd")))
        checks.that("who says nothing is closed", all(closed(s) for s in silent), "")
    finally:
        for s in silent:
            s.close()


def closed(s):
    s.settimeout(20)
    with contextlib.suppress(OSError):
        return s.recv(4096) == b"" or closed(s)
    return False


def killed(checks, where, node):
    before = node.pids()["motet-metrics"]
    os.kill(before, signal.SIGKILL)
    checks.that("killed, its successor serves on the same socket", ask(where, timeout=10)[0].status == 200, "")
    now = node.pids()
    checks.that("nobody else was disturbed", now["motet-metrics"] != before and node.members() == 1 and
                re.search(r"motet-metrics \(pid %d\) ended" % before, node.log()), node.log()[-500:])
    node.process.send_signal(signal.SIGUSR2)
    checks.that("a new supervisor takes it over", wait_log(node, "has taken over", 15) and ask(where)[0].status == 200 and
                node.pids()["motet-metrics"] == now["motet-metrics"], node.log()[-800:])


def reloads(checks, area, node, where):
    """Another place is for a restart; a bad one changes nothing."""
    text = open(node.config).read()
    for listen, said in (("0.0.0.0:9664", "not a loopback address"), ("192.0.2.1:80", "not a loopback address"), ("127.0.0.1", "neither a path nor"),
                         ("127.0.0.1:0", "neither a path nor"), ("localhost:80", "neither a path nor"), ("[::]:80", "not a loopback address"), ("metrics.sock", "neither a path nor")):
        area.write("motet.yaml", re.sub("listen: .*", f'listen: "{listen}"', text))
        p = node.run(program("corosync-cfgtool"), "-R", timeout=20)
        checks.that(f"a reload with {listen} is refused and says why", p.returncode != 0 and said in node.log(), (p.stdout, p.stderr, node.log()[-400:]))
        p = subprocess.run([program("motet"), "--check", "--config", node.config, "--node", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        checks.that(f"--check with {listen} names line and key", p.returncode == 1 and re.search(r"motet\.yaml:\d+:\d+: metrics\.listen: .*" + said, p.stderr), p.stderr)
    area.write("motet.yaml", re.sub("listen: .*", "listen: 127.0.0.1:9", text))
    p = node.run(program("corosync-cfgtool"), "-R", timeout=20)
    checks.that("another place is kept for a restart", p.returncode == 0 and node.status()["supervisor"]["restart_needed_for"] == ["metrics.listen"] and
                ask(where)[0].status == 200, (p.stderr, node.status().get("supervisor")))
    area.write("motet.yaml", text)
    node.run(program("corosync-cfgtool"), "-R", timeout=20)


def over_tcp(checks):
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{probe.getsockname()[1]}"
    with Loopback(1, extra=f"metrics:\n  listen: {where}\n") as area:
        node = area.nodes[0]
        served(checks, where, node)
        hanging(checks, where, node)
        crowded(checks, where, node)
        killed(checks, where, node)
        reloads(checks, area, node, where)
        second = Loopback(1, start=False, extra=f"metrics:\n  listen: {where}\n")
        with second:
            second.nodes[0].start()
            checks.that("a place that is taken is a reason not to start, and said", second.nodes[0].process.wait(timeout=10) == 3 and
                        f"metrics.listen: {where}: Address already in use" in second.nodes[0].log(), second.nodes[0].log()[-400:])
        checks.that("it stops in order", node.stop() == 0, node.log()[-300:])


def over_unix(checks):
    area = Loopback(1, start=False)
    path = os.path.join(area.dir, "m.sock")
    with open(area.config, "a") as f:
        f.write(f"metrics:\n  listen: {path}\n")
    with area:
        node = area.nodes[0]
        with open(path, "w") as f:
            f.write("mine")
        node.start()
        checks.that("a file of that name is not replaced", node.process.wait(timeout=10) == 3 and open(path).read() == "mine" and "is no socket" in node.log(), node.log()[-300:])
        os.unlink(path)
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as stale:
            stale.bind(path)
        node.start()
        node.wait_members(1, 30)
        served(checks, path, node)
        pids = children(node)
        checks.that("its process runs", "metrics" in pids, pids)
        check_process(checks, "metrics", pids["metrics"], node.daemon(), os.geteuid() == 0, bounds=os.geteuid() == 0)
        checks.that("it stops in order and removes its socket", node.stop() == 0 and not os.path.exists(path), node.log()[-300:])


def main():
    checks = Checks()
    if not os.access(os.path.join(os.environ.get("MOTET_BUILD", "."), "motet-metrics"), os.X_OK):
        skip("built without libmicrohttpd")
    over_tcp(checks)
    over_unix(checks)
    checks.end()


if __name__ == "__main__":
    main()
