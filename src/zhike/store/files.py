"""Rows of uploaded files: who may send them, which message they belong to, who may read them.

The bytes lie in a folder (:mod:`zhike.files.folder`); a row is stored before its file gets its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import msgspec
from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update

from zhike.domain.agent import Scope
from zhike.domain.attachment import Attachment, FileKind
from zhike.errors import ZhikeError
from zhike.store import scopes
from zhike.store.dialect import next_ids
from zhike.store.tables import conversations, files

MAX_UNSENT = 50
"""Files that one sender has uploaded and not sent: nobody keeps an archive here for nothing."""


class Stored(msgspec.Struct, frozen=True):
    """One row. ``conversation_id`` None: not sent yet. ``private``: sent in a note."""

    attachment: Attachment
    token: str
    inbox_id: int
    sender: str
    conversation_id: int | None
    seq: int | None
    private: bool


def _stored(row: Any) -> Stored:
    shown = Attachment(row.id, row.name, row.type, cast(FileKind, row.kind), row.size_bytes, row.width,
                       row.height)
    return Stored(shown, row.token, row.inbox_id, row.sender, row.conversation_id, row.seq, bool(row.private))


def add(conn: Connection, token: str, inbox_id: int, sender: str, what: Attachment, now: int) -> Attachment:
    """A row for a file that ``sender`` uploads; the id of ``what`` is given here.

    Raises:
        ZhikeError: ``too_many_files``: this sender sends none of what they upload.
    """
    waiting = and_(files.c.conversation_id.is_(None), files.c.inbox_id == inbox_id, files.c.sender == sender)
    unsent = conn.execute(select(func.count()).select_from(files).where(waiting)).scalar_one()
    if unsent >= MAX_UNSENT:
        raise ZhikeError("too_many_files")
    given = msgspec.structs.replace(what, id=next_ids(conn, "file", 1)[0])
    conn.execute(insert(files).values(
        id=given.id, token=token, inbox_id=inbox_id, sender=sender, private=False, name=given.name,
        type=given.type, kind=given.kind, size_bytes=given.size_bytes, width=given.width,
        height=given.height, created_at=now))
    return given


def get(conn: Connection, file_id: int) -> Stored | None:
    """One row."""
    row = conn.execute(select(files).where(files.c.id == file_id)).one_or_none()
    return None if row is None else _stored(row)


# ---- sending -------------------------------------------------------------------------------------

def to_send(conn: Connection, file_ids: Sequence[int]) -> dict[int, Stored]:
    """The rows of these ids, locked until the transaction ends: nobody else sends them meanwhile."""
    rows = conn.execute(select(files).where(files.c.id.in_(sorted(set(file_ids))))
                        .order_by(files.c.id).with_for_update())
    return {row.id: _stored(row) for row in rows}


def of_message(conn: Connection, conversation_id: int, seq: int) -> list[int]:
    """The ids of the files that were sent with a message."""
    return list(conn.execute(select(files.c.id).where(
        files.c.conversation_id == conversation_id, files.c.seq == seq)).scalars())


def sent(conn: Connection, file_ids: Sequence[int], conversation_id: int, seq: int, *, private: bool) -> None:
    """They belong to this message from now on."""
    conn.execute(update(files).where(files.c.id.in_(file_ids)).values(
        conversation_id=conversation_id, seq=seq, private=private))


def taken_back(conn: Connection, conversation_id: int, seq: int) -> None:
    """Their message was recalled: nobody may read them any more, and the next sweep removes them."""
    conn.execute(update(files).where(files.c.conversation_id == conversation_id, files.c.seq == seq).values(
        conversation_id=None, seq=None, sender="", created_at=0))


# ---- reading -------------------------------------------------------------------------------------

def for_visitor(conn: Connection, file_id: int, inbox_id: int, sender: str) -> Stored | None:
    """The file, if this visitor may read it: it was sent in one of their conversations (not in a note), or
    they have just uploaded it."""
    unsent = and_(files.c.conversation_id.is_(None), files.c.inbox_id == inbox_id, files.c.sender == sender)
    mine = or_(unsent, and_(conversations.c.inbox_id == inbox_id, conversations.c.sender == sender,
                            files.c.private.is_(False)))
    row = conn.execute(select(files).outerjoin(conversations, conversations.c.id == files.c.conversation_id)
                       .where(files.c.id == file_id, mine)).one_or_none()
    return None if row is None else _stored(row)


def for_staff(conn: Connection, file_id: int, who: Scope, sender: str) -> Stored | None:
    """The file, if it was sent in a conversation that ``who`` may see, or they have just uploaded it."""
    mine = or_(and_(files.c.conversation_id.is_(None), files.c.sender == sender),
               and_(conversations.c.id.is_not(None), scopes.seen(who)))
    row = conn.execute(select(files).outerjoin(conversations, conversations.c.id == files.c.conversation_id)
                       .where(files.c.id == file_id, mine)).one_or_none()
    return None if row is None else _stored(row)


def doom(conn: Connection, before: int, limit: int) -> dict[int, str]:
    """What was uploaded before ``before`` (ms) and never sent, or was recalled: nobody can send or read it
    any more. Returns id → token of at most ``limit``, whose bytes can go; then :func:`forget` them."""
    rows = conn.execute(select(files.c.id, files.c.token).where(
        files.c.conversation_id.is_(None), files.c.created_at < before)
        .order_by(files.c.created_at).limit(limit).with_for_update()).all()
    if rows:
        conn.execute(update(files).where(files.c.id.in_([row.id for row in rows])).values(sender=""))
    return {row.id: row.token for row in rows}


def forget(conn: Connection, file_ids: Sequence[int]) -> None:
    """Removes the rows of doomed files."""
    conn.execute(delete(files).where(files.c.id.in_(file_ids), files.c.conversation_id.is_(None)))
