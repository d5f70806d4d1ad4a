"""Trials and gates for the HTTP API, made when the first is asked for: no start waits for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zhike.config import Settings
from zhike.domain.case import Case
from zhike.domain.prompt import Template
from zhike.domain.trial import GateReport, Tried

if TYPE_CHECKING:
    from zhike.answer.llm.models import Models
    from zhike.app.core import Core
    from zhike.ops.quality.service import Quality


class LazyQuality:
    """See :class:`zhike.rest.ports.Quality`.

    Args:
        models: the desk's own, so that places and spending are shared; None: others are made.
    """

    def __init__(self, core: Core, settings: Settings, models: Models | None = None) -> None:
        self._core = core
        self._settings = settings
        self._models = models
        self._quality: Quality | None = None

    def _made(self) -> Quality:
        if self._quality is None:
            from zhike.ops.quality.service import Quality

            self._quality = Quality(self._core.store, self._models or self._own(), self._core.now)
        return self._quality

    def _own(self) -> Models:
        from zhike.answer.llm.models import models_of
        from zhike.answer.llm.usage import UsageBook
        from zhike.answer.tokens import count

        return models_of(self._settings, UsageBook(None, self._core.now), count)

    async def gate_bot(self, bot_id: int) -> GateReport:
        """See the port."""
        return await self._made().gate_bot(bot_id)

    async def gate_template(self, bot_id: int, template: Template) -> GateReport:
        """See the port."""
        return await self._made().gate_template(bot_id, template)

    async def try_templates(self, bot_id: int, templates: Sequence[Template], questions: Sequence[Case],
                            model: str = "") -> list[tuple[Tried, ...]] | None:
        """See the port."""
        return await self._made().try_templates(bot_id, templates, questions, model)
