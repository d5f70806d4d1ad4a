"""Conversation: its states, who holds it, and the rules of one voice.

A conversation is ``pending`` while the bot holds it, ``open`` while people do (with or without an
assignee), ``snoozed`` until a time, ``resolved`` at its end; :mod:`zhike.domain.transitions` is the
table of how one becomes another. ``holder`` says who may speak *now*;
``holder_epoch`` rises with every change of holder, and an outgoing message is stored only if it
names the present epoch (checked in the storing transaction).
"""

from __future__ import annotations

from typing import Literal

import msgspec

Status = Literal["open", "pending", "snoozed", "resolved"]
Holder = Literal["bot", "queue", "agent", "none"]
"""bot: the bot speaks · queue: waits for a person · agent: one person speaks · none: resolved."""


class Conversation(msgspec.Struct, omit_defaults=True):
    """One conversation as stored. ``*_at`` are milliseconds since 1970 UTC.

    ``sender``: the contact's sender key (see ``Contact``), kept here so that an event finds its
    way to the visitor's connections without another look-up.

    ``answered_seq``: every incoming message up to this seq has been answered (or covered by a
    person). ``last_incoming_seq > answered_seq`` with holder ``bot`` means: owed an answer.

    ``waiting_since``: since when the visitor waits for a person's word: from the moment a person was asked
    for until one has written, and again from their next message on. None: nobody waits (or the bot answers).

    ``flow``: JSON of the active flow (its key, step and slots), "" = none. While one is active it
    hears the visitor first; only a reply that ``interrupts`` is said in its place.
    """

    id: int
    inbox_id: int
    contact_id: int
    sender: str
    status: Status
    holder: Holder
    holder_epoch: int
    last_seq: int
    last_incoming_seq: int
    answered_seq: int
    created_at: int
    updated_at: int
    agent_id: int | None = None
    lang: str = ""
    last_text: str = ""
    read_by_contact_seq: int = 0
    read_by_agent_seq: int = 0
    waiting_since: int | None = None
    flow: str = ""

    @property
    def owes_answer(self) -> bool:
        """True while the bot holds it and a question stands unanswered."""
        return self.holder == "bot" and self.last_incoming_seq > self.answered_seq
