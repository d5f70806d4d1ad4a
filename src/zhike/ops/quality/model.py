"""The models that are asked while prompts are tried: those of the settings, by their own client.

Not as a visitor's question asks them: nobody waits, so a slow model may take its minute and is
reported as slow; and every failure is reported, so there is no circuit breaker and no second model.
Places (``concurrency``) and money are shared with the visitors and counted as theirs.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from zhike.answer.llm.client import Client, Fixed
from zhike.answer.llm.faults import ModelError
from zhike.answer.llm.local import LocalServer
from zhike.answer.llm.models import Model, Models, models_of
from zhike.answer.llm.reply import Completion as Streamed
from zhike.answer.llm.usage import UsageBook
from zhike.answer.tokens import count
from zhike.clock import now_ms
from zhike.config import ConfigError, Problem, Settings
from zhike.config.problems import unknown
from zhike.store.engine import Store

TOTAL_S = 120.0
LOCAL_START_S = 120.0
"""A large model on a slow disk."""


class Completion(NamedTuple):
    """One answer. ``first_token_ms``: to the first piece of text, ``total_ms``: to its end; ``cost`` in the
    currency of the settings."""

    text: str
    first_token_ms: float
    total_ms: float
    prompt_tokens: int
    completion_tokens: int
    cost: float = 0.0


class Failed(Exception):
    """A model gave no answer; the message says why, for people."""


class Window(NamedTuple):
    """What a prompt is made to fit."""

    context_tokens: int
    count: Callable[[str], int] = count


class Completer(Protocol):
    """Models by key."""

    @property
    def keys(self) -> Sequence[str]:
        """The configured models, the first asked first."""

    def window(self, model_key: str) -> Window:
        """Its limits."""

    async def complete(self, model_key: str, messages: Sequence[Mapping[str, Any]], temperature: float,
                       max_tokens: int) -> Completion:
        """Asks a model.

        Raises:
            Failed: it gave no answer.
        """


class ModelsCompleter:
    """See the module. ``bot_id``: whose account the tokens go to."""

    def __init__(self, models: Models, bot_id: int = 0) -> None:
        self._models = models
        self._bot_id = bot_id

    @property
    def keys(self) -> Sequence[str]:
        """See :class:`Completer`."""
        return tuple(self._models.by_key)

    def window(self, model_key: str) -> Window:
        """See :class:`Completer`."""
        model = self._models.by_key[model_key]
        return Window(model.context_tokens, lambda text: model.count(text, model.family))

    async def complete(self, model_key: str, messages: Sequence[Mapping[str, Any]], temperature: float,
                       max_tokens: int) -> Completion:
        """See :class:`Completer`."""
        model = self._models.by_key.get(model_key)
        if model is None:
            raise Failed(f"there is no model {model_key!r}")
        limit = model.price.daily_limit
        if limit and self._models.book.spent(model_key) >= limit * 1_000_000:
            raise Failed(f"the daily_limit of {limit:g} is spent")
        body = {"messages": list(messages), "temperature": temperature, "max_tokens": max_tokens}
        done = Streamed()
        pieces: list[str] = []
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(TOTAL_S):
                await model.gate.enter()
                began_s = loop.time()
                try:
                    async with contextlib.aclosing(model.client.stream(body, done)) as stream:
                        async for piece in stream:
                            pieces.append(piece)
                finally:
                    model.gate.leave()
        except TimeoutError as error:
            raise Failed(f"no answer within {TOTAL_S:.0f} s") from error
        except ModelError as error:
            raise Failed(error.reason) from error
        finally:
            cost = self._account(model, messages, done)
        total_ms = (loop.time() - began_s) * 1000
        return Completion("".join(pieces).strip(), (done.first_s or 0.0) * 1000, total_ms,
                          done.prompt_tokens or 0, done.completion_tokens or done.beats, cost / 1e6)

    def _account(self, model: Model, messages: Sequence[Mapping[str, Any]], done: Streamed) -> int:
        """Counts what was used; millionths of the currency."""
        read = done.prompt_tokens
        if read is None:
            read = sum(model.count(str(one.get("content") or ""), model.family) for one in messages) \
                if done.beats else 0
        written = done.beats if done.completion_tokens is None else done.completion_tokens
        cost = round(read * model.price.read + written * model.price.written)
        if read or written:
            self._models.book.add(self._bot_id, model.key, read, written, cost)
        return cost


@contextlib.asynccontextmanager
async def opened(settings: Settings, store: Store | None, model: str = "",
                 judge: str = "") -> AsyncIterator[tuple[Models, str, str]]:
    """The models of the settings for a command, the local one started if it is needed; with the keys of
    the model and the judge wanted ("" = the first).

    ``model``, ``judge``: a configured key, or the address of a server that is only to be tried:
    ``http://127.0.0.1:8000/v1#qwen3-8b``.

    Raises:
        ConfigError: there is no such model; the local one does not start.
    """
    book = UsageBook(store, now_ms)
    local = LocalServer(settings.local_model) if settings.local_model.path else None
    models = models_of(settings, book, count, local)
    keys = [_key(models, word, flag) for word, flag in ((model, "--model"), (judge, "--judge"))]
    if local is not None:
        local.start()
        try:
            async with asyncio.timeout(LOCAL_START_S):
                await local.until("ready")
        except TimeoutError:
            await local.stop()
            trouble = local.trouble
            raise ConfigError([Problem(
                "local_model.path", trouble.zh if trouble else "本地模型没有启动",
                trouble.en if trouble else "the local model does not start")]) from None
    try:
        await book.flush()
        yield models, keys[0], keys[1]
    finally:
        for one in models.by_key.values():
            await one.client.close()
        if local is not None:
            await local.stop()
        await book.stop()


def _key(models: Models, word: str, flag: str) -> str:
    if word.startswith(("http://", "https://")):
        address, _, name = word.partition("#")
        client = Client(Fixed(address), name or "default", connections=66)
        models.by_key.setdefault(word, Model(word, client, models.book, concurrency=64, count=count))
    elif word and word not in models.by_key:
        raise ConfigError([unknown(flag, "模型", "model", word, list(models.by_key))])
    return word
