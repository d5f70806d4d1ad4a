"""Messages: reading pages of them. (They are written by :mod:`zhike.store.unit`.)"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, select, update

from zhike.domain.attachment import first_words
from zhike.domain.message import Message, Payload, encode
from zhike.store.dialect import digest_of, run, select_in
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


def open_questions(conn: Connection, ids: Sequence[int]) -> dict[int, set[int]]:
    """Conversation id → the seqs that came in above its ``answered_seq`` and that no outgoing message
    names: what is really open. (A later question may be answered before an earlier one.)"""
    came: dict[int, set[int]] = {number: set() for number in ids}
    named: dict[int, set[int]] = {number: set() for number in ids}
    for start in range(0, len(ids), 256):
        part = list(ids[start:start + 256])
        part += [part[-1]] * ((1 << (len(part) - 1).bit_length()) - len(part))
        cursor = run(conn, "SELECT m.conversation_id, m.seq, m.direction, m.answers FROM messages m JOIN "
                           "conversations c ON c.id = m.conversation_id WHERE m.conversation_id IN "
                           f"({','.join('?' * len(part))}) AND m.seq > c.answered_seq", part)
        for conversation_id, seq, direction, answers in cursor.fetchall():
            if direction == "incoming":
                came[conversation_id].add(seq)
            elif answers:
                named[conversation_id].update(map(int, answers.split(",")))
    return {number: came[number] - named[number] for number in ids}


class Own(NamedTuple):
    """A message of an agent. ``at``: ms since 1970 UTC; ``name``: as the visitor saw it."""

    text: str
    at: int
    name: str
    recalled: bool


def own_message(conn: Connection, conversation_id: int, seq: int, agent_id: int) -> Own | None:
    """What this agent said to the visitor under this number, or None."""
    m = messages.c
    row = conn.execute(select(m.text, m.created_at, m.payload).where(
        m.conversation_id == conversation_id, m.seq == seq, m.direction == "outgoing",
        m.sender_type == "agent", m.sender_id == agent_id)).first()
    if row is None:
        return None
    payload = msgspec.json.decode(row.payload, type=Payload) if row.payload else Payload()
    return Own(first_words(row.text, payload.attachments, payload.cards), row.created_at, payload.name,
               payload.recalled)


def recall(conn: Connection, conversation_id: int, seq: int, name: str) -> None:
    """Empties a message and says so in its payload; its number stays taken."""
    m = messages.c
    conn.execute(update(messages).where(m.conversation_id == conversation_id, m.seq == seq).values(
        text="", payload=encode(Payload(name=name, recalled=True)).decode(), trace=""))


def by_dedup_keys(conn: Connection, keys: Sequence[bytes]) -> dict[bytes, tuple[int, int, str, int]]:
    """What is stored under these dedup keys: key → (conversation_id, seq, text, created_at)."""
    rows = select_in(conn, "messages", ("dedup_key", "conversation_id", "seq", "text", "created_at"),
                     "dedup_key", keys)
    return {digest_of(row[0]): (row[1], row[2], row[3], row[4]) for row in rows}
