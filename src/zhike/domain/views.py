"""What a stored thing looks like on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET

from zhike.clock import to_datetime
from zhike.domain.conversation import Conversation
from zhike.domain.message import Message, Payload, TraceStep
from zhike.domain.unit import Row
from zhike.domain.wire import (
    ConversationEvent,
    ConversationState,
    MessageEvent,
    MessageView,
    QueuePlace,
    encode,
)

_decode_payload = msgspec.json.Decoder(Payload).decode
_decode_trace = msgspec.json.Decoder(tuple[TraceStep, ...]).decode
_NO_PAYLOAD = Payload()


def state_of(conversation: Conversation, agent_name: str = "", *,
             for_visitor: bool = False, queue: QueuePlace | None = None) -> ConversationState:
    """The conversation's state for clients. That it was put aside is the desk's own business: to the
    visitor it is open. ``queue``: their place in it."""
    c = conversation
    status = "open" if for_visitor and c.status == "snoozed" else c.status
    return ConversationState(c.id, status, c.holder, c.holder_epoch, c.last_seq, agent_name,
                             c.read_by_contact_seq, c.read_by_agent_seq, queue)


def payload_of(message: Message) -> Payload:
    """Everything of a stored message but its text."""
    return _decode_payload(message.payload) if message.payload else _NO_PAYLOAD


def view_of(message: Message, *, for_agent: bool) -> MessageView:
    """A message read from the store; the trace is for agents only."""
    payload = payload_of(message)
    trace = _decode_trace(message.trace) if for_agent and message.trace else ()
    return MessageView(
        message.conversation_id, message.seq, message.direction, message.sender_type, message.text,
        to_datetime(message.at), payload.name, message.client_msg_id, message.answers, payload.buttons,
        payload.source, trace, payload.cards, payload.ai, recalled=payload.recalled,
        attachments=payload.attachments, via="mail" if payload.mailed else "",
        mail_from=payload.mailed.sender if payload.mailed and for_agent else "")


class _Place(msgspec.Struct, frozen=True, omit_defaults=True, tag="message"):
    """The part of a ``MessageEvent`` that differs each time a reply is said."""

    conversation: int
    seq: int
    at: datetime
    answers: tuple[int, ...] = ()
    answer_id: str = ""


def row_frame(row: Row, *, for_agent: bool) -> bytes:
    """The ``message`` frame of a row that was stored just now."""
    reply = row.reply
    if reply is not None and not for_agent:
        # most of it was encoded when the reply was made, or said for the first time
        place = encode(_Place(row.conversation.id, row.seq, to_datetime(row.at), row.answers, row.answer_id))
        return b"%b,%b}" % (place[:-1], reply.said_json)
    mailed = row.entry.mailed if row.entry is not None else None
    return encode(MessageEvent(
        row.conversation.id, row.seq, row.direction, row.sender_type, row.text, to_datetime(row.at),
        row.agent_name, row.client_msg_id, row.answers,
        reply.buttons if reply else (), reply.source if reply else None,
        reply.trace if reply else (), reply.cards if reply else row.cards,
        reply.ai if reply else False, row.answer_id, attachments=row.attachments,
        via="mail" if mailed else "", mail_from=mailed.sender if mailed and for_agent else ""))


def list_frame(conversation: Conversation, *, agent_name: str = "",
               life: Mapping[str, Any] | None = None, mentions: tuple[int, ...] = (),
               incoming_seq: int = 0) -> bytes:
    """The ``conversation`` frame for agents' lists. ``life``: columns that have changed beside those of the
    conversation, as :class:`zhike.store.effects.Result` names them, and ``priority`` and ``tags``."""
    c = conversation
    changed: Mapping[str, Any] = life or {}
    until = changed.get("snoozed_until", UNSET)
    return encode(ConversationEvent(
        state_of(c, agent_name), c.inbox_id, c.contact_id, "", c.last_text, to_datetime(c.updated_at),
        c.agent_id, None if c.waiting_since is None else to_datetime(c.waiting_since),
        changed.get("team_id", UNSET), to_datetime(until) if until else until,
        changed.get("priority", UNSET), changed.get("tags", UNSET), mentions, incoming_seq))


def state_frame(conversation: Conversation, agent_name: str = "", *, for_visitor: bool = True) -> bytes:
    """The ``conversation`` frame with the state only: for the visitor, or for agents who watch."""
    return encode(ConversationEvent(state_of(conversation, agent_name, for_visitor=for_visitor)))
