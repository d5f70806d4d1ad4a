"""Frames by which an agent has a model help. What it writes is a proposal: nothing of it is ever sent by
itself, stored, or shown to a visitor.

Part of the protocol (:mod:`zhike.domain.wire`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from zhike.errors import ErrorBody

Wish = Literal["reply", "shorter", "friendlier", "translate", "fix"]
"""reply: an answer to the visitor · the others write anew what is typed: in fewer words, in a warmer tone, in
the visitor's language, without mistakes."""
MAX_TYPED_CHARS = 4_000
AssistId = Annotated[str, Meta(min_length=1, max_length=64)]


class Assist(Struct, frozen=True, tag="assist", omit_defaults=True):
    """Agents: propose something for the composer of a conversation they watch. Answered with
    ``assist_delta`` while it is written, then ``assist_done`` or ``assist_failed``, to this connection only.
    ``text``: what is typed; for ``reply`` where it is to go on from. One at a time for each connection: a new
    one ends the one before."""

    assist_id: AssistId
    conversation: int
    want: Wish = "reply"
    text: Annotated[str, Meta(max_length=MAX_TYPED_CHARS)] = ""


class AssistStop(Struct, frozen=True, tag="assist_stop", omit_defaults=True):
    """Agents: not wanted any more. The model server stops generating; nothing is answered."""

    assist_id: AssistId


class AssistDelta(Struct, frozen=True, tag="assist_delta", omit_defaults=True):
    """The next piece of a proposal. ``offset`` 0 begins it anew: another model has taken over."""

    assist_id: AssistId
    conversation: int
    offset: int
    text: str


class AssistSource(Struct, frozen=True, omit_defaults=True):
    """An article that a proposal rests on."""

    article_id: int
    title: str


class AssistDone(Struct, frozen=True, tag="assist_done", omit_defaults=True):
    """The whole proposal. ``check``: amounts, dates and promises in it that stand nowhere in what was typed,
    said or known. ``left_out``: sentences that were not proposed for that reason."""

    assist_id: AssistId
    conversation: int
    text: str
    sources: tuple[AssistSource, ...] = ()
    check: tuple[str, ...] = ()
    left_out: int = 0


class AssistFailed(Struct, frozen=True, tag="assist_failed", omit_defaults=True):
    """There is no proposal, and why."""

    assist_id: AssistId
    conversation: int
    error: ErrorBody


class SummaryEvent(Struct, frozen=True, tag="summary", omit_defaults=True):
    """Agents who watch: a model has summed up the conversation anew, up to ``seq``."""

    conversation: int
    text: str
    seq: int
    at: datetime


class SummaryFact(Struct, frozen=True):
    """Something certain that was said. ``kind``: phone email link id date time amount address name choice
    promise, asked (by the visitor since a person last spoke), open (the same, and nobody has answered).
    ``seq``: the message it stands in."""

    kind: str
    text: str
    seq: int


class SummaryView(Struct, frozen=True):
    """What a conversation is about. ``model``: whether a model can be asked here, for this and for proposals.
    ``text``: what a model has made of the messages up to ``seq`` ("" = none has been asked); ``behind``: how
    many were said since. ``facts``: found without any model, oldest first."""

    model: bool
    text: str
    seq: int
    behind: int
    at: datetime | None
    facts: tuple[SummaryFact, ...]
