#!/usr/bin/env python3
"""Includes point downwards: checks every include of the tree against tests/lint/layers.txt.

Run from the top of the tree, without arguments. A line of layers.txt names a room, the rooms it may include,
and "pure" if its system headers are limited to value types; the longest matching room decides. Every file
must belong to a room, and so must every header it names. Prints one line per violation; exit status 1 if any.
"""
import pathlib
import re
import sys

TOPS = ("libs", "membership", "workers", "supervisor", "tools", "tests")
SUFFIXES = (".h", ".hpp", ".c", ".cpp")

# What a pure room may include of the system: value types, nothing that reads a clock, a file or a socket.
# <cstdio> is for snprintf; its other functions are refused below.
PURE_HEADERS = frozenset(
    "algorithm array bit cassert compare concepts cstddef cstdint cstdio cstring deque functional limits list map "
    "memory optional set span string string_view tuple type_traits unordered_map utility variant vector".split())
CSTDIO_IO = re.compile(r"\b(f(?:d|re)?open|fclose|fread|fwrite|fflush|f?puts|f?putc|putchar|v?f?printf|f?getc|getchar|"
                       r"fgets|f?scanf)\s*\(")

INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')
COMMENT_OR_TEXT = re.compile(r'//.*|"(?:\\.|[^"\\])*"')


class Room:
    def __init__(self, name, words):
        self.name = name
        self.pure = "pure" in words
        self.allowed = [w for w in words if w not in ("-", "pure")]


def read_rooms(path):
    rooms = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        words = line.split("#")[0].split()
        if len(words) == 1:
            sys.exit(f"{path}:{number}: room {words[0]} says nothing about its includes; write '-' for none")
        if words:
            rooms.append(Room(words[0], words[1:]))
    return sorted(rooms, key=lambda room: -len(room.name))


def inside(path, room):
    """workers/cpg/core holds workers/cpg/core.h, core_test.cpp and everything in core/, not corelist.h."""
    return path == room or path.startswith((room + "/", room + ".", room + "_"))


def room_of(path, rooms):
    return next((room for room in rooms if inside(path, room.name)), None)


def refused(room, bracket, header, known_rooms):
    """Why `room` may not include `header`; None if it may."""
    if "*" in room.allowed:
        return None
    if bracket == "<":
        if room.pure and header not in PURE_HEADERS:
            return f"{room.name} is pure and may not include <{header}>"
        return None
    target = room_of(header, known_rooms)
    if target is None and not header.startswith(tuple(top + "/" for top in TOPS)):
        # A bare name or an outside library: fine where system headers are free.
        return f"{room.name} is pure and may not include {header}" if room.pure else None
    if target is None:
        return f"{header} belongs to no room of layers.txt"
    if inside(header, room.name) or any(inside(header, allowed) for allowed in room.allowed):
        return None
    return f"{room.name} may not include {header}"


def check(path, rooms):
    room = room_of(str(path), rooms)
    if room is None:
        yield 1, "belongs to no room of layers.txt; add a line for its room"
        return
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        include = INCLUDE.match(line)
        if include:
            why = refused(room, include[1], include[2], rooms)
            if why:
                yield number, why
        elif room.pure:
            call = CSTDIO_IO.search(COMMENT_OR_TEXT.sub("", line))
            if call:
                yield number, f"{room.name} is pure and may not call {call[1]}"


def main():
    rules = pathlib.Path("tests/lint/layers.txt")
    if not rules.exists():
        sys.exit("tests/lint/layers.py: run it from the top of the tree")
    rooms = read_rooms(rules)
    violations = files = 0
    for top in TOPS:
        for path in sorted(pathlib.Path(top).rglob("*")):
            if path.suffix not in SUFFIXES or not path.is_file():
                continue
            files += 1
            for number, why in check(path, rooms):
                violations += 1
                print(f"{path}:{number}: {why}")
    print(f"layers: {files} files, {violations} violations")
    return violations > 0


if __name__ == "__main__":
    sys.exit(main())
