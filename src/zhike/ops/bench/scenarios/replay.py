"""``replay FILE``: plays recorded dialogues as visitors, one new visitor each.

FILE holds JSON lines (``.gz`` too): ``{"turns": [[role, text], …]}``. What the visitor's roles say
is sent; after each the visitor waits for the answer, or for the time-out, and goes on.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import IO, cast

from zhike.ops.bench import BenchError
from zhike.ops.bench.hist import Histogram
from zhike.ops.bench.pool import Pool
from zhike.ops.bench.proc import cpu_s, rss_bytes
from zhike.ops.bench.run import Bench, target
from zhike.ops.bench.scenarios.ask import ratio
from zhike.ops.bench.verdict import judge, write_ledgers

VISITOR_ROLES = frozenset({"user", "usr", "visitor", "customer", "contact", "client", "human"})
MAX_TEXT_CHARS = 4_000



def read_dialogues(path: Path, limit: int = 0) -> list[list[str]]:
    """What the visitor says in each dialogue, without dialogues in which they say nothing.

    Raises:
        BenchError: the file cannot be read, or a line is not a dialogue; names the line.
    """
    out: list[list[str]] = []
    try:
        with (cast("IO[str]", gzip.open(path, "rt", encoding="utf-8")) if path.suffix == ".gz"
              else path.open(encoding="utf-8")) as file:
            for number, line in enumerate(file, 1):
                if limit and len(out) == limit:
                    break
                if line.strip():
                    texts = _spoken(line, f"{path}:{number}")
                    if texts:
                        out.append(texts)
    except (OSError, EOFError, UnicodeDecodeError) as exc:
        raise BenchError(f"{path} cannot be read: {exc}") from exc
    if not out:
        raise BenchError(f"{path}: nobody says anything as one of {', '.join(sorted(VISITOR_ROLES))}")
    return out


def _spoken(line: str, where: str) -> list[str]:
    try:
        turns = json.loads(line)["turns"]
        return [text[:MAX_TEXT_CHARS] for role, text in turns
                if str(role).lower() in VISITOR_ROLES and text.strip()]
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise BenchError(f'{where}: not {{"turns": [[role, text], …]}}') from exc


def run(bench: Bench) -> None:
    """See the module."""
    args = bench.args
    dialogues = read_dialogues(Path(args.file), args.limit)
    path = bench.folder / "dialogues.jsonl"
    path.write_text("".join(json.dumps(texts, ensure_ascii=False) + "\n" for texts in dialogues), "utf-8")
    turns = sum(len(texts) for texts in dialogues)
    with target(bench, corpus=None) as where, Pool(args.workers) as pool:
        cpu = cpu_s(where.pid) if where.pid else 0.0
        for number in range(args.workers):
            pool.send(number, "replay", path=str(path), part=number, parts=args.workers,
                      at_once=max(1, args.sessions // args.workers), timeout_s=args.timeout, host=where.host,
                      port=where.port, ws_path=where.path, origin=where.origin, inbox=where.inbox,
                      tag=f"r{args.seed}")
        bench.progress(f"playing {len(dialogues):,} dialogues with {turns:,} questions …", force=True)
        rows = pool.gather("replay", args.seconds)
        totals = write_ledgers(bench, pool)
        if where.pid:
            bench.result.update({"server_rss_bytes": rss_bytes(where.pid),
                                 "server_cpu_s": cpu_s(where.pid) - cpu})
        if where.server is not None:
            where.server.stop()
        judge(bench, where, totals, {})
    hist = Histogram()
    for row in rows:
        hist.merge(Histogram.from_wire(row["hist"]))
    said = {name: sum(row[name] for row in rows)
            for name in ("dialogues", "turns", "answered", "late", "timeouts", "known", "connections_lost")}
    bench.hists["answer"] = hist
    bench.result.update({
        "sessions": len(dialogues), "dialogues": said["dialogues"], "turns": said["turns"],
        "timeouts": said["timeouts"], "late": said["late"], "connections_lost": said["connections_lost"],
        "known_ratio": ratio(said["known"], said["answered"]),
        "p50_ms": hist.quantile_ms(.5), "p99_ms": hist.quantile_ms(.99), "p999_ms": hist.quantile_ms(.999)})
    if said["connections_lost"]:
        bench.failed.append(f"{said['connections_lost']} visitors lost their connection")
