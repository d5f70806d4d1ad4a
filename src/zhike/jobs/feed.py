"""One loop that takes due rows from the database and works on a bounded number of them at once.

It sleeps until the next row is due, until somebody pokes it (a row was written in this process),
or for ``poll_s`` at most (another instance wrote one). The database decides who has a row; the
loop only decides when to look.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Generic, TypeVar

from zhike.clock import NowMs

T = TypeVar("T")
POLL_S = 15.0
"""How late a row of another instance may be noticed; a look costs one index look-up."""
AGAIN_S = 0.25
"""Rows are due but could not be claimed: another instance is claiming them right now."""
BROKEN_S = 2.0
"""The database failed: the wait before the next look."""

log = logging.getLogger("zhike.jobs")


class Feed(Generic[T]):
    """See the module. Create it on the running event loop.

    Args:
        name: for the log and the task's name.
        next_due: when the next row can be claimed (ms since 1970 UTC), or None.
        claim: takes up to so many rows.
        work: works on one row to its end; must not raise.
        concurrency: rows in hand at a time.
    """

    def __init__(self, name: str, next_due: Callable[[], Awaitable[int | None]],
                 claim: Callable[[int], Awaitable[list[T]]], work: Callable[[T], Awaitable[None]],
                 now_ms: NowMs, *, concurrency: int, poll_s: float = POLL_S) -> None:
        self.name = name
        self._next_due = next_due
        self._claim = claim
        self._work = work
        self._now_ms = now_ms
        self.concurrency = concurrency
        self.poll_s = poll_s
        self._wake = asyncio.Event()
        self._loop_task: asyncio.Task[None] | None = None
        self._claiming: asyncio.Task[bool] | None = None
        self.running: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begins to work."""
        self._loop_task = asyncio.get_running_loop().create_task(self._run(), name=self.name)

    def poke(self) -> None:
        """Something may be due earlier than known; cheap, may be called at any time."""
        self._wake.set()

    async def stop(self, timeout_s: float) -> bool:
        """Takes no more, waits for what is in hand, then cancels it. True if nothing was cancelled."""
        if self._loop_task is not None:
            self._loop_task.cancel()
            await asyncio.gather(self._loop_task, return_exceptions=True)
            self._loop_task = None
        if self._claiming is not None:
            await asyncio.gather(self._claiming, return_exceptions=True)
        if not self.running:
            return True
        _, late = await asyncio.wait(self.running, timeout=timeout_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        return not late

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                wait_s = await self._look()
            except Exception:
                log.warning("%s: no answer from the database; asking again", self.name, exc_info=True)
                await asyncio.sleep(BROKEN_S)
                continue
            if wait_s != 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._wake.wait()

    async def _look(self) -> float | None:
        """Claims what is due; returns how long to sleep (None: until a place is free)."""
        free = self.concurrency - len(self.running)
        if free <= 0:
            return None
        due = await self._next_due()
        if due is None:
            return self.poll_s
        wait_s = (due - self._now_ms()) / 1000
        if wait_s > 0:
            return min(wait_s, self.poll_s)
        # shielded: a claim that committed must be worked on even if the loop is stopped right now
        self._claiming = asyncio.get_running_loop().create_task(self._take(free), name=f"{self.name}-claim")
        return 0 if await asyncio.shield(self._claiming) else AGAIN_S

    async def _take(self, free: int) -> bool:
        rows = await self._claim(free)
        for row in rows:
            task = asyncio.get_running_loop().create_task(self._one(row), name=f"{self.name}-work")
            self.running.add(task)
            task.add_done_callback(self._ended)
        return bool(rows)

    async def _one(self, row: T) -> None:
        try:
            await self._work(row)
        except Exception:  # the lease ends, and the row is claimed again
            log.exception("%s: a row failed beyond its own handling", self.name)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.running.discard(task)
        self._wake.set()
