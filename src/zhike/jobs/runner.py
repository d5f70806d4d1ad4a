"""Runs durable timers: ``store.jobs`` holds them, handlers do them, each key's effect happens once.

A handler is registered for a kind of job, in one of two forms:

* a **store handler** ``fn(conn, job, now)``: a plain function of the store. Its effect and the
  mark *done* are one transaction, so the effect happens exactly once, whatever is killed when.
  It runs where all writing runs, so it must be short.
* an **async handler** ``await fn(job)`` for everything that leaves the process. A crash may repeat
  the call, so it hands ``job.key`` on as an idempotency key. What it wants stored it returns as a
  store function; that is written together with the mark.

A handler that raises is tried again with growing pauses, then the job is ``failed`` (a recurring
one waits for its next time). A handler that takes longer than ``timeout_s`` is cancelled; its
lease lasts a little longer than that.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from zlib import crc32

from sqlalchemy import Connection

from zhike.clock import NowMs
from zhike.jobs.feed import POLL_S, Feed
from zhike.store import jobs
from zhike.store.engine import Store
from zhike.store.jobs import Again, Job

StoreHandler = Callable[[Connection, Job, int], None]
AsyncHandler = Callable[[Job], Awaitable[StoreHandler | None]]

CONCURRENCY = 4
LEASE_MARGIN_S = 15.0
"""Lease beyond the handler's own limit: the last write, and clocks of instances that differ."""
FIRST_RETRY_S = 5.0
LONGEST_RETRY_S = 3600.0

log = logging.getLogger("zhike.jobs")


class LeaseLost(Exception):
    """Somebody else has the job by now: nothing of this attempt is stored."""


class Kind(NamedTuple):
    """How jobs of one kind are done. ``every_s``: due again so long after each run (0 = once)."""

    store_handler: StoreHandler | None
    async_handler: AsyncHandler | None
    timeout_s: float
    every_s: float
    max_attempts: int


def retry_after_s(key: str, attempts: int) -> float:
    """5 s, 10 s, 20 s … to an hour; up to a quarter more by key, so that jobs which failed together
    do not come back together."""
    pause = min(FIRST_RETRY_S * 2.0 ** min(attempts - 1, 20), LONGEST_RETRY_S)
    return float(pause * (1 + crc32(key.encode()) % 1000 / 4000))


