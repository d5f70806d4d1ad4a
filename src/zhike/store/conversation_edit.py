"""What people set on a conversation that says nothing of who speaks: priority, attributes, tags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, select, update

from zhike.errors import ZhikeError
from zhike.store import happenings, tags
from zhike.store.tables import conversations


def edit(conn: Connection, ids: Sequence[int], values: dict[str, Any],
         tag_ids: Sequence[int] | None = None, *, whole: bool = True, now: int = 0,
         by_id: int = 0) -> dict[int, dict[str, Any]]:
    """Sets ``priority`` or ``attributes``, and tags, of conversations that exist.

    Args:
        tag_ids: ``whole``: all they have afterwards; else added to those they have.
        now: webhooks are told of it (0: they are not). ``by_id``: the agent who does it.

    Returns:
        Conversation id → what its lists have to hear: ``priority``, ``tags`` if they were set.

    Raises:
        ZhikeError: ``not_found`` if none of them exists, ``invalid_field``.
    """
    there = list(conn.execute(select(conversations.c.id).where(conversations.c.id.in_(ids))
                              .order_by(conversations.c.id).with_for_update()).scalars())
    if not there:
        raise ZhikeError("not_found")
    stored = dict(values)
    if "attributes" in stored:
        stored["attributes"] = msgspec.json.encode(stored["attributes"]).decode()
    if stored:
        conn.execute(update(conversations).where(conversations.c.id.in_(there)).values(**stored))
    told: dict[int, dict[str, Any]] = {number: {} for number in there}
    if "priority" in values:
        for part in told.values():
            part["priority"] = values["priority"]
    if tag_ids is not None:
        tags.put(conn, there, tag_ids, whole=whole)
        held = tags.of_conversations(conn, there)
        for number, part in told.items():
            part["tags"] = held.get(number, ())
    if now and (stored or tag_ids is not None):
        happenings.conversation(conn, "conversation.updated", there, now, by_id=by_id)
    return told
