#!/bin/sh
# A Motet node as ordinary member of a ring with two corosync nodes.
exec python3 "$(dirname "$0")/mixed_ring.py" ccm 60
