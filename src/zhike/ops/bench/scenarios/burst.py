"""``burst``: closed loop. Every session asks again as soon as it has its answer: the most there is.

Three phases on one server: repeated texts, new texts, both mixed; and, in the same run with the
same clients, frames, sessions and depth, the bare picows echo: half of it before, half after, so
that a machine that changes its mind in between does not favour either.
"""

from __future__ import annotations

from pathlib import Path
from statistics import mean

from zhike.ops.bench.corpus import Corpus
from zhike.ops.bench.hist import merged
from zhike.ops.bench.load import Mix
from zhike.ops.bench.measure import Measured, load_questions, run_phase
from zhike.ops.bench.pool import Pool
from zhike.ops.bench.run import Bench, target
from zhike.ops.bench.scenarios.ask import ratio
from zhike.ops.bench.scenarios.echo import measure_echo
from zhike.ops.bench.verdict import judge, read_back, write_ledgers

_NEW_PER_S = 15_000
"""New questions prepared per second of load; a phase that uses them up ends early, and says so."""



def run(bench: Bench) -> None:
    """See the module."""
    args = bench.args
    corpus = Corpus(args.articles, args.seed)
    questions = bench.folder / "questions.jsonl"
    bench.progress("writing questions …", force=True)
    length = args.seconds + args.warm
    made = corpus.write_questions(questions, args.new_texts or int(_NEW_PER_S * length * 1.5))
    base = [_bare(bench, "bare echo, before", questions)] if not args.no_baseline else []
    phases: dict[Mix, Measured] = {}
    with target(bench, corpus=corpus) as where, Pool(args.workers) as pool:
        pid = where.pid
        joined = pool.connect(args.sessions, host=where.host, port=where.port, path=where.path,
                              origin=where.origin, inbox=where.inbox, tag=f"u{args.seed}")
        load_questions(pool, str(questions), args.seed)
        for mix in ("repeated", "new", "mixed"):
            phases[mix] = run_phase(bench, pool, mix, mix=mix, seconds=args.seconds, warm_s=args.warm,
                                    pid=pid, depth=args.depth)
        totals = write_ledgers(bench, pool)
        back = read_back(bench, pool)
        if where.server is not None:
            where.server.stop()
        bench.result.update({"sessions": joined, "depth": args.depth, "new_texts": made})
        judge(bench, where, totals, back)
    if base:
        base.append(_bare(bench, "bare echo, after", questions))
    _report(bench, phases, base, bool(pid))
    if joined < args.sessions:
        bench.failed.append(f"only {joined} of {args.sessions} sessions joined")


def _bare(bench: Bench, name: str, questions: Path) -> Measured:
    args = bench.args
    return measure_echo(bench, False, name, args.seconds / 2, args.depth, args.sessions, str(questions))


def _report(bench: Bench, phases: dict[Mix, Measured], base: list[Measured], own: bool) -> None:
    result = bench.result
    mixed, repeated, new = phases["mixed"], phases["repeated"], phases["new"]
    hist = mixed.phase.hist()
    for mix, measured in phases.items():
        bench.hists[f"answer, {mix}"] = measured.phase.hist()
        if measured.phase.exhausted:
            bench.notes.append(f"phase {mix}: the new questions ran out after {measured.phase.seconds:.1f} s")
    answered = sum(sum(m.phase.answered) for m in phases.values())
    result.update({
        "p50_ms": hist.quantile_ms(.5), "p99_ms": hist.quantile_ms(.99), "p999_ms": hist.quantile_ms(.999),
        "ack_p50_ms": mixed.phase.ack_hist.quantile_ms(.5),
        "ack_p99_ms": mixed.phase.ack_hist.quantile_ms(.99),
        "rate_per_s": mixed.phase.rate_per_s(), "rate_repeated_per_s": repeated.phase.rate_per_s(),
        "rate_new_per_s": new.phase.rate_per_s(),
        "right_ratio": ratio(sum(sum(m.phase.right) for m in phases.values()), answered),
        "unknown_ratio": 1 - ratio(sum(sum(m.phase.known) for m in phases.values()), answered)})
    if base:
        rate = mean(one.phase.rate_per_s() for one in base)
        bench.hists["bare echo"] = merged(one.phase.hist() for one in base)
        result.update({"baseline_rate_per_s": rate,
                       "baseline_ratio": ratio(repeated.phase.rate_per_s(), rate),
                       "baseline_ratio_new": ratio(new.phase.rate_per_s(), rate),
                       "baseline_ratio_mixed": ratio(mixed.phase.rate_per_s(), rate),
                       "baseline_cpu_ratio": mean(one.cpu_ratio for one in base),
                       "baseline_cpu_us_per_answer": mean(one.cpu_us_each for one in base)})
    if own:
        result.update({"server_cpu_ratio": mixed.cpu_ratio,
                       "server_rss_bytes": max(m.rss_bytes for m in phases.values()),
                       "database_cpu_ratio": mixed.cpu.database, "bus_cpu_ratio": 0.0,
                       "clients_cpu_ratio": mixed.cpu.clients, "others_cpu_ratio": mixed.cpu.others,
                       "server_cpu_us_per_answer": mixed.cpu_us_each,
                       "server_cpu_us_per_answer_repeated": repeated.cpu_us_each,
                       "server_cpu_us_per_answer_new": new.cpu_us_each})
