"""Driving one phase of load and watching the server meanwhile."""

from __future__ import annotations

from time import monotonic
from typing import NamedTuple

from zhike.ops.bench.load import Mix
from zhike.ops.bench.pool import Event, PhaseResult, Pool
from zhike.ops.bench.proc import busy_s, cpu_s, rss_bytes
from zhike.ops.bench.run import Bench, Point

_SAMPLE_S = 0.5
_DISTURBED = 0.15
"""Cores used by processes outside the bench (the kernel's network work counts here too)."""


class Cpu(NamedTuple):
    """Cores in use, on average: by the server, the database beside it, the clients, and all else."""

    server: float
    database: float
    clients: float
    others: float


class _Mark(NamedTuple):
    """CPU seconds at one moment."""

    at_s: float
    server: float
    database: float
    clients: float
    machine: float


class Watch:
    """Samples CPU and memory of a process tree while a phase runs."""

    def __init__(self, bench: Bench, pool: Pool, name: str, pid: int, from_s: float, end_s: float) -> None:
        self.bench = bench
        self.name = name
        self.pid = pid
        self.from_s, self.end_s = from_s, end_s
        self.points: list[Point] = []
        self.rss_max = 0
        self._counts: dict[int, tuple[int, int]] = {}
        self._last = (monotonic(), cpu_s(pid) if pid else 0.0, 0)
        self._window: list[_Mark] = []
        self._database_pid: int = bench.args.database_pid
        self._client_pids = [process.pid for process in pool.processes]
        pool.on_progress = self._on_progress

    def _on_progress(self, number: int, event: Event) -> None:
        self._counts[number] = (event["answered"], event["inflight"])

    def tick(self) -> None:
        """Called about every 0.1 s: marks the ends of the measured window exactly, samples now and then."""
        now = monotonic()
        if self.pid and ((not self._window and now >= self.from_s)
                         or (len(self._window) == 1 and now >= self.end_s)):
            self._window.append(self._mark(now))
        at, cpu, answered_before = self._last
        if now - at < _SAMPLE_S:
            return
        cpu_now = cpu_s(self.pid) if self.pid else 0.0
        answered = sum(row[0] for row in self._counts.values())
        inflight = sum(row[1] for row in self._counts.values())
        rss = rss_bytes(self.pid) if self.pid else 0
        point = Point(now - self.from_s, (answered - answered_before) / (now - at), inflight,
                      (cpu_now - cpu) / (now - at), rss)
        self._last = (now, cpu_now, answered)
        self.rss_max = max(self.rss_max, rss)
        if now < self.end_s + 1.0:
            self.points.append(point)
        length = self.end_s - self.from_s
        self.bench.progress(f"{self.name} {min(max(point.at_s, 0.0), length):5.1f}/{length:.0f} s · "
                            f"{point.answered_per_s:,.0f} answered/s · in flight {inflight:,} · "
                            f"server {point.cpu_ratio * 100:.0f} % of a core, {rss / 1e6:.0f} MB")

    def _mark(self, now: float) -> _Mark:
        database = cpu_s(self._database_pid) if self._database_pid else 0.0
        return _Mark(now, cpu_s(self.pid), database, sum(map(cpu_s, self._client_pids)), busy_s())

    def cpu_ratios(self) -> Cpu:
        """Shares of one core between the two marks."""
        if len(self._window) < 2:
            return Cpu(0.0, 0.0, 0.0, 0.0)
        a, b = self._window
        server, database, clients, all_ = ((after - before) / (b.at_s - a.at_s)
                                           for before, after in zip(a[1:], b[1:], strict=True))
        return Cpu(server, database, clients, max(0.0, all_ - server - database - clients))


class Measured:
    """A phase and the server's cost during it."""

    def __init__(self, phase: PhaseResult, watch: Watch) -> None:
        self.phase = phase
        self.cpu = watch.cpu_ratios()
        self.cpu_ratio = self.cpu.server
        self.rss_bytes = watch.rss_max

    @property
    def cpu_us_each(self) -> float:
        """CPU µs of the server per answered question."""
        rate = self.phase.rate_per_s()
        return self.cpu_ratio / rate * 1e6 if rate else 0.0


def run_phase(bench: Bench, pool: Pool, name: str, *, mix: Mix, seconds: float, warm_s: float, pid: int,
              rate_per_s: float = 0.0, depth: int = 1, drain_s: float = 10.0) -> Measured:
    """One phase on all client processes, which begin at the same moment."""
    count = len(pool.processes)
    start = monotonic() + 0.2
    watch = Watch(bench, pool, name, pid, start + warm_s, start + warm_s + seconds)
    for number in range(count):
        pool.send(number, "run", start_s=start, warm_s=warm_s, seconds=seconds, mix=mix, depth=depth,
                  rate_per_s=rate_per_s / count, drain_s=drain_s, seed=bench.args.seed * 101 + number)
    rows = pool.gather("run", 0.2 + warm_s + seconds + drain_s + 30.0, meanwhile=watch.tick)
    pool.on_progress = None
    bench.series[name] = watch.points
    phase = PhaseResult(rows)
    bench.notes += phase.notes
    measured = Measured(phase, watch)
    if measured.cpu.others > _DISTURBED:
        bench.notes.append(f"{name}: other processes used {measured.cpu.others:.2f} cores meanwhile; "
                           f"on a quiet machine the figures are better")
    return measured


def load_questions(pool: Pool, path: str, seed: int, again: bool = False) -> None:
    """Give every client process its share of the questions (``again``: new ones go around too)."""
    count = len(pool.processes)
    for number in range(count):
        pool.send(number, "load", path=path, part=number, parts=count, seed=seed, again=again)
    pool.gather("load", 120.0)
