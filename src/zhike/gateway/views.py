"""Stored messages as clients see them, in pages bounded by size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from zhike.clock import to_datetime
from zhike.domain.message import Message, Payload, TraceStep
from zhike.domain.wire import Messages, MessageView, encode

PAGE_BYTES: Final = 48 * 1024
"""Largest page but for one message alone: several fit into a connection's outgoing buffer."""

_payload = msgspec.json.Decoder(Payload).decode
_trace = msgspec.json.Decoder(tuple[TraceStep, ...]).decode
_NOTHING: Final = Payload()


def view(message: Message, *, for_agent: bool) -> MessageView:
    """One message on the wire; only agents see the trace."""
    extra = _payload(message.payload) if message.payload else _NOTHING
    return MessageView(
        conversation=message.conversation_id, seq=message.seq, direction=message.direction,
        sender=message.sender_type, text=message.text, at=to_datetime(message.at),
        sender_name=message.sender_name, client_msg_id=message.client_msg_id, answers=message.answers,
        buttons=extra.buttons, source=extra.source,
        trace=_trace(message.trace) if for_agent and message.trace else ())


def page(conversation_id: int, messages: Sequence[Message], *, for_agent: bool,
         reason: Literal["resume", "history"], more: bool) -> tuple[bytes, int]:
    """One ``messages`` frame with as many messages as fit, private notes left out for visitors.

    Resume takes from the front, history from the back.

    Args:
        messages: in seq order; at least those the page is to hold.
        more: whether the store has still more beyond ``messages``.

    Returns:
        The encoded frame, and how many of ``messages`` it covers.
    """
    items: list[MessageView] = []
    room = PAGE_BYTES
    covered = 0
    for message in messages if reason == "resume" else reversed(messages):
        if for_agent or message.direction != "note":
            item = view(message, for_agent=for_agent)
            room -= len(encode(item))
            if room < 0 and items:
                break
            items.append(item)
        covered += 1
    if reason == "history":
        items.reverse()
    last_seq = messages[covered - 1].seq if messages and reason == "resume" else (
        messages[-1].seq if messages else 0)
    return encode(Messages(conversation_id, tuple(items), last_seq, reason,
                           more or covered < len(messages))), covered
