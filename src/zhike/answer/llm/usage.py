"""Tokens and money by day, bot and model; written to the store in batches.

Counted in memory at once (the spending limit must hold now), stored every few seconds in one
write. What other instances spend is read back with the same visit. A crash loses at most the last
few seconds of *counts*; answers do not depend on them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from zhike.clock import NowMs, to_datetime
from zhike.store.engine import Store
from zhike.store.usage import Usage, add_usage, spent_micros

FLUSH_S = 5.0
MAX_KEPT = 10_000
"""Rows kept while the database is away: bots × models of a day; more is impossible but by days."""

log = logging.getLogger("zhike.models")


def utc_day(ms: int) -> str:
    """"2026-01-31"."""
    return to_datetime(ms).date().isoformat()


class UsageBook:
    """One per process."""

    def __init__(self, store: Store | None, now_ms: NowMs) -> None:
        self._store = store
        self._now_ms = now_ms
        self._pending: dict[tuple[str, int, str], Usage] = {}
        self._spent: dict[str, int] = {}
        self._day = ""
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0

    def add(self, bot_id: int, model: str, prompt_tokens: int, completion_tokens: int,
            cost_micros: int) -> None:
        """Counts one request."""
        day = self._today()
        self._spent[model] = self._spent.get(model, 0) + cost_micros
        key = (day, bot_id, model)
        row = self._pending.get(key)
        if row is None:
            if len(self._pending) >= MAX_KEPT:
                self.dropped += 1
                return
            row = self._pending[key] = Usage(day=day, bot_id=bot_id, model=model)
        row.requests += 1
        row.prompt_tokens += prompt_tokens
        row.completion_tokens += completion_tokens
        row.cost_micros += cost_micros

    def spent(self, model: str) -> int:
        """Millionths of the currency spent on ``model`` today (UTC), as far as known."""
        self._today()
        return self._spent.get(model, 0)

    async def flush(self) -> None:
        """Stores what was counted and learns what others spent. What fails is kept for the next time."""
        if self._store is None:
            return
        taken, self._pending = self._pending, {}
        day = self._today()
        try:
            if taken:
                await self._store.write(add_usage, list(taken.values()))
        except BaseException:
            for row in taken.values():
                self._give_back(row)
            raise
        stored = await self._store.read(spent_micros, day)
        for row in self._pending.values():  # counted while we were away
            if row.day == day:
                stored[row.model] = stored.get(row.model, 0) + row.cost_micros
        if day == self._today():
            self._spent = stored

    def _give_back(self, row: Usage) -> None:
        key = (row.day, row.bot_id, row.model)
        newer = self._pending.get(key)
        if newer is not None:
            for name in ("requests", "prompt_tokens", "completion_tokens", "cost_micros"):
                setattr(row, name, getattr(row, name) + getattr(newer, name))
        self._pending[key] = row

    def _today(self) -> str:
        day = utc_day(self._now_ms())
        if day != self._day:
            self._day, self._spent = day, {}
        return day

    async def start(self) -> None:
        """Begins to store, and reads what was spent today."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="model usage")
        await self.flush()

    async def stop(self) -> None:
        """Stores the rest."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await _quietly(self.flush)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            await _quietly(self.flush)


async def _quietly(fn: Callable[[], object]) -> None:
    try:
        await fn()  # type: ignore[misc]
    except Exception:
        log.warning("model usage could not be stored; it is tried again", exc_info=True)
