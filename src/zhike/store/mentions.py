"""Mentions: which notes call which agent, and which of them were read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, and_, or_, select, update

from zhike.domain.agent import EVERYTHING, Scope
from zhike.store import scopes
from zhike.store.tables import agents, contacts, conversations, mentions, messages


class Mention(NamedTuple):
    """A note that calls an agent. Times are ms since 1970 UTC."""

    conversation_id: int
    seq: int
    text: str
    by_id: int
    by_name: str
    contact_name: str
    created_at: int
    read_at: int | None


def mentioned(conn: Connection, agent_ids: Sequence[int]) -> tuple[int, ...]:
    """Those of ``agent_ids`` who work here, each once, in order."""
    stmt = select(agents.c.id).where(agents.c.id.in_(agent_ids), agents.c.enabled.is_(True))
    stmt = stmt.order_by(agents.c.id)
    return tuple(conn.execute(stmt).scalars())


def page(conn: Connection, agent_id: int, before: Sequence[int] | None, limit: int, *, unread: bool,
         scope: Scope = EVERYTHING) -> list[Mention]:
    """Notes that call this agent, newest first; ``before``: time, conversation and seq of the last shown."""
    m = mentions.c
    query = (select(m.conversation_id, m.seq, messages.c.text, m.by_id, agents.c.name,
                    contacts.c.name.label("contact_name"), m.created_at, m.read_at)
             .join(messages, and_(messages.c.conversation_id == m.conversation_id, messages.c.seq == m.seq))
             .join(conversations, conversations.c.id == m.conversation_id)
             .join(contacts, contacts.c.id == conversations.c.contact_id)
             .outerjoin(agents, agents.c.id == m.by_id)
             .where(m.agent_id == agent_id)
             .order_by(m.created_at.desc(), m.conversation_id.desc(), m.seq.desc()).limit(limit))
    if unread:
        query = query.where(m.read_at.is_(None))
    if scope.inbox_ids is not None:  # (that a note calls them opens a conversation of any team to them)
        query = query.where(scopes.seen(Scope(inbox_ids=scope.inbox_ids)))
    if before is not None:
        at, conversation_id, seq = before
        query = query.where(or_(m.created_at < at, and_(m.created_at == at, or_(
            m.conversation_id < conversation_id, and_(m.conversation_id == conversation_id, m.seq < seq)))))
    return [Mention(row[0], row[1], row[2], row[3], row[4] or "", row[5], row[6], row[7])
            for row in conn.execute(query)]


def mark_read(conn: Connection, agent_id: int, conversation_id: int | None, now: int) -> int:
    """This agent has read the notes that call them, of one conversation or of all; returns how many."""
    m = mentions.c
    query = update(mentions).where(m.agent_id == agent_id, m.read_at.is_(None))
    if conversation_id is not None:
        query = query.where(m.conversation_id == conversation_id)
    return int(conn.execute(query.values(read_at=now)).rowcount)
