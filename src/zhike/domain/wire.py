"""The WebSocket protocol, version 1: every frame as a struct. The specification is made from here.

Frames are JSON text, one object each, told apart by ``type``. Long polling carries the same
objects. Times are RFC 3339 UTC. A server frame that concerns a conversation names it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from zhike.domain.assist import Assist, AssistDelta, AssistDone, AssistFailed, AssistStop, SummaryEvent
from zhike.domain.attachment import MAX_FILES, Attachment
from zhike.domain.card import MAX_CARDS, Card
from zhike.domain.conversation import Holder, Status
from zhike.domain.message import Button, Direction, SenderType, Source, TraceStep
from zhike.domain.pages import MAX_SENT_CHARS, Device, PageView
from zhike.domain.team import Availability, Presence
from zhike.errors import ErrorBody

PROTOCOL_VERSION = 1
MAX_FRAME_BYTES = 64 * 1024
"""Largest client message after assembling fragments: 4,000 characters of any script fit."""
MAX_HELLO_BYTES = 8 * 1024
MAX_PREVIEW_CHARS = 300
"""Of what somebody types: enough to begin an answer, and little for a frame that comes with every pause."""

ShortId = Annotated[str, Meta(min_length=1, max_length=64)]
AgentId = Annotated[int, Meta(ge=1, le=2**53 - 1)]
FileId = Annotated[int, Meta(ge=1, le=2**53 - 1)]


# ---- client to server ------------------------------------------------------------------------

class CustomerClaim(Struct, frozen=True, omit_defaults=True):
    """A known customer, signed by the shop: ``sig = hex(HMAC-SHA256(identity_secret,
    f"{inbox}\\n{id}\\n{expires}"))``; ``expires`` in seconds since 1970."""

    id: ShortId
    expires: int
    sig: str
    name: str = ""
    email: str = ""
    phone: str = ""


class Hello(Struct, frozen=True, tag="hello", omit_defaults=True):
    """First frame of every connection, at most 8 KiB. ``role`` visitor (default) or agent.

    ``token``: the visitor token of an earlier welcome. ``conversation`` + ``after``: resume: send
    every message after this seq. ``page``: what the visitor looks at (``url``, ``title``)."""

    v: int = PROTOCOL_VERSION
    role: Literal["visitor", "agent"] = "visitor"
    inbox: str = ""
    token: str = ""
    customer: CustomerClaim | None = None
    lang: str = ""
    conversation: int | None = None
    after: int | None = None
    page: dict[str, str] | None = None


class SendMessage(Struct, frozen=True, tag="message", omit_defaults=True):
    """Say something. ``client_msg_id`` makes a retry harmless. With a counter ``n`` (1, 2, 3 …)
    the id must be ``"<stream>.<n>"``: message n is stored only after n-1 of its stream.
    ``action`` "handoff" asks for a person. Agents name the ``conversation``, and may set
    ``note`` for a private note, and in it ``mentions``: the ids of colleagues whom it calls.
    ``files``: ids of uploaded files; the text may then be empty. ``cards``: products and orders to show (from
    agents pictures and links, too); the text must then be empty, it becomes what the cards say."""

    client_msg_id: ShortId
    text: str = ""
    n: int | None = None
    action: Literal["", "handoff"] = ""
    conversation: int | None = None
    note: bool = False
    mentions: Annotated[tuple[AgentId, ...], Meta(max_length=20)] = ()
    files: Annotated[tuple[FileId, ...], Meta(max_length=MAX_FILES)] = ()
    cards: Annotated[tuple[Card, ...], Meta(max_length=MAX_CARDS)] = ()


class Typing(Struct, frozen=True, tag="typing", omit_defaults=True):
    """The sender is (not) writing. Never stored. ``text``: what a visitor has typed so far (its end), only
    where the welcome says ``typing_preview``; it is dropped elsewhere. ``note``: an agent writes a private
    note, which only colleagues hear of."""

    on: bool = True
    conversation: int | None = None
    text: Annotated[str, Meta(max_length=MAX_PREVIEW_CHARS)] = ""
    note: bool = False


class Page(Struct, frozen=True, tag="page", omit_defaults=True):
    """Visitors in a conversation: the page they look at now. What may be kept of the addresses is kept (no
    query but ``utm_…`` and what the inbox names), and nothing where the welcome says ``pages: false``."""

    url: Annotated[str, Meta(max_length=MAX_SENT_CHARS)]
    title: Annotated[str, Meta(max_length=MAX_SENT_CHARS)] = ""
    referrer: Annotated[str, Meta(max_length=MAX_SENT_CHARS)] = ""


class Read(Struct, frozen=True, tag="read", omit_defaults=True):
    """Everything up to ``seq`` has been seen."""

    seq: int
    conversation: int | None = None


class Resume(Struct, frozen=True, tag="resume", omit_defaults=True):
    """Send every message after ``after`` (answered with ``messages`` pages, then live ones)."""

    after: int
    conversation: int | None = None


class History(Struct, frozen=True, tag="history", omit_defaults=True):
    """One page of older messages: those below ``before`` (default: the newest), newest last."""

    before: int | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    conversation: int | None = None


class Watch(Struct, frozen=True, tag="watch", omit_defaults=True):
    """Agents: follow one conversation's messages (from ``after``), or stop with ``on=False``."""

    conversation: int
    after: int | None = None
    on: bool = True


