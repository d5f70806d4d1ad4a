"""Messages of a conversation: pages by seq, long polls, and sending."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from zhike.access.addresses import bucket_of
from zhike.access.rights import AGENT, AGENT_ONLY, KEY
from zhike.bus.base import Stored
from zhike.clock import to_datetime
from zhike.domain.attachment import MAX_FILES
from zhike.domain.card import MAX_CARDS, Card
from zhike.domain.message import MAX_TEXT_CHARS, Message
from zhike.domain.views import view_of
from zhike.domain.wire import Ack, FileId, Messages, SendMessage
from zhike.errors import ZhikeError
from zhike.rest.answer import Answer, encoded
from zhike.rest.decode import MAX_ID, FieldFault, Id, path_id
from zhike.rest.paging import Limit
from zhike.rest.routes.conversations import find
from zhike.rest.source import Bell, HttpSource, wait_for
from zhike.rest.table import Call, Route
from zhike.rest.write import audited, nothing
from zhike.store import contacts
from zhike.store import messages as rows

MAX_WAIT_S = 25
"""Most proxies close a connection that is silent for 30 s or 60 s."""
Seq = Annotated[int, Meta(ge=0, le=MAX_ID)]
WaitS = Annotated[
    int, Meta(ge=0, le=MAX_WAIT_S, description="Wait up to this many seconds for something new.")
]
Text = Annotated[str, Meta(max_length=MAX_TEXT_CHARS)]
Mentions = Annotated[list[Id], Meta(max_length=20)]
Files = Annotated[tuple[FileId, ...], Meta(max_length=MAX_FILES)]
Cards = Annotated[tuple[Card, ...], Meta(max_length=MAX_CARDS)]
ClientMsgId = Annotated[str, Meta(min_length=1, max_length=64)]


class MessageQuery(Struct, forbid_unknown_fields=True):
    """``after``: those above this seq, waiting if there is none; or ``before``: those below it
    (the newest without either). Always in seq order."""

    after: Seq | None = None
    before: Annotated[int, Meta(ge=1, le=MAX_ID)] | None = None
    limit: Limit = 50
    wait_s: WaitS = 0


class NewMessage(Struct, forbid_unknown_fields=True):
    """A session sends as its agent (``note``: a private note, which may call colleagues by ``mentions``), a
    key on behalf of the contact. ``client_msg_id`` makes a retry harmless. ``files``: ids of what was
    uploaded; then ``text`` may be empty. ``cards``: products, orders, pictures and links to show; then
    there is no ``text``: it becomes what they say."""

    client_msg_id: ClientMsgId
    text: Text = ""
    note: bool = False
    mentions: Mentions = []
    files: Files = ()
    cards: Cards = ()


class ContactMessage(Struct, forbid_unknown_fields=True):
    """``action`` "handoff" asks for a person; then ``text`` may be empty. ``cards``: products and orders that
    the contact shows, instead of ``text``."""

    client_msg_id: ClientMsgId
    text: Text = ""
    action: Annotated[str, Meta(pattern="^(handoff)?$")] = ""
    files: Files = ()
    cards: Cards = ()


class MessagePage(Messages, frozen=True, tag="messages", omit_defaults=True):
    """A page of messages in seq order. ``more``: another page exists in the direction that was asked for."""


async def list_messages(call: Call) -> MessagePage:
    """A page of messages; with ``after`` and ``wait_s`` a long poll."""
    query: MessageQuery = call.query
    if query.after is not None and query.before is not None:
        raise FieldFault(
            "before", "`after` and `before` exclude each other.", "`after` 和 `before` 只能用一个。"
        )
    if query.wait_s and query.after is None:
        raise FieldFault("wait_s", "`wait_s` needs `after`.", "`wait_s` 要和 `after` 一起用。")
    row = await find(call)
    conversation_id = row.conversation.id
    if query.after is None:
        found = await call.to.store.read(rows.before, conversation_id, query.before, query.limit + 1)
        shown, more = found[-query.limit :], len(found) > query.limit
    else:
        found = await _wait_after(call, conversation_id, query.after, query)
        shown, more = found[: query.limit], len(found) > query.limit
    items = tuple(view_of(message, for_agent=True) for message in shown)
    last_seq = max(row.conversation.last_seq, items[-1].seq if items else 0)
    return MessagePage(conversation_id, items, last_seq, "history" if query.after is None else "resume", more)


async def _wait_after(call: Call, conversation_id: int, after: int, query: MessageQuery) -> list[Message]:
    async def read() -> list[Message]:
        return await call.to.store.read(rows.after, conversation_id, after, query.limit + 1)

    if not query.wait_s:
        return await read()
    bell = Bell()
    household = bucket_of(call.address)
    call.to.rooms["poll"].enter(household)
    call.to.rooms["call"].leave()  # who waits must not hold a place of those who work
    call.to.hub.watch(conversation_id, bell)
    try:
        return await wait_for(call.to, bell, query.wait_s, call.gone, read, bool)
    finally:
        call.to.hub.unwatch(conversation_id, bell)
        call.to.rooms["call"].used += 1
        call.to.rooms["poll"].leave(household)


def acked(stored: Stored) -> Answer:
    """The ack: 201, or 200 if it had been stored before."""
    return encoded(
        Ack(
            stored.client_msg_id, stored.conversation_id, stored.seq, to_datetime(stored.at), stored.duplicate
        ),
        200 if stored.duplicate else 201,
    )


async def send_message(call: Call) -> Answer:
    """Sends into a conversation: as the signed-in agent, or with a key on behalf of its contact."""
    body: NewMessage = call.body
    row = await find(call)
    c = row.conversation
    who = call.principal
    if who.kind == "agent":
        source = HttpSource(
            c.inbox_id, f"a:{who.id}", call.lang, agent_id=who.id, agent_name=who.name, conversation_id=c.id
        )
        frame = SendMessage(body.client_msg_id, body.text, conversation=c.id, note=body.note,
                            mentions=tuple(body.mentions), files=body.files, cards=body.cards)
    else:
        if body.note:
            raise FieldFault("note", "A note is written by an agent.", "内部备注只能由客服写。")
        if c.status == "resolved":
            raise ZhikeError("conversation_resolved")
        source = HttpSource(c.inbox_id, c.sender, c.lang or call.lang, conversation_id=c.id)
        frame = SendMessage(body.client_msg_id, body.text, conversation=c.id, files=body.files,
                            cards=body.cards)
    return acked(await source.send(call.to.desk, frame))


async def send_as_contact(call: Call) -> Answer:
    """Sends on behalf of a contact; begins a conversation if none is open. The answer comes by long poll
    of ``/conversations/{id}/messages`` or the webhook."""
    body: ContactMessage = call.body
    contact = await call.to.store.read(contacts.get_contact, path_id(call.path["id"]))
    if contact is None:
        raise ZhikeError("not_found")
    known = {
        name: value
        for name, value in (("name", contact.name), ("email", contact.email), ("phone", contact.phone))
        if value
    }
    source = HttpSource(contact.inbox_id, contact.sender, call.lang, contact=known or None)
    action = "handoff" if body.action else ""
    frame = SendMessage(body.client_msg_id, body.text, action=action,  # type: ignore[arg-type]
                        files=body.files, cards=body.cards)
    return acked(await source.send(call.to.desk, frame))


SEND_ERRORS = (
    "id_conflict",
    "conflict",
    "not_holder",
    "conversation_resolved",
    "empty_message",
    "bad_file",
    "invalid_text",
    "too_long",
    "out_of_order",
    "going_away",
)

async def recall_message(call: Call) -> None:
    """Takes back what I said within the last two minutes: the visitor sees that something was recalled, and
    its words are gone. What left through another channel cannot be taken back."""
    seq = path_id(call.path["seq"])
    conversation_id = path_id(call.path["id"])
    who = call.principal
    await call.to.desk.change("recall", conversation_id, who.id, who.name, seq=seq)
    await audited(call, "message.recalled", f"message:{conversation_id}-{seq}", None, nothing)


ROUTES = [
    Route(
        "POST",
        "/api/v1/conversations/{id}/messages/{seq}/recall",
        recall_message,
        AGENT_ONLY,
        ("Recall a message", "撤回消息"),
        status=204,
        errors=("too_late",),
    ),
    Route(
        "GET",
        "/api/v1/conversations/{id}/messages",
        list_messages,
        AGENT,
        ("List messages, or wait for new ones", "查看消息，或等待新消息"),
        answer=MessagePage,
        query=MessageQuery,
    ),
    Route(
        "POST",
        "/api/v1/conversations/{id}/messages",
        send_message,
        AGENT,
        ("Send a message", "发送消息"),
        answer=Ack,
        status=201,
        other=(200,),
        body=NewMessage,
        errors=SEND_ERRORS,
        example={"client_msg_id": "order-4711-1", "text": "您好，请问什么时候发货？"},
    ),
    Route(
        "POST",
        "/api/v1/contacts/{id}/messages",
        send_as_contact,
        KEY,
        ("Send on behalf of a contact", "代客户发送消息"),
        answer=Ack,
        status=201,
        other=(200,),
        body=ContactMessage,
        errors=SEND_ERRORS,
        example={"client_msg_id": "order-4711-1", "text": "Where is my parcel?"},
    ),
]
