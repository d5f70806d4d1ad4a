"""What a model has made of a conversation: one row each, so that opening it does not pay again."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select

from zhike.store.tables import conversations, messages
from zhike.store.tables import summaries as _t


class Summary(NamedTuple):
    """``seq``: the last message it knows of. ``created_at``: ms since 1970 UTC."""

    conversation_id: int
    seq: int
    text: str
    model: str
    created_at: int


def find(conn: Connection, conversation_id: int) -> Summary | None:
    """The summary of a conversation, if there is one."""
    row = conn.execute(select(_t.c.conversation_id, _t.c.seq, _t.c.text, _t.c.model, _t.c.created_at)
                       .where(_t.c.conversation_id == conversation_id)).first()
    return Summary(*row) if row is not None else None


def keep(conn: Connection, new: Summary) -> Summary:
    """Stores it in the place of an older one; returns what stands there now. One that knows more messages is
    not replaced: two instances may have been asked at once."""
    # the conversation's row is locked first, so that two of them take turns
    c = conversations.c
    conn.execute(select(c.id).where(c.id == new.conversation_id).with_for_update())
    old = find(conn, new.conversation_id)
    if old is not None and old.seq > new.seq:
        return old
    conn.execute(delete(_t).where(_t.c.conversation_id == new.conversation_id))
    conn.execute(insert(_t).values(**new._asdict()))
    return new


def said_since(conn: Connection, conversation_id: int, seq: int) -> int:
    """How many messages that are no notes came after ``seq``."""
    stmt = select(func.count()).select_from(messages).where(
        messages.c.conversation_id == conversation_id, messages.c.seq > seq, messages.c.direction != "note",
        messages.c.sender_type != "system")
    return int(conn.execute(stmt).scalar_one())
