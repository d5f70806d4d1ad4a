"""One after the other through what takes the event loop a millisecond or two: a prompt and its request.

A hundred visitors may ask at the same moment, or their first model may fall silent for all of them at once.
Each prompt is quick; in a row they would hold up everybody else's messages, also of those whose question
needs no model. Here they go one by one, and after each the loop is others' for as long as it took.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic

LONGEST_PAUSE_S = 0.005
"""Whatever a step took: the last of many must not wait for the sake of one."""


class Turnstile:
    """``await turn()``, then do the step, without awaiting. On the event loop only."""

    def __init__(self) -> None:
        self._taken = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def turn(self) -> None:
        """Waits, in order, until the steps before this one are done and others had their time."""
        loop = asyncio.get_running_loop()
        if self._taken:
            place: asyncio.Future[None] = loop.create_future()
            self._waiting.append(place)
            try:
                await place
            except asyncio.CancelledError:
                if not place.cancelled():
                    self._next()  # it came at the very moment of the cancel: pass it on
                raise
        self._taken = True
        loop.call_soon(self._done, monotonic())

    def _done(self, began_s: float) -> None:
        """The step is over, and what was ready beside it."""
        pause_s = min(monotonic() - began_s, LONGEST_PAUSE_S)
        asyncio.get_running_loop().call_later(pause_s, self._next)

    def _next(self) -> None:
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._taken = False
