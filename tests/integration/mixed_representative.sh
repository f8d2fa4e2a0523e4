#!/bin/sh
# A Motet node as representative of a ring with two corosync nodes.
exec python3 "$(dirname "$0")/mixed_ring.py" mcc 60
