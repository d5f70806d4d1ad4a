"""One model server: ask, read the stream, end it well.

Always ``stream: true``: only then does leaving early stop the generation on the server. Whoever
reads must close the generator (``contextlib.aclosing``), also when cancelled; closing it closes the
connection, and the server's slot is free some milliseconds later. ``X-Conversation-Id`` is never
sent: with it llama.cpp keeps generating after we are gone (measured; llama.cpp PR 23226).

The library is imported when the first client is made, in a thread: 0.1 s nobody should wait for.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from typing import Any, NamedTuple, Protocol

import msgspec

from zhike.answer.llm.faults import ModelError
from zhike.answer.llm.reply import Completion, said
from zhike.answer.llm.sse import Events

MAX_ERROR_BYTES = 8_192
ERROR_BODY_S = 1.0
"""How long an error's words are waited for; the status alone says enough."""
_CONTEXT = re.compile(r"exceed_context_size|context_length_exceeded|context (?:size|length|window)"
                      r"|maximum.{0,20}(?:context|token)|too many tokens|prompt is too long", re.IGNORECASE)
"""How llama.cpp, vLLM, Ollama and OpenAI say that a prompt is too long (the status is 400, 413 or 500)."""
_OURS = ("messages", "model", "stream", "stream_options", "tools")
"""What ``extra_body`` cannot change."""

encode = msgspec.json.Encoder().encode


class Address(NamedTuple):
    """Where a server is now. ``url``: with /v1, no slash at the end."""

    url: str
    api_key: str = ""


class Endpoint(Protocol):
    """Knows where the server is; the local one moves with every restart."""

    def address(self) -> Address:
        """Raises:
            ModelError: ``model_unavailable`` while there is none, with the reason.
        """


class Fixed:
    """An endpoint that never moves."""

    def __init__(self, url: str, api_key: str = "") -> None:
        self._address = Address(url.rstrip("/"), api_key)

    def address(self) -> Address:
        """See :class:`Endpoint`."""
        return self._address


