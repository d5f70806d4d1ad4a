"""The button that asks a model for one word."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import pytest

from zhike.answer.llm.faults import ModelError
from zhike.answer.llm.models import Model, Models, Price
from zhike.answer.llm.reply import Completion
from zhike.answer.llm.usage import UsageBook
from zhike.config import Settings
from zhike.config.models import ModelServer
from zhike.errors import ZhikeError
from zhike.ops.quality.modeltest import TEST_S, ask_shortly, states
from zhike.testing.loop import VirtualLoop, run_virtual


class Scripted:
    """A model that says a word after a time, or fails."""

    def __init__(self, wait_s: float = 0.5, error: ModelError | None = None) -> None:
        self.wait_s = wait_s
        self.error = error
        self.closed = 0

    async def stream(self, body: dict[str, Any], done: Completion) -> AsyncGenerator[str, None]:
        assert body["max_tokens"] <= 64
        try:
            await asyncio.sleep(self.wait_s)
            if self.error is not None:
                raise self.error
            done.first_s, done.beats = self.wait_s, 1
            done.prompt_tokens, done.completion_tokens = 9, 1
            yield " ready"
        finally:
            self.closed += 1

    async def warm(self) -> None: ...

    async def close(self) -> None: ...


def with_model(client: Scripted, check: Callable[[Models], Awaitable[None]],
               price: Price | None = None) -> None:
    async def run(_: VirtualLoop) -> None:
        book = UsageBook(None, lambda: 0)
        await check(Models([Model("shop", client, book, price=price)], book))

    run_virtual(run)


def test_a_word_comes_back_with_its_times_and_tokens_and_is_paid_for() -> None:
    async def check(models: Models) -> None:
        tried = await ask_shortly(models, "shop")
        assert (tried.text, tried.prompt_tokens, tried.completion_tokens) == ("ready", 9, 1)
        assert (tried.first_token_ms, tried.total_ms) == pytest.approx((500, 500))
        assert models.book.spent("shop") == 9 * 2 + 1 * 8
        with pytest.raises(ZhikeError, match="not_found"):
            await ask_shortly(models, "other")

    with_model(Scripted(), check, Price(2.0, 8.0))


def test_it_gives_up_after_ten_seconds_and_lets_the_place_go() -> None:
    slow = Scripted(TEST_S + 0.001)

    async def check(models: Models) -> None:
        with pytest.raises(ModelError, match="model_timeout"):
            await ask_shortly(models, "shop")
        assert models.by_key["shop"].gate.busy == 0
        assert slow.closed == 1

    with_model(slow, check)


def test_a_model_that_rested_and_answers_is_asked_again() -> None:
    client = Scripted()

    async def check(models: Models) -> None:
        model = models.by_key["shop"]
        client.error = ModelError("model_unavailable", "cut")
        while not model.rests():
            with contextlib.suppress(ModelError):
                async for _ in model.ask(1, {"messages": [], "max_tokens": 1}, Completion()):
                    pass
        with pytest.raises(ModelError, match="model_unavailable"):
            await ask_shortly(models, "shop")
        assert model.rests()
        client.error = None
        await ask_shortly(models, "shop")
        assert model.rests() == ""

    with_model(client, check)


def test_spent_money_is_not_spent_by_a_test() -> None:
    async def check(models: Models) -> None:
        models.book.add(1, "shop", 1, 1, 2_000_000)
        with pytest.raises(ModelError, match="daily_limit"):
            await ask_shortly(models, "shop")

    with_model(Scripted(), check, Price(1.0, 1.0, 1.0))


def test_the_state_shows_no_credentials() -> None:
    server = ModelServer(base_url="https://user:secret@models.example/v1", model="qwen", api_key="sk-secret")

    async def check(models: Models) -> None:
        (state,) = states(models, Settings(models={"shop": server}))
        assert (state.key, state.server, state.model) == ("shop", "https://models.example/v1", "qwen")
        assert "secret" not in repr(state)

    with_model(Scripted(), check)
