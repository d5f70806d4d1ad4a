"""The desk's own recurring jobs: conversations nobody writes in any more, and rows that ran out."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from sqlalchemy import Connection, delete

from zhike.clock import NowMs
from zhike.domain.unit import Change
from zhike.jobs.runner import Runner
from zhike.store import (
    agents,
    conversations,
    inboxes,
    jobs,
    outbox,
    presence,
    proofs,
    sessions,
    visits,
    waits,
    webhooks,
)
from zhike.store.engine import Store
from zhike.store.jobs import Job
from zhike.store.moves import WAKE
from zhike.store.tables import meta

AUTO_RESOLVE = "auto_resolve.sweep"
PRUNE = "prune.expired"

IDLE_S = 24 * 3600
"""A bot conversation without a word for a day has ended; who comes back begins a new one."""
SWEEP_EVERY_S = 300
PAGE = 100
PAGES_PER_SWEEP = 50
"""5,000 conversations a sweep: after a long stand-still the line must not be flooded at once."""
PRUNE_EVERY_S = 3600
DAY_MS = 86_400_000
KEEP_DONE_MS = 7 * DAY_MS
"""How long the key of a job that is done stays used up."""
KEEP_FAILED_MS = 30 * DAY_MS
KEEP_SENT_MS = 30 * DAY_MS
KEEP_TOLD_MS, KEEP_UNTOLD_MS = 3 * DAY_MS, 30 * DAY_MS
"""What webhooks were told, and what they could not be told: long enough to look at and to send again."""
KEEP_VISITS_MS = 30 * DAY_MS
"""Which pages a contact looked at: of use to who answers, and to nobody a month later."""
KEEP_ASSIGNMENTS_MS = 400 * DAY_MS
"""Routing looks back a day; reports compare a month with that of the year before."""

HELD_PAGE = 500
"""Conversations of people that are resolved by one sweep, per inbox."""

ChangeConversation = Callable[[Change], Awaitable[Change]]
"""The pipeline's ``line.change``: holders change in one order with the messages."""

log = logging.getLogger("zhike.jobs")


class AutoResolve:
    """Resolves bot conversations that have been idle for ``idle_s``, and those of people after what their
    inbox says (``auto_resolve_after_s``)."""

    def __init__(self, store: Store, change: ChangeConversation, now_ms: NowMs, *,
                 idle_s: float = IDLE_S) -> None:
        self._store = store
        self._change = change
        self._now_ms = now_ms
        self.idle_ms = int(idle_s * 1000)
        self.resolved_count = 0

    async def __call__(self, job: Job) -> None:
        """One sweep. Running it twice does no harm: what is resolved is not idle any more."""
        for _ in range(PAGES_PER_SWEEP):
            before = self._now_ms() - self.idle_ms
            found = await self._store.read(conversations.idle_since, before, PAGE)
            moved = 0
            for conversation_id in found:
                moved += await self._resolve(conversation_id, before)
            self.resolved_count += moved
            if len(found) < PAGE or not moved:
                break

        await self._held()

    async def _held(self) -> None:
        """What a person holds, where the inbox says after how long of silence it is over. Whoever waits for a
        word is never resolved; what is left over comes with the next sweep."""
        for inbox in await self._store.read(inboxes.list_inboxes):
            after_s = inbox.settings.get("auto_resolve_after_s")
            if not isinstance(after_s, int | float) or after_s <= 0:
                continue
            before = self._now_ms() - int(after_s * 1000)
            for conversation_id in await self._store.read(conversations.quiet_since, inbox.id, before,
                                                          HELD_PAGE):
                self.resolved_count += await self._resolve(conversation_id, before)

    async def _resolve(self, conversation_id: int, before: int) -> bool:
        # the storing transaction looks again: somebody may have written, or taken it, since
        change = await self._change(Change(conversation_id, "resolve", self._now_ms(), idle_before=before))
        return change.outcome == "done"


class Wake:
    """Ends a snooze when its time has come: the timer was written in the transaction that began it."""

    def __init__(self, change: ChangeConversation, now_ms: NowMs) -> None:
        self._change = change
        self._now_ms = now_ms

    async def __call__(self, job: Job) -> None:
        """Wakes one conversation. Nothing happens if it is awake, or was put aside for longer since."""
        now = self._now_ms()
        await self._change(Change(int(job.key.partition(":")[2]), "wake", now, until=now))


def prune(conn: Connection, job: Job, now: int) -> None:
    """Sessions and setup links that ran out; jobs, outbox rows, presences and visits that ended long ago."""
    sessions.prune(conn, now)
    link = agents.setup_link(conn)
    if link is not None and link.expires_at <= now:
        conn.execute(delete(meta).where(meta.c.name == agents.SETUP_ROW, meta.c.value.contains(link.digest)))
    jobs.prune(conn, now - KEEP_DONE_MS, now - KEEP_FAILED_MS)
    outbox.prune(conn, now - KEEP_SENT_MS)
    webhooks.prune(conn, now - KEEP_TOLD_MS, now - KEEP_UNTOLD_MS)
    proofs.purge_proofs(conn, now)
    presence.prune(conn, now - DAY_MS)
    waits.prune(conn, now - KEEP_ASSIGNMENTS_MS)
    visits.prune(conn, now - KEEP_VISITS_MS)


def register(runner: Runner, store: Store, change: ChangeConversation, now_ms: NowMs, *,
             idle_s: float = IDLE_S) -> AutoResolve:
    """Gives the runner all of the above; call before ``runner.start()``."""
    sweep = AutoResolve(store, change, now_ms, idle_s=idle_s)
    runner.on_async(AUTO_RESOLVE, sweep, every_s=SWEEP_EVERY_S, timeout_s=120.0, max_attempts=3)
    runner.on_async(WAKE, Wake(change, now_ms), max_attempts=20)
    runner.on_store(PRUNE, prune, every_s=PRUNE_EVERY_S, max_attempts=3)
    return sweep
