"""One timing wheel for all heartbeats and deadlines of connections: one timer, not one each.

Every item stands in one slot. Each tick visits one slot; the item says in how many ticks it wants
to be seen again. Visiting an idle connection costs well under a microsecond; nothing is scheduled
when traffic arrives, a connection only notes the tick (:attr:`Wheel.now`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Protocol

log = logging.getLogger(__name__)

_CATCH_UP_TICKS: Final = 4


class Timed(Protocol):
    """Something that stands in the wheel. ``wheel_slot`` is the wheel's own note, -1 outside."""

    wheel_slot: int

    def on_wheel(self, now: int) -> int:
        """Called at its tick; returns after how many ticks to come again, 0 = leave the wheel."""


class Wheel:
    """Slots of ``tick_s`` seconds each.

    ``now`` counts ticks in which the process was able to listen. After a stall (a suspended
    laptop, a blocked loop) it catches up by a few ticks only: the silence was ours, and peers
    whose answers wait unread in the kernel must not be declared dead.

    Args:
        tick_s: resolution.
        span_s: the farthest a visit may lie ahead; later ones are clipped to it.
    """

    __slots__ = ("_after", "_handle", "_loop", "_next_at", "_slots", "now", "tick_s")

    def __init__(self, tick_s: float = 0.25, span_s: float = 64.0) -> None:
        self.tick_s = tick_s
        self.now = 0
        self._slots: list[set[Timed]] = [set() for _ in range(max(8, round(span_s / tick_s)))]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._handle: asyncio.TimerHandle | None = None
        self._next_at = 0.0
        self._after: Callable[[], None] | None = None

    def start(self, loop: asyncio.AbstractEventLoop, after: Callable[[], None] | None = None) -> None:
        """Starts ticking; ``after`` is called at the end of each tick (the writer's flush)."""
        self._loop = loop
        self._after = after
        self._next_at = loop.time() + self.tick_s
        self._handle = loop.call_at(self._next_at, self._tick)

    def stop(self) -> None:
        """Stops ticking. Items stay where they are."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def ticks(self, seconds: float) -> int:
        """``seconds`` in ticks, at least one, rounded to the nearest."""
        return max(1, round(seconds / self.tick_s))

    def add(self, item: Timed, ticks: int) -> None:
        """Visits ``item`` after ``ticks``; moves it if it stands in the wheel already."""
        if item.wheel_slot >= 0:
            self._slots[item.wheel_slot].discard(item)
        slot = (self.now + min(max(ticks, 1), len(self._slots) - 1)) % len(self._slots)
        item.wheel_slot = slot
        self._slots[slot].add(item)

    def remove(self, item: Timed) -> None:
        """Takes ``item`` out; harmless if it is not in."""
        if item.wheel_slot >= 0:
            self._slots[item.wheel_slot].discard(item)
            item.wheel_slot = -1

    def __len__(self) -> int:
        return sum(map(len, self._slots))

    def _tick(self) -> None:
        assert self._loop is not None
        late_ticks = int((self._loop.time() - self._next_at) / self.tick_s)
        for _ in range(1 + min(max(late_ticks, 0), _CATCH_UP_TICKS)):
            self._advance()
        self._next_at += self.tick_s * (1 + max(late_ticks, 0))
        self._handle = self._loop.call_at(self._next_at, self._tick)
        if self._after is not None:
            self._after()

    def _advance(self) -> None:
        self.now = now = self.now + 1
        index = now % len(self._slots)
        slot = self._slots[index]
        if not slot:
            return
        self._slots[index] = set()
        for item in slot:
            if item.wheel_slot != index:
                continue  # removed by an earlier visit of this tick
            item.wheel_slot = -1
            try:
                again = item.on_wheel(now)
            except Exception:
                log.exception("heartbeat visit failed")
                continue
            if again > 0 and item.wheel_slot < 0:
                self.add(item, again)
