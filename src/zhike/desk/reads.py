"""Read marks and typing: small, frequent, and never worth a commit of their own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from sqlalchemy import Connection

from zhike.bus.base import STAFF, BusNode, Event, agent_key
from zhike.clock import NowMs, now_ms
from zhike.domain.message import SenderType
from zhike.domain.wire import ReadEvent, Typing, TypingEvent, UnreadEvent, encode
from zhike.store import agent_reads
from zhike.store import conversations as conversation_rows
from zhike.store.engine import Store

FLUSH_S = 0.5
"""Marks of half a second are stored together: 8,000 readers cost two commits a second."""

Mark = tuple[int, int, str, int, int]
"""(conversation_id, inbox_id, sender, seq, agent_id; 0: the visitor)"""

log = logging.getLogger("zhike.desk")


class Reads:
    """Gathers read marks, stores them in batches, tells the other side."""

    def __init__(self, store: Store, bus: BusNode, now_ms: NowMs = now_ms) -> None:
        self._store = store
        self.bus = bus
        self._now_ms = now_ms
        self._marks: dict[tuple[int, int], Mark] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def mark(self, conversation_id: int, inbox_id: int, sender: str, seq: int, *, agent_id: int = 0) -> None:
        """Everything up to ``seq`` was read, by this agent or (0) by the visitor."""
        if not 0 < seq < 2**53:
            return
        key = (conversation_id, agent_id)
        old = self._marks.get(key)
        if old is None or old[3] < seq:
            self._marks[key] = (conversation_id, inbox_id, sender, seq, agent_id)
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
            moved, news = await self._store.write(_store_marks, marks, self._now_ms())
        except Exception:
            log.warning("read marks were not stored", exc_info=True)
            return
        self.bus.publish([*map(_event, moved), *(_own(*one) for one in news)])

    async def unread(self, agent_id: int, conversation_id: int) -> UnreadEvent:
        """The visitor's last message is new to this agent once more; told to all their pages."""
        self._marks.pop((conversation_id, agent_id), None)  # what was gathered must not undo it
        found = await self._store.write(_again, agent_id, conversation_id, self._now_ms())
        self.bus.publish([_own(agent_id, conversation_id, found)])
        return UnreadEvent(conversation_id, *found)

    def typing(self, conversation_id: int, inbox_id: int, sender: str, frame: Typing, *, agent_id: int = 0,
               name: str = "", preview: bool = False) -> None:
        """Tells the other side, and colleagues, that an agent or (0) the visitor is (not) writing. What they
        write goes no further than to agents who watch, and only if ``preview`` says so."""
        who: SenderType = "agent" if agent_id else "contact"
        text = frame.text if preview and not agent_id and frame.on else ""
        to_agents = encode(TypingEvent(conversation_id, who, frame.on, text, agent_id, name,
                                       frame.note and agent_id > 0))
        to_visitor = b""
        if agent_id and not frame.note:
            to_visitor = encode(TypingEvent(conversation_id, who, frame.on))
        self.bus.publish([Event(conversation_id, inbox_id, sender, frame=to_visitor, agent_frame=to_agents)])


News = tuple[int, int, agent_reads.Unread]
"""(agent, conversation, what is new to them there)."""


def _store_marks(conn: Connection, marks: Sequence[Mark], now: int) -> tuple[list[Mark], list[News]]:
    # in the order of ids, so that two instances cannot deadlock
    marks = sorted(marks)
    agents = [(agent_id, number, seq) for number, _, _, seq, agent_id in marks if agent_id]
    known = conversation_rows.by_ids(conn, [number for _, number, _ in agents])
    agents = [(agent_id, number, min(seq, known[number].last_seq)) for agent_id, number, seq in agents
              if number in known]
    moved = [mark for mark in marks
             if conversation_rows.mark_read(conn, mark[0], mark[3], by_agent=mark[4] > 0)]
    agent_reads.forward(conn, agents, now)
    return moved, [(agent_id, number, found) for agent_id, number, _ in agents
                   for found in agent_reads.of(conn, agent_id, [number]).values()]


def _again(conn: Connection, agent_id: int, conversation_id: int, now: int) -> agent_reads.Unread:
    agent_reads.unread_again(conn, agent_id, conversation_id, now)
    return agent_reads.of(conn, agent_id, [conversation_id])[conversation_id]


def _own(agent_id: int, conversation_id: int, found: agent_reads.Unread) -> Event:
    """For all pages of one agent, whatever they watch."""
    frame = encode(UnreadEvent(conversation_id, *found))
    return Event(conversation_id, STAFF, agent_key(agent_id), frame=frame)


def _event(mark: Mark) -> Event:
    conversation_id, inbox_id, sender, seq, agent_id = mark
    frame = encode(ReadEvent(conversation_id, "agent" if agent_id else "contact", seq))
    return Event(conversation_id, inbox_id, sender, frame=frame, agent_frame=frame)
