"""How many questions a model works on at a time, and how many may wait.

Who waits is served in order; who finds the queue full is told at once and asks the next model.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

from zhike.answer.llm.faults import ModelError


class Gate:
    """``await enter()``, work, ``leave()``. On the event loop only."""

    def __init__(self, places: int, queue: int) -> None:
        self.places = places
        self.queue = queue
        self.busy = 0
        self.refused = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    async def enter(self) -> None:
        """Takes a place, waiting for one if need be.

        Raises:
            ModelError: ``model_busy``: places and queue are full.
        """
        if self.busy < self.places and not self._waiting:
            self.busy += 1
            return
        if len(self._waiting) >= self.queue:
            self.refused += 1
            raise ModelError("model_busy", f"{self.busy} in hand, {self.waiting} waiting", counts=False)
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.leave()  # the place came at the very moment of the cancel: pass it on
            else:
                with contextlib.suppress(ValueError):  # ``leave`` may have met it and passed it over
                    self._waiting.remove(place)
            raise

    def leave(self) -> None:
        """Gives the place to who has waited longest."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self.busy -= 1
