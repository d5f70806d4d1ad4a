"""What a webhook is told: the body of a request, version 1.

Its structs are the reference: ``docs/reference/webhooks.md`` is made from them and from :func:`sample`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection

from zhike.clock import to_datetime
from zhike.domain.attachment import Attachment
from zhike.domain.hook import VERSION, Happening, HookEvent, Webhook
from zhike.domain.knowledge import Contact, Inbox
from zhike.domain.message import Message
from zhike.domain.views import view_of
from zhike.domain.wire import MessageView
from zhike.store import contacts, listing, messages, ratings
from zhike.store.outbox import OutboxRow

encode = msgspec.json.Encoder().encode
_PREFIX = "evt_"


class InboxPart(Struct, frozen=True):
    """The entry through which the contact came."""

    id: int
    key: str
    name: str


class AgentPart(Struct, frozen=True):
    """An agent, by the name that visitors see."""

    id: int
    name: str


class StatePart(Struct, frozen=True):
    """Who may speak. ``status`` open · pending (the bot's) · snoozed · resolved; ``holder`` bot · queue (it
    waits for a person) · agent · none."""

    status: str
    holder: str
    agent: AgentPart | None = None


class ConversationPart(Struct, frozen=True):
    """A conversation. ``status``, ``holder`` and ``agent`` as they were just after the event; the rest as it
    is when this is sent."""

    id: int
    status: str
    holder: str
    agent: AgentPart | None
    lang: str
    team_id: int | None
    priority: int
    tags: tuple[str, ...]
    attributes: dict[str, Any]
    created_at: datetime


class ContactPart(Struct, frozen=True):
    """The customer, as they are when this is sent. ``external_id``: your own id of them, if you gave one."""

    id: int
    external_id: str
    name: str
    email: str
    phone: str
    attributes: dict[str, Any]


class RatingPart(Struct, frozen=True):
    """``score`` 1 (bad) to 5 (good)."""

    score: int
    comment: str


class Body(Struct, frozen=True, omit_defaults=True):
    """Every request has ``id`` to ``contact``; the others where they fit.

    ``id``: of the event, the same at every attempt and for every webhook; a later event has a higher number.
    ``at``: when it happened. ``by``: the agent who did it; absent: the visitor, the bot, a timer, a program.
    ``was``: of a change, how the conversation was before it. ``until``: of a snooze. ``wrap_up``: what it was
    about, said on resolve. ``merged_contact_id``: the contact that is no more. ``test``: sent by the button.
    """

    id: str
    event: HookEvent
    version: int
    at: datetime
    inbox: InboxPart
    contact: ContactPart | None = None
    conversation: ConversationPart | None = None
    message: MessageView | None = None
    rating: RatingPart | None = None
    by: AgentPart | None = None
    was: StatePart | None = None
    until: datetime | None = None
    wrap_up: str = ""
    merged_contact_id: int = 0
    test: bool = False


class Loaded(Struct):
    """What stands in the store now of what an event names; None: it is gone."""

    contact: Contact | None = None
    row: listing.ConversationRow | None = None
    message: Message | None = None
    rating: ratings.Rating | None = None


def load(conn: Connection, row: OutboxRow, what: Happening) -> Loaded:
    """Reads it."""
    found = Loaded(contacts.get_contact(conn, what.contact_id))
    if found.contact is not None and found.contact.merged_into:
        found.contact = contacts.get_contact(conn, found.contact.merged_into)
    if row.conversation_id > 0:
        found.row = listing.conversation(conn, row.conversation_id)
        if what.seq:
            page = messages.after(conn, row.conversation_id, what.seq - 1, 1)
            found.message = page[0] if page and page[0].seq == what.seq else None
        if what.event == "rating.created":
            found.rating = ratings.of(conn, [row.conversation_id]).get(row.conversation_id)
    return found


def complete(row: OutboxRow, what: Happening, found: Loaded) -> bool:
    """False: what it tells of was deleted meanwhile."""
    if row.conversation_id < 0:
        return found.contact is not None
    return (found.row is not None and (not what.seq or found.message is not None)
            and (what.event != "rating.created" or found.rating is not None))


def event_id(number: int) -> str:
    """How an event is called: ``evt_1024``."""
    return f"{_PREFIX}{number}"


def body_of(row: OutboxRow, what: Happening, found: Loaded, inbox: Inbox | None,
            names: Mapping[int, str]) -> Body:
    """The body. ``names``: of agents, by id."""
    def agent(number: int) -> AgentPart | None:
        return AgentPart(number, names.get(number, "")) if number else None

    conversation = None
    if found.row is not None and what.state is not None:
        c, more = found.row.conversation, found.row.more
        conversation = ConversationPart(
            c.id, what.state.status, what.state.holder, agent(what.state.agent_id), c.lang, more.team_id,
            more.priority, tuple(tag.name for tag in more.tags), more.attributes, to_datetime(c.created_at))
    contact = None
    if (held := found.contact) is not None:
        contact = ContactPart(held.id, held.sender[2:] if held.sender.startswith("c:") else "", held.name,
                              held.email, held.phone, held.attributes)
    return Body(
        event_id(row.seq), what.event, VERSION, to_datetime(row.created_at),
        InboxPart(row.inbox_id, *((inbox.key, inbox.name) if inbox is not None else ("", ""))), contact,
        conversation, view_of(found.message, for_agent=False) if found.message is not None else None,
        RatingPart(*found.rating) if found.rating is not None else None, agent(what.by_id),
        StatePart(was.status, was.holder, agent(was.agent_id)) if (was := what.was) is not None else None,
        to_datetime(what.until) if what.until else None, what.wrap_up, what.merged_id)


def written(body: Body, hook: Webhook) -> bytes:
    """The bytes of a request; personal data replaced where the webhook asks for that."""
    if not hook.body.mask:
        return encode(body)
    from zhike.webhooks.masked import masked  # its patterns take a while to build

    return encode(masked(body))


# ---- samples -----------------------------------------------------------------------------------------

_AT = 1_790_000_000_000
_BOT, _QUEUE = StatePart("pending", "bot"), StatePart("open", "queue")
_AGENT = AgentPart(3, "Lin")
_MOVES: dict[str, tuple[StatePart, StatePart | None]] = {
    "conversation.created": (_BOT, None), "conversation.handed_off": (_QUEUE, _BOT),
    "conversation.assigned": (StatePart("open", "agent", _AGENT), _QUEUE),
    "conversation.unassigned": (_QUEUE, StatePart("open", "agent", _AGENT)),
    "conversation.returned": (_BOT, StatePart("open", "agent", _AGENT)),
    "conversation.snoozed": (StatePart("snoozed", "agent", _AGENT), StatePart("open", "agent", _AGENT)),
    "conversation.woken": (StatePart("open", "agent", _AGENT), StatePart("snoozed", "agent", _AGENT)),
    "conversation.reopened": (StatePart("open", "agent", _AGENT), StatePart("resolved", "none")),
    "conversation.resolved": (StatePart("resolved", "none"), StatePart("open", "agent", _AGENT)),
}
_BY_AGENT = frozenset(("conversation.assigned", "conversation.unassigned", "conversation.returned",
                       "conversation.snoozed", "conversation.reopened", "conversation.resolved",
                       "conversation.updated", "contact.updated", "contact.merged", "message.recalled",
                       "note.created"))


def sample(event: HookEvent, inbox: InboxPart | None = None, at: int = _AT, *, test: bool = False) -> Body:
    """What ``event`` looks like, about nobody."""
    state, was = _MOVES.get(event, (StatePart("open", "agent", _AGENT), None))
    conversation = None
    if not event.startswith("contact."):
        conversation = ConversationPart(42, state.status, state.holder, state.agent, "zh", 2, 0, ("退货",),
                                        {"order": "A1009"}, to_datetime(at - 95_000))
    return Body(
        event_id(1024), event, VERSION, to_datetime(at), inbox or InboxPart(1, "shop", "Shop"),
        ContactPart(7, "1001", "Wang", "wang@shop.example", "", {"level": "gold"}), conversation,
        _sample_message(event, at), RatingPart(5, "很快") if event == "rating.created" else None,
        _AGENT if event in _BY_AGENT else None, was,
        to_datetime(at + 3_600_000) if event == "conversation.snoozed" else None,
        "refund" if event == "conversation.resolved" else "", 8 if event == "contact.merged" else 0, test)


def _sample_message(event: HookEvent, at: int) -> MessageView | None:
    when = to_datetime(at)
    match event:
        case "message.created":
            return MessageView(42, 6, "incoming", "contact", "支持七天无理由退货吗？", when,
                               client_msg_id="c7f3.1", attachments=(
                                   Attachment(9, "shoe.jpg", "image/jpeg", "image", 48_213, 1200, 900),))
        case "message.recalled":
            return MessageView(42, 8, "outgoing", "agent", "", when, "Lin", recalled=True)
        case "note.created":
            return MessageView(42, 9, "note", "agent", "先查一下物流。", when, "Lin")
    return None


PARTS: tuple[tuple[str, type[Struct]], ...] = (
    ("inbox", InboxPart), ("contact", ContactPart), ("conversation", ConversationPart),
    ("message", MessageView), ("rating", RatingPart), ("by", AgentPart), ("was", StatePart))
"""The parts of a body, as the reference explains them."""
