"""``idle``: many joined sessions that say nothing: memory of each, and how soon dead ones are noticed.

A part is closed by FIN, a part by RST, and a part falls silent: its client process is stopped
(SIGSTOP), so its sockets stay open and answer no heartbeat, as a phone without network does.
"""

from __future__ import annotations

import os
import signal
from time import monotonic, sleep

from zhike.ops.bench import BenchError
from zhike.ops.bench.pool import Pool
from zhike.ops.bench.proc import cpu_s, open_files, rss_bytes
from zhike.ops.bench.run import Bench, Target, target
from zhike.ops.bench.server import metric

GAUGE = "zhike_connections"
GIVE_UP_S = 60.0
_WARM_SESSIONS = 50
_FILES_ALLOWED = 20
"""Files that a server may open meanwhile for itself (database connections of its threads)."""



def run(bench: Bench) -> None:
    """See the module."""
    args = bench.args
    dead = int(args.sessions * args.dead) // 3
    result = bench.result
    with target(bench, corpus=None) as where:
        with Pool(1) as warm:  # the first connections pay for imports and caches
            warm.connect(_WARM_SESSIONS, host=where.host, port=where.port, path=where.path,
                         origin=where.origin, inbox=where.inbox, tag="warm")
        gauge_before = _wait_gauge(bench, where, 0, "the warm-up to end")[0]
        rss_before = rss_bytes(where.pid) if where.pid else 0
        files_before = open_files(where.pid) if where.pid else 0
        with Pool(args.workers + 1) as pool:
            shares = [(args.sessions - dead) // args.workers + (k < (args.sessions - dead) % args.workers)
                      for k in range(args.workers)] + [dead]
            began = monotonic()
            joined = pool.connect(args.sessions, host=where.host, port=where.port, path=where.path,
                                  origin=where.origin, inbox=where.inbox, tag="i", shares=shares,
                                  timeout_s=300.0)
            connect_s = monotonic() - began
            result.update({"sessions": joined, "connects_per_s": joined / connect_s})
            if joined < args.sessions:
                bench.failed.append(f"only {joined} of {args.sessions} sessions joined")
            _hold(bench, where, pool, joined, rss_before)
            _let_die(bench, where, pool, dead, gauge_before + joined)
            totals = pool.ask_all("ledger", 60.0, path=os.devnull)
            if files_before:
                kept = open_files(where.pid) - files_before - (joined - 3 * dead)
                result["files_leaked"] = kept
                if kept > _FILES_ALLOWED:
                    bench.failed.append(f"{kept} sockets of dead connections are still open in the server")
            result["pings"] = sum(row["totals"]["pings"] for row in totals if row)


def _hold(bench: Bench, where: Target, pool: Pool, joined: int, rss_before: int) -> None:
    """Sit still for ``--seconds`` and look at memory and CPU."""
    args = bench.args
    pool.pump(args.warm)
    cpu, at = cpu_s(where.pid) if where.pid else 0.0, monotonic()
    end = at + args.seconds

    def tick() -> None:
        if where.pid:
            bench.progress(f"idle {max(0.0, end - monotonic()):.0f} s left · {joined:,} sessions · "
                           f"{rss_bytes(where.pid) / 1e6:.0f} MB")

    pool.pump(args.seconds, meanwhile=tick)
    if where.pid:
        rss = rss_bytes(where.pid)
        bench.result.update({
            "server_rss_bytes": rss, "idle_rss_bytes": rss_before,
            "bytes_per_connection": (rss - rss_before) / joined,
            "server_cpu_ratio": (cpu_s(where.pid) - cpu) / (monotonic() - at)})


def _let_die(bench: Bench, where: Target, pool: Pool, dead: int, gauge: float) -> None:
    """Each way of dying in turn; the time until the server's own count has dropped."""
    now = _wait_gauge(bench, where, gauge, "the sessions to be counted")[0]
    if now != gauge:
        bench.failed.append(f"{GAUGE} says {now:.0f}, the clients hold {gauge:.0f}")
    result = bench.result
    worst = 0.0
    last = len(pool.processes) - 1
    for how in ("fin", "rst", "half_open"):
        gauge -= dead
        if how == "half_open":
            os.kill(pool.processes[last].pid, signal.SIGSTOP)
        else:
            pool.send(0, "close", count=dead, how=how)
            pool.gather("close", 30.0, numbers=[0])
        left, took = _wait_gauge(bench, where, gauge, f"{dead} {how} connections to go")
        result[f"{how}_gone_s"] = took
        worst = max(worst, took)
        if left > gauge:
            bench.failed.append(f"{left - gauge:.0f} {how} connections were still counted "
                                f"after {GIVE_UP_S:.0f} s")
    os.kill(pool.processes[last].pid, signal.SIGCONT)
    result.update({"dead_sessions": 3 * dead, "dead_gone_s": worst})
    if worst > 30.0:
        bench.failed.append(f"dead connections were gone only after {worst:.1f} s (promised: 30 s)")


def _wait_gauge(bench: Bench, where: Target, wanted: float, what: str) -> tuple[float, float]:
    """Wait until the gauge is at ``wanted`` or below: ``(its value, seconds it took)``."""
    began = monotonic()
    while True:
        value = metric(where.host, where.port, GAUGE)
        if value is None:
            raise BenchError(f"/metrics has no {GAUGE}")
        took = monotonic() - began
        if value <= wanted or took > GIVE_UP_S:
            return value, took
        bench.progress(f"waiting for {what}: {value:.0f} connections, {took:.0f} s")
        sleep(0.2)
