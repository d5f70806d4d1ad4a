"""From a template and what is known of the moment to the messages that a model gets.

Layout, stable parts first (servers keep the prefix they have read): system prompt with our safety
rules · examples · history as turns · one last message with the sources, the facts and the question.
Everything that visitors, agents or articles wrote stands between fences (:mod:`zhike.answer.fences`).

A prompt that is too long loses, in this order: the worst sources, all but the best; the oldest
turns; the facts; the examples; the best source. Never the question. What was dropped is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from zhike.answer.defaulttemplates import (
    ASKED,
    DEFAULTS,
    EARLIER,
    LANGUAGES,
    NO_SOURCES,
    RULES,
    SOURCES,
    WEEKDAYS,
)
from zhike.answer.fences import data, fenced
from zhike.answer.ports import Snippet
from zhike.answer.tokens import count as count_tokens
from zhike.domain.prompt import Template, fill
from zhike.search.text import Lang, normalise

MARGIN = 1.3
"""Offline counts of tokens miss by up to a third on short texts; a prompt that the server refuses
is worth nothing, and one a little shorter than it might be costs nothing."""
PER_MESSAGE_TOKENS = 5
"""What a chat template adds to each message."""
DEFAULT_CONTEXT_TOKENS = 8192

Count = Callable[[str], int]


class PromptContext(msgspec.Struct, frozen=True):
    """What is known when a model is asked.

    ``history``: (role, text) with role visitor | bot | agent, oldest first, compressed already;
    ``facts``: what the compression kept of turns that are not there. ``snippets``: best first or not,
    their ``score`` decides. ``now``: in the shop's own time zone. ``context_tokens``: the model's window,
    prompt and answer together. ``count``: tokens of a text, for that model.
    """

    question: str
    lang: Lang = "zh"
    shop: str = ""
    bot: str = ""
    now: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    snippets: Sequence[Snippet] = ()
    history: Sequence[tuple[str, str]] = ()
    facts: str = ""
    context_tokens: int = DEFAULT_CONTEXT_TOKENS
    count: Count = count_tokens
    variables: dict[str, str] = msgspec.field(default_factory=dict)


class Rendered(NamedTuple):
    """``messages`` as OpenAI's ``messages``. ``sources``: the snippets that are in, in the order of their
    numbers, [1] first. ``dropped``: what did not fit, such as ``article returns`` or ``turn 3``;
    ``fits`` False: too long even so, because system prompt and question alone fill the window."""

    messages: list[dict[str, Any]]
    sources: tuple[Snippet, ...]
    dropped: tuple[str, ...]
    tokens: int
    fits: bool


def render(template: Template, context: PromptContext) -> list[dict[str, Any]]:
    """OpenAI ``messages`` for ``template`` in ``context``; see :func:`compose` for what was dropped."""
    return compose(template, context).messages


def system_prompt(template: Template, context: PromptContext) -> str:
    """The template's words with its variables, and our rules. Unknown names stay as they stand: a
    template that was stored has none (:func:`zhike.store.promptchecks.check_template`)."""
    lang = context.lang
    values = {
        "shop": context.shop or context.bot, "bot": context.bot or context.shop,
        "lang": LANGUAGES[lang][lang], "date": context.now.date().isoformat(),
        "weekday": WEEKDAYS[lang][context.now.weekday()], "time": f"{context.now:%H:%M}",
        **template.variables, **context.variables,
    }
    return f"{fill(template.system_prompt, values.get)}\n\n{RULES[lang]}"


def compose(template: Template, context: PromptContext) -> Rendered:
    """The messages, and what had to go so that they fit."""
    draft = _Draft(template, context)
    budget = int((context.context_tokens - template.max_tokens) / MARGIN)
    dropped: list[str] = []
    while (tokens := draft.tokens()) > budget:
        gone = draft.drop()
        if not gone:
            break
        dropped.append(gone)
    return Rendered(draft.messages(), tuple(draft.snippets), tuple(dropped), tokens, tokens <= budget)


class _Draft:
    """A prompt that can lose its parts one by one. Each part is counted once."""

    def __init__(self, template: Template, context: PromptContext) -> None:
        self._lang = context.lang
        self._count = context.count
        self._system = system_prompt(template, context)
        self._question = context.question
        self.snippets = _unlike(sorted(context.snippets, key=lambda s: -s.score))
        self._turns = list(enumerate(_merged(context.history), 1))
        self._facts = context.facts.strip()
        self._examples = list(template.examples)
        self._sizes: dict[str, int] = {}

    def _size(self, text: str) -> int:
        size = self._sizes.get(text)
        if size is None:
            size = self._sizes[text] = self._count(text)
        return size

    def tokens(self) -> int:
        """What the messages take, counted by their parts."""
        parts = [self._system, *self._last(), *(text for _, (_, text) in self._turns)]
        parts += [text for example in self._examples for text in (example.question, example.answer)]
        messages = 2 + len(self._turns) + 2 * len(self._examples)
        return sum(map(self._size, parts)) + messages * PER_MESSAGE_TOKENS

    def drop(self) -> str:
        """Takes away what is missed least; "" if nothing is left that may go."""
        if len(self.snippets) > 1:
            return f"article {self.snippets.pop().key}"
        if self._turns:
            number, _ = self._turns.pop(0)
            return f"turn {number}"
        if self._facts:
            self._facts = ""
            return "facts"
        if self._examples:
            return f"example {self._examples.pop().question[:40]}"
        if self.snippets:
            return f"article {self.snippets.pop().key}"
        return ""

    def _last(self) -> list[str]:
        lang = self._lang
        if self.snippets:
            parts = [SOURCES[lang], *(fenced("article", snippet.text, id=str(number), title=snippet.title)
                                      for number, snippet in enumerate(self.snippets, 1))]
        else:
            parts = [NO_SOURCES[lang]]
        if self._facts:
            parts += [EARLIER[lang], fenced("facts", self._facts)]
        return [*parts, ASKED[lang], fenced("question", self._question)]

    def messages(self) -> list[dict[str, Any]]:
        """See the module for the layout. Turns are the speakers' own messages, so they need no fence
        but what passes for a control token is made harmless in them too."""
        said: list[dict[str, Any]] = [{"role": "system", "content": self._system}]
        for example in self._examples:
            said += [{"role": "user", "content": data(example.question)},
                     {"role": "assistant", "content": data(example.answer)}]
        turns = [(role, text) for _, (role, text) in self._turns]
        if turns and turns[0][0] == "assistant" and not self._examples:
            # several chat templates refuse a conversation that the assistant begins
            turns.insert(0, ("user", "…"))
        said += [{"role": role, "content": text} for role, text in turns]
        last = "\n\n".join(self._last())
        if said[-1]["role"] == "user":
            said[-1]["content"] = f"{fenced('earlier', said[-1]['content'])}\n\n{last}"
        else:
            said.append({"role": "user", "content": last})
        return said


def _merged(history: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Turns as user and assistant, never twice the same in a row: many templates insist on it."""
    turns: list[tuple[str, str]] = []
    for role, text in history:
        speaker = "user" if role in ("visitor", "user") else "assistant"
        text = data(text).strip()
        if not text:
            continue
        if turns and turns[-1][0] == speaker:
            turns[-1] = (speaker, f"{turns[-1][1]}\n{text}")
        else:
            turns.append((speaker, text))
    return turns


def _unlike(snippets: Sequence[Snippet]) -> list[Snippet]:
    """Each text once: the same words twice only take room."""
    return list({normalise(snippet.text): snippet for snippet in reversed(snippets)}.values())[::-1]


def default_template(lang: Lang) -> Template:
    """The built-in template of a language."""
    return DEFAULTS[lang]
