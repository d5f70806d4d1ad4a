"""What people set on a conversation that says nothing of who speaks: priority, attributes, tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, select, update

from zhike.errors import ZhikeError
from zhike.store import happenings, tags
from zhike.store.attributes import Edit, edited
from zhike.store.tables import conversations


def edit(conn: Connection, ids: Sequence[int], values: dict[str, Any],
         tag_ids: Sequence[int] | None = None, *, whole: bool = True, now: int = 0, by_id: int = 0,
         edits: Mapping[str, Edit] | None = None) -> dict[int, dict[str, Any]]:
    """Sets ``priority`` or ``attributes``, and tags, of conversations that exist.

    Args:
        tag_ids: ``whole``: all they have afterwards; else added to those they have.
        now: webhooks are told of it (0: they are not). ``by_id``: the agent who does it.
        edits: single attributes (then not all of them at once).

    Returns:
        Conversation id → what its lists have to hear: ``priority``, ``tags`` if they were set.

    Raises:
        ZhikeError: ``not_found`` if none of them exists, ``invalid_field``; ``conflict``: see
            :func:`zhike.store.attributes.edited`.
    """
    rows = conn.execute(select(conversations.c.id, conversations.c.attributes)
                        .where(conversations.c.id.in_(ids)).order_by(conversations.c.id)
                        .with_for_update()).all()
    there = [row.id for row in rows]
    if not there:
        raise ZhikeError("not_found")
    stored = dict(values)
    if "attributes" in stored:
        stored["attributes"] = msgspec.json.encode(stored["attributes"]).decode()
    if stored:
        conn.execute(update(conversations).where(conversations.c.id.in_(there)).values(**stored))
    for row in rows if edits else ():
        conn.execute(update(conversations).where(conversations.c.id == row.id).values(
            attributes=edited(row.attributes, edits or {})))
    told: dict[int, dict[str, Any]] = {number: {} for number in there}
    if "priority" in values:
        for part in told.values():
            part["priority"] = values["priority"]
    if tag_ids is not None:
        tags.put(conn, there, tag_ids, whole=whole)
        held = tags.of_conversations(conn, there)
        for number, part in told.items():
            part["tags"] = held.get(number, ())
    if now and (stored or edits or tag_ids is not None):
        happenings.conversation(conn, "conversation.updated", there, now, by_id=by_id)
    return told
