"""Resume: one connection's place in one conversation, kept without gap or repeat.

Subscribe first, then read from the store page by page, then continue live. While a read runs,
live numbered events are only noted (their highest seq) and read afterwards; so nothing has to be
buffered, and it makes no difference whether an event was lost, late or came through another node.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from zhike.gateway import closecodes, views

if TYPE_CHECKING:
    from zhike.gateway.session import Session

PAGE_MESSAGES: Final = 100
MAX_SEQ: Final = 2**53 - 1
"""What clients call a seq is bounded before it meets a database; JavaScript counts so far exactly."""
_PATIENCE: Final = 6
"""Reads without progress before giving up, each twice as long after the last from 20 ms (1.3 s in
all): a database replica may lag behind the node that announced the message."""


class Follow:
    """``delivered``: the client has everything up to here. ``noted``: highest seq heard of. ``named``: the
    client was told of this conversation otherwise than by its messages. ``epoch``: the newest holder
    epoch heard of."""

    __slots__ = ("conversation_id", "delivered", "epoch", "named", "noted", "reading")

    def __init__(self, conversation_id: int, delivered: int, *, named: bool = True) -> None:
        self.conversation_id = conversation_id
        self.delivered = delivered
        self.epoch = 0
        self.noted = delivered
        self.named = named
        self.reading = False

    def known(self) -> bool:
        """True if the client can know of this conversation."""
        return self.named or self.delivered > 0

    def step(self, seq: int) -> bool:
        """A live event: True if it is the next one and may go out; its frame then must.

        Otherwise it is either old, or noted: see :meth:`behind`.
        """
        if seq == self.delivered + 1 and not self.reading:
            self.delivered = self.noted = seq
            return True
        if seq > self.noted:
            self.noted = seq
        return False

    def behind(self) -> bool:
        """True if the store must be read and no read runs."""
        return self.noted > self.delivered and not self.reading


async def catch_up(session: Session, follow: Follow, *, answer_always: bool = False) -> None:
    """Sends ``messages`` pages until the client has all that is stored, then lets live events on.

    Args:
        answer_always: send a page even if it is empty, because the client asked.
    """
    gateway = session.gateway
    follow.reading = True
    tries = 0
    try:
        while session.follows(follow):
            await session.conn.writable()
            messages = await gateway.backend.after(follow.conversation_id, follow.delivered, PAGE_MESSAGES)
            if not session.follows(follow):
                return
            full = len(messages) >= PAGE_MESSAGES
            if messages or answer_always:
                answer_always = False
                frame, covered = views.page(follow.conversation_id, messages, for_agent=session.agent_id > 0,
                                            reason="resume", more=full)
                gateway.counters.pages_out += 1
                session.conn.send_text(session.masked(frame))
                gateway.writer.flush()  # so that writable() tells the truth before the next page
                if messages:
                    follow.delivered = messages[covered - 1].seq
                    follow.noted = max(follow.noted, follow.delivered)
                    full = full or covered < len(messages)
            if full:
                tries = 0
            elif follow.noted <= follow.delivered:
                return
            elif not messages:
                tries += 1
                if tries > _PATIENCE:
                    # the client comes back and asks again; better than a silent gap
                    session.conn.close(closecodes.FAULT, "internal")
                    return
                await asyncio.sleep(0.01 * 2 ** tries)
    finally:
        follow.reading = False
