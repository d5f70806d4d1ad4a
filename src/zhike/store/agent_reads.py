"""How far each agent has read, and how much is new to them.

Where an agent has never looked, what colleagues have read is no news: the desk's common mark counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, and_, case, func, select, update

from zhike.store.dialect import upsert
from zhike.store.tables import agent_reads, conversations, messages

MAX_COUNTED = 200
"""Messages looked at behind a mark: a list shows 99+ anyway."""


class Unread(NamedTuple):
    """``seq``: up to where it is read. ``news``: how much the visitor has said since, MAX_COUNTED at most."""

    seq: int
    news: int


def forward(conn: Connection, marks: Sequence[tuple[int, int, int]], now: int) -> None:
    """Moves marks, (agent, conversation, seq), to later messages; none goes back."""
    r = agent_reads.c
    rows = [{"agent_id": agent, "conversation_id": conversation, "seq": 0, "updated_at": now}
            for agent, conversation, _ in sorted(marks)]
    upsert(conn, agent_reads, rows, ("agent_id", "conversation_id"), ())
    for agent, conversation, seq in sorted(marks):
        conn.execute(update(agent_reads).where(
            r.agent_id == agent, r.conversation_id == conversation, r.seq < seq).values(
                seq=seq, updated_at=now))


def unread_again(conn: Connection, agent_id: int, conversation_id: int, now: int) -> None:
    """The visitor's last message is new to this agent once more."""
    last = select(func.coalesce(func.max(messages.c.seq), 1)).where(
        messages.c.conversation_id == conversation_id, messages.c.direction == "incoming")
    seq = int(conn.execute(last).scalar_one()) - 1
    upsert(conn, agent_reads, [{"agent_id": agent_id, "conversation_id": conversation_id, "seq": seq,
                                "updated_at": now}], ("agent_id", "conversation_id"), ("seq", "updated_at"))


def of(conn: Connection, agent_id: int, conversation_ids: Sequence[int]) -> dict[int, Unread]:
    """What is new to an agent in each of these: one statement for a page of a list."""
    c, m, r = conversations.c, messages.c, agent_reads.c
    mark = func.coalesce(r.seq, c.read_by_agent_seq)
    # (MAX of two numbers is spelled differently by each database)
    floor = case((mark > c.last_seq - MAX_COUNTED, mark), else_=c.last_seq - MAX_COUNTED)
    stmt = (select(c.id, mark, func.count(m.seq))
            .outerjoin(agent_reads, and_(r.conversation_id == c.id, r.agent_id == agent_id))
            .outerjoin(messages, and_(m.conversation_id == c.id, m.seq > floor, m.direction == "incoming"))
            .where(c.id.in_(conversation_ids)).group_by(c.id, mark))
    return {row[0]: Unread(int(row[1]), int(row[2])) for row in conn.execute(stmt)}
