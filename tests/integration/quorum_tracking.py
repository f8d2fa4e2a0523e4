#!/usr/bin/env python3
"""quorum.expected_votes_tracking: the most votes ever seen are kept on disk; a node that starts alone afterwards is not quorate with the
smaller number of its file."""
from loopback import Loopback
from nodes import Checks, wait_for

TRACKED = "quorum:\n  provider: corosync_votequorum\n  expected_votes: 2\n  expected_votes_tracking: 1\n"


def shown(node):
    """(expected votes, quorate)"""
    lines = dict(line.split(":", 1) for line in node.run("corosync-quorumtool", "-s").stdout.splitlines() if ":" in line)
    return lines.get("Expected votes", "").strip(), lines.get("Quorate", "").strip()


def main():
    checks = Checks()
    with Loopback(3, extra=TRACKED) as area:
        one = area.nodes[0]
        checks.that("three nodes expect three votes, whatever the file says", wait_for("three votes", lambda: shown(one) == ("3", "Yes"), 20), (shown(one), one.log()[-800:]))
        for node in area.nodes:
            node.stop()
        one.start()
        checks.that("a node that starts alone remembers them", one.wait_members(1, 30) and wait_for("three votes", lambda: shown(one) == ("3", "No"), 20), (shown(one), one.log()[-800:]))
    checks.end()


if __name__ == "__main__":
    main()
