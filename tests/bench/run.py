#!/usr/bin/env python3
"""Benchmark matrix for libcpg engines: one engine alone, or several interleaved.

  run.py --quick ENGINE [ENGINE ...]    a few minutes
  run.py --full  ENGINE [ENGINE ...]    the whole matrix

ENGINE is [LABEL=]NAME[:key=value,...]; NAME has hooks in engines/NAME.sh and the
key=value pairs go to cluster.sh, e.g. "udpu=corosync:transport=udpu".

With several engines every measurement of the first is followed by the same
measurement of the others (order reversed on odd repetitions), so that drift of a
shared machine hits all; the report gives the ratio of medians to the first
engine.  All clusters stay up meanwhile; use
--interleave block when an engine burns CPU while idle: then only one cluster is
up at a time and whole passes alternate.

Output: OUT/LABELS.json (raw records and machine facts) and OUT/LABELS.md.
Needs root (namespaces), Linux, iproute2, util-linux, Python >= 3.8.
"""
import argparse
import itertools
import json
import os
import platform
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CLUSTER = os.path.join(HERE, "cluster.sh")
K = 1024
ALL_SIZES = [1, 16, 64, 256, K, 4 * K, 16 * K, 64 * K, 256 * K, K * K]
QUICK_SIZES = [64, K, 16 * K, 256 * K]
SERIAL = itertools.count()


def load1():
    return round(os.getloadavg()[0], 2)


def size_name(n):
    return f"{n // K // K}M" if n >= K * K else f"{n // K}K" if n >= K else str(n)


class Engine:
    def __init__(self, spec):
        m = re.fullmatch(r"(?:([\w.+-]+)=)?([\w+-]+)(?::(.*))?", spec)
        if not m:
            sys.exit(f"bad engine {spec}")
        self.name = m.group(2)
        self.opts = [x for x in (m.group(3) or "").split(",") if x]
        self.label = m.group(1) or "-".join([self.name] + [x.split("=")[-1].replace("/", "-") for x in self.opts])


