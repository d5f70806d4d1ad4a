"""How the configured models do, and one short question to one of them."""

from __future__ import annotations

import asyncio
import contextlib
from urllib.parse import urlsplit

from zhike.answer.llm.faults import ModelError
from zhike.answer.llm.models import Model, Models
from zhike.answer.llm.reply import Completion
from zhike.config import Settings
from zhike.domain.trial import ModelState, ModelTried
from zhike.errors import ZhikeError

TEST_S = 10.0
"""Somebody looks at a button; a model that needs longer for a word is too slow for visitors, too."""
TEST_TOKENS = 32
QUESTION = "Reply with the single word: ready"
"""Short, the same for all, and seen by no visitor."""


def states(models: Models, settings: Settings) -> list[ModelState]:
    """Every model in the order in which they are asked. On the event loop."""
    return [_state(model, settings) for model in models.by_key.values()]


def _state(model: Model, settings: Settings) -> ModelState:
    server = settings.models.get(model.key)
    address = ""
    if server is not None:
        parts = urlsplit(server.base_url)  # a user and password may stand in it
        address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    return ModelState(
        key=model.key,
        model=server.model if server is not None else settings.local_model.path.rpartition("/")[2],
        server=address,
        local=server is None,
        state=model.rests() or "ok",
        family=model.family,
        context_tokens=model.context_tokens,
        concurrency=model.gate.places,
        queue=model.gate.queue,
        busy=model.gate.busy,
        waiting=model.gate.waiting,
        price_in=model.price.read,
        price_out=model.price.written,
        daily_limit=model.price.daily_limit,
        cost=model.cost_micros / 1e6,
        outcomes=dict(model.counts),
        tokens_read=model.tokens["read"],
        tokens_written=model.tokens["written"],
        first_token_ms=1000 * model.first_s / model.first_count if model.first_count else 0.0,
    )


async def ask_shortly(models: Models, key: str) -> ModelTried:
    """Asks a model for one word, also one that rests after failures: it may be well again, and then it is
    back at once. Tokens count as everybody's.

    Raises:
        ZhikeError: ``not_found``.
        ModelError: why there was no answer.
    """
    model = models.by_key.get(key)
    if model is None:
        raise ZhikeError("not_found")
    limit = model.price.daily_limit
    if limit and models.book.spent(key) >= limit * 1_000_000:
        raise ModelError("model_rests", f"daily_limit of {limit:g} is spent", counts=False)
    messages = [{"role": "user", "content": QUESTION}]
    body = {"messages": messages, "temperature": 0.0, "max_tokens": TEST_TOKENS}
    done = Completion()
    pieces: list[str] = []
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    try:
        async with asyncio.timeout(TEST_S):
            await model.gate.enter()
            try:
                async with contextlib.aclosing(model.client.stream(body, done)) as stream:
                    async for piece in stream:
                        pieces.append(piece)
            finally:
                model.gate.leave()
    except TimeoutError as error:
        raise ModelError("model_timeout", f"no answer within {TEST_S:.0f} s", counts=False) from error
    finally:
        read = done.prompt_tokens or 0
        written = done.completion_tokens or done.beats
        cost = round(read * model.price.read + written * model.price.written)
        if read or written:
            models.book.add(0, key, read, written, cost)
    model.breaker.good()
    return ModelTried("".join(pieces).strip(), (done.first_s or 0.0) * 1000, (loop.time() - began_s) * 1000,
                      read, written)
