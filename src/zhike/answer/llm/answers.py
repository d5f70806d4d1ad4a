"""``ModelAnswers``: the rung "model" of the ladder.

    reply = await answers.answer(asked, context, outlet)   # None: not in time, or nothing to say
    context.tried                                          # a step for each model, with its reason
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from zhike.answer.llm.calls import TurnTools
from zhike.answer.llm.context import Context, Parts
from zhike.answer.llm.masking import Masking
from zhike.answer.llm.models import Model, Models
from zhike.answer.llm.race import Limits, Race, Voice
from zhike.answer.llm.race import Try as Entry
from zhike.answer.llm.round import Try, Turn
from zhike.answer.llm.words import meanwhile
from zhike.answer.ports import Asked, Outlet
from zhike.domain.message import Reply, TraceStep


class ModelAnswers:
    """Answers by the configured models, within the deadlines.

    Args:
        parts: prompt, mask, guard, compression.
        limits: seconds from the question's arrival.
    """

    def __init__(self, models: Models, parts: Parts, limits: Limits | None = None) -> None:
        self._models = models
        self._parts = parts
        self._limits = limits or Limits()

    def serves(self, settings: Mapping[str, object]) -> bool:
        """True if a bot with these settings has a model at all."""
        return bool(self._chosen(settings, ""))

    async def answer(self, asked: Asked, context: Context, outlet: Outlet) -> Reply | None:
        """A model's answer with its trace, or None; ``context.tried`` then says why.

        Cancelling it (a take-over, a new message) stops the generation on the servers.
        """
        models = self._chosen(context.settings, context.template.model)
        if not models:
            context.tried.append(TraceStep(step="model", outcome="skipped", detail="none is configured"))
            return None
        masking = Masking(self._parts)
        tools = TurnTools(context.tools, masking)
        turn = Turn(asked, context, self._parts, masking, tools)
        race = Race([Entry(model.key, _runner(model, turn)) for model in models], outlet,
                    context.tried.append, lambda: meanwhile(context, asked.question.lang), self._limits)
        try:
            reply = await race.run(asked.arrived_s)
        finally:
            tools.close()
        if reply is None:
            return None
        return msgspec.structs.replace(reply, trace=(*context.tried, *reply.trace))

    def _chosen(self, settings: Mapping[str, object], first: str) -> list[Model]:
        keys = settings.get("models")
        return self._models.chosen(keys if isinstance(keys, list) else (), first)


def _runner(model: Model, turn: Turn) -> Callable[[Voice], Awaitable[Reply]]:
    async def run(voice: Voice) -> Reply:
        return await Try(model, turn, voice).run()

    return run
