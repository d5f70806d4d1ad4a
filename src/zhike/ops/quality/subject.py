"""The bot under test: the product's own engine and prompts on a given state, nothing stored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from zhike.answer.modelrung import SNIPPETS
from zhike.answer.prompts import PromptContext, Rendered, compose
from zhike.answer.promptset import Prompts
from zhike.domain.message import Reply
from zhike.domain.prompt import Template
from zhike.ops.eval.probe import Probe
from zhike.ops.quality.state import BotState
from zhike.search.text import Lang, understand


class Subject:
    """One bot as ``state`` says. Making it indexes the knowledge: do it in a thread."""

    def __init__(self, state: BotState) -> None:
        self.state = state
        self._probe = Probe(state.bot, state.articles, state.rules)
        self.reply("请问這個怎么退 retrun")  # loads the dictionaries: not to be timed as the first question
        self.prompts = Prompts()
        self.prompts.load(state.bot, state.templates)

    def reply(self, text: str, lang: str = "") -> Reply | None:
        """What the bot answers without a model: rules, then knowledge; None: it does not answer."""
        return self._probe.rule(text, lang) or self._probe.ask(text, lang)

    def lang(self, text: str, lang: str = "") -> Lang:
        """The language in which ``text`` is answered."""
        return understand(text, lang).lang

    def compose(self, template: Template, text: str, lang: Lang, now: datetime, context_tokens: int,
                count: Callable[[str], int]) -> Rendered:
        """The prompt that a model would get for ``text`` at the beginning of a conversation."""
        return compose(template, PromptContext(
            question=text, lang=lang, shop=self.state.shop, bot=self.state.bot.name, now=now,
            snippets=self._probe.snippets(text, lang, SNIPPETS), context_tokens=context_tokens, count=count))
