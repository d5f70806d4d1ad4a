"""Conversations: reading, and writing what a unit of work changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from zhike.domain.conversation import Conversation
from zhike.store.dialect import insert_many, run, select_in, update_many
from zhike.store.tables import contacts, conversations

COLUMNS = Conversation.__struct_fields__
"""The columns in the order of the struct's fields: a row becomes ``Conversation(*row)``."""

_INSERT = (*COLUMNS, "open_key", "demo")
_HOT = ("id", "last_seq", "last_incoming_seq", "answered_seq", "last_text", "updated_at")
_FLOW = ("id", "flow")
_STATE = ("id", "status", "holder", "holder_epoch", "agent_id", "waiting_since", "open_key", "first_reply_at")
_TEXTS = frozenset({"wrap_up"})
"""Those of the columns in ``update_life`` that hold text."""
LAST_TEXT_CHARS = 120


def by_open_keys(conn: Connection, keys: Sequence[str]) -> dict[str, Conversation]:
    """The open conversations of these open keys, locked until the transaction ends."""
    rows = select_in(conn, "conversations", ("id", "open_key", *COLUMNS[1:]), "open_key", keys, lock=True)
    return {row[1]: Conversation(row[0], *row[2:]) for row in rows}


def by_ids(conn: Connection, ids: Sequence[int], *, lock: bool = False) -> dict[int, Conversation]:
    """Conversations by id (locked until the transaction ends, if asked)."""
    rows = select_in(conn, "conversations", COLUMNS, "id", ids, lock=lock)
    return {row[0]: Conversation(*row) for row in rows}


def inboxes_of(conn: Connection, ids: Sequence[int]) -> dict[int, int]:
    """Conversation id → the inbox it stands in, of those that exist."""
    return dict(select_in(conn, "conversations", ("id", "inbox_id"), "id", ids))


def insert_conversations(conn: Connection, rows: Sequence[tuple[Conversation, str]], *,
                         demo: bool = False) -> None:
    """Inserts conversations with their open keys ("" = none: resolved)."""
    insert_many(conn, "conversations", _INSERT,
                [(*(getattr(conversation, name) for name in COLUMNS), key or None, demo)
                 for conversation, key in rows])


def update_hot(conn: Connection, changed: Sequence[Conversation]) -> None:
    """Writes what every message changes."""
    update_many(conn, "conversations", _HOT, "iiiisi",
                [(c.id, c.last_seq, c.last_incoming_seq, c.answered_seq, c.last_text, c.updated_at)
                 for c in changed])


def update_flow(conn: Connection, changed: Sequence[Conversation]) -> None:
    """Writes where a conversation stands in its flow."""
    update_many(conn, "conversations", _FLOW, "is", [(c.id, c.flow) for c in changed])


def update_state(conn: Connection, changed: Sequence[tuple[Conversation, str]],
                 first_replies: Mapping[int, int] | None = None) -> None:
    """Writes holder, status and what belongs to them; the open key is "" for none.

    ``first_replies``: conversation id → when a person wrote; it is kept if none had before. (It goes along
    because a person's word ends a wait, which is written here: no statement of its own.)
    """
    replied = first_replies or {}
    update_many(conn, "conversations", _STATE, "issiiisi",
                [(c.id, c.status, c.holder, c.holder_epoch, c.agent_id, c.waiting_since, key or None,
                  replied.get(c.id)) for c, key in changed], once=("first_reply_at",))


def update_life(conn: Connection, changed: Mapping[int, Mapping[str, Any]]) -> None:
    """Writes what only a change of the conversation's life touches: conversation id → column → value."""
    alike: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
    for conversation_id, values in changed.items():
        names = tuple(sorted(values))
        alike.setdefault(names, []).append((conversation_id, *(values[name] for name in names)))
    for names, rows in alike.items():
        kinds = "i" + "".join("s" if name in _TEXTS else "i" for name in names)
        update_many(conn, "conversations", ("id", *names), kinds, rows)


def get_conversation(conn: Connection, conversation_id: int) -> Conversation | None:
    """One conversation, or None."""
    return by_ids(conn, [conversation_id]).get(conversation_id)


def latest_of_sender(conn: Connection, inbox_id: int, sender: str) -> Conversation | None:
    """The sender's open conversation, else the last resolved one, else None."""
    # (a sender's conversations are those of the contact that theirs turned out to be)
    owner = select(func.coalesce(contacts.c.merged_into, contacts.c.id)).where(
        contacts.c.inbox_id == inbox_id, contacts.c.sender == sender).scalar_subquery()
    stmt = (select(*(conversations.c[name] for name in COLUMNS))
            .where(conversations.c.contact_id == owner, conversations.c.sender == sender)
            .order_by(conversations.c.open_key.is_(None), conversations.c.id.desc()).limit(1))
    row = conn.execute(stmt).first()
    return Conversation(*row) if row else None


def owing_answers(conn: Connection, after_id: int, limit: int) -> list[Conversation]:
    """Bot-held conversations with a question that nobody answered, by id, after ``after_id``."""
    stmt = (select(*(conversations.c[name] for name in COLUMNS))
            .where(conversations.c.holder == "bot", conversations.c.id > after_id,
                   conversations.c.last_incoming_seq > conversations.c.answered_seq)
            .order_by(conversations.c.id).limit(limit))
    return [Conversation(*row) for row in conn.execute(stmt)]


def mark_read(conn: Connection, conversation_id: int, seq: int, *, by_agent: bool) -> bool:
    """Moves a read mark forward (never back, never beyond the last message). True if it moved."""
    column = "read_by_agent_seq" if by_agent else "read_by_contact_seq"
    cursor: Any = run(conn, f"UPDATE conversations SET {column} = ? WHERE id = ? AND {column} < ? "
                            "AND last_seq >= ?", (seq, conversation_id, seq, seq))
    return bool(cursor.rowcount > 0)


def quiet_since(conn: Connection, inbox_id: int, before: int, limit: int) -> list[int]:
    """Ids of conversations that a person holds, in which nobody waits for a word and nobody has written
    since ``before`` (ms); those put aside are left out."""
    stmt = (select(conversations.c.id).where(
        conversations.c.holder == "agent", conversations.c.inbox_id == inbox_id,
        conversations.c.status == "open", conversations.c.waiting_since.is_(None),
        conversations.c.updated_at < before).limit(limit))
    return list(conn.execute(stmt).scalars())


def snoozed_until(conn: Connection, conversation_id: int) -> int | None:
    """Until when it was put aside (ms), or None."""
    stmt = select(conversations.c.snoozed_until).where(conversations.c.id == conversation_id)
    found: int | None = conn.execute(stmt).scalar()
    return found


def idle_since(conn: Connection, before: int, limit: int) -> list[int]:
    """Ids of bot-held conversations without a message since ``before`` (ms): to be resolved."""
    stmt = (select(conversations.c.id).where(
        conversations.c.holder == "bot", conversations.c.updated_at < before,
        conversations.c.last_incoming_seq <= conversations.c.answered_seq).limit(limit))
    return list(conn.execute(stmt).scalars())
