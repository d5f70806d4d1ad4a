"""The model that is asked while prompts are tried: a small port, and a client for it.

Times are not those of a visitor's answer: nobody waits, so a slow model may take its minute and is
reported as slow.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from zhike.answer.prompts import rough_count
from zhike.config import ConfigError, Settings
from zhike.config.problems import unknown

TOTAL_S = 120.0
IDLE_S = 60.0
CONNECT_S = 5.0
MAX_ANSWER_CHARS = 16_000
MAX_ERROR_CHARS = 300


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
    count: Callable[[str], int] = rough_count


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


class Server(NamedTuple):
    """One OpenAI-compatible server. Prices are per million tokens."""

    base_url: str
    model: str
    api_key: str = ""
    context_tokens: int = 8_192
    price_in: float = 0.0
    price_out: float = 0.0
    extra_body: str = ""


class HttpCompleter:
    """Asks servers directly, streamed, so that the first token can be timed."""

    def __init__(self, servers: Mapping[str, Server]) -> None:
        self._servers = dict(servers)
        self._http: Any = None

    @property
    def keys(self) -> Sequence[str]:
        """See :class:`Completer`."""
        return tuple(self._servers)

    def window(self, model_key: str) -> Window:
        """See :class:`Completer`."""
        return Window(self._servers[model_key].context_tokens)

    async def close(self) -> None:
        """Ends the connections."""
        if self._http is not None:
            await self._http.aclose()

    async def complete(self, model_key: str, messages: Sequence[Mapping[str, Any]], temperature: float,
                       max_tokens: int) -> Completion:
        """See :class:`Completer`."""
        import httpx2

        server = self._servers.get(model_key)
        if server is None:
            raise Failed(f"there is no model {model_key!r}")
        if self._http is None:
            self._http = httpx2.AsyncClient(
                trust_env=False, timeout=httpx2.Timeout(IDLE_S, connect=CONNECT_S))
        body = {**(json.loads(server.extra_body) if server.extra_body else {}), "model": server.model,
                "messages": list(messages), "temperature": temperature, "max_tokens": max_tokens,
                "stream": True, "stream_options": {"include_usage": True}}
        headers = {"Authorization": f"Bearer {server.api_key}"} if server.api_key else {}
        began_s = time.monotonic()
        try:
            async with asyncio.timeout(TOTAL_S), self._http.stream(
                    "POST", f"{server.base_url.rstrip('/')}/chat/completions", json=body,
                    headers=headers) as response:
                if response.status_code != 200:
                    words = (await response.aread()).decode("utf-8", "replace")[:MAX_ERROR_CHARS]
                    raise Failed(f"{response.status_code}: {words}")
                return await _read(response, server, began_s)
        except TimeoutError as error:
            raise Failed(f"no answer within {TOTAL_S:.0f} s") from error
        except (httpx2.HTTPError, ValueError) as error:
            raise Failed(f"{type(error).__name__}: {error}"[:MAX_ERROR_CHARS]) from error


async def _read(response: Any, server: Server, began_s: float) -> Completion:
    first = 0.0
    pieces: list[str] = []
    read = written = size = 0
    async for line in response.aiter_lines():
        if not line.startswith("data:"):
            continue
        event = line[5:].strip()
        if event == "[DONE]":
            break
        chunk = json.loads(event)
        if chunk.get("error"):
            raise Failed(str(chunk["error"])[:MAX_ERROR_CHARS])
        usage = chunk.get("usage") or {}
        read, written = usage.get("prompt_tokens", read), usage.get("completion_tokens", written)
        for choice in chunk.get("choices") or ():
            piece = (choice.get("delta") or {}).get("content") or ""
            if piece and not pieces:
                first = (time.monotonic() - began_s) * 1000
            pieces.append(piece)
            size += len(piece)
        if size > MAX_ANSWER_CHARS:
            break
    total = (time.monotonic() - began_s) * 1000
    cost = (read * server.price_in + written * server.price_out) / 1e6
    return Completion("".join(pieces).strip(), first, total, read, written, cost)


def completer_of(settings: Settings, model: str = "") -> tuple[HttpCompleter, str]:
    """The models of the settings, and the key of the one wanted ("" = the first).

    ``model``: a configured key, or the address of a server that is only to be tried:
    ``http://127.0.0.1:8000/v1#qwen3-8b``.

    Raises:
        ConfigError: there is no such model.
    """
    configured: Mapping[str, Any] = getattr(settings, "models", {})
    servers = {key: Server(one.base_url, one.model, one.api_key, one.context_tokens, one.price_in,
                           one.price_out, one.extra_body) for key, one in configured.items()}
    if model.startswith(("http://", "https://")):
        address, _, name = model.partition("#")
        servers = {address: Server(address, name or "default"), **servers}
        model = address
    if model and model not in servers:
        raise ConfigError([unknown("--model", "模型", "model", model, list(servers))])
    return HttpCompleter(servers), model
