"""Files of canned responses: kept as long as their response is, and copied into a conversation with it.

The bytes lie in the folder of uploads (:mod:`zhike.files.folder`). What is taken away stands here without its
response until its bytes are gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update

from zhike.domain.attachment import MAX_FILES, Attachment, FileKind
from zhike.errors import ZhikeError
from zhike.store.dialect import next_ids
from zhike.store.tables import canned
from zhike.store.tables import canned_files as _t


class Stored(NamedTuple):
    """A file and the name that its bytes have in the folder."""

    attachment: Attachment
    token: str


def _stored(row: Any) -> Stored:
    return Stored(Attachment(row.id, row.name, row.type, cast(FileKind, row.kind), row.size_bytes, row.width,
                             row.height), row.token)


def add(conn: Connection, token: str, canned_id: int, what: Attachment, now: int) -> Attachment:
    """A file of a response; the id of ``what`` is given here, from the same numbers as those of uploads.

    Raises:
        ZhikeError: ``not_found``; ``conflict``: it has as many as a message takes.
    """
    if conn.execute(select(canned.c.id).where(canned.c.id == canned_id).with_for_update()).first() is None:
        raise ZhikeError("not_found")
    there = conn.execute(select(func.count()).select_from(_t).where(_t.c.canned_id == canned_id)).scalar_one()
    if there >= MAX_FILES:
        raise ZhikeError("conflict", f"{MAX_FILES} files at most. / 最多 {MAX_FILES} 个文件。")
    given = msgspec.structs.replace(what, id=next_ids(conn, "file", 1)[0])
    conn.execute(insert(_t).values(
        id=given.id, canned_id=canned_id, token=token, name=given.name, type=given.type, kind=given.kind,
        size_bytes=given.size_bytes, width=given.width, height=given.height, created_at=now))
    conn.execute(update(canned).where(canned.c.id == canned_id).values(updated_at=now))
    return given


def of(conn: Connection, canned_ids: Sequence[int]) -> dict[int, tuple[Attachment, ...]]:
    """The files of each of these responses that has any, in the order in which they came."""
    found: dict[int, tuple[Attachment, ...]] = {}
    for row in conn.execute(select(_t).where(_t.c.canned_id.in_(canned_ids)).order_by(_t.c.id)):
        found[row.canned_id] = (*found.get(row.canned_id, ()), _stored(row).attachment)
    return found


def get(conn: Connection, file_id: int, canned_id: int | None = None) -> Stored | None:
    """A file of this response (None: of any), as long as it is there."""
    query = select(_t).where(_t.c.id == file_id, _t.c.canned_id.is_not(None))
    if canned_id is not None:
        query = query.where(_t.c.canned_id == canned_id)
    row = conn.execute(query).one_or_none()
    return None if row is None else _stored(row)


def drop(conn: Connection, canned_id: int, file_id: int, now: int) -> None:
    """Takes one away; the next sweep removes it.

    Raises:
        ZhikeError: ``not_found``.
    """
    gone = update(_t).where(_t.c.id == file_id, _t.c.canned_id == canned_id).values(canned_id=None)
    if not conn.execute(gone).rowcount:
        raise ZhikeError("not_found")
    conn.execute(update(canned).where(canned.c.id == canned_id).values(updated_at=now))


def drop_all(conn: Connection, canned_id: int) -> None:
    """Their response goes; nobody adds one meanwhile."""
    conn.execute(select(canned.c.id).where(canned.c.id == canned_id).with_for_update())
    conn.execute(update(_t).where(_t.c.canned_id == canned_id).values(canned_id=None))


def doomed(conn: Connection, limit: int) -> dict[int, str]:
    """Id → token of at most ``limit`` that were taken away, whose bytes can go; then :func:`forget` them."""
    rows = conn.execute(select(_t.c.id, _t.c.token).where(_t.c.canned_id.is_(None)).limit(limit))
    return {row.id: row.token for row in rows}


def forget(conn: Connection, file_ids: Sequence[int]) -> None:
    """Removes the rows of doomed files."""
    conn.execute(delete(_t).where(_t.c.id.in_(file_ids), _t.c.canned_id.is_(None)))
