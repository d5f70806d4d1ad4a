"""Which pages visitors look at while a conversation is open: gathered, stored in batches, told to agents.

Never on the way of a message: what comes is put aside at once, and what does not fit is counted and let go.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from zhike.bus.base import BusNode, Event
from zhike.clock import NowMs, to_datetime
from zhike.domain.knowledge import Inbox
from zhike.domain.pages import MAX_PAGES, Device, PageView, view_of, wanted
from zhike.domain.wire import Page, Visited, encode
from zhike.store import visits
from zhike.store.engine import Store

FLUSH_S = 1.0
"""Pages of a second are stored together."""
MAX_WAITING = 5_000
"""Visitors whose pages wait for that."""

log = logging.getLogger("zhike.desk")


@dataclass(slots=True)
class _Looked:
    conversation_id: int
    device: Device
    pages: list[PageView] = field(default_factory=list)


class Visits:
    """See the module."""

    def __init__(self, store: Store, bus: BusNode, now_ms: NowMs) -> None:
        self._store = store
        self._bus = bus
        self._now_ms = now_ms
        self._seen: dict[tuple[int, str], _Looked] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._left_out = 0

    def seen(self, inbox: Inbox | None, sender: str, conversation_id: int, frame: Page,
             device: Device | None) -> None:
        """A visitor looks at a page. Nothing is kept where the inbox says so, or their browser
        (``device`` None)."""
        if inbox is None or device is None or not conversation_id:
            return
        on, keep = wanted(inbox.settings)
        at = to_datetime(self._now_ms())
        view = view_of(frame.url, frame.title, frame.referrer, at, keep) if on else None
        if view is None:
            return
        key = (inbox.id, sender)
        looked = self._seen.get(key)
        if looked is None:
            if len(self._seen) >= MAX_WAITING:
                self._left_out += 1
                return
            looked = self._seen[key] = _Looked(conversation_id, device)
        looked.conversation_id, looked.device = conversation_id, device
        looked.pages.append(view)
        del looked.pages[:-MAX_PAGES]
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(FLUSH_S, self._start, loop)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        self._task = loop.create_task(self.flush(), name="visits")

    async def flush(self) -> None:
        """Stores what was gathered, and tells agents who watch."""
        seen, self._seen = self._seen, {}
        if self._left_out:
            log.warning("pages that visitors looked at were not kept: too many at once",
                        extra={"left_out_count": self._left_out})
            self._left_out = 0
        if not seen:
            return
        try:
            news = await self._store.write(visits.add, {
                key: visits.Visit(tuple(looked.pages), looked.device) for key, looked in seen.items()},
                self._now_ms())
        except Exception:
            log.warning("pages that visitors looked at were not stored", exc_info=True)
            return
        self._bus.publish([Event(seen[key].conversation_id, *key, agent_frame=encode(
            Visited(seen[key].conversation_id, visit.pages, visit.device))) for key, visit in news.items()])
