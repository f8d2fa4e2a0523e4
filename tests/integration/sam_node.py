#!/usr/bin/env python3
"""Applications under libsam on a node: every kind of failure is recovered from, once each, while supervisors and the sam worker
die and hang in between. MOTET_SAM_ROUNDS=200 is the long form: rounds go on until the worker was killed MOTET_SAM_WORKER_KILLS (100)
times and supervisors MOTET_SAM_SUPERVISOR_KILLS (50), for half an hour at most."""
import contextlib
import itertools
import json
import os
import random
import signal
import subprocess
import threading
import time

from loopback import Loopback, alive
from nodes import Checks, binary, wait_for

ROUNDS = int(os.environ.get("MOTET_SAM_ROUNDS", "12"))
SEED = int(os.environ.get("MOTET_SAM_SEED", "1"))
LONG = ROUNDS > 50
WORKER_KILLS = int(os.environ.get("MOTET_SAM_WORKER_KILLS", "100" if LONG else "2"))
SUPERVISOR_KILLS = int(os.environ.get("MOTET_SAM_SUPERVISOR_KILLS", "50" if LONG else "1"))
LIMIT_S = 1800
INTERVAL_MS = 400
DEATHS = ("crash", "exit", "hang", "deaf", "stop", "leak")
PATIENCE = 60


