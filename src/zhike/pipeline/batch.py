"""One micro-batch on its way: what each stage reads and adds."""

from __future__ import annotations

from collections import Counter

import msgspec

from zhike.domain.message import Reply
from zhike.domain.unit import Entry, Incoming
from zhike.domain.wire import SendMessage
from zhike.pipeline.ports import Source
from zhike.search.text import Question


class Item(msgspec.Struct, eq=False):
    """One message on its way (a struct for speed, as the entries of a unit are). ``arrived_s``: loop time
    of arrival, from which deadlines count."""

    source: Source
    payload: bytes | SendMessage
    arrived_s: float
    frame: SendMessage | None = None
    entry: Incoming | None = None
    previous_key: bytes | None = None
    question: Question | None = None
    bot_id: int = 0
    sure: Reply | None = None
    searched: bool = False


class Batch:
    """The items of one turn of the line, and the unit they make.

    ``items`` are those that go on; a stage that drops one has told its source — never silently.
    """

    __slots__ = ("counts", "entries", "items", "now_ms", "now_s", "part")

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.part: list[Item] = []
        self.now_ms = 0
        self.now_s = 0.0
        self.entries: list[Entry] = []
        self.counts: Counter[tuple[str, str]] = Counter()

    def begin(self, part: list[Item], now_ms: int, now_s: float) -> None:
        """``part``: what has just been received; the stages up to route work on it."""
        self.part = part
        self.now_ms = now_ms
        self.now_s = now_s

    def count(self, stage: str, outcome: str, number: int = 1) -> None:
        """Counts an outcome; the metrics read it."""
        self.counts[(stage, outcome)] += number
