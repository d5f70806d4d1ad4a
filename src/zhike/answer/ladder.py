"""The rungs that need a job: active flow → a question that leans on earlier ones → model → fallback.

What rules, cache and knowledge answer at once never comes here (:mod:`zhike.answer.engine`). Whatever
happens, the visitor gets one reply: the worst is the honest "I do not know", with the trace of all
that was tried.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from zhike.answer.engine import Engine
from zhike.answer.knowledge import Outcome
from zhike.answer.ports import Asked, Outlet, Said
from zhike.domain.message import Reply, TraceStep
from zhike.domain.tool import Caller
from zhike.search.followup import leans
from zhike.search.text import Question

FLOW_ACTION = "flow:"
HISTORY_MESSAGES = 40
"""Earlier messages that a job looks at, at most: some twenty turns; compression makes them fit."""

History = Callable[[int, int, int], Awaitable[Sequence[Said]]]
"""(conversation id, below this seq, at most) → what was said, oldest first; private notes are not in it."""
Follow = Callable[[int, Question, Sequence[Said]], Awaitable[Outcome | None]]
"""(bot id, leaning question, history) → what the knowledge says with the topic carried over."""


class FlowRung(Protocol):
    """Flows, as the ladder needs them (:class:`zhike.answer.flows.Flows`)."""

    async def begin(self, bot_id: int, key: str, question: Question, caller: Caller) -> Reply:
        """The first step of a flow."""

    async def step(self, bot_id: int, state: str, question: Question, caller: Caller) -> Reply | None:
        """The next step; None if the flow timed out and lets the question go."""


class ModelRung(Protocol):
    """Models, as the ladder needs them (:class:`zhike.answer.modelrung.AskModel`)."""

    def serves(self, bot_id: int) -> bool:
        """True if this bot has a model to ask."""

    async def answer(self, asked: Asked, history: Sequence[Said], caller: Caller, outlet: Outlet,
                     tried: list[TraceStep]) -> Reply | None:
        """The model's answer, or None; ``tried`` gets a step for every model that was asked."""


class Ladder:
    """Makes the answers of jobs; the pipeline's ``Worker``.

    It is there before its rungs are: what they need is imported and read after the first messages
    can come (:meth:`open`); a job that comes earlier waits for them.

    Args:
        models_expected: True if a model is configured at all.
    """

    def __init__(self, engine: Engine, history: History, follow: Follow, *,
                 models_expected: bool = False) -> None:
        self._engine = engine
        self._history = history
        self._follow = follow
        self._models_expected = models_expected
        self._flows: FlowRung | None = None
        self._models: ModelRung | None = None
        self._opened = asyncio.Event()

    def open(self, flows: FlowRung | None, models: ModelRung | None) -> None:
        """The rungs are there."""
        self._flows, self._models = flows, models
        self._opened.set()

    def consults(self, bot_id: int) -> bool:
        """True if a question that nothing else answers is worth a job."""
        if not self._opened.is_set():
            return self._models_expected
        return self._models is not None and self._models.serves(bot_id)

    async def answer(self, asked: Asked, outlet: Outlet) -> Reply:
        """One reply; never raises for what was to be expected."""
        await self._opened.wait()
        caller = Caller(asked.contact_id, asked.sender, asked.question.lang, asked.inbox_id,
                        asked.conversation_id, f"{asked.conversation_id}-{asked.epoch}-{asked.seqs[0]}")
        tried: list[TraceStep] = list(asked.tried)
        if not asked.flow:
            return await self._climb(asked, caller, outlet, tried)
        reply = None
        if self._flows is not None:
            reply = await self._flows.step(asked.bot_id, asked.flow, asked.question, caller)
        if reply is None:  # it let the question go: the flow ends with whatever is said now
            tried.append(TraceStep("flow", "miss"))
            reply = await self._climb(asked, caller, outlet, tried)
            reply = reply if reply.flow is not None else msgspec.structs.replace(reply, flow="")
        return reply

    async def _climb(self, asked: Asked, caller: Caller, outlet: Outlet, tried: list[TraceStep]) -> Reply:
        known = asked.known
        if known is not None and known.action.startswith(FLOW_ACTION):
            if self._flows is not None:
                key = known.action.removeprefix(FLOW_ACTION)
                return await self._flows.begin(asked.bot_id, key, asked.question, caller)
            tried.append(TraceStep("flow", "error", known.action))
            known = None
        if known is not None and known.sure and not known.leans:
            return known  # a flow let it go, and the knowledge is sure
        history = await self._history(asked.conversation_id, min(asked.seqs), HISTORY_MESSAGES)
        if known.leans if known is not None else leans(asked.question.norm):
            outcome = await self._follow(asked.bot_id, asked.question, history)
            if outcome is not None:
                tried += outcome.steps
                if outcome.reply is not None:
                    return outcome.reply
        modelled = self._models is not None and self._models.serves(asked.bot_id)
        if modelled:
            assert self._models is not None
            reply = await self._models.answer(asked, history, caller, outlet, tried)
            if reply is not None:
                return reply
        if known is not None:  # not all that was asked, or not with the topic: still better than nothing
            return msgspec.structs.replace(known, trace=(*known.trace, *tried))
        return self._engine.fallback(asked.bot_id, asked.question, tuple(tried), suggest=not modelled)
