"""What a turn hands to the model part, and what that needs of the other parts of ``answer``.

The small protocols stand here, with their caller; ``answer/ladder.py`` joins them with the real
ones (:mod:`zhike.answer.mask`, ``guard``, ``compress``, ``tokens``, ``prompts``, ``tools``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from zhike.answer.ports import Said, Snippet
from zhike.domain.message import Reply, TraceStep
from zhike.domain.prompt import Template

Turns = Sequence[tuple[str, str]]
"""(role, text), oldest first."""


class Ask(msgspec.Struct, frozen=True):
    """What a prompt is made of; the fields of :class:`zhike.answer.prompts.PromptContext`, everything
    personal in it masked. ``count`` counts tokens as the model to be asked does."""

    question: str
    count: Callable[[str], int]
    lang: str = "zh"
    shop: str = ""
    bot: str = ""
    now: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    snippets: Sequence[Snippet] = ()
    history: Turns = ()
    facts: str = ""
    context_tokens: int = 8_192
    variables: Mapping[str, str] = msgspec.field(default_factory=dict)


class Prompt(Protocol):
    """A rendered prompt. ``sources``: the snippets that are in it; [1] is the first."""

    @property
    def messages(self) -> list[dict[str, Any]]: ...
    @property
    def sources(self) -> Sequence[Snippet]: ...


class Unmasker(Protocol):
    """Pieces of a stream with their placeholders restored, however they are cut."""

    def feed(self, piece: str) -> str: ...
    def end(self) -> str: ...


class Mask(Protocol):
    """Personal data out and in again; one for each turn."""

    def mask(self, text: str) -> str: ...
    def unmask(self, text: str) -> str: ...
    def stream(self) -> Unmasker: ...


class Withheld(Protocol):
    """A sentence that may not go out: why, and the words it is about."""

    @property
    def reason(self) -> str: ...
    @property
    def what(self) -> str: ...


class Guard(Protocol):
    """Holds a sentence until it is whole and checked."""

    @property
    def withheld(self) -> Sequence[Withheld]: ...
    def feed(self, piece: str) -> list[str]: ...
    def end(self) -> list[str]: ...


class Compressed(Protocol):
    """A dialogue made short: what mattered in it, for the model."""

    @property
    def text(self) -> str: ...


class Tools(Protocol):
    """What the model may call in this turn: the allow-list. Who the visitor is, the tools know from
    the server; nothing the model writes changes it."""

    def specs(self) -> Sequence[dict[str, Any]]:
        """OpenAI ``tools``; the names in it are the only ones that may be called."""

    async def call(self, name: str, arguments: dict[str, Any]) -> str:
        """The result as text for the model, or what went wrong, said so that it can mend it."""


class Parts(msgspec.Struct, frozen=True):
    """The other parts, injected."""

    compose: Callable[[Template, Ask], Prompt]
    mask: Callable[[], Mask]
    guard: Callable[[Sequence[str], Sequence[str], str, Sequence[str]], Guard]
    """(sources, forbidden words, language, what the visitor said)."""
    compress: Callable[[Turns, int, str], Compressed]
    """(turns, budget in tokens, family)."""
    aside: Callable[[Callable[[], Any]], Awaitable[Any]] = asyncio.to_thread
    """Runs what would hold up the event loop: masking and compressing a long history take 40 ms."""


class Context(msgspec.Struct, kw_only=True):
    """One turn, beside :class:`zhike.answer.ports.Asked`.

    ``settings``: the bot's. ``best``: the nearest article as a reply (its own words, cards, buttons),
    said at 3 s if its score reaches the bot's ``suggest_threshold``; None: the best snippet serves.
    ``forbidden``: words that may not go out. ``tried`` is filled here: a step for every model that was
    asked, also when the answer is None.
    """

    template: Template
    history: Sequence[Said] = ()
    snippets: Sequence[Snippet] = ()
    settings: Mapping[str, Any] = msgspec.field(default_factory=dict)
    tools: Tools | None = None
    best: Reply | None = None
    forbidden: Sequence[str] = ()
    shop: str = ""
    bot: str = ""
    now: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    variables: Mapping[str, str] = msgspec.field(default_factory=dict)
    tried: list[TraceStep] = msgspec.field(default_factory=list)