class Cluster:
    """A running cluster; every call goes through cluster.sh."""

    live = []

    def __init__(self, cfg, engine, n, extra=()):
        self.cfg, self.engine, self.n = cfg, engine, n
        self.id = f"{cfg.prefix}{os.getpid()}-{next(SERIAL)}"
        self.extra = list(extra)

    def sh(self, *a, timeout=90, check=True):
        p = subprocess.run([CLUSTER, a[0], self.id, *map(str, a[1:])], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True, timeout=timeout)
        if check and p.returncode:
            raise RuntimeError(f"cluster.sh {' '.join(map(str, a))}: {p.stderr.strip()[-300:]}")
        return p.stdout

    def up(self):
        Cluster.live.append(self)
        out = self.sh("up", self.engine.name, self.n, *self.engine.opts, *self.extra)
        return json.loads(out.strip().splitlines()[-1])

    def down(self):
        subprocess.run([CLUSTER, "down", self.id], timeout=60)
        if self in Cluster.live:
            Cluster.live.remove(self)

    def __enter__(self):
        try:
            self.up_info = self.up()
        except Exception:
            self.down()
            raise
        return self

    def __exit__(self, *a):
        self.down()

    def client(self, node, *args):
        return subprocess.Popen([CLUSTER, "exec", self.id, str(node), self.cfg.cpgload, *map(str, args)],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def usage(self):
        return [json.loads(self.sh("usage", i + 1)) for i in range(self.n)]


def gather(procs, timeout):
    """JSON lines of each process; raises on a failed client."""
    res, end = [], time.monotonic() + timeout
    try:
        for p in procs:
            out, err = p.communicate(timeout=max(0.1, end - time.monotonic()))
            rows = [json.loads(x) for x in out.splitlines() if x.startswith("{")]
            if not rows:
                raise RuntimeError(f"client gave nothing: {err.strip()[-200:]}")
            res.append(rows)
    finally:
        for p in procs:
            if p.poll() is None:
                p.kill()
                p.wait()
    return res


def group_run(c, cell, cfg):
    """One measurement over all nodes; returns the record's metrics."""
    kind, n, size = cell["kind"], c.n, cell["size"]
    grp = f"g{next(SERIAL)}"
    base = ["-s", size, "-t", cfg.secs, "-w", cfg.warm, "-D", 25]
    if cell.get("zcb"):
        base += ["-z"]
    if cfg.client_prio:
        base += ["-P", cfg.client_prio]
    if cfg.client_args:
        base += cfg.client_args.split()
    jobs = []
    if kind in ("throughput", "zerocopy"):
        senders = n if cell["senders"] == "all" else 1
        for i in range(n):
            jobs.append((i + 1, ["throughput", *base, "-g", grp, "-k", 1, "-j", int(i < senders),
                                 "-E", n, "-S", senders]))
    elif kind == "latency":
        for i in range(n):
            senders = n if cell["senders"] == "all" else 1
            a = ["latency", *base, "-g", grp, "-k", 1, "-j", int(i < senders), "-E", n, "-S", senders]
            if cell.get("rate") and i == 0:
                a += ["-r", cell["rate"]]
            jobs.append((i + 1, a))
    elif kind == "fanout":
        k, j = cell["members"], cell["senders"]
        for i in range(n):
            mine = j if i == 0 else 0
            jobs.append((i + 1, ["throughput", *base, "-g", grp, "-k", k, "-j", mine, "-E", k * n, "-S", j]))
    elif kind == "groups":
        # Separate groups do not see each other join: give them one start time.
        at = time.monotonic_ns() + int((1.0 + 0.2 * cell["groups"]) * 1e9)
        for g in range(cell["groups"]):
            jobs.append((g % n + 1, ["throughput", *base, "-A", at, "-g", f"{grp}.{g}", "-k", 1, "-j", 1]))
    before, t0 = c.usage(), time.monotonic()
    rows = [r[-1] for r in gather([c.client(node, *a) for node, a in jobs], cfg.secs + 75)]
    wall, after = time.monotonic() - t0, c.usage()
    m = {
        "deliv_s": statistics.mean(r["deliv_s"] for r in rows),
        "mb_s": statistics.mean(r["mb_s"] for r in rows),
        "own_s": sum(r["own_s"] for r in rows),
        "try_again": sum(r["try_again"] for r in rows),
        "sent": sum(r["sent"] for r in rows),
        "client_cpu_s": sum(r["cpu_user_s"] + r["cpu_sys_s"] for r in rows),
        "client_nvcsw": sum(r["nvcsw"] for r in rows),
        "client_nivcsw": sum(r["nivcsw"] for r in rows),
        "daemon_cpu_s": sum(b["cpu_s"] - a["cpu_s"] for a, b in zip(before, after)),
        "wall_s": round(wall, 3),
        "views": sum(r["views"] for r in rows),
    }
    if kind == "groups":
        m["deliv_s"] = sum(r["deliv_s"] for r in rows)
        m["mb_s"] = sum(r["mb_s"] for r in rows)
    if m["sent"]:
        m["daemon_us_msg"] = m["daemon_cpu_s"] * 1e6 / m["sent"]
        m["client_us_msg"] = m["client_cpu_s"] * 1e6 / m["sent"]
    if rows[0].get("lat"):
        m["lat"] = rows[0]["lat"]
    if len(rows) > 1 and rows[1].get("remote_lat"):
        m["remote_lat"] = rows[1]["remote_lat"]
    errs = [r["error"] for r in rows if r["error"]]
    hashes = {r["order_hash"] for r in rows} if kind != "groups" else {0}
    counts = {r["order_count"] for r in rows} if kind != "groups" else {0}
    m["ok"] = not errs and len(hashes) == 1 and len(counts) == 1 and not any(
        r["lost"] or r["seq_errors"] or r["content_errors"] or not r["order_agree"] for r in rows)
    if not m["ok"]:
        m["why"] = {"errors": errs, "views": m["views"], "hashes": len(hashes), "lost": [r["lost"] for r in rows],
                            "seq": [r["seq_errors"] for r in rows], "content": [r["content_errors"] for r in rows]}
    return m


def matrix(cfg):
    """{N: [cell, ...]} of the steady-state measurements."""
    sizes = cfg.sizes or (QUICK_SIZES if cfg.quick else ALL_SIZES)
    ns = cfg.nodes or ([1, 3] if cfg.quick else [1, 2, 3, 5])
    out = {}
    for n in ns:
        cells = []
        if "throughput" in cfg.only:
            for who in ["one"] if n == 1 else ["one", "all"]:
                cells += [{"kind": "throughput", "n": n, "size": s, "senders": who} for s in sizes]
        if "latency" in cfg.only:
            for s in cfg.sizes or ([64] if cfg.quick else [64, 4 * K]):
                for who in ["one"] if n == 1 else ["one", "all"]:
                    cells.append({"kind": "latency", "n": n, "size": s, "senders": who, "rate": 0})
                cells.append({"kind": "latency", "n": n, "size": s, "senders": "one", "rate": 1000})
        if "fanout" in cfg.only and n in (1, 3):
            for s in [64] if cfg.quick else [64, K, 16 * K]:
                cells.append({"kind": "fanout", "n": n, "size": s, "members": 8, "senders": 1})
            if n == 1:
                cells.append({"kind": "fanout", "n": n, "size": 64, "members": 8, "senders": 8})
                cells.append({"kind": "groups", "n": n, "size": 64, "groups": 8})
        if "zerocopy" in cfg.only and n == 1:
            for s in [K, 64 * K] if cfg.quick else [64, K, 16 * K, 64 * K, 256 * K]:
                cells.append({"kind": "zerocopy", "n": n, "size": s, "senders": "one", "zcb": 1})
        out[n] = cells
    return out


def record(recs, engine, cell, rep, fn, cfg):
    l0 = load1()
    try:
        m = fn()
    except Exception as e:  # a failed cell is data, not the end of the run
        m = {"ok": False, "why": str(e)[-300:]}
    r = {"engine": engine.label, "cell": cell, "rep": rep, "t": round(time.time(), 1), "load1": l0,
         "load1_after": load1(), "m": m}
    recs.append(r)
    short = {k: (round(v, 1) if isinstance(v, float) else v) for k, v in m.items()
             if k in ("deliv_s", "mb_s", "ok", "why", "up_ms", "detect_ms", "gap_ms", "rejoin_ms", "daemon_us_msg")}
    if "lat" in m:
        short["p50"], short["p99"] = m["lat"]["p50"], m["lat"]["p99"]
    print(f"{engine.label:22s} {json.dumps(cell)} rep{rep} {json.dumps(short)}", flush=True)
    save(recs, cfg)


def steady(recs, cfg, engines):
    for n, cells in matrix(cfg).items():
        if not cells:
            continue
        if cfg.interleave == "block":
            for rep in range(cfg.reps):
                for e in engines if rep % 2 == 0 else engines[::-1]:
                    try:
                        with Cluster(cfg, e, n) as c:
                            for cell in cells:
                                record(recs, e, cell, rep, lambda: group_run(c, cell, cfg), cfg)
                    except Exception as x:
                        print(f"cluster {e.label} n={n}: {x}", flush=True)
            continue
        cl = {}
        try:
            for e in engines:
                cl[e.label] = Cluster(cfg, e, n)
                cl[e.label].up()
            for rep in range(cfg.reps):
                order = engines if rep % 2 == 0 else engines[::-1]
                for cell in cells:
                    for e in order:
                        record(recs, e, cell, rep, lambda: group_run(cl[e.label], cell, cfg), cfg)
        except Exception as x:  # a cluster that does not start costs its node count only
            print(f"n={n}: {x}", flush=True)
        finally:
            for c in cl.values():
                c.down()


def startup(recs, cfg, engines):
    for n in [1, 3] if cfg.quick else [1, 2, 3, 5]:
        for rep in range(cfg.reps):
            for e in engines if rep % 2 == 0 else engines[::-1]:
                def one():
                    with Cluster(cfg, e, n) as c:
                        return {"up_ms": c.up_info["up_ms"], "ok": True}
                record(recs, e, {"kind": "startup", "n": n}, rep, one, cfg)


def idle(recs, cfg, engines):
    secs = 5 if cfg.quick else 10
    for n in [1, 3] if cfg.quick else [1, 2, 3, 5]:
        for e in engines:
            def one():
                with Cluster(cfg, e, n) as c:
                    time.sleep(2)
                    a = c.usage()
                    time.sleep(secs)
                    b = c.usage()
                    cpu = [(y["cpu_s"] - x["cpu_s"]) / secs * 100 for x, y in zip(a, b)]
                    return {"ok": True, "cpu_pct": statistics.mean(cpu), "rss_mib": statistics.mean(x["rss_kib"] for x in b) / K,
                            "pss_mib": statistics.mean(x["pss_kib"] for x in b) / K, "procs": b[0]["procs"], "threads": b[0]["threads"]}
            record(recs, e, {"kind": "idle", "n": n}, 0, one, cfg)


def failover_once(cfg, e, n, token):
    # A bare token time means exactly that: no growth with the node count.
    extra = [f"token={token}", "token_coefficient=0"] if token else []
    with Cluster(cfg, e, n, extra) as c:
        grp = f"g{next(SERIAL)}"
        w = [c.client(i, "watch", "-g", grp, "-t", 60, "-r", 200) for i in range(1, n + 1)]
        time.sleep(1.5)
        victims = [int(x) for x in c.sh("killpids", n).split()]
        tk = time.monotonic_ns()
        for v in victims:
            os.kill(v, signal.SIGKILL)
        # Long enough for token loss plus consensus (2.2 token times) with margin.
        time.sleep(13 if not token else 2 + 6 * token / 1000)
        t_start = time.monotonic_ns()
        c.sh("start", n)
        q = [json.loads(x) for x in c.sh("wait", n).splitlines() if x.startswith("{")][-1]
        time.sleep(0.5)
        for p in w:
            os.kill(p.pid, signal.SIGTERM)
        rows = []
        for p in w:
            try:
                out, _ = p.communicate(timeout=3)
            except subprocess.TimeoutExpired:
                p.kill()
                out, _ = p.communicate()
            rows.append([json.loads(x) for x in out.splitlines() if x.startswith("{") and x.endswith("}")])
        det, gap = [], []
        for r in rows[:-1]:
            ev = [x for x in r if x.get("event") == "confchg" and x["t"] > tk and any(y[0] == n for y in x["left"])]
            if ev:
                det.append((ev[0]["t"] - tk) / 1e6)
            s = [x for x in r if x.get("event") == "summary"]
            if s:
                g = [x[1] for x in s[0]["gaps"] if x[0] <= tk + 5e6 and x[0] + x[1] * 1e6 > tk]
                gap += g
        return {"ok": len(det) == n - 1, "detect_ms": max(det) if det else None, "detect_all": det,
                "gap_ms": max(gap) if gap else None, "victims": len(victims),
                "rejoin_ms": (q["full"] - t_start) / 1e6 if q["full"] else None,
                "connect_ms": (q["connected"] - t_start) / 1e6}


def failover(recs, cfg, engines):
    for token in cfg.tokens or ([300] if cfg.quick else [300, 0]):
        for n in [3]:
            for rep in range(cfg.reps):
                for e in engines if rep % 2 == 0 else engines[::-1]:
                    record(recs, e, {"kind": "failover", "n": n, "token": token}, rep,
                           lambda: failover_once(cfg, e, n, token), cfg)


def joins(recs, cfg, engines):
    for n in [1, 3]:
        for e in engines:
            try:
                with Cluster(cfg, e, n) as c:
                    for rep in range(cfg.reps):
                        def one():
                            r = gather([c.client(1, "join", "-g", f"g{next(SERIAL)}", "-n", 30)], 60)[0][-1]
                            return {"ok": True, **{k: r[k] for k in ("connect_us", "join_us", "leave_us", "close_us")}}
                        record(recs, e, {"kind": "join", "n": n}, rep, one, cfg)
            except Exception as x:
                print(f"join {e.label} n={n}: {x}", flush=True)


# ---- report -------------------------------------------------------------

def facts():
    def rd(p):
        try:
            return open(p).read()
        except OSError:
            return ""
    cpu = re.search(r"model name\s*:\s*(.*)", rd("/proc/cpuinfo"))
    mem = re.search(r"MemTotal:\s*(\d+)", rd("/proc/meminfo"))
    return {"kernel": platform.release(), "cpus": os.cpu_count(), "cpu": cpu.group(1) if cpu else "?",
            "mem_gib": int(mem.group(1)) // K // K if mem else 0, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "rmem_max": rd("/proc/sys/net/core/rmem_max").strip(), "wmem_max": rd("/proc/sys/net/core/wmem_max").strip()}


def save(recs, cfg):
    os.makedirs(cfg.out, exist_ok=True)
    doc = {"facts": cfg.facts, "args": cfg.args_shown, "records": recs}
    tmp = os.path.join(cfg.out, cfg.tag + ".json.tmp")
    with open(tmp, "w") as f:
        json.dump(doc, f, indent=0)
    os.replace(tmp, os.path.join(cfg.out, cfg.tag + ".json"))


def dig(m, path):
    for k in path.split("."):
        if not isinstance(m, dict) or m.get(k) is None:
            return None
        m = m[k]
    return m


def fmt(v):
    if v is None:
        return "-"
    a = abs(v)
    return f"{v:.0f}" if a >= 100 else f"{v:.1f}" if a >= 10 else f"{v:.2f}"


def stat(rs, path):
    v = [x for x in (dig(r["m"], path) for r in rs if r["m"].get("ok")) if x is not None]
    return (statistics.median(v), min(v), max(v)) if v else None


def show(s, spread=True):
    if not s:
        return "-"
    if spread and s[1] != s[2]:
        return f"{fmt(s[0])} [{fmt(s[1])}-{fmt(s[2])}]"
    return fmt(s[0])


COLS = {
    "throughput": ["deliv_s", "mb_s", "daemon_us_msg", "client_us_msg", "try_again"],
    "zerocopy": ["deliv_s", "mb_s", "daemon_us_msg", "client_us_msg", "try_again"],
    "fanout": ["deliv_s", "mb_s", "daemon_us_msg", "client_us_msg"],
    "groups": ["deliv_s", "mb_s", "daemon_us_msg", "client_us_msg"],
    "latency": ["lat.p50", "lat.p90", "lat.p99", "lat.p999", "lat.max", "remote_lat.p50", "remote_lat.p99"],
    "startup": ["up_ms"],
    "idle": ["cpu_pct", "rss_mib", "pss_mib", "procs", "threads"],
    "failover": ["detect_ms", "gap_ms", "connect_ms", "rejoin_ms"],
    "join": ["connect_us", "join_us", "leave_us", "close_us"],
}
KEY = {"throughput": "deliv_s", "zerocopy": "deliv_s", "fanout": "deliv_s", "groups": "deliv_s", "latency": "lat.p50",
       "startup": "up_ms", "idle": "cpu_pct", "failover": "detect_ms", "join": "join_us"}


def report(recs, labels):
    out = []
    kinds = [k for k in COLS if any(r["cell"]["kind"] == k for r in recs)]
    for kind in kinds:
        rk = [r for r in recs if r["cell"]["kind"] == kind]
        cells = []
        for r in rk:
            if r["cell"] not in cells:
                cells.append(r["cell"])
        keys = [k for k in ("n", "senders", "members", "groups", "size", "rate", "token") if any(k in c for c in cells)]
        two = len(labels) > 1
        ratios = [KEY[kind]] + (["lat.p99"] if kind == "latency" else [])
        head = keys + (["engine"] if len(labels) > 1 else []) + COLS[kind] + ["load1", "runs"] + \
            ([f"{k} / {labels[0]}" for k in ratios] if two else [])
        out += [f"### {kind}", "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        for c in cells:
            med = {}
            for lab in labels:
                rs = [r for r in rk if r["cell"] == c and r["engine"] == lab]
                if not rs:
                    continue
                row = [size_name(c[k]) if k == "size" and k in c else str(c.get(k, "")) for k in keys]
                if len(labels) > 1:
                    row.append(lab)
                for i, col in enumerate(COLS[kind]):
                    row.append(show(stat(rs, col), spread=i < 1 or kind in ("latency", "failover")))
                for key in ratios:
                    s = stat(rs, key)
                    med[lab, key] = s[0] if s else None
                good = sum(1 for r in rs if r["m"].get("ok"))
                row += [fmt(statistics.median(r["load1"] for r in rs)), f"{good}/{len(rs)}"]
                for key in ratios if two else []:
                    a, b = med.get((labels[0], key)), med.get((lab, key))
                    row.append(f"{b / a:.2f}" if lab != labels[0] and a and b else "")
                out.append("| " + " | ".join(row) + " |")
        out.append("")
    bad = [r for r in recs if not r["m"].get("ok")]
    if bad:
        out += ["### failed runs", ""] + [f"- {r['engine']} {json.dumps(r['cell'])} rep {r['rep']}: {r['m'].get('why')}" for r in bad] + [""]
    return "\n".join(out)


PARTS = ["startup", "idle", "throughput", "latency", "fanout", "zerocopy", "join", "failover"]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    g = ap.add_mutually_exclusive_group()
    g.add_argument("--quick", action="store_true")
    g.add_argument("--full", action="store_true")
    ap.add_argument("engines", nargs="*")
    ap.add_argument("--out", default="bench-results")
    ap.add_argument("--tag", help="file stem of the results")
    ap.add_argument("--reps", type=int, default=3)
    ap.add_argument("--secs", type=float)
    ap.add_argument("--warm", type=float, default=0.3)
    ap.add_argument("--only", default=",".join(PARTS), help="comma list of " + " ".join(PARTS))
    ap.add_argument("--sizes", type=lambda s: [int(x) for x in s.split(",")])
    ap.add_argument("--nodes", type=lambda s: [int(x) for x in s.split(",")])
    ap.add_argument("--tokens", type=lambda s: [int(x) for x in s.split(",")], help="token times for failover; 0 = engine default")
    ap.add_argument("--interleave", choices=["fine", "block"], default="fine")
    ap.add_argument("--client-args", default="", help="extra cpgload options, e.g. '-T -b spin'")
    ap.add_argument("--client-prio", type=int, default=0, metavar="N",
                    help="clients in SCHED_RR at N: for machines with other load")
    ap.add_argument("--prefix", default="b", help="prefix of cluster ids")
    ap.add_argument("--report", nargs="+", metavar="JSON", help="only print the report of these result files")
    cfg = ap.parse_args()
    if cfg.report:
        recs = [r for f in cfg.report for r in json.load(open(f))["records"]]
        print(report(recs, list(dict.fromkeys(r["engine"] for r in recs))))
        return
    if not cfg.engines:
        ap.error("no engine")
    engines = [Engine(s) for s in cfg.engines]
    if len({e.label for e in engines}) != len(engines):
        ap.error("labels must differ")
    cfg.only = cfg.only.split(",")
    cfg.secs = cfg.secs or (1.0 if cfg.quick else 2.0)
    cfg.tag = cfg.tag or "-vs-".join(e.label for e in engines)
    cfg.args_shown = {k: v for k, v in vars(cfg).items() if k not in ("out", "facts", "args_shown", "report", "cpgload")}
    cfg.facts = facts()
    work = tempfile.mkdtemp(prefix="bench-")
    cfg.cpgload = os.environ.get("CPGLOAD") or os.path.join(work, "cpgload")
    if "CPGLOAD" not in os.environ:
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-pthread", "-o", cfg.cpgload, os.path.join(HERE, "cpgload.c"),
                        *os.environ.get("CPGLOAD_LIBS", "-lcpg").split()], check=True)
        os.environ["CPGLOAD"] = cfg.cpgload
    os.environ.setdefault("BENCH_STATE", os.path.join(work, "state"))
    signal.signal(signal.SIGTERM, lambda *a: sys.exit(1))
    recs, t0 = [], time.time()
    try:
        if "startup" in cfg.only:
            startup(recs, cfg, engines)
        if "idle" in cfg.only:
            idle(recs, cfg, engines)
        steady(recs, cfg, engines)
        if "join" in cfg.only:
            joins(recs, cfg, engines)
        if "failover" in cfg.only:
            failover(recs, cfg, engines)
    finally:
        for c in list(Cluster.live):
            c.down()
        cfg.facts["elapsed_s"] = round(time.time() - t0)
        save(recs, cfg)
        with open(os.path.join(cfg.out, cfg.tag + ".md"), "w") as f:
            f.write(f"# Benchmark: {', '.join(e.label for e in engines)}\n\n")
            f.write(f"{json.dumps(cfg.facts)}\n\n")
            f.write(report(recs, [e.label for e in engines]))
        subprocess.run(["rm", "-rf", work])


if __name__ == "__main__":
    main()
