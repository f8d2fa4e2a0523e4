#!/usr/bin/env python3
"""Counts what `make check` ran, from the logs it left, and ends with `N passed, N failed`.

A GoogleTest program counts each of its tests; a script counts each line `ok - NAME`, `not ok - NAME` or
`skip - NAME: why`; a test that printed neither counts as one by its exit status.
"""
import pathlib
import re
import sys

passed = failed = skipped = 0
logs = sorted(pathlib.Path(".").glob("tests/**/*.trs"))
for trs in logs:
    result = re.search(r":test-result: (\w+)", trs.read_text())
    log = trs.with_suffix(".log").read_text(errors="replace")
    ok = sum(int(n) for n in re.findall(r"^\[  PASSED  \] (\d+) test", log, re.M))
    skip = sum(int(n) for n in re.findall(r"^\[  SKIPPED \] (\d+) test", log, re.M))
    bad = sum(int(n) for n in re.findall(r"^\[  FAILED  \] (\d+) test", log, re.M))
    ok += len(re.findall(r"^ok - ", log, re.M))
    bad += len(re.findall(r"^not ok - ", log, re.M))
    for line in re.findall(r"^skip - .*", log, re.M):
        skip += 1
        print(f"SKIP {trs.with_suffix('')}: {line[7:]}")
    outcome = result.group(1) if result else "ERROR"
    if outcome in ("PASS", "XFAIL") and ok + bad + skip == 0:
        ok = 1
    if outcome == "SKIP" and ok + bad + skip == 0:
        skip = 1
    if outcome in ("FAIL", "ERROR", "XPASS") and bad == 0:
        bad = 1
    if bad:
        print(f"FAIL {trs.with_suffix('')} (see {trs.with_suffix('.log')})")
        print("\n".join(log.splitlines()[-30:]))
    passed, failed, skipped = passed + ok, failed + bad, skipped + skip
if not logs:
    print("no test ran")
    failed += 1
if skipped:
    print(f"{skipped} skipped")
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
