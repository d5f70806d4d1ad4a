"""``zhike eval compress``: what survives when dialogues become a third of their tokens.

The values are looked at to score, never by what compresses. A dialogue is measured in Chinese characters,
Latin words, runs of digits and signs, roles included; a value counts when its run of tokens stands in the
compressed text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import thread_time_ns

from zhike.answer.compress import compress, warm
from zhike.answer.tokens import UNITS, units
from zhike.ops.bench.hist import Histogram
from zhike.ops.eval.result import Result
from zhike.ops.eval.rows import Dialogue


def evaluate(rows: Sequence[Dialogue], ratio: float, tick: Callable[[], None], result: Result) -> None:
    """Compresses every dialogue once and counts."""
    warm()
    took = Histogram()
    values = survived = size = left = 0
    for row in rows:
        whole = sum(len(units(role)) + len(units(text)) for role, text in row.turns)
        budget = int(whole / ratio)
        started = thread_time_ns()
        kept = compress(row.turns, budget, UNITS)
        took.record((thread_time_ns() - started) // 1000)
        found = units(kept.text)
        hay = _run(found)
        values += len(row.values)
        survived += sum(_run(units(value)) in hay for value in row.values)
        size += whole
        left += len(found)
        tick()
    result.figures |= {
        "survival": survived / values if values else 1.0,
        "token_ratio": left / size if size else 0.0,
        "ratio": ratio,
        "values": values,
    }
    result.end(took, len(rows))


def _run(tokens: Sequence[str]) -> str:
    return f" {' '.join(tokens)} "
