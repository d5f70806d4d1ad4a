"""What REST and the commands call: trials and gates on an open store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from zhike.answer.llm.models import Models
from zhike.clock import NowMs, now_ms, to_datetime
from zhike.config import Settings
from zhike.domain.case import Case
from zhike.domain.prompt import Template
from zhike.domain.trial import GateReport, ModelState, ModelTried, Tried
from zhike.errors import ZhikeError
from zhike.ops.quality.gate import STRICT, Limits, gate
from zhike.ops.quality.model import ModelsCompleter
from zhike.ops.quality.modeltest import ask_shortly, states
from zhike.ops.quality.state import BotState, read_state
from zhike.ops.quality.subject import Subject
from zhike.ops.quality.trial import Asking, Variant, run
from zhike.store.engine import Store

GATES_AT_ONCE = 1
"""A gate indexes the knowledge twice: one at a time leaves the desk its memory and its processor."""


def local_now(now: int) -> datetime:
    """A time stamp in this machine's zone: what {date} and {time} of a template mean."""
    return to_datetime(now).astimezone()


class Quality:
    """See :class:`zhike.rest.ports.Quality`.

    Args:
        models: the desk's; None or empty: there is none, and what needs one says so.
        settings: what they were made from.
    """

    def __init__(self, store: Store, models: Models | None, now: NowMs = now_ms,
                 settings: Settings | None = None) -> None:
        self._settings = settings or Settings()
        self._store = store
        self._models = models
        self._now = now
        self._room = asyncio.Semaphore(GATES_AT_ONCE)

    def _asking(self, bot_id: int, model: str = "") -> Asking | None:
        if not self._models:
            return None
        return Asking(ModelsCompleter(self._models, bot_id), local_now(self._now()), model)

    def models(self) -> list[ModelState]:
        """How the models do, the first asked first."""
        return states(self._models, self._settings) if self._models else []

    async def try_model(self, key: str) -> ModelTried:
        """One short question to a model.

        Raises:
            ZhikeError: ``not_found``, or why there was no answer.
        """
        if not self._models:
            raise ZhikeError("not_found")
        return await ask_shortly(self._models, key)

    async def gate_bot(self, bot_id: int, wish: Callable[[BotState], BotState] | None = None,
                       limits: Limits = STRICT) -> GateReport:
        """The bot's regression set, as it is or as ``wish`` makes it.

        Raises:
            ZhikeError: ``not_found``.
        """
        async with self._room:
            before = await self._store.read(read_state, bot_id)
            after = wish(before) if wish is not None else None
            return await gate(before, after, self._asking(bot_id), limits)

    async def gate_template(self, bot_id: int, template: Template) -> GateReport:
        """The regression set with ``template`` as the active version of its name."""
        return await self.gate_bot(bot_id, lambda state: state.with_template(template))

    async def try_templates(self, bot_id: int, templates: Sequence[Template], questions: Sequence[Case],
                            model: str = "") -> list[tuple[Tried, ...]] | None:
        """Answers to each question, one per template; None: no model is set.

        Raises:
            ZhikeError: ``not_found``.
        """
        asking = self._asking(bot_id, model)
        if asking is None:
            return None
        async with self._room:
            subject = await asyncio.to_thread(Subject, await self._store.read(read_state, bot_id))
            rows = await run([Variant(one.name, one, subject) for one in templates], questions, asking)
        return [row.answers for row in rows]
