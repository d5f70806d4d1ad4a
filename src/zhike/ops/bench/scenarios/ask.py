"""``ask``: open loop. Questions arrive at random moments (Poisson) whatever the server does.

Latency counts from the moment a question was *due*, so a stalled server or client shows in full. The
questions that the bot does not know (``unknown_ratio``, some 0.1 %) are answered after the wait for the
rest of a thought (``pipeline.fragment_wait_s``): they are most of ``p999_ms``, and not in ``p999_known_ms``.
"""

from __future__ import annotations

from zhike.ops.bench.corpus import Corpus
from zhike.ops.bench.measure import load_questions, run_phase
from zhike.ops.bench.pool import Pool
from zhike.ops.bench.run import Bench, target
from zhike.ops.bench.verdict import judge, read_back, write_ledgers

DRAIN_S = 10.0
"""How long after the last question the clients wait for answers."""


def run(bench: Bench) -> None:
    """See the module."""
    args = bench.args
    corpus = Corpus(args.articles, args.seed)
    questions = bench.folder / "questions.jsonl"
    bench.progress("writing questions …", force=True)
    wanted = int(args.rate * (args.seconds + args.warm) * 0.55) + 1_000
    corpus.write_questions(questions, wanted)
    with target(bench, corpus=corpus) as where, Pool(args.workers) as pool:
        pid = where.pid
        joined = pool.connect(args.sessions, host=where.host, port=where.port, path=where.path,
                              origin=where.origin, inbox=where.inbox, tag=f"a{args.seed}")
        load_questions(pool, str(questions), args.seed)
        measured = run_phase(bench, pool, "ask", mix="mixed", seconds=args.seconds, warm_s=args.warm,
                             pid=pid, rate_per_s=args.rate, drain_s=DRAIN_S)
        totals = write_ledgers(bench, pool)
        back = read_back(bench, pool)
        if where.server is not None:
            where.server.stop()
        phase = measured.phase
        hist = phase.hist()
        bench.result.update({"sessions": joined, "target_rate_per_s": args.rate})
        judge(bench, where, totals, back)
    bench.hists.update({"answer, repeated": phase.hists[0], "answer, new": phase.hists[1],
                        "ack": phase.ack_hist})
    seconds = phase.seconds or 1.0
    bench.result.update({
        "measured_sent": sum(phase.sent), "measured_answered": sum(phase.answered),
        "p50_ms": hist.quantile_ms(.5), "p99_ms": hist.quantile_ms(.99), "p999_ms": hist.quantile_ms(.999),
        "max_ms": hist.max_us / 1000, "p999_known_ms": phase.known_hist.quantile_ms(.999),
        "p99_repeated_ms": phase.hists[0].quantile_ms(.99), "p99_new_ms": phase.hists[1].quantile_ms(.99),
        "ack_p50_ms": phase.ack_hist.quantile_ms(.5), "ack_p99_ms": phase.ack_hist.quantile_ms(.99),
        "rate_per_s": phase.rate_per_s(), "rate_repeated_per_s": phase.answered[0] / seconds,
        "rate_new_per_s": phase.answered[1] / seconds,
        "right_ratio": ratio(sum(phase.right), sum(phase.answered)),
        "unknown_ratio": 1.0 - ratio(sum(phase.known), sum(phase.answered)),
        "client_late_max_ms": phase.late_s * 1000})
    if pid:
        bench.result.update({"server_cpu_ratio": measured.cpu_ratio, "server_rss_bytes": measured.rss_bytes,
                             "server_cpu_us_per_answer": measured.cpu_us_each,
                             "database_cpu_ratio": measured.cpu.database, "bus_cpu_ratio": 0.0,
                             "clients_cpu_ratio": measured.cpu.clients,
                             "others_cpu_ratio": measured.cpu.others})
    if joined < args.sessions:
        bench.failed.append(f"only {joined} of {args.sessions} sessions joined")
    missing = sum(phase.sent) - sum(phase.answered)
    if missing:
        bench.failed.append(f"{missing} measured questions had no answer in time")


def ratio(part: float, whole: float) -> float:
    """``part / whole``, 0 for nothing."""
    return part / whole if whole else 0.0
