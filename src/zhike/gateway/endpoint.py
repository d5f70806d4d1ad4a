"""What all connections of one process share, and what a connection asks of its owner."""

from __future__ import annotations

import asyncio

from zhike.domain.wire import MAX_FRAME_BYTES
from zhike.gateway import handshake
from zhike.gateway.admission import Admission
from zhike.gateway.connection import Beat, Connection, Handler
from zhike.gateway.counters import Counters
from zhike.gateway.limits import Limits
from zhike.gateway.wheel import Wheel
from zhike.gateway.writer import Writer


class Endpoint:
    """Shared parts of all WebSocket connections; subclassed by the gateway and by the echo.

    Args:
        loop: the running loop.
        limits: the bounds.
        path: where WebSockets live.
        max_bytes: largest message after assembling fragments.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, limits: Limits, *, path: str = "/ws",
                 max_bytes: int = MAX_FRAME_BYTES) -> None:
        self.loop = loop
        self.limits = limits
        self.path = path
        self.max_bytes = max_bytes
        self.counters = Counters()
        self.admission = Admission(limits, self.counters)
        self.writer = Writer(loop, limits.out_buffer_bytes)
        # fine enough for the shortest time it must tell apart, coarse enough to cost nothing
        shortest_s = min(limits.heartbeat_s, limits.gone_after_s / 3, limits.hello_timeout_s)
        self.wheel = Wheel(min(0.25, max(0.01, shortest_s / 8)), span_s=130.0)
        linger_s = min(1.0, limits.gone_after_s / 10)
        self.beat = Beat(self.wheel.ticks(limits.heartbeat_s / 2),
                         max(2, self.wheel.ticks(limits.gone_after_s - linger_s) - 2), linger_s)
        self.connections: set[Connection] = set()
        self._phase = 0

    def start(self) -> None:
        """Starts the heartbeat."""
        self.wheel.start(self.loop, self.writer.flush)

    def stop(self) -> None:
        """Stops the heartbeat; connections are left to the loop's end."""
        self.wheel.stop()

    def connection(self, *_: object, **__: object) -> Connection:
        """A new connection; the odd signature lets uvicorn use this as its ``ws=`` class."""
        return Connection(self)

    def open(self, conn: Connection, request: handshake.Request) -> Handler:
        """Who serves this connection; may raise :class:`handshake.Refused`."""
        raise NotImplementedError

    def opened(self, conn: Connection) -> None:
        """The 101 response is out."""
        self.connections.add(conn)
        # spread over one heartbeat: those that join together must not be pinged together
        self._phase = (self._phase + 1) % self.beat.quiet_ticks
        ticks = 1 + self._phase
        self.wheel.add(conn, min(ticks, max(1, conn.deadline - self.wheel.now)) if conn.deadline else ticks)

    def lost(self, conn: Connection) -> None:
        """The socket is gone, whatever it had become."""
        self.connections.discard(conn)