class App:
    """sam_app in its scenario `obeys`, and what its trace says."""

    def __init__(self, node, directory, name, scenario="obeys", interval_ms=INTERVAL_MS, before=()):
        self.node, self.trace = node, os.path.join(directory, name)
        words = [*before, binary("tests/integration/sam_app"), scenario, self.trace, str(interval_ms)]
        self.process = subprocess.Popen(words, env=node.env(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def lines(self):
        try:
            with open(self.trace) as f:
                return f.read().splitlines()
        except OSError:
            return []

    def instances(self):
        """[(instance, pid, supervisor then, data found)]"""
        found = []
        for line in self.lines():
            words = line.split()
            if len(words) >= 7 and words[1] == "pid":
                found.append((int(words[0]), int(words[2]), int(words[4]), words[6]))
        return found

    def started(self):
        return sum(line.endswith(" started") for line in self.lines())

    def do(self, word):
        with open(self.trace + ".new", "w") as f:
            f.write(word)
        os.rename(self.trace + ".new", self.trace + ".do")

    def leaked(self):
        return [int(line.split()[2]) for line in self.lines() if " leaked " in line]

    def shown(self):
        """What the node knows of it, by the pid of the current instance."""
        p = self.node.ctl("sam", "show", str(self.instances()[-1][1]), "--json")
        return json.loads(p.stdout)["application"] if p.returncode == 0 else {}

    def watched(self, other_than=0):
        """Supervised, known to the node, and with a standby."""
        shown = self.shown()
        return shown.get("supervision") == "watched" and shown.get("standby", 0) != 0 and shown.get("supervisor") != other_than

    def kill(self):
        for line in self.lines():
            for word in line.split():
                if word.isdigit() and int(word) > 300:
                    with contextlib.suppress(OSError):
                        with open(f"/proc/{word}/cmdline") as f:
                            if self.trace in f.read():
                                os.kill(int(word), signal.SIGKILL)
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/cmdline") as f:
                    if self.trace in f.read():
                        os.kill(int(pid), signal.SIGKILL)


def die(checks, app, word):
    """One failure; the next instance must be the only one, with the data and the number that follow."""
    number, pid, _, _ = app.instances()[-1]
    before = app.started()
    app.do(word)
    ok = wait_for(f"instance {number + 1} after {word}", lambda: app.started() > before, PATIENCE)
    after = app.instances()
    problems = []
    if not ok:
        problems.append("it did not come back")
    elif after[-1][0] != number + 1:
        problems.append(f"instance {after[-1][0]} follows {number}")
    elif after[-1][3] != str(number):
        problems.append(f"it finds {after[-1][3]} instead of {number}")
    if alive(pid):
        problems.append("the old process lives")
    left = [p for p in app.leaked() if alive(p)]
    if left:
        problems.append(f"leaked processes live: {left}")
    if problems:
        checks.that(f"{word} of instance {number}", False, (problems, app.lines()[-12:], app.node.log()[-800:]))
    return not problems


def survives(checks, app, what, strike):
    """Something that is no fault of the application: it must not be restarted, and be supervised again."""
    instances, shown = app.instances(), app.shown()
    struck = time.monotonic()
    strike(shown)
    back = wait_for(f"supervision after {what}", lambda: app.watched(other_than=shown["supervisor"] if "supervisor" in what else 0), PATIENCE)
    took = time.monotonic() - struck
    if "supervisor" in what and alive(shown["supervisor"]):
        checks.that(f"{what}: the one that was replaced is gone", False, app.shown())
    if not back or app.instances() != instances:
        checks.that(f"{what} goes by without a restart", False, (back, app.shown(), app.lines()[-6:], app.node.log()[-1500:]))
        return None
    return took


def kill_worker(node):
    pid = node.pids().get("motet-sam")
    if pid:
        os.kill(pid, signal.SIGKILL)


def rounds(checks, area):
    node, rng = area.nodes[0], random.Random(SEED)
    apps = [App(node, area.dir, f"app{i}") for i in range(4)]
    for app in apps:
        wait_for("the first instance", lambda a=app: a.started() == 1, PATIENCE)
        wait_for("a standby", lambda a=app: a.watched(), PATIENCE)
    good, planned = dict.fromkeys(DEATHS, 0), dict.fromkeys(DEATHS, 0)
    times = {"supervisor killed": [], "supervisor stopped": [], "worker killed": []}
    lock = threading.Lock()
    worker_kills, stop, began = [0], threading.Event(), time.monotonic()

    def enough():
        return worker_kills[0] >= WORKER_KILLS and len(times["supervisor killed"]) >= SUPERVISOR_KILLS or time.monotonic() - began > LIMIT_S

    def live(index, app):
        own = random.Random(rng.random() + index)
        share = ROUNDS // len(apps) + (index < ROUNDS % len(apps))
        for i in itertools.count():
            if i >= share and enough():
                return
            word = DEATHS[(index + i) % len(DEATHS)]
            well = die(checks, app, word)
            with lock:
                planned[word] += 1
                good[word] += well
            if i % 4 == 1 or (LONG and i % 4 == 3 and own.random() < 0.2):
                wait_for("a standby", app.watched, PATIENCE)
                how = "supervisor stopped" if (own.random() < 0.2 if LONG else index % 2 == 1) else "supervisor killed"
                sign = signal.SIGSTOP if how.endswith("stopped") else signal.SIGKILL
                took = survives(checks, app, how, lambda shown, s=sign: os.kill(shown["supervisor"], s))
                if took is not None:
                    with lock:
                        times[how].append(took)

    def chaos():
        seen = None
        while worker_kills[0] < WORKER_KILLS and not stop.wait(0.7 if LONG else 1.5):
            pid = node.pids().get("motet-sam")
            if pid and pid == seen:   # it has lived for a while: a worker that dies at its start again and again is given up
                kill_worker(node)
                worker_kills[0] += 1
            seen = pid

    threads = [threading.Thread(target=live, args=(i, app)) for i, app in enumerate(apps)]
    killer = threading.Thread(target=chaos)
    for t in (*threads, killer):
        t.start()
    for t in threads:
        t.join()
    stop.set()
    killer.join()
    for word in DEATHS:
        checks.that(f"{word}: {planned[word]} of {planned[word]} recovered, none doubled", good[word] == planned[word] > 0, good)
    for app in apps:
        numbers = [n for n, _, _, _ in app.instances()]
        checks.that(f"instances of {os.path.basename(app.trace)} are 1 to {len(numbers)} without gap or repetition", numbers == list(range(1, len(numbers) + 1)), numbers)
        took = survives(checks, app, "worker killed", lambda shown: kill_worker(node))
        if took is not None:
            times["worker killed"].append(took)
    checks.that(f"the worker was killed {WORKER_KILLS} times in between", worker_kills[0] == WORKER_KILLS, worker_kills)
    checks.that(f"supervisors were killed {SUPERVISOR_KILLS} times, and stopped", len(times["supervisor killed"]) >= SUPERVISOR_KILLS and times["supervisor stopped"], times)
    print(f"# {sum(planned.values())} rounds, worker killed {worker_kills[0] + len(apps)} times, seconds until supervised again with a standby:")
    for what, values in times.items():
        if values:
            print(f"#   {what}: {len(values)} times, median {sorted(values)[len(values) // 2]:.2f}, longest {max(values):.2f}")
    for app in apps:
        app.do("leave")
        checks.that(f"{os.path.basename(app.trace)} ends when it wants to", wait_for("its end", lambda a=app: not a.shown(), 20), app.shown())
        app.kill()


def orders(checks, area):
    node = area.nodes[0]
    app = App(node, area.dir, "ordered")
    wait_for("the first instance", lambda: app.started() == 1, PATIENCE)
    wait_for("a standby", app.watched, PATIENCE)
    shown = app.shown()
    checks.that("show says what the application is", shown.get("name") == "sam_app" and shown.get("state") == "running" and shown.get("policy") == "restart" and
                shown.get("interval_ms") == INTERVAL_MS and shown.get("supervisor") == app.process.pid and shown.get("data_size") == 2, shown)
    p = node.ctl("sam", "list", "--json")
    checks.that("list has it too", any(a["pid"] == shown["pid"] for a in json.loads(p.stdout)["applications"]), p.stdout)
    p = node.ctl("sam", "list")
    checks.that("and for people", "sam_app" in p.stdout and "running" in p.stdout, p.stdout)
    p = node.ctl("sam", "data", str(shown["id"]))
    checks.that("what it stored can be read", p.stdout == "1\0", repr(p.stdout))
    app.do("store")
    checks.that("what it stores later reaches the node", wait_for("the data", lambda: node.ctl("sam", "data", str(shown["id"])).stdout == "stored again\0", 10))
    p = node.ctl("sam", "restart", str(shown["id"]))
    checks.that("restart is obeyed", p.returncode == 0 and wait_for("instance 2", lambda: app.started() == 2, PATIENCE), (p.stderr, app.lines()))
    wait_for("a standby", app.watched, PATIENCE)
    p = node.ctl("sam", "fail", str(app.instances()[-1][1]))
    checks.that("fail is obeyed: it ends and its supervisor with it", p.returncode == 0 and wait_for("the end", lambda: app.process.poll() is not None, 20), p.stderr)
    checks.that("the supervisor's status says how", app.process.returncode == 137, app.process.returncode)
    failed = [a for a in json.loads(node.ctl("sam", "list", "--json").stdout)["applications"] if a["pid"] == app.instances()[-1][1]]
    checks.that("the list remembers the failure", failed and failed[0]["supervision"] == "ended" and failed[0]["state"] == "failed", failed)
    for words, code in ((("sam", "show", "999999"), 1), (("sam", "show"), 2), (("sam", "frobnicate"), 2), (("sam", "show", "x"), 2)):
        p = node.ctl(*words)
        checks.that(f"motetctl {' '.join(words)} is status {code} with one line", p.returncode == code and len(p.stderr.strip().splitlines()) == 1, (p.returncode, p.stderr))
    app.kill()


def without_worker(checks, area):
    """The node dies, and then the supervisor hangs: only its standby is left to notice."""
    node = area.nodes[0]
    app = App(node, area.dir, "alone")
    wait_for("the first instance", lambda: app.started() == 1, PATIENCE)
    wait_for("a standby", app.watched, PATIENCE)
    standby = app.shown()["standby"]
    node.kill()
    os.kill(app.process.pid, signal.SIGSTOP)
    checks.that("a supervisor that hangs while there is no node is ended by its standby", wait_for("its end", lambda: app.process.poll() is not None, PATIENCE), app.lines())
    checks.that("which goes on with the instance", alive(standby) and len(app.instances()) == 1 and alive(app.instances()[0][1]), app.lines())
    checks.that("and recovers it when it fails", die(checks, app, "crash") and app.instances()[-1][2] == standby, app.lines())
    node.start()
    checks.that("a node that comes later knows it all", node.wait_members(1, 30) and wait_for("supervision", app.watched, PATIENCE) and app.shown()["instance"] == 2, app.lines())
    app.do("leave")
    checks.that("and it ends when it wants to", wait_for("its end", lambda: not app.shown(), 20), app.lines())
    app.kill()


def run_command(node, *args, before=("--interval", "0.3"), shell="true"):
    return subprocess.Popen([binary("motetctl"), "sam", "run", *before, *args, "--", "/bin/sh", "-c", shell], env=node.env(), text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def programs(checks, area):
    """motetctl sam run, with and without the node."""
    node = area.nodes[0]
    marks = os.path.join(area.dir, "marks")

    def ends(p, seconds=40):
        try:
            out, err = p.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            p.kill()
            out, err = "", "its output is still open"
        return p.returncode, out, err

    for where, env in (("with the node", node.env()), ("without a node", dict(node.env(), MOTET_RUNTIME_DIR="/nonexistent"))):
        fake = type("N", (), {"env": lambda self, e=env: e})()
        with contextlib.suppress(OSError):
            os.unlink(marks)
        result = ends(run_command(fake, before=(), shell="exit 0"))
        checks.that(f"{where}: a program that ends well is not restarted", result[0] == 0, result)
        result = ends(run_command(fake, "--policy", "quit", before=(), shell="exit 7"))
        checks.that(f"{where}: its status is passed on", result[0] == 7, result)
        result = ends(run_command(fake, "--policy", "quit", before=(), shell="kill -9 $$"))
        checks.that(f"{where}: and the signal that ended it", result[0] == 137, result)
        result = ends(run_command(fake, before=(), shell=f"echo $MOTET_SAM_INSTANCE >> {marks}; test $MOTET_SAM_INSTANCE = 3 || exit 1"))
        with open(marks) as f:
            seen = f.read().split()
        checks.that(f"{where}: a program that fails is restarted until it ends well", result[0] == 0 and seen == ["1", "2", "3"], (result, seen))
        os.unlink(marks)
        healthy = os.path.join(area.dir, "healthy")
        open(healthy, "w").close()
        p = run_command(fake, "--health", f"test -e {healthy}", shell=f"echo $MOTET_SAM_INSTANCE $$ >> {marks}; sleep 600")
        wait_for("the program", lambda: os.path.exists(marks) and open(marks).read().split(), 20)
        first = int(open(marks).read().split()[1])
        time.sleep(1)
        checks.that(f"{where}: a healthy program is left alone", len(open(marks).read().splitlines()) == 1 and alive(first), open(marks).read())
        os.unlink(healthy)
        came = wait_for("a new instance", lambda: len(open(marks).read().splitlines()) >= 2, 20)
        open(healthy, "w").close()
        checks.that(f"{where}: one that fails its health check is ended and restarted", came and not alive(first), open(marks).read())
        p.terminate()
        status = ends(p)
        last = int(open(marks).read().split()[-1])
        checks.that(f"{where}: SIGTERM ends the program and its supervision", status[0] == 143 and not alive(last), (status, alive(last)))
    p = subprocess.run([binary("motetctl"), "sam", "run", "--policy", "quit", "--", "/nonexistent/program"], env=node.env(), text=True, stderr=subprocess.PIPE, timeout=20)
    checks.that("a program that is not there is status 127 with a line", p.returncode == 127 and "/nonexistent/program" in p.stderr, (p.returncode, p.stderr))


def main():
    checks = Checks()
    with Loopback(1, extra="sam:\n  restart_burst: 100000\n") as area:
        orders(checks, area)
        programs(checks, area)
        rounds(checks, area)
        without_worker(checks, area)
    checks.end()


if __name__ == "__main__":
    main()
