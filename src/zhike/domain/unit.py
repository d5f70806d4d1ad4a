"""The entries of one unit of work: what a batch wants stored, and what became of each.

A unit is a list of entries in the order in which they must take effect. The storing transaction
fills in the outcome fields; nothing else of an entry changes. Entries are plain mutable objects
because several thousand are made each second.
"""

from __future__ import annotations

from typing import Literal

from zhike.domain.conversation import Conversation
from zhike.domain.message import Reply

IncomingOutcome = Literal["", "stored", "duplicate", "conflict", "waiting", "not_holder", "resolved",
                          "not_found", "refused"]
ReplyOutcome = Literal["", "stored", "stale"]
ChangeKind = Literal["take", "return", "resolve", "queue"]
ChangeOutcome = Literal["", "done", "unchanged", "not_found", "resolved"]


class Row:
    """One message row that the unit stored, in the order of its effects."""

    __slots__ = ("agent_name", "answer_id", "answers", "at", "client_msg_id", "conversation", "direction",
                 "entry", "reply", "sender_id", "sender_type", "seq", "text")

    def __init__(self, conversation: Conversation, seq: int, direction: str, sender_type: str, text: str,
                 at: int, *, sender_id: int = 0, agent_name: str = "", client_msg_id: str = "",
                 answers: tuple[int, ...] = (), reply: Reply | None = None,
                 entry: Incoming | None = None, answer_id: str = "") -> None:
        self.answer_id = answer_id
        self.conversation = conversation
        self.seq = seq
        self.direction = direction
        self.sender_type = sender_type
        self.text = text
        self.at = at
        self.sender_id = sender_id
        self.agent_name = agent_name
        self.client_msg_id = client_msg_id
        self.answers = answers
        self.reply = reply
        self.entry = entry


class Incoming:
    """A message that somebody sent: a visitor (``agent_id`` 0) or an agent.

    ``sender`` is the contact's sender key (for agents: unused; they name ``conversation_id``).
    ``dedup_key``: 16 bytes over inbox, authenticated sender and client_msg_id. ``previous_key``:
    the dedup key of message n-1 of the client's stream, where the client counts. ``look_up``: the
    dedup key may be known already. ``reply``: a sure answer to store in the same transaction,
    only if the bot holds the conversation and owes nothing else.
    """

    __slots__ = ("action", "agent_id", "agent_name", "at", "client_msg_id", "contact", "conversation",
                 "conversation_id", "dedup_key", "error", "inbox_id", "lang", "look_up", "note", "outcome",
                 "previous_key", "reply", "reply_stored", "sender", "seq", "stored_at", "text")

    def __init__(self, inbox_id: int, sender: str, client_msg_id: str, dedup_key: bytes, text: str, at: int,
                 *, lang: str = "", action: str = "", previous_key: bytes | None = None,
                 agent_id: int = 0, agent_name: str = "", note: bool = False, conversation_id: int = 0,
                 contact: dict[str, str] | None = None, reply: Reply | None = None,
                 look_up: bool = True) -> None:
        self.inbox_id = inbox_id
        self.sender = sender
        self.client_msg_id = client_msg_id
        self.dedup_key = dedup_key
        self.text = text
        self.at = at
        self.lang = lang
        self.action = action
        self.previous_key = previous_key
        self.agent_id = agent_id
        self.agent_name = agent_name
        self.note = note
        self.conversation_id = conversation_id
        self.contact = contact
        self.reply = reply
        self.look_up = look_up
        self.outcome: IncomingOutcome = ""
        self.conversation: Conversation | None = None
        self.seq = 0
        self.stored_at = 0
        self.reply_stored = False
        self.error: BaseException | None = None


class BotReply:
    """An answer that comes back from a job, under the epoch it started with.

    ``answers``: the seqs of the questions it covers. ``interim``: a word meanwhile ("one moment"): it is
    stored only while those questions are open, names none of them, and leaves them open. ``answer_id``:
    the draft that it replaces.
    """

    __slots__ = ("answer_id", "answers", "at", "conversation_id", "epoch", "error", "interim", "outcome",
                 "reply")

    def __init__(self, conversation_id: int, epoch: int, answers: tuple[int, ...], reply: Reply,
                 at: int, *, interim: bool = False, answer_id: str = "") -> None:
        self.interim = interim
        self.answer_id = answer_id
        self.conversation_id = conversation_id
        self.epoch = epoch
        self.answers = answers
        self.reply = reply
        self.at = at
        self.outcome: ReplyOutcome = ""
        self.error: BaseException | None = None


class Change:
    """A change of holder or status: an agent takes or returns, someone resolves.

    ``idle_before`` (ms): only if the bot holds it, owes nothing, and nobody wrote since then; so
    that a sweep never closes a conversation in which somebody has just written.
    """

    __slots__ = ("agent_id", "agent_name", "at", "conversation", "conversation_id", "error",
                 "idle_before", "kind", "outcome")

    def __init__(self, conversation_id: int, kind: ChangeKind, at: int, *, agent_id: int = 0,
                 agent_name: str = "", idle_before: int | None = None) -> None:
        self.conversation_id = conversation_id
        self.kind = kind
        self.at = at
        self.agent_id = agent_id
        self.agent_name = agent_name
        self.idle_before = idle_before
        self.outcome: ChangeOutcome = ""
        self.conversation: Conversation | None = None
        self.error: BaseException | None = None


Entry = Incoming | BotReply | Change


def open_key(inbox_id: int, sender: str) -> str:
    """The unique key of the one open conversation of a sender in an inbox."""
    return f"{inbox_id}:{sender}"
