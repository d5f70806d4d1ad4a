"""The configured models, in order, each with its gate, its circuit breaker and its account."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Any, NamedTuple, Protocol

from zhike.answer.llm.breaker import Breaker, Pass
from zhike.answer.llm.client import Client, Endpoint, Fixed
from zhike.answer.llm.faults import ModelError
from zhike.answer.llm.gate import Gate
from zhike.answer.llm.reply import Completion
from zhike.answer.llm.turnstile import Turnstile
from zhike.answer.llm.usage import UsageBook
from zhike.config import Settings
from zhike.config.models import LOCAL_KEY, ModelServer

Count = Callable[[str, str], int]
"""``count(text, family)``: tokens, offline (:func:`zhike.answer.tokens.count`)."""

log = logging.getLogger("zhike.models")


def rough_count(text: str, family: str = "") -> int:
    """A guess without any knowledge of the family: never far too low for Chinese or English."""
    wide = sum(1 for char in text if char > "\u2e7f")
    return wide + (len(text) - wide + 2) // 3


class Price(NamedTuple):
    """Per million tokens, in any currency. ``daily_limit`` 0 = none."""

    read: float = 0.0
    written: float = 0.0
    daily_limit: float = 0.0


class Streams(Protocol):
    """What a model needs of its client (:class:`zhike.answer.llm.client.Client`)."""

    def stream(self, body: dict[str, Any], done: Completion) -> AsyncGenerator[str, None]: ...
    async def warm(self) -> None: ...
    async def close(self) -> None: ...


class Model:
    """One model. :meth:`ask` is the only way to it.

    ``context_tokens``: what it can read and write in one go; ``family``: whose tokens it has. ``pace``: to be
    asked before a prompt is made for it; all models have the same.
    """

    def __init__(self, key: str, client: Streams, book: UsageBook, *, context_tokens: int = 8_192,
                 family: str = "", concurrency: int = 4, queue: int = 16, price: Price | None = None,
                 count: Count = rough_count, pace: Turnstile | None = None) -> None:
        self.key = key
        self.context_tokens = context_tokens
        self.family = family
        self.gate = Gate(concurrency, queue)
        self.breaker = Breaker()
        self.price = price or Price()
        self.count = count
        self.pace = pace or Turnstile()
        self.client = client
        self.counts: Counter[str] = Counter()
        """Requests by outcome: ok | cancelled | a code of the catalogue."""
        self.tokens: Counter[str] = Counter()
        """read | written."""
        self.cost_micros = 0
        self.first_s = 0.0
        self.first_count = 0
        """Sum and number of the times to the first piece."""
        self._book = book

    def rests(self) -> str:
        """Why it is not to be asked now ("" = it may be), without taking the probe's place."""
        limit = self.price.daily_limit
        if limit and self._book.spent(self.key) >= limit * 1_000_000:
            return f"daily_limit of {limit:g} is spent"
        if self.breaker.state(asyncio.get_running_loop().time()) == "open":
            return "it failed repeatedly"
        return ""

    async def ask(self, bot_id: int, body: dict[str, Any], done: Completion) -> AsyncGenerator[str, None]:
        """Yields the visible text as it comes. Close it (``aclosing``), whatever happens.

        Raises:
            ModelError: it rests, is full, or failed; what it is to blame for counts for its breaker.
        """
        loop = asyncio.get_running_loop()
        if why := self.rests():
            self.counts["model_rests"] += 1
            raise ModelError("model_rests", why, counts=False)
        given = self.breaker.ask(loop.time())
        if given == "no":
            self.counts["model_rests"] += 1
            raise ModelError("model_rests", "another request is trying whether it is back", counts=False)
        outcome = "cancelled"
        asked = False
        try:
            await self.gate.enter()
            try:
                asked = True
                async with contextlib.aclosing(self.client.stream(body, done)) as pieces:
                    async for piece in pieces:
                        yield piece
                outcome = "ok"
                self.breaker.good()
            finally:
                self.gate.leave()
        except ModelError as error:
            outcome = error.code
            self._blame(error, given)
            raise
        finally:
            if outcome == "cancelled":
                self._cancelled(given, asked, done)
            self.counts[outcome] += 1
            if asked:
                self._account(bot_id, body, done)

    def _blame(self, error: ModelError, given: Pass) -> None:
        now_s = asyncio.get_running_loop().time()
        if error.counts:
            opened = self.breaker.opened
            self.breaker.bad(given, now_s)
            if self.breaker.opened != opened:
                log.warning("a model fails and rests", extra={"model": self.key, "why": error.reason})
        else:
            self.breaker.let_go(given)

    def _cancelled(self, given: Pass, asked: bool, done: Completion) -> None:
        """We left. A server that never said a word though it had its time is to blame all the same
        (:attr:`Completion.late` was set by who waited)."""
        if asked and done.late and not done.beats:
            self.breaker.bad(given, asyncio.get_running_loop().time())
        elif done.beats:
            self.breaker.good()
        else:
            self.breaker.let_go(given)

    def _account(self, bot_id: int, body: dict[str, Any], done: Completion) -> None:
        """Tokens as the server counted them; where it was left early, as we would."""
        read, written = done.prompt_tokens, done.completion_tokens
        if read is None:
            read = sum(self.count(str(message.get("content") or ""), self.family) + 4
                       for message in body.get("messages", ())) if done.beats else 0
        if written is None:
            written = done.beats  # servers send a token or two in a piece
        if not read and not written:
            return
        cost = round(read * self.price.read + written * self.price.written)
        self.tokens["read"] += read
        self.tokens["written"] += written
        self.cost_micros += cost
        if done.first_s is not None:
            self.first_s += done.first_s
            self.first_count += 1
        self._book.add(bot_id, self.key, read, written, cost)


