#!/usr/bin/env python3
"""What /proc says about every process of a running node: user, capabilities, filter, namespaces, root; as root and as an ordinary user."""
import os
import shutil
import signal
import subprocess
import sys

from loopback import Loopback
from nodes import Checks, wait_for

KINDS = ("mnt", "net", "ipc", "uts", "cgroup")
OWN = {"membership": ("mnt", "ipc", "uts", "cgroup")}   # its network is the host's
NOBODY = 65534
# Membership keeps no capability either once it has opened its sockets; a transport that needs one is listed here.
KEPT = {"membership": 0}


def status_of(pid, task=None):
    path = f"/proc/{pid}/status" if task is None else f"/proc/{pid}/task/{task}/status"
    with open(path) as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def children(node):
    return {c["name"]: c["pid"] for c in node.status().get("supervisor", {}).get("children", []) if c["pid"]}


def check_process(checks, name, pid, supervisor, root, bounds=True):
    for task in os.listdir(f"/proc/{pid}/task"):
        s = status_of(pid, task)
        uids = s["Uid"].split()
        if root:
            checks.that(f"{name}: own user, the same four times", len(set(uids)) == 1 and int(uids[0]) != 0, uids)
            checks.that(f"{name}: no supplementary groups", not s["Groups"].strip(), s["Groups"])
        for field in ("CapInh", "CapPrm", "CapEff", "CapAmb") + (("CapBnd",) if bounds else ()):
            checks.that(f"{name}: {field} is {KEPT.get(name, 0)}", int(s[field], 16) == KEPT.get(name, 0), s[field])
        checks.that(f"{name}: NoNewPrivs 1, Seccomp 2 with a filter of its own", s["NoNewPrivs"] == "1" and s["Seccomp"] == "2" and int(s["Seccomp_filters"]) >= 1,
                    (s["NoNewPrivs"], s["Seccomp"], s.get("Seccomp_filters")))
    if not root:
        return
    own = OWN.get(name, KINDS)
    for kind in KINDS:
        theirs, ours = os.readlink(f"/proc/{pid}/ns/{kind}"), os.readlink(f"/proc/{supervisor}/ns/{kind}")
        checks.that(f"{name}: {'own' if kind in own else 'the host’s'} {kind} namespace", (theirs != ours) == (kind in own), (theirs, ours))
    checks.that(f"{name}: its root is empty", os.listdir(f"/proc/{pid}/root/") == [], os.listdir(f"/proc/{pid}/root/")[:5])
    checks.that(f"{name}: nothing can be made in its root", not writable(f"/proc/{pid}/root/x"), "")


def writable(path):
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT))
        return True
    except OSError:
        return False


def not_dumpable(checks, name, pid, uid):
    """A process of the same user can neither read its memory map nor trace it: what being not dumpable is for."""
    code = ("import os,sys\nos.setgroups([]); os.setresgid(%d,%d,%d); os.setresuid(%d,%d,%d)\n"
            "try: open('/proc/%d/maps').read(); sys.exit(1)\nexcept PermissionError: sys.exit(0)\n") % (uid, uid, uid, uid, uid, uid, pid)
    p = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    checks.that(f"{name}: its own user cannot read its memory map", p.returncode == 0, (p.returncode, p.stderr[-200:]))


def as_root(checks):
    with Loopback(1) as area:
        node = area.nodes[0]
        first = children(node)
        uids = {}
        for name, pid in first.items():
            check_process(checks, name, pid, node.daemon(), True)
            uids[name] = int(status_of(pid)["Uid"].split()[0])
            not_dumpable(checks, name, pid, uids[name])
        checks.that("no two processes share a user", len(set(uids.values())) == len(uids), uids)
        checks.that("motetctl has nothing to add about namespaces or users that exist", not any("namespace" in u for u in node.status()["supervisor"]["unenforced"]),
                    node.status()["supervisor"]["unenforced"])
        rooms = {kind: os.readlink(f"/proc/{first['cpg']}/ns/{kind}") for kind in KINDS}
        os.kill(first["cpg"], signal.SIGKILL)
        wait_for("a new cpg", lambda: children(node).get("cpg") not in (None, first["cpg"]) and node.members() == 1, 20)
        second = children(node)["cpg"]
        checks.that("a restarted worker enters the same namespaces", {k: os.readlink(f"/proc/{second}/ns/{k}") for k in KINDS} == rooms, rooms)
        check_process(checks, "cpg", second, node.daemon(), True)


def as_ordinary_user(checks, spaces):
    """`spaces`: whether user namespaces may be made."""
    before = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []
    if not spaces:
        # A user namespace in which no further one may be made; its own rights are dropped again.
        before += ["unshare", "-U", "--map-current-user", "--keep-caps", "sh", "-c",
                   'echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --inh-caps=-all --ambient-caps=-all "$@"', "sh"]
    area = Loopback(1, start=False, before=before)
    with area:
        node = area.nodes[0]
        os.makedirs(node.state_dir)
        if os.geteuid() == 0:
            for path in (area.dir, node.state_dir):
                os.chown(path, NOBODY, NOBODY)
        node.start()
        if not checks.that(f"an ordinary user is served, namespaces {'allowed' if spaces else 'forbidden'}", node.wait_members(1, 30), node.log()[-1500:]):
            return
        for name, pid in children(node).items():
            check_process(checks, name, pid, node.daemon(), False, bounds=spaces)
        said = node.status()["supervisor"]["unenforced"]
        checks.that("status says that users are missing, and namespaces exactly when they are", any("user" in u for u in said) and
                    any("namespaces:" in u for u in said) == (not spaces), said)
        if os.geteuid() == 0:
            for name, pid in children(node).items():
                for kind in KINDS:
                    theirs, ours = os.readlink(f"/proc/{pid}/ns/{kind}"), os.readlink(f"/proc/{node.daemon()}/ns/{kind}")
                    own = spaces and kind in OWN.get(name, KINDS) or (name == "membership" and kind == "mnt" and spaces)
                    checks.that(f"ordinary user, {name}: {kind} namespace is {'its own' if own else 'the host’s'}", (theirs != ours) == own, (theirs, ours))


def main():
    checks = Checks()
    if os.geteuid() == 0:
        as_root(checks)
    else:
        print("# SKIP the part as root: not started as root")
    for tool in ("setpriv", "unshare"):
        if shutil.which(tool) is None:
            print(f"# SKIP as an ordinary user: {tool} is not installed")
            checks.end()
    if subprocess.run([*(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []), "unshare", "-U", "true"],
                      stderr=subprocess.DEVNULL).returncode == 0:
        as_ordinary_user(checks, True)
    else:
        print("# SKIP as an ordinary user with namespaces: this machine does not allow them")
    as_ordinary_user(checks, False)
    checks.end()


if __name__ == "__main__":
    main()
