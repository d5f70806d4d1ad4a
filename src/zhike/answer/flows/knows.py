"""What a flow asks of the engine: may something else answer this message?"""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from typing import Protocol

from zhike.answer.engine import Engine
from zhike.domain.message import Reply
from zhike.search.text import Question


class Knows(Protocol):
    """Rules and knowledge, as a flow needs them."""

    def quick(self, bot_id: int, question: Question) -> Reply | None:
        """A rule's reply or a cached answer; microseconds."""

    async def search(self, bot_id: int, question: Question) -> Reply | None:
        """An answer from the knowledge, if it is sure of one."""


class EngineKnows:
    """The engine, searched in its own thread."""

    def __init__(self, engine: Engine, executor: Executor | None) -> None:
        self._engine = engine
        self._executor = executor

    def quick(self, bot_id: int, question: Question) -> Reply | None:
        """See :class:`Knows`."""
        return self._engine.quick(bot_id, question)

    async def search(self, bot_id: int, question: Question) -> Reply | None:
        """See :class:`Knows`."""
        if self._executor is None:
            return self._engine.search(bot_id, [question])[0]
        found = await asyncio.get_running_loop().run_in_executor(
            self._executor, self._engine.search, bot_id, [question])
        return found[0]