class Models:
    """All of them, by key, in the order of the settings."""

    def __init__(self, models: Iterable[Model], book: UsageBook) -> None:
        self.by_key = {model.key: model for model in models}
        self.book = book

    def __bool__(self) -> bool:
        return bool(self.by_key)

    def chosen(self, keys: Iterable[str], first: str = "") -> list[Model]:
        """The models to ask, in order.

        Args:
            keys: a bot's own list; empty: all. Keys that are not configured are left out.
            first: a prompt's own model, before the others.
        """
        order = [first, *(list(keys) or self.by_key)]
        return [self.by_key[key] for key in dict.fromkeys(order) if key in self.by_key]

    async def start(self) -> None:
        """Gets the client library ready, reads what was spent, and begins to store usage."""
        for model in self.by_key.values():
            await model.client.warm()
        await self.book.start()

    async def stop(self) -> None:
        """Stores what was counted and closes connections; nothing may be in hand any more."""
        for model in self.by_key.values():
            await model.client.close()
        await self.book.stop()


def models_of(settings: Settings, book: UsageBook, count: Count = rough_count,
              local: Endpoint | None = None) -> Models:
    """The models of the settings; the local one is last unless bots say otherwise.

    Args:
        local: where the local server is, if there is one (:mod:`zhike.answer.llm.local`).
    """
    pace = Turnstile()
    made = [_model(key, server, book, count, pace) for key, server in settings.models.items()]
    if settings.local_model.path and local is not None:
        own = settings.local_model
        # the queue: a slot's wait is shorter than a visitor's patience for one question ahead, not for ten
        client = Client(local, LOCAL_KEY, connect_s=1.0, return_progress=True, connections=own.slots + 2)
        made.append(Model(LOCAL_KEY, client, book, context_tokens=own.context_tokens, family=own.family,
                          concurrency=own.slots, queue=4 * own.slots, count=count, pace=pace))
    return Models(made, book)


def _model(key: str, server: ModelServer, book: UsageBook, count: Count, pace: Turnstile) -> Model:
    client = Client(Fixed(server.base_url, server.api_key), server.model, connect_s=server.connect_s,
                    idle_s=server.idle_s, extra_body=server.extra_body,
                    return_progress=server.return_progress, connections=server.concurrency + 2)
    return Model(key, client, book, context_tokens=server.context_tokens, family=server.family,
                 concurrency=server.concurrency, queue=server.queue,
                 price=Price(server.price_in, server.price_out, server.daily_limit), count=count, pace=pace)
