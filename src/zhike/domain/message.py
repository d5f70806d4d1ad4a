"""Message: what is said in a conversation, whoever says it and whatever channel brought it."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import msgspec

from zhike.domain.attachment import Attachment
from zhike.domain.card import Card

Direction = Literal["incoming", "outgoing", "note"]
"""incoming: from the visitor · outgoing: to the visitor · note: private, between agents."""
SenderType = Literal["contact", "bot", "agent", "system"]

MAX_TEXT_CHARS = 4000
"""Longest text of one message. Long enough for any letter of complaint, short enough to bound a
batch: 500 such messages stay under 10 MB."""
MAX_CLIENT_MSG_ID_CHARS = 64
RECALL_MS = 120_000
"""How long an agent may take a message back: long enough for a slip, too short to rewrite what was said."""

encode = msgspec.json.Encoder().encode


class Button(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tap that sends ``text`` (default: the label) as the visitor's message, or opens ``url``."""

    label: str
    text: str = ""
    url: str = ""


class Source(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where an answer comes from: ``kind`` rule | article | model | tool | flow | holding | fallback, its
    id and title. ``cites``: titles of the articles a model's answer rests on."""

    kind: str
    id: int = 0
    key: str = ""
    title: str = ""
    score: float = 0.0
    cites: tuple[str, ...] = ()


class TraceStep(msgspec.Struct, frozen=True, omit_defaults=True):
    """One rung of the ladder that was tried: ``outcome`` hit | miss | low | skipped | error."""

    step: str
    outcome: str
    detail: str = ""
    score: float = 0.0
    took_us: int = 0


class Mailed(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message that came by mail. ``id``: its Message-ID, which an answer names; ``sender``: the address it
    claims to come from, if that is not the contact's own."""

    id: str = ""
    subject: str = ""
    sender: str = ""


class Payload(msgspec.Struct, frozen=True, omit_defaults=True):
    """What stands as JSON in the ``payload`` column: everything of a message but its text.

    ``name``: the agent's name as the visitor saw it. ``ai``: a model wrote it, and it is labelled so.
    ``recalled``: who wrote it took it back; the text is gone.
    ``attachments``: the files that were sent with it. ``cards``: of a person, they are all it says.
    ``mailed``: it came by mail.
    """

    buttons: tuple[Button, ...] = ()
    source: Source | None = None
    action: str = ""
    name: str = ""
    cards: tuple[Card, ...] = ()
    ai: bool = False
    recalled: bool = False
    attachments: tuple[Attachment, ...] = ()
    mailed: Mailed | None = None


class Reply(msgspec.Struct, frozen=True, omit_defaults=True, dict=True):
    """What the bot wants to say. ``action``: ``handoff``, or ``flow:<key>`` to begin a flow.

    The JSON of a reply is made once and kept with it: rules and cached answers are stored many
    thousand times. ``opener``: greeting-like; worth waiting a moment for the real question.
    ``sure``: needs no fragment wait. ``cacheable``: depends on the text alone (no history, tool
    or personal data). ``leans``: what was asked depends on what was talked about before ("那运费呢?"),
    so a job looks at that first. ``interrupts``: may be said while a flow is active. ``flow``: what the
    conversation's flow becomes with this reply ("" = ended, None = as it is). ``ai``: a model wrote it.
    """

    text: str
    buttons: tuple[Button, ...] = ()
    source: Source | None = None
    trace: tuple[TraceStep, ...] = ()
    action: str = ""
    opener: bool = False
    sure: bool = True
    cacheable: bool = False
    leans: bool = False
    interrupts: bool = False
    flow: str | None = None
    cards: tuple[Card, ...] = ()
    ai: bool = False

    @cached_property
    def said_json(self) -> bytes:
        """What every visitor sees of this reply, as members of a ``message`` frame (without braces)."""
        return encode(_Said("outgoing", "bot", self.text, self.buttons, self.source, self.cards,
                            self.ai))[1:-1]

    @cached_property
    def payload_json(self) -> str:
        """The ``payload`` column."""
        if not (self.buttons or self.source or self.action or self.cards or self.ai):
            return ""
        return encode(Payload(self.buttons, self.source, self.action, cards=self.cards, ai=self.ai)).decode()

    @cached_property
    def trace_json(self) -> str:
        """The ``trace`` column."""
        return encode(self.trace).decode() if self.trace else ""


class _Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """The part of a ``MessageView`` that is the same wherever a reply is said."""

    direction: Direction
    sender: SenderType
    text: str
    buttons: tuple[Button, ...] = ()
    source: Source | None = None
    cards: tuple[Card, ...] = ()
    ai: bool = False


class Message(msgspec.Struct, omit_defaults=True):
    """One stored message; (conversation_id, seq) is its identity. ``at``: ms since 1970 UTC.

    ``answers``: the seqs of the questions an outgoing message answers. ``payload`` and ``trace``
    are JSON text exactly as stored (buttons, source …), decoded only where someone looks.
    """

    conversation_id: int
    seq: int
    direction: Direction
    sender_type: SenderType
    text: str
    at: int
    sender_id: int = 0
    sender_name: str = ""
    client_msg_id: str = ""
    answers: tuple[int, ...] = ()
    payload: str = ""
    trace: str = ""
    epoch: int = 0
