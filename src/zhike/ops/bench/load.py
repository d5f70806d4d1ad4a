"""What is asked when, and what is counted: questions, one measured phase, and life-long totals."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Literal

from zhike.ops.bench.frames import Source
from zhike.ops.bench.hist import Histogram

Question = tuple[int, str, bytes]
"""``(kind, key of the article asked about, text as JSON)``; kind 0 repeats, kind 1 is new."""
REPEATED, NEW = 0, 1
Mix = Literal["mixed", "repeated", "new"]
Entry = tuple[float, Question]
"""A question on its way: when it was due (open loop) or sent (closed loop), monotonic seconds."""


class Feed:
    """The questions of one client process. Repeated ones are drawn at random; new ones are used once
    (or, with ``again``, from the beginning when they have run out)."""

    __slots__ = ("_again", "_flip", "_new", "_repeated", "_rng")

    def __init__(self, repeated: Sequence[Question], new: Sequence[Question], seed: int, again: bool) -> None:
        self._repeated = repeated
        self._again = list(reversed(new)) if again else []
        self._new = list(reversed(new))
        self._rng = random.Random(seed)
        self._flip = False

    def new_left(self) -> int:
        """How many new questions remain."""
        return len(self._new)

    def take(self, mix: Mix) -> Question | None:
        """The next question, or None when the new ones have run out."""
        if mix == "mixed":
            self._flip = not self._flip
            repeated = self._flip
        else:
            repeated = mix == "repeated"
        if repeated:
            return self._repeated[int(self._rng.random() * len(self._repeated))]
        if not self._new:
            self._new = list(self._again)
        return self._new.pop() if self._new else None


class Totals:
    """Counters over the life of a client process."""

    __slots__ = ("acked", "answered", "asked", "bad_frames", "closes", "connect_errors", "doubled", "gaps",
                 "inflight", "pings", "reconnects", "refused", "reordered", "resent", "wrong_acks")

    def __init__(self) -> None:
        self.asked = 0
        self.acked = 0
        self.answered = 0
        self.inflight = 0
        """Questions asked and not yet answered."""
        self.doubled = 0
        """A second answer to a question."""
        self.reordered = 0
        """A message that came again or too late, or a new message acknowledged below the one before."""
        self.gaps = 0
        """A message delivered before the one below it."""
        self.wrong_acks = 0
        """A second ack that names another seq than the first."""
        self.bad_frames = 0
        self.pings = 0
        self.reconnects = 0
        self.resent = 0
        self.connect_errors: Counter[str] = Counter()
        self.closes: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    def to_wire(self) -> dict[str, object]:
        """A JSON object."""
        return {name: getattr(self, name) for name in self.__slots__}


class Phase:
    """One measured stretch of load in one client process. Times are monotonic seconds.

    What was due (open loop) or came back (closed loop) between ``from_s`` and ``end_s`` counts.
    """

    __slots__ = ("ack_hist", "answered", "closed", "depth", "end_s", "exhausted", "from_s", "hists", "known",
                 "known_hist", "late_s", "mix", "next_s", "rate_per_s", "right", "rng", "sent", "start_s",
                 "stop_s")

    def __init__(self, *, start_s: float, warm_s: float, seconds: float, mix: Mix, depth: int,
                 rate_per_s: float, seed: int) -> None:
        self.start_s = start_s
        self.from_s = start_s + warm_s
        self.end_s = self.from_s + seconds
        self.stop_s = self.end_s
        """When it really ended: before ``end_s`` if the new questions ran out."""
        self.mix: Mix = mix
        self.closed = rate_per_s <= 0
        self.depth = depth
        self.rate_per_s = rate_per_s
        self.rng = random.Random(seed)
        self.next_s = start_s
        self.late_s = 0.0
        """Worst delay of the client itself: sent after the scheduled time."""
        self.hists = (Histogram(), Histogram())
        self.ack_hist = Histogram()
        self.known_hist = Histogram()
        """Answers from an article or a rule: the bot waits for the rest of a thought before it says that it
        does not know, which is no latency of the server."""
        self.sent = [0, 0]
        self.answered = [0, 0]
        self.known = [0, 0]
        """Answers from an article or a rule, not the fallback."""
        self.right = [0, 0]
        """Answers from the very article that was asked about."""
        self.exhausted = False

    def step(self) -> None:
        """Move to the next arrival of a Poisson process of ``rate_per_s``."""
        self.next_s += self.rng.expovariate(self.rate_per_s)

    def on_sent(self, due_s: float, kind: int, now_s: float) -> None:
        """A question was handed to the session."""
        if self.from_s <= due_s < self.end_s:
            self.sent[kind] += 1
            if now_s - due_s > self.late_s:
                self.late_s = now_s - due_s

    def on_ack(self, due_s: float, now_s: float) -> None:
        """The question due at ``due_s`` was acknowledged."""
        if self.from_s <= (now_s if self.closed else due_s) < self.end_s:
            self.ack_hist.record(int((now_s - due_s) * 1e6))

    def on_answer(self, entry: Entry, now_s: float, source: Source | None) -> None:
        """The question was answered."""
        due_s, (kind, key, _) = entry
        if not self.from_s <= (now_s if self.closed else due_s) < self.stop_s:
            return
        self.answered[kind] += 1
        self.hists[kind].record(int((now_s - due_s) * 1e6))
        if source is not None and source.kind != "fallback":
            self.known[kind] += 1
            self.known_hist.record(int((now_s - due_s) * 1e6))
            if source.key == key:
                self.right[kind] += 1

    def to_wire(self) -> dict[str, object]:
        """A JSON object."""
        return {"sent": self.sent, "answered": self.answered, "known": self.known, "right": self.right,
                "seconds": max(self.stop_s - self.from_s, 0.0), "exhausted": self.exhausted,
                "late_s": self.late_s, "ack": self.ack_hist.to_wire(),
                "known_hist": self.known_hist.to_wire(),
                "hists": [h.to_wire() for h in self.hists]}
