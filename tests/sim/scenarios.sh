#!/bin/sh
# Every scenario file: the properties hold, and what its name says does happen.
exec "${MOTET_BUILD:-.}/tests/sim/sim" --scenario "$(dirname "$0")"/scenarios/*.txt
