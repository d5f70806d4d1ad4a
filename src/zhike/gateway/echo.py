"""An echo through the same frames, adapter and writer as every session, for conformance clients.

Text comes back as text, binary as binary. Nothing of the protocol of zhike is spoken here.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Final

from zhike.gateway import frames, handshake
from zhike.gateway.connection import Connection, Handler
from zhike.gateway.endpoint import Endpoint
from zhike.gateway.frontdoor import FrontDoor, bind
from zhike.gateway.limits import Limits

MAX_ECHO_BYTES: Final = 16 << 20
"""Conformance suites send messages of many megabytes."""


class _Echo:
    """Sends back what comes."""

    __slots__ = ("_conn", "_counters")

    def __init__(self, endpoint: Endpoint, conn: Connection) -> None:
        self._conn = conn
        self._counters = endpoint.counters

    def on_text(self, payload: bytes) -> None:
        self._counters.messages_in += 1
        self._conn.send_text(payload)

    def on_binary(self, payload: bytes) -> None:
        self._counters.messages_in += 1
        self._conn.send_frame(frames.encode(frames.BINARY, payload))

    def on_deadline(self) -> None: ...

    def on_closed(self, code: int) -> None: ...


class EchoEndpoint(Endpoint):
    """Any path is a WebSocket that echoes."""

    def __init__(self, loop: asyncio.AbstractEventLoop, max_bytes: int = MAX_ECHO_BYTES) -> None:
        super().__init__(loop, Limits(max_connections_per_address=0, max_new=20_000,
                                      out_buffer_bytes=4 * max_bytes), max_bytes=max_bytes)

    def open(self, conn: Connection, request: handshake.Request) -> Handler:
        self.counters.ws_total += 1
        return _Echo(self, conn)


async def start_echo(port: int, host: str = "127.0.0.1", *, max_bytes: int = MAX_ECHO_BYTES
                     ) -> tuple[FrontDoor, int]:
    """Starts the echo on the running loop; returns its front door and the port."""
    front = FrontDoor(EchoEndpoint(asyncio.get_running_loop(), max_bytes))
    sock = bind(host, port)
    await front.open(sock)
    return front, int(sock.getsockname()[1])


def serve_echo(port: int, host: str = "127.0.0.1", *, started: Callable[[int], None] | None = None) -> None:
    """Runs the echo until SIGINT or SIGTERM.

    Args:
        port: 0 picks a free one.
        host: where to listen.
        started: called with the port once connections are accepted.

    Raises:
        OSError: the port is in use.
    """
    import uvloop

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        front, bound = await start_echo(port, host)
        if started is not None:
            started(bound)
        await stop.wait()
        front.close()

    uvloop.run(main())
