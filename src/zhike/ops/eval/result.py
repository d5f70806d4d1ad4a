"""What one evaluation found, before anybody reads it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple

from zhike.ops.bench.hist import Histogram
from zhike.ops.bench.proc import rss_bytes
from zhike.ops.eval.score import Bin, Guess, Point, calibration, calibration_error, coverage_at, curve

Figure = float | int | str | bool
Note = tuple[str, str]
"""Chinese, English."""
NO_MODEL: Note = ("数字来自检索和固定的置信度曲线，没有学习得来的意图模型。",
                  "Search and one fixed confidence curve, without a learned intent model.")
MAX_CONFUSIONS = 10


class Confusion(NamedTuple):
    """Two things taken for each other: what was asked for ("" = nothing known), what was found
    instead, how often, the most confident text, and whether that was said aloud."""

    asked: str
    found: str
    times: int
    confidence: float
    text: str
    said: bool


class Mistake(NamedTuple):
    """One text whose best article is the wrong one."""

    asked: str
    found: str
    text: str
    confidence: float
    said: bool


@dataclass
class Result:
    """``figures`` is the flat JSON object, in this order; the rest is for people."""

    command: str
    figures: dict[str, Figure] = field(default_factory=dict)
    bins: list[Bin] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    confusions: list[Confusion] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    began_s: float = field(default_factory=monotonic)

    def judge(self, guesses: Sequence[Guess]) -> None:
        """The curve, the calibration and the coverage of ``guesses``."""
        self.points = curve(guesses)
        self.bins = calibration(guesses)
        self.figures["coverage_at_2pct_wrong"] = coverage_at(self.points)
        self.figures["calibration_error"] = calibration_error(self.bins)

    def confuse(self, mistakes: Sequence[Mistake]) -> None:
        """Keeps the worst pairs: said aloud first, then the most frequent, then the most confident."""
        counts = Counter((m.asked, m.found) for m in mistakes)
        worst: dict[tuple[str, str], Mistake] = {}
        for mistake in sorted(mistakes, key=lambda m: (m.said, m.confidence), reverse=True):
            worst.setdefault((mistake.asked, mistake.found), mistake)
        every = [Confusion(*pair, counts[pair], m.confidence, m.text, m.said) for pair, m in worst.items()]
        every.sort(key=lambda c: (c.said, c.times, c.confidence), reverse=True)
        self.confusions = every[:MAX_CONFUSIONS]

    def end(self, took: Histogram, rows: int) -> None:
        """Time and memory; to be called last."""
        self.figures |= {"p50_ms": took.quantile_ms(0.5), "p99_ms": took.quantile_ms(0.99),
                         "rss_bytes": rss_bytes(os.getpid()), "rows": rows,
                         "seconds": monotonic() - self.began_s}

    def close(self, took: Histogram, rows: int, learned: bool = False) -> None:
        """As :meth:`end`, for the commands that ask the engine; ``learned``: by a learned model."""
        self.end(took, rows)
        self.figures["learned_model"] = learned
        if not learned:
            self.notes.append(NO_MODEL)
