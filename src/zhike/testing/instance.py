"""A whole desk on a real port inside the test's own process: several of them, counters at hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Generic, Protocol, TypeVar

from zhike.config import Settings, load
from zhike.gateway.frontdoor import FrontDoor, bind
from zhike.gateway.gateway import Gateway
from zhike.gateway.limits import Limits
from zhike.testing.restclient import Api


class Runs(Protocol):
    """``zhike.app.process.Process``, which this package may not import."""

    async def start(self, demo: bool = False) -> None: ...

    async def stop(self) -> None: ...


P = TypeVar("P", bound=Runs)


class Instance(Generic[P]):
    """One running desk. ``said``: what it printed at its start."""

    def __init__(self, process: P, gateway: Gateway, port: int, said: list[str]) -> None:
        self.process = process
        self.gateway = gateway
        self.port = port
        self.said = said

    @property
    def url(self) -> str:
        """Of the WebSocket."""
        return f"ws://127.0.0.1:{self.port}/ws"

    @property
    def link(self) -> str:
        """The one-time link of the first start."""
        return next(line.strip() for text in self.said for line in text.splitlines() if "#token=" in line)

    def api(self) -> Api:
        """HTTP to this instance."""
        return Api(self.port)


@asynccontextmanager
async def running(make: Callable[..., P], settings: Settings, limits: Limits,
                  **options: Any) -> AsyncIterator[Instance[P]]:
    """Starts a desk on a free port and drains it at the end.

    Args:
        make: ``zhike.app.process.Process``.
        limits: of the gateway.
        options: further arguments of ``make`` (``bus``, ``now``).
    """
    sock = bind("127.0.0.1", 0)
    gateway = Gateway(asyncio.get_running_loop(), limits)
    front = FrontDoor(gateway)
    await front.open(sock)
    said: list[str] = []
    port = int(sock.getsockname()[1])
    process = make(settings, gateway, front, port, announce=said.append, **options)
    try:
        await process.start()
        yield Instance(process, gateway, port, said)
    finally:
        await process.stop()


def quiet_settings(data: object, **flags: object) -> Settings:
    """Settings for tests: nothing from the environment, no admission limits that a test would meet.

    ``flags``: ``section__key=value``.
    """
    wanted: dict[str, object] = {
        "server__data": data, "server__port": 0, "server__drain_timeout": "5s",
        "gateway__messages_per_s": 10_000, "gateway__burst": 100_000,
        "gateway__max_connections_per_address": 0, "pipeline__fragment_wait": "50ms",
        "api__requests_per_minute": 1_000_000, **flags}
    return load(environ={}, flags={name.replace("__", "."): str(value) for name, value in wanted.items()})
