"""``search``: what a question costs in a large knowledge base, in a very large one, in one of many.

No sockets: the product's store, library and engine in a process of their own, on its event loop, as
``serve`` joins them; questions go to the search threads one at a time. Each base is filled, indexed
and asked by three processes, so that the memory shown is that of a server that opened it; questions are
made before the loop is watched, which then does what a server's does. Edits
are made in the database by another connection, as another instance would, and are looked for
every half second, as ``serve`` does.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from zhike.interpreter import begin
from zhike.ops.bench.run import Bench
from zhike.ops.bench.scenarios import searchwork as work

SEARCH_MS = 5.0
"""Promised at 10,000 articles …"""
CHUNKS_MS = 50.0
"""… and at 1,000,000 chunks."""
BLOCK_MS = 20.0
EDIT_MS = 1_000.0


def run(bench: Bench) -> None:
    """See the module."""
    args, result = bench.args, bench.result
    result["articles"] = args.articles
    base = _base(bench, "articles", args.articles, args.seconds)
    result.update(base)
    _promise(bench, "p99_ms", SEARCH_MS if args.articles <= 10_000 else CHUNKS_MS)
    blocks = ["build_loop_block_max_ms", "loop_block_max_ms"]
    if args.chunks:
        result["chunks"] = args.chunks
        result.update({f"chunks_{name}": value
                       for name, value in _base(bench, "chunks", args.chunks, args.seconds).items()})
        _promise(bench, "chunks_p99_ms", CHUNKS_MS)
        blocks += ["chunks_build_loop_block_max_ms", "chunks_loop_block_max_ms"]
    if args.sets:
        result["sets"] = args.sets
        bench.progress(f"{args.sets} small sets …", force=True)
        folder = bench.folder / "sets"
        _apart(work.fill_sets, folder, args.sets, args.set_articles, args.seed)
        result.update(_watched(work.ask_sets, folder, args.sets, args.set_articles, args.seconds, args.seed))
        result["sets_ratio_to_one"] = float(str(result["sets_p99_ms"])) / float(str(result["one_set_p99_ms"]))
        blocks += ["sets_read_loop_block_max_ms", "sets_loop_block_max_ms"]
    for name in blocks:
        _promise(bench, name, BLOCK_MS)
    for name in ("edit_to_answer_max_ms", "chunks_edit_to_answer_max_ms"):
        if name in result:
            _promise(bench, name, EDIT_MS)
    bench.notes.append("loop_idle_max_ms is the same measurement at the same time in a process that has "
                       "nothing to do: what this machine does to any process; it is taken off before "
                       "loop_block_max_ms is judged.")


def _promise(bench: Bench, name: str, most: float) -> None:
    found = float(str(bench.result[name]))
    if "loop_block" in name:
        found -= float(str(bench.result[name.replace("loop_block", "loop_idle")]))
    if found > most:
        bench.failed.append(f"{name}: {found:.1f}, promised {most:g}")


def _base(bench: Bench, kind: str, count: int, seconds: float) -> dict[str, float]:
    folder = bench.folder / kind
    bench.progress(f"{count:,} {kind}: filling the database …", force=True)
    _apart(work.fill, folder, kind, count, bench.args.seed)
    bench.progress(f"{count:,} {kind}: building the index …", force=True)
    found: dict[str, float] = _watched(work.build, folder)
    bench.progress(f"{count:,} {kind}: asking …", force=True)
    found.update(_watched(work.ask, folder, kind, count, seconds, bench.args.seed))
    return found


def _watched(fn: Callable[..., Awaitable[dict[str, Any]]], *args: Any) -> dict[str, Any]:
    """As :func:`_apart`, with an idle loop in another process beside it, for each loop that was measured."""
    context = multiprocessing.get_context("spawn")
    ending, told = context.Event(), context.SimpleQueue()
    idle = context.Process(target=work.idle_beside, args=(ending, told), daemon=True)
    idle.start()
    try:
        found: dict[str, Any] = _apart(fn, *args)
    finally:
        ending.set()
    idle_ms = told.get()
    idle.join()
    idle_of = {name.replace("loop_block", "loop_idle"): idle_ms for name in found if "loop_block" in name}
    return found | idle_of


def _apart(fn: Callable[..., Any], *args: Any) -> Any:
    """``fn(*args)`` in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_run, fn, args).result()


def _run(fn: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    import uvloop

    begin()
    return uvloop.run(fn(*args))
