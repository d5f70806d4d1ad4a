"""What is measured on the way, in histograms of a few dozen numbers.

:func:`measured` wraps the store: it sees every unit of work that the pipeline commits, so the
pipeline itself knows nothing of being measured.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

from sqlalchemy.engine import URL

from zhike.domain.unit import BotReply, Entry, Incoming
from zhike.store.engine import Fn, Store
from zhike.store.unit import commit_unit

P = ParamSpec("P")
T = TypeVar("T")


def log_edges(first: float, last: float, per_decade: int) -> tuple[float, ...]:
    """Upper bucket edges from ``first`` to at least ``last``, ``per_decade`` to each power of ten."""
    edges: list[float] = []
    step = 0
    while not edges or edges[-1] < last:
        edges.append(float(f"{first * 10 ** (step / per_decade):.3g}"))
        step += 1
    return tuple(edges)


LATENCY_EDGES_S = log_edges(0.0001, 30.0, 5)
"""0.1 ms to 30 s: every deadline of the desk lies inside."""
SIZE_EDGES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0)

MAX_ASKED = 50_000
"""Questions whose answer is waited for, to measure it."""


class Histogram:
    """Counts of values by bucket: one look-up and three additions for each value.

    ``edges``: upper edges, rising; a value equal to an edge belongs below it. ``counts`` has one
    place more than ``edges``, for what is larger than all.
    """

    __slots__ = ("count", "counts", "edges", "sum")

    def __init__(self, edges: Sequence[float] = LATENCY_EDGES_S) -> None:
        if list(edges) != sorted(set(edges)) or not edges:
            raise ValueError("edges must rise")
        self.edges = tuple(edges)
        self.counts = [0] * (len(self.edges) + 1)
        self.count = 0
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Counts one value."""
        self.counts[bisect_left(self.edges, value)] += 1
        self.count += 1
        self.sum += value


class Meters:
    """The histograms of one process."""

    def __init__(self) -> None:
        self.commit_s = Histogram()
        self.batch_entries = Histogram(SIZE_EDGES)
        self.answer_s = Histogram()
        self.http_s = Histogram()
        self._asked: dict[int, int] = {}

    def unit(self, entries: Sequence[Entry], took_s: float) -> None:
        """A unit of work was committed."""
        self.commit_s.observe(took_s)
        self.batch_entries.observe(len(entries))
        asked = self._asked
        for entry in entries:
            if isinstance(entry, Incoming):
                if entry.reply_stored:
                    self.answer_s.observe(took_s)
                elif entry.outcome == "stored" and not entry.agent_id:
                    # the first of several pieces counts: that is how long the visitor waited
                    asked.setdefault(entry.conversation_id, entry.at)
            elif isinstance(entry, BotReply):
                at = asked.pop(entry.conversation_id, None)
                if at is not None and entry.outcome == "stored":
                    self.answer_s.observe(took_s + (entry.at - at) / 1000)
            else:
                asked.pop(entry.conversation_id, None)  # a person has it now
        if len(asked) > MAX_ASKED:  # e.g. inboxes without a bot: nobody will answer those
            for conversation_id in list(asked)[:MAX_ASKED // 2]:
                del asked[conversation_id]


class MeasuredStore:
    """A store that tells ``meters`` of every unit of work."""

    def __init__(self, store: Store, meters: Meters,
                 clock_s: Callable[[], float] = time.perf_counter) -> None:
        self.url: URL = store.url
        self._store = store
        self._meters = meters
        self._clock_s = clock_s

    async def open(self) -> str:
        """See :class:`Store`."""
        return await self._store.open()

    async def close(self) -> None:
        """See :class:`Store`."""
        await self._store.close()

    async def write(self, fn: Fn[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See :class:`Store`."""
        unit: object = commit_unit  # (as an object: the type checker would narrow ``fn`` to it)
        if fn is not unit:
            return await self._store.write(fn, *args, **kwargs)
        began_s = self._clock_s()
        result = await self._store.write(fn, *args, **kwargs)
        entries: Any = args[0]
        self._meters.unit(entries, self._clock_s() - began_s)
        return result

    async def read(self, fn: Fn[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See :class:`Store`."""
        return await self._store.read(fn, *args, **kwargs)


def measured(store: Store, meters: Meters) -> MeasuredStore:
    """``store``, watched; use it in place of the other everywhere."""
    return MeasuredStore(store, meters)
