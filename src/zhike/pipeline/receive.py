"""Stage 1, receive.

Way: sockets, REST calls and channel callbacks → **receive** → decode.
Outcomes: taken | refused at once (`overloaded`, with when to come back).
Promise: bounded in messages and bytes; nothing taken is dropped.
State: the queue of what waits.
Pitfall: a limit in messages alone lets a few large ones fill the memory.
"""

from __future__ import annotations

import asyncio
from collections import deque

from zhike.domain.wire import SendMessage
from zhike.errors import ZhikeError
from zhike.pipeline.batch import Item
from zhike.pipeline.ports import Source

_DECODED_BYTES = 200
"""What a message that comes as a struct (REST) counts for, beside its text."""


class Receive:
    """The bounded front of the line."""

    def __init__(self, max_messages: int, max_bytes: int, loop: asyncio.AbstractEventLoop) -> None:
        self.max_messages = max_messages
        self.max_bytes = max_bytes
        self.waiting: deque[Item] = deque()
        self.waiting_bytes = 0
        self.refused_count = 0
        self.work = asyncio.Event()
        self.closed = False
        self._loop = loop

    def put(self, source: Source, payload: bytes | SendMessage, arrived_s: float) -> ZhikeError | None:
        """Takes a frame, or says at once why not."""
        size = len(payload) if payload.__class__ is bytes else _DECODED_BYTES
        if len(self.waiting) >= self.max_messages or self.waiting_bytes + size > self.max_bytes:
            self.refused_count += 1
            return ZhikeError("overloaded", retry_after_s=1.0)
        if self.closed:
            return ZhikeError("going_away", retry_after_s=1.0)
        self.waiting.append(Item(source, payload, arrived_s))
        self.waiting_bytes += size
        if not self.work.is_set():
            self.work.set()
        return None

    def put_back(self, items: list[Item]) -> None:
        """Messages that waited for an earlier one go first."""
        self.waiting.extendleft(reversed(items))
        self.work.set()

    def take(self, most: int) -> list[Item]:
        """The next items, oldest first."""
        waiting = self.waiting
        if len(waiting) <= most:
            items = list(waiting)
            waiting.clear()
            self.waiting_bytes = 0
        else:
            items = [waiting.popleft() for _ in range(most)]
            for item in items:
                self.waiting_bytes -= (len(item.payload) if isinstance(item.payload, bytes)
                                       else _DECODED_BYTES)
        return items
