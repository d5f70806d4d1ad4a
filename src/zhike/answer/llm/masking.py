"""The one mask of a turn, used from the event loop and beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from zhike.answer.llm.context import Mask, Parts

T = TypeVar("T")

ASIDE_CHARS = 1_000
"""From so much text on it is done in a thread: masking takes some 5 µs a character, and nobody else's
message should wait for it."""


class Masking:
    """``mask`` itself may restore text at any time; what fills it takes turns here, because the tries of
    two models share it."""

    def __init__(self, parts: Parts) -> None:
        self.mask = parts.mask()
        self._aside = parts.aside
        self._lock = asyncio.Lock()

    async def run(self, chars: int, work: Callable[[Mask], T]) -> T:
        """``work(mask)``, at once or, for a lot of text, in a thread."""
        async with self._lock:
            if chars < ASIDE_CHARS:
                return work(self.mask)
            done: T = await self._aside(lambda: work(self.mask))
            return done
