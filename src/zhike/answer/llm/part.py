"""The model part of a running desk: models, the local one, answers; made, started, stopped as one.

    part = model_part(settings, store, now_ms, parts, count)
    part.start()                                  # returns at once; nobody waits for models at a start
    await part.answers.answer(asked, context, outlet)
    await part.stop()
"""

from __future__ import annotations

import asyncio
import logging

from zhike.answer.llm.answers import ModelAnswers
from zhike.answer.llm.context import Parts
from zhike.answer.llm.local import LocalServer
from zhike.answer.llm.models import Count, Models, models_of
from zhike.answer.llm.race import Limits
from zhike.answer.llm.usage import UsageBook
from zhike.clock import NowMs
from zhike.config import Settings
from zhike.store.engine import Store

log = logging.getLogger("zhike.models")


class ModelPart:
    """See the module. ``local`` is None where no path is set."""

    def __init__(self, models: Models, answers: ModelAnswers, local: LocalServer | None) -> None:
        self.models = models
        self.answers = answers
        self.local = local
        self._starting: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts the local server, reads today's spending, gets the client library ready."""
        if self.local is not None:
            self.local.start()
        if self.models:
            self._starting = asyncio.get_running_loop().create_task(self._start(), name="models")

    async def _start(self) -> None:
        try:
            await self.models.start()
        except Exception:  # the usage table cannot be read now: the next flush tries again
            log.warning("today's spending could not be read yet", exc_info=True)

    async def stop(self) -> None:
        """After the last job: closes connections, stores what was counted, ends the local server."""
        if self._starting is not None:
            await asyncio.gather(self._starting, return_exceptions=True)
            await self.models.stop()
        if self.local is not None:
            await self.local.stop()

    def states(self) -> dict[str, str]:
        """For ``/health/ready``: ``model.<key>`` → "ok" or why it is not asked now. No model is needed to
        be ready: without one the desk answers what it knows and calls a person for the rest."""
        states: dict[str, str] = {}
        for key, model in self.models.by_key.items():
            states[f"model.{key}"] = model.rests() or "ok"
        if self.local is not None:
            trouble = self.local.trouble
            states["model.local"] = "ok" if self.local.state == "ready" else (
                f"{trouble.en}; {trouble.cure_en}" if trouble is not None else self.local.state)
        return states


def model_part(settings: Settings, store: Store | None, now_ms: NowMs, parts: Parts,
               count: Count) -> ModelPart:
    """Made from the settings; nothing runs yet."""
    local = LocalServer(settings.local_model) if settings.local_model.path else None
    models = models_of(settings, UsageBook(store, now_ms), count, local)
    limits = Limits(settings.answer.first_word_s, settings.answer.give_up_s)
    return ModelPart(models, ModelAnswers(models, parts, limits), local)
