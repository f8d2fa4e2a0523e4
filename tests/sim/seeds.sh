#!/bin/sh
# A fixed range of seeds for every check; `make sim SEEDS=100000 FIRST=...` is the long form.
exec "${MOTET_BUILD:-.}/tests/sim/sim" --seeds 1 "${MOTET_SIM_SEEDS:-3000}" --jobs 2
