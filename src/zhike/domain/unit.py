"""The entries of one unit of work: what a batch wants stored, and what became of each.

A unit is a list of entries in the order in which they must take effect. The storing transaction
fills in the outcome fields; nothing else of an entry changes. Entries are structs because several
thousand are made each second, which takes a third of the time that a class in Python takes; each is
equal only to itself.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from zhike.domain.attachment import Attachment
from zhike.domain.card import Card
from zhike.domain.conversation import Conversation
from zhike.domain.message import Direction, Mailed, Reply, SenderType

IncomingOutcome = Literal["", "stored", "duplicate", "conflict", "waiting", "not_holder", "resolved",
                          "not_found", "refused", "bad_file"]
ReplyOutcome = Literal["", "stored", "stale"]
ChangeKind = Literal["take", "assign", "return", "resolve", "queue", "snooze", "wake", "reopen",
                     "note", "recall", "say"]
ChangeOutcome = Literal["", "done", "unchanged", "not_found", "resolved", "wrong_state", "conflict",
                        "too_late"]


class Row(msgspec.Struct, eq=False):
    """One message row that the unit stored, in the order of its effects."""

    conversation: Conversation
    seq: int
    direction: Direction
    sender_type: SenderType
    text: str
    at: int
    sender_id: int = 0
    client_msg_id: str = ""
    answers: tuple[int, ...] = ()
    reply: Reply | None = None
    entry: Incoming | None = None
    agent_name: str = ""
    answer_id: str = ""
    mentions: tuple[int, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    cards: tuple[Card, ...] = ()


class Incoming(msgspec.Struct, eq=False):
    """A message that somebody sent: a visitor (``agent_id`` 0) or an agent.

    ``sender`` is the contact's sender key (for agents: unused; they name ``conversation_id``).
    ``dedup_key``: 16 bytes over inbox, authenticated sender and client_msg_id. ``previous_key``:
    the dedup key of message n-1 of the client's stream, where the client counts. ``look_up``: the
    dedup key may be known already. ``reply``: a sure answer to store in the same transaction,
    only if the bot holds the conversation and owes nothing else. ``open_key``: of inbox and sender,
    filled in by the unit. ``mentions``: agents whom a note calls. ``files``: ids of what the sender has
    uploaded; ``attachments``: what they are, filled in by the unit. ``cards``: ``text`` is their words.
    ``mailed``: it came by mail.
    """

    inbox_id: int
    sender: str
    client_msg_id: str
    dedup_key: bytes
    text: str
    at: int
    lang: str = ""
    action: str = ""
    previous_key: bytes | None = None
    agent_id: int = 0
    agent_name: str = ""
    note: bool = False
    conversation_id: int = 0
    contact: dict[str, str] | None = None
    reply: Reply | None = None
    look_up: bool = True
    outcome: IncomingOutcome = ""
    conversation: Conversation | None = None
    seq: int = 0
    stored_at: int = 0
    reply_stored: bool = False
    open_key: str = ""
    error: BaseException | None = None
    mentions: tuple[int, ...] = ()
    files: tuple[int, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    cards: tuple[Card, ...] = ()
    mailed: Mailed | None = None


class BotReply(msgspec.Struct, eq=False):
    """An answer that comes back from a job, under the epoch it started with.

    ``answers``: the seqs of the questions it covers. ``interim``: a word meanwhile ("one moment"): it is
    stored only while those questions are open, names none of them, and leaves them open. ``answer_id``:
    the draft that it replaces.
    """

    conversation_id: int
    epoch: int
    answers: tuple[int, ...]
    reply: Reply
    at: int
    interim: bool = False
    answer_id: str = ""
    outcome: ReplyOutcome = ""
    error: BaseException | None = None


class Change(msgspec.Struct, eq=False):
    """A change of holder or status: an agent takes or returns, someone resolves.

    ``agent_id``, ``agent_name``: who takes or reopens it, or is **assigned** to it (0: nobody, it waits in
    the queue). ``team_id``: the team it goes to (None: as it is, 0: none). ``by_id``, ``by_name``: the agent
    who acts, where that is another one. ``note``: a private note, stored behind what the change says.

    ``until`` (ms): how long it is snoozed; of a wake by timer: only if it was to sleep until then at most.
    ``wrap_up``: what it was about, said on resolve. ``say``: nothing changes; the desk itself tells the
    visitor ``text``, if the conversation is not over. ``once``: only once in each conversation.

    A ``note`` changes nothing else: it is only stored. A ``recall`` takes back message ``seq`` that
    ``agent_id`` wrote a moment ago (too_late: it is older than two minutes, or left through a channel).

    ``from_id``: only while this agent holds it (a handover must not take what somebody else has by now).
    ``epoch``: only if this is still the epoch and nobody put it aside: whoever decided by what was read
    earlier (the router) loses against a person who was quicker. ``idle_before`` (ms): only if nobody waits
    for a word and nobody wrote since then; so that a sweep never closes a conversation in which somebody
    has just written.

    Outcomes: done · unchanged (it was so already, or a condition does not hold) · resolved, wrong_state
    (see :mod:`zhike.domain.transitions`) · conflict: the visitor has another open conversation, so this one
    cannot be reopened; ``other_id`` is that one.
    """

    conversation_id: int
    kind: ChangeKind
    at: int
    agent_id: int = 0
    agent_name: str = ""
    idle_before: int | None = None
    team_id: int | None = None
    by_id: int = 0
    by_name: str = ""
    note: str = ""
    until: int | None = None
    wrap_up: str = ""
    epoch: int = 0
    seq: int = 0
    from_id: int = 0
    text: str = ""
    once: Literal["", "out_of_office"] = ""
    outcome: ChangeOutcome = ""
    other_id: int = 0
    conversation: Conversation | None = None
    error: BaseException | None = None


Entry = Incoming | BotReply | Change


def open_key(inbox_id: int, sender: str) -> str:
    """The unique key of the one open conversation of a sender in an inbox."""
    return f"{inbox_id}:{sender}"
