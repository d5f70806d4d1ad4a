"""The widget where WebSocket is blocked, and short-lived clients: hello, send, long poll, read.

The frames are those of the WebSocket protocol (``domain/wire.py``); resume works the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import Connection

from zhike.access import origins
from zhike.access.rights import VISITOR, public
from zhike.access.visitors import check_origin
from zhike.clock import to_datetime
from zhike.domain.conversation import Conversation
from zhike.domain.message import MAX_TEXT_CHARS, Message
from zhike.domain.pages import device_of
from zhike.domain.views import state_of, view_of
from zhike.domain.wire import (
    MAX_FRAME_BYTES,
    MAX_HELLO_BYTES,
    Ack,
    ConversationState,
    Hello,
    Messages,
    Read,
    SendMessage,
    Welcome,
)
from zhike.errors import ZhikeError
from zhike.rest.answer import Answer
from zhike.rest.decode import MAX_ID, FieldFault, Id
from zhike.rest.paging import Limit
from zhike.rest.routes.messages import SEND_ERRORS, Seq, WaitS, acked
from zhike.rest.source import Bell, HttpSource, wait_for
from zhike.rest.table import Call, Route
from zhike.store import agents, conversations, messages

HEARTBEAT_S = 25.0


class HelloBody(Hello, frozen=True, tag="hello", forbid_unknown_fields=True):
    """The ``hello`` of the WebSocket protocol, for role visitor."""


class SendBody(SendMessage, frozen=True, tag="message", forbid_unknown_fields=True):
    """The ``message`` of the WebSocket protocol."""


class ReadBody(Read, frozen=True, tag="read", forbid_unknown_fields=True):
    """The ``read`` of the WebSocket protocol."""


class PollQuery(Struct, forbid_unknown_fields=True):
    """``after``: the last seq the client has, in ``conversation`` (default: the present one). When another
    conversation has begun meanwhile, its messages come from the first on, once all of the older one are
    there. ``before``: a page of the past instead: those below this seq, in any conversation of one's own."""

    after: Seq | None = None
    before: Annotated[int, Meta(ge=1, le=MAX_ID)] | None = None
    conversation: Id | None = None
    limit: Limit = 100
    wait_s: WaitS = 0


class VisitorMessages(Messages, frozen=True, tag="messages", omit_defaults=True):
    """The ``messages`` of the WebSocket protocol, with the conversation as it stands now;
    ``conversation`` 0: there is none yet. ``csat``: the question that the visitor was asked about it."""

    state: ConversationState | None = None
    csat: str = ""


def check_inbox_origin(call: Call) -> None:
    """Whether the page that asks may use the visitor's inbox.

    Raises:
        ZhikeError: inbox_not_found, origin_not_allowed.
    """
    inbox = call.to.desk.inbox(call.principal.inbox_id)
    if inbox is None:
        raise ZhikeError("inbox_not_found")
    check_origin(inbox, call.origin, origins.own_origins(call.host, call.to.public_url))


async def visitor_hello(call: Call) -> Welcome:
    """Says who the visitor is; the token in the answer is the credential of the other calls."""
    body: HelloBody = call.body
    if body.role != "visitor":
        raise FieldFault("role", "Agents use a session.", "客服请登录后使用。")
    if body.page and device_of(call.headers) is None:
        body = msgspec.structs.replace(body, page=None)
    joined = await call.to.desk.join_visitor(body, call.origin, call.address, call.host)
    gateway = call.to.settings.gateway
    return Welcome(
        1,
        "http",
        "visitor",
        to_datetime(call.now),
        HEARTBEAT_S,
        joined.token,
        joined.conversation,
        joined.name,
        joined.greeting,
        tuple(joined.suggestions),
        MAX_TEXT_CHARS,
        gateway.messages_per_s,
        hours=joined.hours,
        offline_form=joined.offline_form,
        csat=joined.csat,
        pages=joined.pages,
    )


