#!/usr/bin/env python3
"""libsam without a node: every call in every state, every way to die, side by side with another libsam.so.4 where one is
installed. The program is the same binary each time."""
import os
import shutil
import subprocess
import tempfile
import time

from nodes import BUILD, Checks, binary

SCENARIOS = ("calls", "deaths", "hangs", "stopped", "second_hang", "no_interval", "quit_exit", "quit_killed", "quit_hang", "quit_leaves",
             "quit_finalized", "dies_stopped", "dies_registered", "callback", "callback_keeps_alive", "parent_dies", "big_data", "leaks")
INTERVAL_MS = 400
# 128 and the signal, where Corosync's library exits with 0: a shell, a service manager and a person can tell the difference.
STATUS_BY_SIGNAL = {"dies_stopped": 137, "quit_hang": 143, "quit_killed": 137}
OWN = os.path.join(BUILD, "libs", "client", ".libs")
OTHERS = ("/usr/lib/x86_64-linux-gnu/libsam.so.4", "/usr/lib/aarch64-linux-gnu/libsam.so.4", "/usr/lib64/libsam.so.4")


def start_all(directory, library_path):
    os.mkdir(directory)
    env = dict(os.environ, LD_LIBRARY_PATH=library_path, MOTET_RUNTIME_DIR=os.path.join(directory, "no-node"))
    running = {}
    for scenario in SCENARIOS:
        trace = os.path.join(directory, scenario)
        running[scenario] = subprocess.Popen([binary("tests/integration/sam_app"), scenario, trace, str(INTERVAL_MS)], env=env,
                                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return running


def results_of(directory, running):
    """{scenario: [lines of its trace, exit status]}"""
    results = {}
    for scenario, process in running.items():
        try:
            status = process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            process.kill()
            status = "none, it had to be killed"
        results[scenario] = [None, status]
    time.sleep(1)   # an orphan writes its last lines
    for scenario in SCENARIOS:
        with open(os.path.join(directory, scenario)) as f:
            results[scenario][0] = f.read().splitlines()
    return results


def leftovers(directory):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as f:
                if directory in f.read():
                    found.append(int(pid))
        except OSError:
            pass
    return found


EXPECTED = {
    "deaths": [line for n in range(1, 6) for line in (f"{n} instance, parent is the original process",
               f"{n} finds {0 if n == 1 else 19} bytes: {'' if n == 1 else f'left by instance {n - 1}'}")] + ["5 leaves with 5"],
    "hangs": ["1 instance, parent is the original process", "1 warned by signal 15", "2 instance, parent is the original process",
              "3 instance, parent is the original process", "3 warned by signal 10", "4 instance, parent is the original process", "4 leaves with 6"],
    "leaks": ["1 instance, parent is the original process", "1 leaks", "2 instance, parent is the original process", "2 leaks",
              "3 instance, parent is the original process", "3 leaves with 0"],
}
STATUS = {"calls": 3, "deaths": 5, "hangs": 6, "stopped": 2, "second_hang": 4, "no_interval": 0, "quit_exit": 9, "quit_killed": 137, "quit_hang": 143,
          "quit_leaves": 11, "quit_finalized": 12, "dies_stopped": 137, "dies_registered": 21, "callback": 8, "callback_keeps_alive": 0,
          "parent_dies": -9, "big_data": 0, "leaks": 0}


def main():
    checks = Checks()
    area = tempfile.mkdtemp(prefix="motet-sam-")
    try:
        other = next((path for path in OTHERS if os.path.exists(path)), None)
        own_dir, other_dir = os.path.join(area, "own"), os.path.join(area, "other")
        running = start_all(own_dir, OWN)
        other_running = start_all(other_dir, os.path.dirname(other)) if other else {}
        own = results_of(own_dir, running)
        for scenario, (lines, status) in own.items():
            checks.that(f"{scenario} ends with status {STATUS[scenario]}", status == STATUS[scenario], (status, lines))
        for scenario, lines in EXPECTED.items():
            checks.that(f"{scenario} goes as it should", own[scenario][0] == lines, own[scenario][0])
        left = leftovers(os.path.join(area, "own", "leaks"))
        checks.that("what failed instances leaked is gone", not left, left)
        if other is None:
            print("# no other libsam.so.4 here to compare with")
        else:
            others = results_of(other_dir, other_running)
            for scenario, (lines, status) in others.items():
                checks.that(f"{scenario} leaves the same trace on {other}", own[scenario][0] == lines, (lines, own[scenario][0]))
                expected = status if scenario not in STATUS_BY_SIGNAL else 0
                checks.that(f"{scenario} ends alike on {other}", status == (own[scenario][1] if scenario not in STATUS_BY_SIGNAL else expected),
                            (status, own[scenario][1]))
    finally:
        for pid in leftovers(area):
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass
        shutil.rmtree(area, ignore_errors=True)
    checks.end()


if __name__ == "__main__":
    main()
