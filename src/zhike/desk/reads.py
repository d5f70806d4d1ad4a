"""Read marks and typing: small, frequent, and never worth a commit of their own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from sqlalchemy import Connection

from zhike.bus.base import BusNode, Event
from zhike.domain.message import SenderType
from zhike.domain.wire import ReadEvent, TypingEvent, encode
from zhike.store import conversations as conversation_rows
from zhike.store.engine import Store

FLUSH_S = 0.5
"""Marks of half a second are stored together: 8,000 readers cost two commits a second."""

Mark = tuple[int, int, str, int, bool]
"""(conversation_id, inbox_id, sender, seq, by_agent)"""

log = logging.getLogger("zhike.desk")


class Reads:
    """Gathers read marks, stores them in batches, tells the other side."""

    def __init__(self, store: Store, bus: BusNode) -> None:
        self._store = store
        self.bus = bus
        self._marks: dict[tuple[int, bool], Mark] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def mark(self, conversation_id: int, inbox_id: int, sender: str, seq: int, *, by_agent: bool) -> None:
        """Everything up to ``seq`` was read by this side."""
        if not 0 < seq < 2**53:
            return
        key = (conversation_id, by_agent)
        old = self._marks.get(key)
        if old is None or old[3] < seq:
            self._marks[key] = (conversation_id, inbox_id, sender, seq, by_agent)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(FLUSH_S, self._start, loop)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        self._task = loop.create_task(self.flush(), name="reads")

    async def flush(self) -> None:
        """Stores what was gathered."""
        marks, self._marks = list(self._marks.values()), {}
        if not marks:
            return
        try:
            moved = await self._store.write(_store_marks, marks)
        except Exception:
            log.warning("read marks were not stored", exc_info=True)
            return
        self.bus.publish([_event(mark) for mark in moved])

    def typing(self, conversation_id: int, inbox_id: int, sender: str, who: SenderType, *, on: bool) -> None:
        """Tells the other side that ``who`` is (not) writing."""
        frame = encode(TypingEvent(conversation_id, who, on))
        to_visitor = who != "contact"
        self.bus.publish([Event(conversation_id, inbox_id, sender, frame=frame if to_visitor else None,
                                 agent_frame=frame)])


def _store_marks(conn: Connection, marks: Sequence[Mark]) -> list[Mark]:
    return [mark for mark in marks
            if conversation_rows.mark_read(conn, mark[0], mark[3], by_agent=mark[4])]


def _event(mark: Mark) -> Event:
    conversation_id, inbox_id, sender, seq, by_agent = mark
    frame = encode(ReadEvent(conversation_id, "agent" if by_agent else "contact", seq))
    return Event(conversation_id, inbox_id, sender, frame=frame, agent_frame=frame)