async def visitor_send(call: Call) -> Answer:
    """Sends a message; the ack comes when it is stored."""
    body: SendBody = call.body
    check_inbox_origin(call)
    if body.note:
        raise FieldFault("note", "Visitors write no notes.", "访客不能写内部备注。")
    who = call.principal
    wait_s = call.to.visitor_messages.take((who.inbox_id, who.sender), call.now / 1000)
    if wait_s:
        raise ZhikeError("rate_limited", retry_after_s=round(wait_s + 0.05, 1))
    source = HttpSource(who.inbox_id, who.sender, call.lang, conversation_id=body.conversation or 0)
    frame = SendMessage(body.client_msg_id, body.text, body.n, body.action, body.conversation,
                        files=body.files, cards=body.cards)
    return acked(await source.send(call.to.desk, frame))


class _Found(NamedTuple):
    """A conversation (None: the sender has none), its agent's name, and messages of it."""

    conversation: Conversation | None
    agent_name: str = ""
    messages: Sequence[Message] = ()


def _own(conn: Connection, inbox_id: int, sender: str, conversation_id: int) -> Conversation | None:
    found = conversations.get_conversation(conn, conversation_id)
    return found if found is not None and (found.inbox_id, found.sender) == (inbox_id, sender) else None


def _visible(
    page: Callable[[int], list[Message]], at: int, limit: int, *, backwards: bool = False
) -> list[Message]:
    """Up to ``limit`` messages from ``at`` on, without notes between agents: a page full of notes must not
    look like the end."""
    found: list[Message] = []
    while True:
        some = page(at)
        shown = [message for message in some if message.direction != "note"]
        found = [*shown, *found] if backwards else [*found, *shown]
        if len(found) >= limit or len(some) < limit:
            return found[-limit:] if backwards else found[:limit]
        at = some[0 if backwards else -1].seq


def _named(conn: Connection, conversation: Conversation, found: Sequence[Message]) -> _Found:
    agent_id = conversation.agent_id
    return _Found(conversation, agents.names(conn).get(agent_id, "") if agent_id else "", found)


def _read(
    conn: Connection, inbox_id: int, sender: str, known: int | None, after: int, limit: int
) -> _Found:
    """The messages above ``after``: of the older conversation that the client knows, as long as there are
    any, then of the present one, from the first on."""
    current = conversations.latest_of_sender(conn, inbox_id, sender)
    if current is None:
        return _Found(None)

    def above(conversation_id: int, at: int) -> list[Message]:
        return _visible(lambda seq: messages.after(conn, conversation_id, seq, limit), at, limit)

    if known not in (None, current.id):
        older = _own(conn, inbox_id, sender, known)
        if older is not None and (missed := above(older.id, after)):
            return _named(conn, older, missed)
        after = 0
    return _named(conn, current, above(current.id, after))


def _read_past(
    conn: Connection, inbox_id: int, sender: str, wanted: int | None, before: int, limit: int
) -> _Found:
    """The messages below ``before``.

    Raises:
        ZhikeError: ``not_found``: the conversation is not the sender's.
    """
    if wanted is None:
        found = conversations.latest_of_sender(conn, inbox_id, sender)
        if found is None:
            return _Found(None)
    else:
        found = _own(conn, inbox_id, sender, wanted)
        if found is None:
            raise ZhikeError("not_found", field="conversation")
    conversation_id = found.id
    past = _visible(
        lambda seq: messages.before(conn, conversation_id, seq, limit), before, limit, backwards=True
    )
    return _named(conn, found, past)


async def _past(call: Call, query: PollQuery, before: int) -> VisitorMessages:
    if query.after is not None or query.wait_s:
        raise FieldFault(
            "before",
            "`before` goes without `after` and `wait_s`.",
            "`before` 不能和 `after`、`wait_s` 一起用。",
        )
    who = call.principal
    found = await call.to.store.read(
        _read_past, who.inbox_id, who.sender, query.conversation, before, query.limit + 1
    )
    if found.conversation is None:
        return VisitorMessages(0, (), 0, "history")
    items = tuple(view_of(message, for_agent=False) for message in found.messages[-query.limit :])
    return VisitorMessages(
        found.conversation.id,
        items,
        found.conversation.last_seq,
        "history",
        len(found.messages) > query.limit,
        state_of(found.conversation, found.agent_name, for_visitor=True),
    )


