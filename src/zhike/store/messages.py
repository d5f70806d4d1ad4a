"""Messages: reading pages of them. (They are written by :mod:`zhike.store.unit`.)"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from zhike.domain.message import Message
from zhike.store.dialect import digest_text, select_in
from zhike.store.tables import messages

COLUMNS = ("conversation_id", "seq", "direction", "sender_type", "text", "created_at", "sender_id",
           "client_msg_id", "answers", "payload", "trace", "epoch")
_SELECT = select(*(messages.c[name] for name in COLUMNS))


def pack_answers(seqs: Sequence[int]) -> str:
    """The ``answers`` column: seqs with commas, "" for none."""
    return ",".join(map(str, seqs))


def to_message(row: Sequence[Any]) -> Message:
    """A row in the order of :data:`COLUMNS` as a Message."""
    answers = tuple(int(seq) for seq in row[8].split(",")) if row[8] else ()
    return Message(row[0], row[1], row[2], row[3], row[4], row[5], sender_id=row[6],
                   client_msg_id=row[7], answers=answers, payload=row[9], trace=row[10], epoch=row[11])


def after(conn: Connection, conversation_id: int, seq: int, limit: int) -> list[Message]:
    """Messages with a higher seq than ``seq``, in order, at most ``limit``."""
    stmt = (_SELECT.where(messages.c.conversation_id == conversation_id, messages.c.seq > seq)
            .order_by(messages.c.seq).limit(limit))
    return [to_message(row) for row in conn.execute(stmt)]


def before(conn: Connection, conversation_id: int, seq: int | None, limit: int) -> list[Message]:
    """The newest messages below ``seq`` (None: the newest of all), in order, at most ``limit``."""
    stmt = _SELECT.where(messages.c.conversation_id == conversation_id)
    if seq is not None:
        stmt = stmt.where(messages.c.seq < seq)
    rows = conn.execute(stmt.order_by(messages.c.seq.desc()).limit(limit)).all()
    return [to_message(row) for row in reversed(rows)]


def incoming_between(conn: Connection, conversation_id: int, above: int, upto: int) -> list[Message]:
    """Incoming messages with above < seq <= upto, in order: the questions an answer is owed for."""
    stmt = (_SELECT.where(messages.c.conversation_id == conversation_id, messages.c.seq > above,
                          messages.c.seq <= upto, messages.c.direction == "incoming")
            .order_by(messages.c.seq))
    return [to_message(row) for row in conn.execute(stmt)]


def by_dedup_keys(conn: Connection, keys: Sequence[bytes]) -> dict[str, tuple[int, int, str, int]]:
    """What is stored under these dedup keys: key in hex → (conversation_id, seq, text, created_at)."""
    rows = select_in(conn, "messages", ("dedup_key", "conversation_id", "seq", "text", "created_at"),
                     "dedup_key", keys)
    return {digest_text(row[0]): (row[1], row[2], row[3], row[4]) for row in rows}
