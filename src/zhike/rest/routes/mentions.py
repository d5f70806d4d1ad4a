"""Notes in which colleagues call me."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from zhike.access.rights import AGENT_ONLY
from zhike.clock import to_datetime
from zhike.rest.decode import Id
from zhike.rest.paging import Paged, page, position
from zhike.rest.table import Call, Route
from zhike.rest.views import Page
from zhike.store import mentions


class MentionQuery(Paged, forbid_unknown_fields=True):
    """``unread``: only those I have not read."""

    unread: bool = False


class MentionView(Struct):
    """A note that calls me."""

    conversation_id: int
    seq: int
    text: str
    by_id: int
    by_name: str
    contact_name: str
    at: datetime
    read: bool


class MentionsRead(Struct, forbid_unknown_fields=True):
    """``conversation_id``: only those of this conversation; else all."""

    conversation_id: Id | None = None


def _mention(one: mentions.Mention) -> MentionView:
    return MentionView(
        one.conversation_id,
        one.seq,
        one.text,
        one.by_id,
        one.by_name,
        one.contact_name,
        to_datetime(one.created_at),
        one.read_at is not None,
    )


async def list_mentions(call: Call) -> Page[MentionView]:
    """Notes in which colleagues call me, newest first."""
    query: MentionQuery = call.query
    found = await call.to.store.read(
        mentions.page,
        call.principal.id,
        position(query.cursor, 3),
        query.limit + 1,
        unread=query.unread,
        scope=call.principal.scope,
    )
    return page(found, query.limit, _mention, lambda one: (one.created_at, one.conversation_id, one.seq))


async def read_mentions(call: Call) -> None:
    """I have read the notes that call me."""
    body: MentionsRead = call.body
    await call.to.store.write(mentions.mark_read, call.principal.id, body.conversation_id, call.now)


ROUTES = [
    Route(
        "GET",
        "/api/v1/mentions",
        list_mentions,
        AGENT_ONLY,
        ("List my mentions", "提到我的备注"),
        answer=Page[MentionView],
        query=MentionQuery,
    ),
    Route(
        "POST",
        "/api/v1/mentions/read",
        read_mentions,
        AGENT_ONLY,
        ("Mark mentions as read", "提到我的标为已读"),
        status=204,
        body=MentionsRead,
        example={"conversation_id": 1},
    ),
]