async def visitor_poll(call: Call) -> VisitorMessages:
    """Messages after a seq, with ``wait_s`` waiting for one; or a page of the past."""
    query: PollQuery = call.query
    check_inbox_origin(call)
    if query.before is not None:
        return await _past(call, query, query.before)
    who = call.principal

    async def read() -> _Found:
        return await call.to.store.read(
            _read, who.inbox_id, who.sender, query.conversation, query.after or 0, query.limit + 1
        )

    bell = Bell()
    call.to.hub.subscribe_visitor(who.inbox_id, who.sender, bell)
    try:
        result: _Found = await wait_for(
            call.to, bell, query.wait_s, call.gone, read, lambda found: found.messages
        )
    finally:
        call.to.hub.unsubscribe_visitor(who.inbox_id, who.sender, bell)
    current, agent_name, found = result
    if current is None:
        return VisitorMessages(0, (), 0)
    items = tuple(view_of(message, for_agent=False) for message in found[: query.limit])
    more = len(found) > query.limit
    place = await call.to.desk.queue_place(current.id) if current.holder == "queue" else None
    csat = await call.to.desk.csat(current, call.lang) if current.holder == "none" else ""
    state = state_of(current, agent_name, for_visitor=True, queue=place)
    return VisitorMessages(current.id, items, current.last_seq, "resume", more, state, csat)


async def visitor_read(call: Call) -> None:
    """Notes up to where the visitor has read."""
    body: ReadBody = call.body
    check_inbox_origin(call)
    if not 0 <= body.seq <= MAX_ID:
        raise FieldFault("seq", "`seq` is out of range.", "`seq` 超出范围。")
    who = call.principal
    current = await call.to.store.read(conversations.latest_of_sender, who.inbox_id, who.sender)
    if current is None or body.conversation not in (None, current.id):
        raise ZhikeError("not_found")
    await call.to.desk.mark_read(current.id, min(body.seq, current.last_seq), 0)


ROUTES = [
    Route(
        "POST",
        "/api/v1/visitor/hello",
        visitor_hello,
        public(
            "A visitor has no credential before the first hello; the inbox's origin list is checked, and a "
            "shop's claim by its signature."
        ),
        ("Begin or resume as a visitor", "以访客身份开始或继续"),
        answer=Welcome,
        body=HelloBody,
        body_limit_bytes=MAX_HELLO_BYTES,
        cors=True,
        errors=("inbox_not_found", "origin_not_allowed", "bad_identity", "unsupported_version"),
        example={"inbox": "shop-web", "lang": "zh"},
    ),
    Route(
        "POST",
        "/api/v1/visitor/messages",
        visitor_send,
        VISITOR,
        ("Send as a visitor", "访客发送消息"),
        answer=Ack,
        status=201,
        other=(200,),
        body=SendBody,
        body_limit_bytes=MAX_FRAME_BYTES,
        cors=True,
        errors=(*SEND_ERRORS, "origin_not_allowed", "inbox_not_found"),
        example={"client_msg_id": "a1b2c3", "text": "怎么退货？"},
    ),
    Route(
        "GET",
        "/api/v1/visitor/messages",
        visitor_poll,
        VISITOR,
        ("Messages after a seq, or wait", "查看新消息，或等待"),
        answer=VisitorMessages,
        query=PollQuery,
        budget="poll",
        cors=True,
        errors=("origin_not_allowed", "inbox_not_found", "not_found"),
    ),
    Route(
        "POST",
        "/api/v1/visitor/read",
        visitor_read,
        VISITOR,
        ("Mark as read", "标为已读"),
        status=204,
        body=ReadBody,
        body_limit_bytes=MAX_HELLO_BYTES,
        cors=True,
        errors=("origin_not_allowed", "inbox_not_found", "not_found"),
        example={"seq": 4},
    ),
]