class Rate(Struct, frozen=True, tag="rate", omit_defaults=True):
    """Visitors: how it was, after the desk has asked (``csat``); once. Answered with ``rated``."""

    conversation: int
    score: Annotated[int, Meta(ge=1, le=5)]
    comment: Annotated[str, Meta(max_length=1000)] = ""


class Active(Struct, frozen=True, tag="active", omit_defaults=True):
    """Agents: somebody sits at this page, or (``on=False``) nobody has touched it for some minutes. An agent
    whose pages are all idle is ``away`` and is given no conversations."""

    on: bool = True


class Ping(Struct, frozen=True, tag="ping", omit_defaults=True):
    """Answered with pong at once; for clients that cannot send WebSocket pings."""

    id: str = ""


ClientFrame = (Hello | SendMessage | Typing | Page | Read | Resume | History | Watch | Rate | Active | Ping
               | Assist | AssistStop)


# ---- server to client ------------------------------------------------------------------------

class Starting(Struct, frozen=True, tag="starting", omit_defaults=True):
    """The hello was received and is held until the store is open; welcome or error follows."""


class QueuePlace(Struct, frozen=True):
    """Where a visitor stands who waits for a person: ``position`` 1 is next. ``estimate_s``: in whole
    minutes; null when nobody is there or too few were served lately."""

    position: int
    estimate_s: int | None = None


class HoursState(Struct, frozen=True):
    """Whether people are at work now, and when they are next; null: they are, or it is not known."""

    open: bool
    opens_at: datetime | None = None


class ConversationState(Struct, frozen=True, omit_defaults=True):
    """A conversation as a client sees it. ``queue``: for its visitor, while it waits; absent = as told
    before, as long as ``holder`` is ``queue``."""

    id: int
    status: Status
    holder: Holder
    epoch: int
    last_seq: int
    agent_name: str = ""
    read_by_contact_seq: int = 0
    read_by_agent_seq: int = 0
    queue: QueuePlace | None = None


class Welcome(Struct, frozen=True, tag="welcome", omit_defaults=True):
    """Answers hello. Messages after the resume point follow as ``messages`` pages.

    ``greeting``: said before a visitor's first message; absent while they are in a conversation.
    ``hours``: of the people behind this inbox, absent = always. ``offline_form``: what to ask for beside
    the text while they are not at work (``POST /api/v1/visitor/offline-form``); absent = there is no form.
    ``csat``: the question that the visitor was asked about ``conversation`` and has not answered.
    ``typing_preview``: people here see what is being typed; tell the visitor so. ``pages``: false = people
    here do not see which pages the visitor looks at; do not tell."""

    v: int
    session: str
    role: str
    server_time: datetime
    heartbeat_s: float
    token: str = ""
    conversation: ConversationState | None = None
    name: str = ""
    greeting: str = ""
    suggestions: tuple[str, ...] = ()
    max_text_chars: int = 0
    rate_per_s: float = 0.0
    agent: dict[str, Any] | None = None
    hours: HoursState | None = None
    offline_form: tuple[str, ...] | None = None
    csat: str = ""
    typing_preview: bool = False
    pages: bool = True


