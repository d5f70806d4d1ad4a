"""``crash``: ``kill -9`` at random moments under load, again and again; then everything is compared.

The clients come back with their token, resume after the last seq they saw and send again, with the
same ids, what was not acknowledged. Some kills hit the server while it starts. Between the kills
some connections are cut (RST). At the end every acknowledged message must stand in the store once,
in order, under the seq it was acknowledged with, and every question must have its one answer.
"""

from __future__ import annotations

import random
from statistics import median
from time import monotonic

from zhike.ops.bench import BenchError
from zhike.ops.bench.corpus import Corpus
from zhike.ops.bench.measure import load_questions
from zhike.ops.bench.pool import Event, PhaseResult, Pool
from zhike.ops.bench.run import Bench, target
from zhike.ops.bench.server import Server
from zhike.ops.bench.verdict import judge, read_back, write_ledgers

_LONGEST_S = 4 * 3600.0
_KILL_WHILE_STARTING = 0.1
"""Share of the kills that do not wait until the server is ready."""
_CUT_SHARE = 0.1



class _Watch:
    """The progress line."""

    def __init__(self, bench: Bench, pool: Pool) -> None:
        self.bench = bench
        self.counts: dict[int, Event] = {}
        self.kills = 0
        pool.on_progress = self._on_progress

    def _on_progress(self, number: int, event: Event) -> None:
        self.counts[number] = event

    def tick(self) -> None:
        rows = self.counts.values()
        self.bench.progress(f"crash {self.kills}/{self.bench.args.kills} kills · "
                            f"{sum(row['acked'] for row in rows):,} acknowledged · "
                            f"{sum(row['answered'] for row in rows):,} answered · "
                            f"in flight {sum(row['inflight'] for row in rows):,}")


def run(bench: Bench) -> None:
    """See the module."""
    args = bench.args
    if args.url:
        raise BenchError("crash kills the server it measures; --url makes no sense here")
    corpus = Corpus(args.articles, args.seed)
    questions = bench.folder / "questions.jsonl"
    corpus.write_questions(questions, 30_000)
    rng = random.Random(args.seed * 31 + 7)
    with target(bench, corpus=corpus) as where, Pool(args.workers) as pool:
        server = where.server
        assert server is not None
        joined = pool.connect(args.sessions, host=where.host, port=where.port, path=where.path,
                              origin=where.origin, inbox=where.inbox, reconnect=True, tag=f"c{args.seed}")
        load_questions(pool, str(questions), args.seed, again=True)
        watch = _Watch(bench, pool)
        begin = monotonic() + 0.2
        for number in range(args.workers):
            pool.send(number, "run", start_s=begin, warm_s=0.0, seconds=_LONGEST_S, mix="mixed", depth=1,
                      rate_per_s=args.rate / args.workers, drain_s=60.0, seed=args.seed * 101 + number)
        starts: list[float] = []
        early = cuts = 0
        ready = True
        for kill in range(args.kills):
            if rng.random() < _KILL_WHILE_STARTING and kill:
                early += not ready
                pool.pump(rng.uniform(0.0, 1.0), meanwhile=watch.tick)
            else:
                if not ready:
                    starts.append(_until_ready(server, pool, watch))
                pool.pump(rng.uniform(0.02, args.longest_life) / 2, meanwhile=watch.tick)
                cuts += sum(row["count"] for row in pool.ask_all("cut", 30.0, share=_CUT_SHARE))
                pool.pump(rng.uniform(0.02, args.longest_life) / 2, meanwhile=watch.tick)
            server.check_alive()
            server.kill()
            watch.kills += 1
            server.exec()
            ready = False
        starts.append(_until_ready(server, pool, watch))
        pool.pump(2.0, meanwhile=watch.tick)
        for number in range(args.workers):
            pool.send(number, "stop")
        phase = PhaseResult(pool.gather("run", 120.0, meanwhile=watch.tick))
        totals = write_ledgers(bench, pool)
        back = read_back(bench, pool)
        server.stop()
        bench.notes += phase.notes
        bench.result.update({"sessions": joined, "kills": watch.kills, "kills_while_starting": early,
                             "faults": watch.kills + cuts, "connections_cut": cuts})
        judge(bench, where, totals, back)
    bench.result.update({
        "restart_ready_p50_ms": median(starts) * 1000, "restart_ready_max_ms": max(starts) * 1000,
        "rate_per_s": sum(phase.answered) / max(phase.seconds, 1.0)})
    if bench.result["unacknowledged"]:
        bench.failed.append(f"{bench.result['unacknowledged']} messages were still without an ack at the end")


def _until_ready(server: Server, pool: Pool, watch: _Watch) -> float:
    """Wait until the restarted server says it is ready; seconds since this call."""
    began = monotonic()
    while monotonic() - began < 60.0:
        pool.pump(0.02, meanwhile=watch.tick)
        server.check_alive()
        if server.is_ready():
            return monotonic() - began
    raise BenchError(f"the server was not ready within 60 s after a kill:\n{server.last_words()}")
