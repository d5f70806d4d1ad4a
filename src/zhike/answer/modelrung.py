"""The rung "model": what a bot's model is asked, joined from prompt, knowledge, tools, masks and guard."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from zhike.answer.compress import compress
from zhike.answer.engine import Engine
from zhike.answer.guard import Forbidden, Guard
from zhike.answer.llm.answers import ModelAnswers
from zhike.answer.llm.context import Ask, Context, Parts
from zhike.answer.mask import Mask
from zhike.answer.ports import Asked, Outlet, Said, Snippet
from zhike.answer.prompts import PromptContext, Rendered, compose
from zhike.answer.promptset import Prompts
from zhike.answer.tools import Toolbox
from zhike.answer.words import FORBIDDEN, HUMAN_BUTTON, setting
from zhike.clock import NowMs, to_datetime
from zhike.domain.message import Reply, Source, TraceStep
from zhike.domain.prompt import Template
from zhike.domain.tool import Caller
from zhike.search.text import Question

SNIPPETS = 5
"""Articles a model gets at most: more cost time to read and bring in what was not asked."""

Find = Callable[[int, Question, int], Awaitable[Sequence[Snippet]]]
"""(bot id, question, at most) → the nearest articles, best first."""


def _compose(template: Template, ask: Ask) -> Rendered:
    return compose(template, PromptContext(
        ask.question, "en" if ask.lang == "en" else "zh", ask.shop, ask.bot, ask.now, ask.snippets,
        ask.history, ask.facts, ask.context_tokens, ask.count, dict(ask.variables)))


def model_parts() -> Parts:
    """Our own prompt, mask, guard and compression, for :class:`ModelAnswers`."""
    return Parts(_compose, Mask, Guard, compress)


class _Tools:
    """The tools of one turn: keys the template (or the bot) lists, called as this visitor."""

    def __init__(self, toolbox: Toolbox, bot_id: int, keys: Sequence[str], caller: Caller) -> None:
        self._toolbox = toolbox
        self._bot_id = bot_id
        self._keys = keys
        self._caller = caller

    def specs(self) -> Sequence[dict[str, Any]]:
        """OpenAI ``tools``."""
        return self._toolbox.specs(self._bot_id, self._keys, self._caller)

    async def call(self, name: str, arguments: dict[str, Any]) -> str:
        """The result as text for the model."""
        result = await self._toolbox.call(self._bot_id, name, arguments, self._caller, allowed=self._keys)
        return result.for_model()


class AskModel:
    """See the module; the ladder's ``ModelRung``.

    Args:
        shop: inbox id → the shop's name as visitors know it.
    """

    def __init__(self, answers: ModelAnswers, engine: Engine, prompts: Prompts, toolbox: Toolbox, find: Find,
                 now_ms: NowMs, shop: Callable[[int], str]) -> None:
        self._answers = answers
        self._engine = engine
        self._prompts = prompts
        self._toolbox = toolbox
        self._find = find
        self._now_ms = now_ms
        self._shop = shop

    def serves(self, bot_id: int) -> bool:
        """True if this bot has a model to ask."""
        return self._answers.serves(self._engine.settings_of(bot_id))

    async def answer(self, asked: Asked, history: Sequence[Said], caller: Caller, outlet: Outlet,
                     tried: list[TraceStep]) -> Reply | None:
        """See the ladder. Words the shop forbids are not sent to a model at all."""
        lang = asked.question.lang
        settings = self._engine.settings_of(asked.bot_id)
        forbidden = _texts(settings, "forbidden")
        if (word := Forbidden(forbidden).find(asked.question.text)) is not None:
            step = TraceStep("guard", "hit", f"forbidden: {word}")
            return Reply(text=setting(dict(settings), "forbidden_reply", lang, FORBIDDEN[lang]),
                         buttons=(HUMAN_BUTTON[lang],), source=Source(kind="fallback"),
                         trace=(*tried, step), sure=False)
        template = self._prompts.active(asked.bot_id, "", lang)
        keys = template.tools or tuple(_texts(settings, "tools"))
        known = asked.known
        context = Context(
            template=template, history=history, settings=settings, forbidden=forbidden,
            snippets=await self._find(asked.bot_id, asked.question, SNIPPETS),
            tools=_Tools(self._toolbox, asked.bot_id, keys, caller) if keys else None,
            best=known if known is not None and known.source and known.source.kind == "article" else None,
            shop=self._shop(asked.inbox_id), bot=self._engine.name_of(asked.bot_id),
            now=to_datetime(self._now_ms()), tried=tried)
        return await self._answers.answer(asked, context, outlet)


def _texts(settings: Mapping[str, Any], name: str) -> list[str]:
    value = settings.get(name)
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