class Runner:
    """One per process; instances on one database share the work. Create it on the event loop."""

    def __init__(self, store: Store, now_ms: NowMs, *, concurrency: int = CONCURRENCY,
                 poll_s: float = POLL_S) -> None:
        self._store = store
        self._now_ms = now_ms
        self._kinds: dict[str, Kind] = {}
        self._leases_ms: dict[str, int] = {}
        self._feed: Feed[Job] = Feed("jobs", self._next_due, self._claim, self._work, now_ms,
                                     concurrency=concurrency, poll_s=poll_s)
        self.counts: Counter[tuple[str, str]] = Counter()
        """(kind, outcome): done | retried | failed | lost | given_back."""

    @property
    def running_count(self) -> int:
        """Jobs in hand."""
        return len(self._feed.running)

    # ---- what to do --------------------------------------------------------------------------

    def on_store(self, kind: str, handler: StoreHandler, *, every_s: float = 0.0, timeout_s: float = 30.0,
                 max_attempts: int = 5) -> None:
        """Jobs of this kind are done by a store function, in one transaction with their mark."""
        self._add(kind, Kind(handler, None, timeout_s, every_s, max_attempts))

    def on_async(self, kind: str, handler: AsyncHandler, *, every_s: float = 0.0, timeout_s: float = 60.0,
                 max_attempts: int = 5) -> None:
        """Jobs of this kind are done by a coroutine, at least once."""
        self._add(kind, Kind(None, handler, timeout_s, every_s, max_attempts))

    def _add(self, kind: str, entry: Kind) -> None:
        if kind in self._kinds:
            raise ValueError(f"two handlers for jobs of kind {kind!r}")
        self._kinds[kind] = entry
        self._leases_ms[kind] = int((entry.timeout_s + LEASE_MARGIN_S) * 1000)

    async def schedule(self, kind: str, key: str, due_at: int, *, payload: str = "",
                       again: Again = "reschedule") -> bool:
        """As :func:`zhike.store.jobs.schedule`, in a transaction of its own, and looks at once.

        Who schedules together with its cause calls the store function and pokes after the commit.
        """
        changed = await self._store.write(jobs.schedule, kind, key, due_at, self._now_ms(), payload=payload,
                                          max_attempts=self._kinds[kind].max_attempts, again=again)
        self.poke()
        return changed

    # ---- life --------------------------------------------------------------------------------

    async def start(self) -> None:
        """Sees to it that every recurring kind has its job, and begins."""
        await self._store.write(self._schedule_recurring, self._now_ms())
        self._feed.start()

    def _schedule_recurring(self, conn: Connection, now: int) -> None:
        for name, kind in self._kinds.items():
            if kind.every_s:  # several instances, many starts: one job
                jobs.schedule(conn, name, name, now, now, max_attempts=kind.max_attempts, again="leave")

    def poke(self) -> None:
        """A job was scheduled in this process."""
        self._feed.poke()

    async def stop(self, timeout_s: float = 5.0) -> bool:
        """Takes no more; what does not end in time is cancelled and given back at once."""
        return await self._feed.stop(timeout_s)

    # ---- one job -----------------------------------------------------------------------------

    async def _next_due(self) -> int | None:
        return await self._store.read(jobs.next_due, tuple(self._leases_ms))

    async def _claim(self, limit: int) -> list[Job]:
        claimed, given_up = await self._store.write(jobs.claim, self._now_ms(), self._leases_ms, limit)
        for job in given_up:
            self.counts[job.kind, "failed"] += 1
            log.error("a job was given up: %s", jobs.LEASE_ENDED, extra={"kind": job.kind, "key": job.key})
        return claimed

    async def _work(self, job: Job) -> None:
        kind = self._kinds[job.kind]
        try:
            effect = kind.store_handler
            if kind.async_handler is not None:
                async with asyncio.timeout(kind.timeout_s):
                    effect = await kind.async_handler(job)
            now = self._now_ms()
            await self._store.write(_with_mark, effect, job, now, self._next_time(kind, now))
            self.counts[job.kind, "done"] += 1
        except LeaseLost:
            self.counts[job.kind, "lost"] += 1
            log.warning("a job took longer than its lease", extra={"kind": job.kind, "key": job.key})
        except asyncio.CancelledError:
            self.counts[job.kind, "given_back"] += 1
            await self._store.write(jobs.release, job, self._now_ms())
            raise
        except Exception as error:
            await self._failed(kind, job, error)

    def _next_time(self, kind: Kind, now: int) -> int:
        return now + int(kind.every_s * 1000) if kind.every_s else 0

    async def _failed(self, kind: Kind, job: Job, error: Exception) -> None:
        now = self._now_ms()
        last = job.attempts >= job.max_attempts
        self.counts[job.kind, "failed" if last else "retried"] += 1
        log.log(logging.ERROR if last else logging.WARNING,
                "a job failed %s", "for good" if last else "and is tried again", exc_info=error,
                extra={"kind": job.kind, "key": job.key, "attempts": job.attempts})
        said = f"{type(error).__name__}: {error}"
        await self._store.write(jobs.retry, job, said, now + int(retry_after_s(job.key, job.attempts) * 1000),
                                now, again_at=self._next_time(kind, now))


def _with_mark(conn: Connection, effect: StoreHandler | None, job: Job, now: int, again_at: int) -> None:
    """The effect and its mark, or neither."""
    if effect is not None:
        effect(conn, job, now)
    if not jobs.finish(conn, job, now, again_at=again_at):
        raise LeaseLost(job.key)
