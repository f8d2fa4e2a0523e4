#!/usr/bin/env python3
"""Every file of the repository is in the distribution: git ls-files | distribution.py FILE-OR-DIRECTORY..."""
import sys

# Of the repository itself, not of what is built from it.
NOT = {".gitignore", "m4/.gitkeep"}
given = {name.removeprefix("./") for name in sys.argv[1:]}
missing = []
for line in sys.stdin:
    name = line.rstrip("\n")
    parts = name.split("/")
    if name not in NOT and not any("/".join(parts[:n]) in given for n in range(1, len(parts) + 1)):
        missing.append(name)
for name in missing:
    print(f"{name}: in no list of its module.mk, so it would be missing in a release")
sys.exit(bool(missing))
