"""From a template and what is at hand to the messages that a model gets: for a reply, a rewriting, a summary.

A reply is asked for like an answer of the bot (:func:`zhike.answer.prompts.compose`), with what the agent has
typed at its end. The others see the chat as one fenced text and are asked for one thing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from zhike.answer.assist.templates import CHAT, DRAFT_RULE, GO_ON, SPEAKERS, SUM_UP, TYPED
from zhike.answer.fences import fenced
from zhike.answer.llm.context import Ask
from zhike.answer.prompts import MARGIN, PER_MESSAGE_TOKENS, PromptContext, Rendered, compose, system_prompt
from zhike.domain.prompt import Template
from zhike.search.text import Lang

Compose = Callable[[Template, Ask], Rendered]


def _context(ask: Ask, room: int = 0) -> PromptContext:
    return PromptContext(
        ask.question, _lang(ask), ask.shop, ask.bot, ask.now, ask.snippets, ask.history, ask.facts,
        max(1, ask.context_tokens - room), ask.count, dict(ask.variables))


def _lang(ask: Ask) -> Lang:
    return "en" if ask.lang == "en" else "zh"


def reply(typed: Callable[[], str]) -> Compose:
    """A reply to the visitor. ``typed``: what the agent has written, masked as the rest was."""
    def composed(template: Template, ask: Ask) -> Rendered:
        text, lang = typed(), _lang(ask)
        if not text:
            return compose(template, _context(ask))
        end = f"\n\n{DRAFT_RULE[lang]}\n{GO_ON[lang]}\n\n{fenced('draft', text)}"
        more = int(ask.count(end) * MARGIN)
        found = compose(template, _context(ask, more))
        found.messages[-1]["content"] += end
        return found._replace(tokens=found.tokens + more)

    return composed


def rewriting(template: Template, ask: Ask) -> Rendered:
    """Another wording of what is typed (``ask.question``); the chat only tells the tone and the language."""
    return _one(template, ask, f"{DRAFT_RULE[_lang(ask)]}\n{TYPED[_lang(ask)]}", ask.question)


def summary(template: Template, ask: Ask) -> Rendered:
    """What the chat was about."""
    return _one(template, ask, SUM_UP[_lang(ask)], "")


def _one(template: Template, ask: Ask, wish: str, typed: str) -> Rendered:
    """System words, and one message: the chat, the wish, what is typed. Old turns go first if it is too
    long."""
    lang = _lang(ask)
    system = system_prompt(template, _context(ask))
    end = [wish, fenced("draft", typed)] if typed else [wish]
    turns: Sequence[tuple[str, str]] = ask.history
    budget = int((ask.context_tokens - template.max_tokens) / MARGIN)
    dropped: list[str] = []
    while True:
        said = "\n".join(f"{SPEAKERS.get(role, SPEAKERS['agent'])[lang]}: {text}" for role, text in turns)
        chat = [part for part in (fenced("facts", ask.facts) if ask.facts.strip() else "",
                                  fenced("earlier", said) if said else "") if part]
        last = "\n\n".join([*([CHAT[lang], *chat] if chat else []), *end])
        tokens = ask.count(system) + ask.count(last) + 2 * PER_MESSAGE_TOKENS
        if tokens <= budget or not turns:
            break
        gone = max(1, len(turns) // 4)
        dropped.append(f"{gone} turns")
        turns = turns[gone:]
    messages = [{"role": "system", "content": system}, {"role": "user", "content": last}]
    return Rendered(messages, (), tuple(dropped), tokens, tokens <= budget)
