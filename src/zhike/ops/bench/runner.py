"""From the parsed command line to figures on paper."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from time import monotonic

from zhike.ops.bench import report
from zhike.ops.bench.children import end_all, ended_with_us
from zhike.ops.bench.run import Bench


def run(args: argparse.Namespace) -> int:
    """Run one scenario and print its figures.

    Returns:
        0, or 1 when something was lost, doubled, reordered or not as promised.

    Raises:
        BenchError: it could not be carried out.
        SystemExit: SIGTERM or SIGHUP ended it; servers and clients have ended too, and the folder is gone.
    """
    with ended_with_us():
        bench = Bench(args)
        began = monotonic()
        try:
            importlib.import_module(f"zhike.ops.bench.scenarios.{args.scenario}").run(bench)
        finally:
            end_all()  # before the folder goes that they write to
            bench.close()
    bench.finish(monotonic() - began)
    bench.result["passed"] = not bench.failed
    if args.html:
        Path(args.html).write_text(report.html(bench), encoding="utf-8")
        bench.say(f"report: {args.html}")
    bench.say("")
    print(report.as_json(bench) if args.json else report.table(bench))
    return 1 if bench.failed else 0
