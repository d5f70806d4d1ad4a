"""What a job of the answer engine is asked, and its way back to the visitor.

A *job* answers what rules, cache and knowledge cannot answer at once: a flow, a question that leans
on what was said before, a model with its tools. It runs outside the line, bounded, one per
conversation, and comes back into ``queue`` under the epoch it started with.
"""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from zhike.domain.message import Reply, TraceStep
from zhike.search.text import Question


class Said(msgspec.Struct, frozen=True):
    """One earlier message of the conversation, oldest first in a history. ``topic``: the key of the
    article it gave, if it was an answer from the knowledge. ``at``: ms since 1970 UTC."""

    role: Literal["visitor", "bot", "agent"]
    text: str
    seq: int
    at: int = 0
    topic: str = ""


class Asked(msgspec.Struct, frozen=True):
    """One turn, as a job gets it.

    ``seqs``: the messages it covers, ``question`` their text as one. ``sender`` is authenticated (see
    ``Contact``); ``known``: what rung brought it here, if one did (a leaning answer, the start of a
    flow); ``flow``: the conversation's active flow (JSON, "" = none); ``arrived_s``: loop time at
    which the oldest of the messages arrived: all deadlines count from it.
    """

    conversation_id: int
    epoch: int
    bot_id: int
    inbox_id: int
    contact_id: int
    sender: str
    question: Question
    seqs: tuple[int, ...]
    arrived_s: float
    known: Reply | None = None
    flow: str = ""
    tried: tuple[TraceStep, ...] = ()


class Outlet(Protocol):
    """A job's way to the visitor. Nothing that is said through it is seen once a person took over."""

    @property
    def said(self) -> bool:
        """True once the visitor has seen anything of this answer. A message that arrives before that
        cancels the job and starts it again with both; afterwards it waits for its own turn."""

    def delta(self, text: str) -> None:
        """The next piece of the draft, checked and unmasked. Never stored; the reply replaces it."""

    def withdraw(self) -> None:
        """Takes the draft back; what comes after begins a new one."""

    def interim(self, reply: Reply) -> None:
        """Stores a word meanwhile (at 3 s): the question stays open, the answer follows."""


class Snippet(msgspec.Struct, frozen=True):
    """A piece of knowledge that a model may rest on. ``score``: calibrated, 0..1."""

    key: str
    title: str
    text: str
    score: float
    article_id: int = 0
