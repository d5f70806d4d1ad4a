"""``echo``: the server's own session code as an echo, beside the bare picows echo.

``echo --serve PORT`` only serves, for conformance clients.
"""

from __future__ import annotations

from zhike.ops.bench import BenchError
from zhike.ops.bench.corpus import Corpus
from zhike.ops.bench.measure import Measured, load_questions, run_phase
from zhike.ops.bench.pool import Pool
from zhike.ops.bench.run import Bench
from zhike.ops.bench.server import Echo


def serve(port: int) -> int:
    """Serve until a signal ends it."""
    from zhike.gateway.echo import serve_echo

    serve_echo(port, started=lambda bound: print(f"echo: ws://127.0.0.1:{bound}/", flush=True))
    return 0


def measure_echo(bench: Bench, own: bool, name: str, seconds: float, depth: int, sessions: int,
                 questions: str) -> Measured:
    """The echo rate of our session code (``own``) or of the bare echo, with the ask frames as payload."""
    args = bench.args
    with Echo(own) as echo, Pool(args.workers) as pool:
        joined = pool.connect(sessions, port=echo.port, path="/ws", echo=True, tag=f"b{args.seed}")
        if joined < sessions:
            raise BenchError(f"only {joined} of {sessions} sessions reached the {name}")
        load_questions(pool, questions, args.seed)
        return run_phase(bench, pool, name, mix="repeated", seconds=seconds, warm_s=args.warm,
                         pid=echo.process.pid, depth=depth)


def run(bench: Bench) -> None:
    """See the module."""
    args = bench.args
    questions = bench.folder / "questions.jsonl"
    Corpus(args.articles, args.seed).write_questions(questions, 0)
    seconds = args.seconds / 2
    base = measure_echo(bench, False, "bare echo", seconds, args.depth, args.sessions, str(questions))
    own = measure_echo(bench, True, "echo", seconds, args.depth, args.sessions, str(questions))
    hist = own.phase.hist()
    rate, base_rate = own.phase.rate_per_s(), base.phase.rate_per_s()
    bench.hists.update({"echo": hist, "bare echo": base.phase.hist()})
    bench.result.update({
        "sessions": args.sessions, "depth": args.depth, "sent": own.phase.total("asked"),
        "answered": own.phase.total("answered"),
        "lost": own.phase.total("inflight"), "doubled": own.phase.total("doubled"),
        "p50_ms": hist.quantile_ms(.5), "p99_ms": hist.quantile_ms(.99), "p999_ms": hist.quantile_ms(.999),
        "rate_per_s": rate, "baseline_rate_per_s": base_rate,
        "baseline_ratio": rate / base_rate if base_rate else 0.0,
        "server_cpu_ratio": own.cpu_ratio, "server_rss_bytes": own.rss_bytes,
        "clients_cpu_ratio": own.cpu.clients, "others_cpu_ratio": own.cpu.others,
        "server_cpu_us_per_answer": own.cpu_us_each, "baseline_cpu_us_per_answer": base.cpu_us_each})
    for name in ("lost", "doubled"):
        if bench.result[name]:
            bench.failed.append(f"{name}: {bench.result[name]}")
