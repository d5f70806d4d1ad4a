"""Stored messages as clients see them, in pages bounded by size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from zhike.domain.message import Message
from zhike.domain.views import view_of
from zhike.domain.wire import Messages, MessageView, encode

PAGE_BYTES: Final = 48 * 1024
"""Largest page but for one message alone: several fit into a connection's outgoing buffer."""


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
            item = view_of(message, for_agent=for_agent)
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
