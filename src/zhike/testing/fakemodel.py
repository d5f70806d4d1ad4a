"""A model server that errs on purpose: an OpenAI-compatible server on a real socket that plays a script.

What a real server cannot be made to do on demand (answer late, stall, break off, talk garbage, be
full), this one does::

    async with FakeModel() as server:
        server.play(say("您好"), pause(5), say("！"), end())
        server.play(status(503, '{"error": {"message": "busy"}}'))

Each request takes the next script; the last one serves all that follow.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Any, Self

Step = Callable[["Exchange"], Awaitable[None]]


class Exchange:
    """One request being answered."""

    def __init__(self, writer: asyncio.StreamWriter, left: asyncio.Event) -> None:
        self._writer = writer
        self.left = left
        """Set when the client closed the connection."""
        self._head_sent = False

    async def send(self, data: bytes) -> None:
        """Bytes of the body, as one chunk."""
        if not self._head_sent:
            self._head_sent = True
            self._writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                               b"Transfer-Encoding: chunked\r\n\r\n")
        self._writer.write(b"%x\r\n%s\r\n" % (len(data), data))
        await self._writer.drain()

    async def event(self, value: Any) -> None:
        """One event."""
        await self.send(b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n")

    async def raw(self, data: bytes) -> None:
        """Bytes on the socket, the head included."""
        self._head_sent = True
        self._writer.write(data)
        await self._writer.drain()

    async def close(self) -> None:
        """Ends the body as it should be."""
        if self._head_sent:
            self._writer.write(b"0\r\n\r\n")
            await self._writer.drain()

    def abort(self) -> None:
        """Breaks the connection."""
        self._writer.transport.abort()


def say(text: str) -> Step:
    """A piece of text."""
    async def step(to: Exchange) -> None:
        await to.event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})
    return step


def think(text: str) -> Step:
    """A piece of thought, in the field that some servers have for it."""
    async def step(to: Exchange) -> None:
        await to.event({"choices": [{"index": 0, "delta": {"content": None, "reasoning_content": text}}]})
    return step


def call(name: str, *arguments: str) -> Step:
    """A tool call, its arguments in pieces."""
    async def step(to: Exchange) -> None:
        first = {"index": 0, "id": "c1", "type": "function", "function": {"name": name, "arguments": ""}}
        await to.event({"choices": [{"index": 0, "delta": {"tool_calls": [first]}}]})
        for piece in arguments:
            part = {"index": 0, "function": {"arguments": piece}}
            await to.event({"choices": [{"index": 0, "delta": {"tool_calls": [part]}}]})
    return step


def end(reason: str = "stop", prompt_tokens: int = 10, completion_tokens: int = 2) -> Step:
    """The last events, as llama.cpp and vLLM send them."""
    async def step(to: Exchange) -> None:
        await to.event({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        await to.event({"choices": [], "usage": {"prompt_tokens": prompt_tokens,
                                                 "completion_tokens": completion_tokens}})
        await to.send(b"data: [DONE]\n\n")
    return step


def pause(seconds: float) -> Step:
    """Nothing for a while; over at once if the client leaves."""
    async def step(to: Exchange) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(to.left.wait(), seconds)
    return step


def stall() -> Step:
    """Nothing ever again."""
    async def step(to: Exchange) -> None:
        await to.left.wait()
    return step


def send(data: bytes) -> Step:
    """Any bytes as a piece of the body."""
    async def step(to: Exchange) -> None:
        await to.send(data)
    return step


def status(code: int, body: str = "", **headers: str) -> Step:
    """A whole answer with another status."""
    async def step(to: Exchange) -> None:
        data = body.encode()
        lines = [f"HTTP/1.1 {code} Said", "Content-Type: application/json", f"Content-Length: {len(data)}",
                 *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
        await to.raw("\r\n".join([*lines, "", ""]).encode() + data)
    return step


def raw(data: bytes) -> Step:
    """Any bytes instead of HTTP."""
    async def step(to: Exchange) -> None:
        await to.raw(data)
        to.abort()
    return step


def cut() -> Step:
    """The connection breaks."""
    async def step(to: Exchange) -> None:
        to.abort()
    return step


class FakeModel:
    """See the module. ``bodies`` and ``heads``: what was asked; ``left``: how many clients left early."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.heads: list[str] = []
        self.left = 0
        self.busy = 0
        self.idle = asyncio.Event()
        """Set while nothing is in hand."""
        self._scripts: list[tuple[Step, ...]] = []
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def play(self, *script: Step) -> None:
        """What the next request gets."""
        self._scripts.append(script)

    @property
    def url(self) -> str:
        """Its base_url."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.idle.set()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # (cancelled by __aexit__; asyncio's streams would log it as an error)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request on this connection; False when it is over."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = next((int(line.partition(":")[2]) for line in head.splitlines()
                       if line.lower().startswith("content-length:")), 0)
        self.heads.append(head)
        self.bodies.append(json.loads(await reader.readexactly(length)))
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        left = asyncio.Event()
        exchange = Exchange(writer, left)
        self.busy += 1
        self.idle.clear()
        watch = asyncio.ensure_future(_until_left(reader, left))
        try:
            for step in script:
                await step(exchange)
                if left.is_set():
                    break
            else:
                await exchange.close()
            return not left.is_set() and not writer.transport.is_closing()
        finally:
            self.left += left.is_set()
            watch.cancel()
            self.busy -= 1
            if not self.busy:
                self.idle.set()


async def _until_left(reader: asyncio.StreamReader, left: asyncio.Event) -> None:
    """A client that waits for its answer sends nothing: an end of its stream means that it left."""
    while True:
        if reader.at_eof() or reader.exception() is not None:
            left.set()
            return
        await asyncio.sleep(0.002)