class Ack(Struct, frozen=True, tag="ack", omit_defaults=True):
    """The message is stored for good. ``duplicate``: it had been before."""

    client_msg_id: str
    conversation: int
    seq: int
    at: datetime
    duplicate: bool = False


class MessageView(Struct, frozen=True, omit_defaults=True):
    """A stored message on the wire. ``answers``: the seqs it answers. ``trace``: agents only. ``ai``: a
    model wrote it. ``answer_id`` (only live): the draft that this message replaces. ``recalled``: who wrote
    it took it back; ``text`` is empty. ``attachments``: files; each is read by a link that is asked for by
    its id. ``cards``: beside the bot's words; of a person they are the message, and ``text`` says what they
    show. ``via``: the way it came, "" = the chat itself. ``mail_from`` (agents only): the
    address that a mail claims to come from, if that is not the contact's own."""

    conversation: int
    seq: int
    direction: Direction
    sender: SenderType
    text: str
    at: datetime
    sender_name: str = ""
    client_msg_id: str = ""
    answers: tuple[int, ...] = ()
    buttons: tuple[Button, ...] = ()
    source: Source | None = None
    trace: tuple[TraceStep, ...] = ()
    cards: tuple[Card, ...] = ()
    ai: bool = False
    answer_id: str = ""
    recalled: bool = False
    attachments: tuple[Attachment, ...] = ()
    via: Literal["", "mail"] = ""
    mail_from: str = ""


class Recalled(Struct, frozen=True, tag="recalled", omit_defaults=True):
    """A message was taken back by the one who wrote it: show that, and drop its text."""

    conversation: int
    seq: int


class MessageEvent(MessageView, frozen=True, tag="message", omit_defaults=True):
    """A message was stored just now."""


class Messages(Struct, frozen=True, tag="messages", omit_defaults=True):
    """A page of stored messages in seq order, answering resume, history, watch or hello.

    ``reason`` says which. ``more``: another page exists (history: older; resume: follows by
    itself)."""

    conversation: int
    items: tuple[MessageView, ...]
    last_seq: int
    reason: Literal["resume", "history"] = "resume"
    more: bool = False


class Delta(Struct, frozen=True, tag="delta", omit_defaults=True):
    """A piece of a draft answer, at character ``offset``; not stored, not resumable."""

    conversation: int
    answer_id: str
    epoch: int
    offset: int
    text: str


class Withdrawn(Struct, frozen=True, tag="withdrawn", omit_defaults=True):
    """The draft ``answer_id`` will not be stored; drop it."""

    conversation: int
    answer_id: str


class TypingEvent(Struct, frozen=True, tag="typing", omit_defaults=True):
    """Someone is (not) writing. To agents: ``text``: what the visitor has typed, where their inbox is set so
    and the agent's role reads personal data; ``agent_id``, ``name``: which colleague, ``note``: a private
    note."""

    conversation: int
    sender: SenderType
    on: bool = True
    text: str = ""
    agent_id: int = 0
    name: str = ""
    note: bool = False


class ReadEvent(Struct, frozen=True, tag="read", omit_defaults=True):
    """``by`` contact or agent has read up to ``seq``."""

    conversation: int
    by: Literal["contact", "agent"]
    seq: int


class UnreadEvent(Struct, frozen=True, tag="unread"):
    """Agents: how far I have read, to all my pages. ``count``: what the visitor has said since."""

    conversation: int
    seq: int
    count: int


class TagView(Struct, frozen=True):
    """A tag on a conversation. ``colour``: ``#rrggbb``."""

    id: int
    name: str
    colour: str