class Client:
    """See the module.

    Args:
        model: the name the server knows it by.
        extra_body: JSON object text, put into every request ("" = none).
    """

    def __init__(self, endpoint: Endpoint, model: str, *, connect_s: float = 2.0, idle_s: float = 4.0,
                 extra_body: str = "", return_progress: bool = False, connections: int = 8) -> None:
        self._endpoint = endpoint
        self._connect_s = connect_s
        self._idle_s = idle_s
        self._connections = connections
        extra = msgspec.json.decode(extra_body, type=dict[str, Any]) if extra_body else {}
        self._fixed = {**{name: value for name, value in extra.items() if name not in _OURS},
                       "model": model, "stream": True, "stream_options": {"include_usage": True}}
        if return_progress:
            self._fixed["return_progress"] = True
        self._http: Any = None
        self._making: asyncio.Future[Any] | None = None

    async def stream(self, body: dict[str, Any], done: Completion) -> AsyncGenerator[str, None]:
        """Asks; yields visible text as it comes; ``done`` fills meanwhile.

        Args:
            body: ``messages`` and whatever the template says (temperature, max_tokens, tools …).

        Raises:
            ModelError: everything that goes wrong. Nothing of httpx2 gets out.
        """
        address = self._endpoint.address()
        http = await self._client()
        import httpx2

        loop = asyncio.get_running_loop()
        began_s = loop.time()
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream",
                   "Accept-Encoding": "identity", "User-Agent": "zhike"}
        if address.api_key:
            headers["Authorization"] = f"Bearer {address.api_key}"
        try:
            async with http.stream("POST", f"{address.url}/chat/completions",
                                   content=encode({**body, **self._fixed}), headers=headers) as response:
                if response.status_code != 200:
                    raise await _refusal(response)
                kind = response.headers.get("content-type", "")
                if kind.startswith(("application/json", "text/html")):
                    raise ModelError("model_garbled", f"{kind} instead of an event stream")
                events = Events()
                chunks = response.aiter_bytes()
                until_s: float | None = None
                while not done.done:
                    data = await self._next(chunks, until_s, done)
                    before = done.beats
                    for event in events.feed(data) if data is not None else events.end():
                        text = done.take(event)
                        if text:
                            if done.first_s is None:
                                done.first_s = loop.time() - began_s
                            yield text
                    if data is None:
                        break
                    if done.beats != before:
                        until_s = loop.time() + self._idle_s
                if not done.ended:
                    raise ModelError("model_unavailable", "the stream was cut", again=True)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise ModelError("model_unavailable", _words(error), again=True) from error
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError) as error:
            raise ModelError("model_refused", _words(error)) from error
        except httpx2.HTTPError as error:
            raise ModelError("model_unavailable", f"cut: {_words(error)}", again=True) from error

    async def _next(self, chunks: Any, until_s: float | None, done: Completion) -> bytes | None:
        """The next bytes, None at the end."""
        try:
            async with asyncio.timeout_at(until_s):
                data: bytes = await anext(chunks)
                return data
        except StopAsyncIteration:
            return None
        except TimeoutError as error:
            raise ModelError("model_timeout", f"silent for {self._idle_s:g} s after {done.pieces} pieces"
                             ) from error

    async def warm(self) -> None:
        """Imports the library and loads the certificates before the first question."""
        await self._client()

    async def close(self) -> None:
        """Closes idle connections; streams in hand must have ended."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def _client(self) -> Any:
        if self._http is None:
            if self._making is None:
                self._making = asyncio.get_running_loop().run_in_executor(None, self._make)
            try:
                self._http = await asyncio.shield(self._making)
            finally:
                if self._making is not None and self._making.done():
                    self._making = None
        return self._http

    def _make(self) -> Any:
        import ssl

        import httpx2

        try:
            secure = self._endpoint.address().url.startswith("https:")
        except ModelError:
            secure = False  # the local one, not up yet
        # plain http needs no certificates, and loading them takes 20 ms; redirects are not followed
        return httpx2.AsyncClient(
            verify=ssl.create_default_context() if secure else False, trust_env=False, follow_redirects=False,
            # reading is timed here: a server sends its head and pings long before it says anything
            timeout=httpx2.Timeout(None, connect=self._connect_s, write=10.0, pool=self._connect_s),
            limits=httpx2.Limits(max_connections=self._connections,
                                 max_keepalive_connections=self._connections, keepalive_expiry=30.0))


async def _refusal(response: Any) -> ModelError:
    """What a status other than 200 means, with the server's own words."""
    status: int = response.status_code
    words = await _error_words(response)
    shown = f"{status} {words}".strip()
    if status in (400, 413, 422, 500) and _CONTEXT.search(words):
        return ModelError("model_context_full", shown, counts=False)
    if status == 429:
        return ModelError("model_busy", shown, again=True, counts=False,
                          retry_after_s=_seconds(response.headers.get("retry-after", "")))
    if status == 503:
        return ModelError("model_busy", shown, again=True)
    if status >= 500:
        return ModelError("model_unavailable", shown, again=True)
    if 300 <= status < 400:
        shown = f"{status} to {response.headers.get('location', '')}; redirects are not followed"
    return ModelError("model_refused", shown)


async def _error_words(response: Any) -> str:
    body = b""
    try:
        async with asyncio.timeout(ERROR_BODY_S):
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_ERROR_BYTES:
                    break
    except Exception:  # whatever broke here, the status is what counts
        pass
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return " ".join(body[:200].decode("utf-8", "replace").split())
    kind = ""
    if isinstance(found, dict) and isinstance(found.get("error"), dict):
        kind = str(found["error"].get("type") or found["error"].get("code") or "")
    return f"{kind} {said(found)}".strip()


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")


def _seconds(value: str) -> float | None:
    return min(float(value), 3600.0) if value.isascii() and value.isdigit() else None
