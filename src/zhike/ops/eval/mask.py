"""``zhike eval mask``: is what is personal found, and is what only looks like it left alone?

A span counts as right when kind, beginning and end are right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from time import thread_time_ns

from zhike.answer.mask import KINDS, find
from zhike.ops.bench.hist import Histogram
from zhike.ops.eval.result import Mistake, Result
from zhike.ops.eval.rows import Marked


def evaluate(rows: Sequence[Marked], tick: Callable[[], None], result: Result) -> None:
    """Looks at every text once and counts."""
    took = Histogram()
    right: Counter[str] = Counter()
    said: Counter[str] = Counter()
    there: Counter[str] = Counter()
    mistakes: list[Mistake] = []
    for row in rows:
        started = thread_time_ns()
        spans = find(row.text)
        took.record((thread_time_ns() - started) // 1000)
        wanted, found = set(row.spans), {(span.start, span.end, span.kind) for span in spans}
        right.update(kind for _, _, kind in wanted & found)
        said.update(kind for _, _, kind in found)
        there.update(kind for _, _, kind in wanted)
        mistakes += [Mistake(kind, "", row.text, 1.0, False) for _, _, kind in wanted - found]
        mistakes += [Mistake("", kind, row.text, 1.0, True) for _, _, kind in found - wanted]
        tick()
    result.figures |= _shares("", right.total(), said.total(), there.total())
    for kind in KINDS:
        if said[kind] or there[kind]:
            result.figures |= _shares(f"_{kind}", right[kind], said[kind], there[kind])
    result.confuse(mistakes)
    result.end(took, len(rows))


def _shares(name: str, right: int, said: int, there: int) -> dict[str, float]:
    precision = right / said if said else 1.0
    recall = right / there if there else 1.0
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    return {f"precision{name}": precision, f"recall{name}": recall, f"f1{name}": f1}
