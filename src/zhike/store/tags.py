"""Tags: short words on conversations, to find and count them by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from zhike.domain.wire import TagView
from zhike.errors import ZhikeError
from zhike.store.dialect import next_ids, upsert
from zhike.store.tables import conversation_tags, tags

MAX_TAGS = 500
"""More than anybody can choose from."""
MAX_TAGS_PER_CONVERSATION = 20


def _tag(row: Any) -> TagView:
    return TagView(row.id, row.name, row.colour)


_SELECT = select(tags.c.id, tags.c.name, tags.c.colour)


def list_tags(conn: Connection) -> list[TagView]:
    """All of them, by name."""
    return [_tag(row) for row in conn.execute(_SELECT.order_by(tags.c.name))]


def create(conn: Connection, name: str, colour: str, now: int) -> TagView:
    """Makes a tag.

    Raises:
        ZhikeError: ``conflict``: there is one of this name, or there are too many.
    """
    if conn.execute(select(func.count()).select_from(tags)).scalar_one() >= MAX_TAGS:
        raise ZhikeError("conflict", f"There are {MAX_TAGS} tags already.")
    _free(conn, name, 0)
    tag_id = next_ids(conn, "tag", 1)[0]
    try:
        conn.execute(insert(tags).values(id=tag_id, name=name, colour=colour, created_at=now))
    except IntegrityError as error:  # somebody made it at the same moment
        raise ZhikeError("conflict", f"There is a tag {name!r} already.") from error
    return TagView(tag_id, name, colour)


def _free(conn: Connection, name: str, tag_id: int) -> None:
    if conn.execute(select(tags.c.id).where(tags.c.name == name, tags.c.id != tag_id)).first() is not None:
        raise ZhikeError("conflict", f"There is a tag {name!r} already.", field="name")


def change(conn: Connection, tag_id: int, values: dict[str, str]) -> TagView:
    """Renames or recolours a tag.

    Raises:
        ZhikeError: ``not_found``, ``conflict``.
    """
    if "name" in values:
        _free(conn, values["name"], tag_id)
    if values:
        try:
            conn.execute(update(tags).where(tags.c.id == tag_id).values(**values))
        except IntegrityError as error:
            raise ZhikeError("conflict", field="name") from error
    row = conn.execute(_SELECT.where(tags.c.id == tag_id)).one_or_none()
    if row is None:
        raise ZhikeError("not_found")
    return _tag(row)


def remove(conn: Connection, tag_id: int) -> None:
    """Removes a tag, from every conversation too.

    Raises:
        ZhikeError: ``not_found``.
    """
    conn.execute(delete(conversation_tags).where(conversation_tags.c.tag_id == tag_id))
    if not conn.execute(delete(tags).where(tags.c.id == tag_id)).rowcount:
        raise ZhikeError("not_found")


def check(conn: Connection, tag_ids: Sequence[int]) -> list[int]:
    """The same ids, each once, in order.

    Raises:
        ZhikeError: ``invalid_field`` naming one that does not exist.
    """
    wanted = sorted(set(tag_ids))
    known = set(conn.execute(select(tags.c.id).where(tags.c.id.in_(wanted))).scalars())
    for tag_id in wanted:
        if tag_id not in known:
            raise ZhikeError("invalid_field", f"tag_ids: there is no tag {tag_id} / 没有这个标签",
                             field="tag_ids")
    return wanted


def of_conversations(conn: Connection, ids: Sequence[int]) -> dict[int, tuple[TagView, ...]]:
    """Conversation id → its tags by name, for those that have any. One statement."""
    stmt = (_SELECT.add_columns(conversation_tags.c.conversation_id)
            .join(conversation_tags, conversation_tags.c.tag_id == tags.c.id)
            .where(conversation_tags.c.conversation_id.in_(ids)).order_by(tags.c.name))
    found: dict[int, list[TagView]] = {}
    for row in conn.execute(stmt):
        found.setdefault(row.conversation_id, []).append(TagView(row.id, row.name, row.colour))
    return {number: tuple(its) for number, its in found.items()}


def put(conn: Connection, conversation_ids: Sequence[int], tag_ids: Sequence[int], *, whole: bool) -> None:
    """Puts tags on conversations. ``whole``: these are all they have afterwards; else they are added.

    Raises:
        ZhikeError: ``invalid_field`` (no such tag, or too many of them).
    """
    wanted = check(conn, tag_ids)
    link = conversation_tags.c
    if whole:
        conn.execute(delete(conversation_tags).where(
            link.conversation_id.in_(conversation_ids), link.tag_id.not_in(wanted)))
    upsert(conn, conversation_tags, [{"conversation_id": conversation_id, "tag_id": tag_id}
                                     for conversation_id in conversation_ids for tag_id in wanted],
           ["conversation_id", "tag_id"], [])
    most = conn.execute(select(func.count().label("number")).where(
        link.conversation_id.in_(conversation_ids)).group_by(link.conversation_id)
        .order_by(func.count().desc()).limit(1)).scalar()
    if most is not None and most > MAX_TAGS_PER_CONVERSATION:
        raise ZhikeError("invalid_field", f"tag_ids: {MAX_TAGS_PER_CONVERSATION} at most / 最多这么多",
                         field="tag_ids")
