"""Conversations: list, read, take over, return to the bot, resolve."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from zhike.access.rights import AGENT, AGENT_ONLY
from zhike.domain.conversation import Holder, Status
from zhike.errors import ZhikeError
from zhike.rest.decode import Id, path_id
from zhike.rest.paging import Paged, page, position
from zhike.rest.ports import Change
from zhike.rest.table import Call, Route
from zhike.rest.views import ConversationView, Page, conversation_view
from zhike.store import listing


class ConversationQuery(Paged, forbid_unknown_fields=True):
    """Every filter that is given must hold. ``q``: words in contact or messages. ``agent_id``: who
    holds it; ``mine``: I do."""

    status: Status | None = None
    inbox_id: Id | None = None
    holder: Holder | None = None
    contact_id: Id | None = None
    agent_id: Id | None = None
    mine: bool = False
    q: Annotated[str, Meta(max_length=200)] = ""


class ReadMark(Struct, forbid_unknown_fields=True):
    """Everything up to ``seq`` was read."""

    seq: Id


def _view(row: listing.ConversationRow) -> ConversationView:
    return conversation_view(*row)


async def list_conversations(call: Call) -> Page[ConversationView]:
    """Conversations, last changed first."""
    query: ConversationQuery = call.query
    if query.mine and call.principal.kind != "agent":
        raise ZhikeError("invalid_field", "`mine` needs a person's session.", field="mine")
    wanted = listing.Filter(
        query.status,
        query.holder,
        query.inbox_id,
        query.contact_id,
        call.principal.id if query.mine else query.agent_id,
        query.q.strip(),
        call.principal.scope,
    )
    before = position(query.cursor, 2)
    rows = await call.to.store.read(
        listing.conversation_page, wanted, (before[0], before[1]) if before else None, query.limit + 1
    )
    return page(rows, query.limit, _view, lambda row: (row.conversation.updated_at, row.conversation.id))


async def find(call: Call) -> listing.ConversationRow:
    """The conversation that the path names.

    Raises:
        ZhikeError: ``not_found``.
    """
    row = await call.to.store.read(listing.conversation, path_id(call.path["id"]))
    if row is None:
        raise ZhikeError("not_found")
    return row


async def get_conversation(call: Call) -> ConversationView:
    """One conversation."""
    return _view(await find(call))


async def _change(call: Call, kind: Change) -> ConversationView:
    conversation_id = path_id(call.path["id"])
    who = call.principal
    agent_id = who.id if who.kind == "agent" else 0
    await call.to.desk.change(kind, conversation_id, agent_id, who.name)
    return _view(await find(call))


async def take_conversation(call: Call) -> ConversationView:
    """Takes the conversation over from the bot, the queue or a colleague; the bot falls silent at once."""
    return await _change(call, "take")


async def return_conversation(call: Call) -> ConversationView:
    """Gives the conversation back to the bot."""
    return await _change(call, "return")


async def resolve_conversation(call: Call) -> ConversationView:
    """Ends the conversation; the next message of the contact begins a new one."""
    return await _change(call, "resolve")


async def queue_conversation(call: Call) -> ConversationView:
    """Puts the conversation into the waiting queue for a person."""
    return await _change(call, "queue")


async def read_conversation(call: Call) -> None:
    """Notes up to where the agent has read; never moves back, nor beyond the last message."""
    body: ReadMark = call.body
    row = await find(call)
    await call.to.desk.mark_read(row.conversation.id, min(body.seq, row.conversation.last_seq), True)


_PATH = "/api/v1/conversations/{id}"
_GONE = ("not_found", "conversation_resolved")

ROUTES = [
    Route(
        "GET",
        "/api/v1/conversations",
        list_conversations,
        AGENT,
        ("List conversations", "会话列表"),
        answer=Page[ConversationView],
        query=ConversationQuery,
    ),
    Route("GET", _PATH, get_conversation, AGENT, ("Get a conversation", "查看会话"), answer=ConversationView),
    Route(
        "POST",
        f"{_PATH}/take",
        take_conversation,
        AGENT_ONLY,
        ("Take over", "接手会话"),
        answer=ConversationView,
        errors=_GONE,
    ),
    Route(
        "POST",
        f"{_PATH}/return",
        return_conversation,
        AGENT,
        ("Return to the bot", "交还机器人"),
        answer=ConversationView,
        errors=_GONE,
    ),
    Route(
        "POST",
        f"{_PATH}/handoff",
        queue_conversation,
        AGENT,
        ("Ask for a person", "转人工"),
        answer=ConversationView,
        errors=_GONE,
    ),
    Route(
        "POST",
        f"{_PATH}/resolve",
        resolve_conversation,
        AGENT,
        ("Resolve", "结束会话"),
        answer=ConversationView,
        errors=_GONE,
    ),
    Route(
        "POST",
        f"{_PATH}/read",
        read_conversation,
        AGENT_ONLY,
        ("Mark as read", "标为已读"),
        status=204,
        body=ReadMark,
        example={"seq": 4},
    ),
]