class ConversationEvent(Struct, frozen=True, tag="conversation", omit_defaults=True):
    """The conversation's state changed (holder, status …). Agents also get it for their lists, with all
    that follows. ``agent_id``, ``waiting_since``: absent = nobody. ``team_id``, ``snoozed_until``,
    ``priority``, ``tags``: only when they have changed; absent = as before. ``mentions``: the agents whom
    a note names that was written just now. ``incoming_seq``: the visitor's message that was stored just
    now."""

    conversation: ConversationState
    inbox_id: int = 0
    contact_id: int = 0
    contact_name: str = ""
    last_text: str = ""
    updated_at: datetime | None = None
    agent_id: int | None = None
    waiting_since: datetime | None = None
    team_id: int | UnsetType | None = UNSET
    snoozed_until: datetime | UnsetType | None = UNSET
    priority: int | UnsetType = UNSET
    tags: tuple[TagView, ...] | UnsetType = UNSET
    mentions: tuple[int, ...] = ()
    incoming_seq: int = 0


class Gone(Struct, frozen=True, tag="gone"):
    """Agents, for their lists: this conversation went to where they may not see it (another team). Nothing
    more is told of it; harmless if it was never in a list."""

    conversation: int


class VisitorEvent(Struct, frozen=True, tag="visitor"):
    """Agents who watch: the visitor of this conversation has opened a page (``here``), or has left all of
    them some seconds ago. What they are sent now arrives another way, or not at all: see
    ``GET /conversations/{id}/reach``."""

    conversation: int
    here: bool


class Visited(Struct, frozen=True, tag="visited", omit_defaults=True):
    """Agents who watch: pages that the visitor has gone on to, the last one is where they are. See
    ``GET /contacts/{id}/pages``."""

    conversation: int
    pages: tuple[PageView, ...]
    device: Device = Device()


class Csat(Struct, frozen=True, tag="csat", omit_defaults=True):
    """Visitors: the conversation is over; how was it? Asked once. Answered with ``rate``."""

    conversation: int
    question: str


class Rated(Struct, frozen=True, tag="rated", omit_defaults=True):
    """The visitor has rated the conversation; to all their pages and to agents who watch."""

    conversation: int
    score: int
    comment: str = ""


class PresenceEvent(Struct, frozen=True, tag="presence"):
    """Agents: somebody came, went, or holds more or fewer conversations; see ``GET /api/v1/presence``."""

    agent_id: int
    availability: Availability
    presence: Presence
    load: int


class Alarm(Struct, frozen=True, tag="alarm"):
    """Agents: a visitor has waited longer than their team allows (``late_after_s``): for somebody to take
    over (``waiting_late``), or for a reply of the one who has (``reply_late``). Told once for each wait."""

    kind: Literal["waiting_late", "reply_late"]
    conversation: int
    inbox_id: int
    team_id: int
    agent_id: int | None
    waiting_since: datetime


class ErrorFrame(Struct, frozen=True, tag="error", omit_defaults=True):
    """A frame was refused; ``client_msg_id`` says which message. Nothing was stored."""

    error: ErrorBody
    client_msg_id: str = ""


class GoingAway(Struct, frozen=True, tag="going_away", omit_defaults=True):
    """The server stops; reconnect after this long (spread out, so not all come at once)."""

    reconnect_after_ms: int


class Pong(Struct, frozen=True, tag="pong", omit_defaults=True):
    """Answers ping."""

    id: str = ""


ServerFrame = (Starting | Welcome | Ack | MessageEvent | Messages | Delta | Withdrawn | TypingEvent
               | Recalled | ReadEvent | UnreadEvent | ConversationEvent | Gone | VisitorEvent | Visited | Csat
               | Rated | PresenceEvent | Alarm | AssistDelta | AssistDone | AssistFailed | SummaryEvent
               | ErrorFrame | GoingAway | Pong)

decode_client = msgspec.json.Decoder(ClientFrame).decode
decode_hello = msgspec.json.Decoder(Hello).decode
encode = msgspec.json.Encoder().encode
