"""The one listening socket: WebSockets go to us at once, HTTP to uvicorn as soon as it is loaded.

A connection is a :class:`Door` until the head of its first request is here. An upgrade becomes a
:class:`~zhike.gateway.connection.Connection`, before and after uvicorn is there: WebSocket is live
within the first milliseconds of the process and never pays for a second parse. Other requests wait
(reading paused, so that waiting costs no memory) until :meth:`FrontDoor.attach`. A kept-alive HTTP
connection that upgrades later comes back to us through uvicorn's ``ws=``.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final, cast

from zhike.errors import Lang, ZhikeError
from zhike.gateway import handshake
from zhike.gateway.endpoint import Endpoint

BACKLOG: Final = 4096
_WAIT_FOR_HTTP_S: Final = 60.0
"""Longest wait of an HTTP request for the start to finish; then it is told ``starting``."""

HttpFactory = Callable[[str], asyncio.Protocol]
"""Makes the protocol that serves HTTP; gets admission's key, which it must give back."""


def bind(host: str, port: int) -> socket.socket:
    """The listening socket; ``port`` 0 picks a free one. "" or "::" listens on IPv4 and IPv6.

    Raises:
        OSError: the address is in use or not ours.
    """
    if host in ("", "::") and socket.has_dualstack_ipv6():
        return socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True,
                                    backlog=BACKLOG)
    family = socket.getaddrinfo(host or "0.0.0.0", port, type=socket.SOCK_STREAM)[0][0]
    return socket.create_server((host or "0.0.0.0", port), family=family, backlog=BACKLOG)


class FrontDoor:
    """Accepts connections for one :class:`Endpoint`."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.waiting: set[Door] = set()
        """HTTP requests that came before uvicorn."""
        self.http: HttpFactory | None = None
        self._server: asyncio.Server | None = None

    async def open(self, sock: socket.socket) -> None:
        """Starts to accept on a bound socket; starts the heartbeat too."""
        self.endpoint.start()
        self._server = await self.endpoint.loop.create_server(lambda: Door(self), sock=sock, backlog=BACKLOG)

    def attach(self, factory: HttpFactory) -> None:
        """From now on HTTP goes to ``factory``; those that wait go first."""
        self.http = factory
        waiting, self.waiting = self.waiting, set()
        for door in waiting:
            door.to_http()

    def stop_accepting(self) -> None:
        """Closes the listening socket; open connections stay."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for door in list(self.waiting):
            door.refuse(503, ZhikeError("going_away", retry_after_s=2.0))

    def close(self) -> None:
        """Stops accepting and stops the heartbeat."""
        self.stop_accepting()
        self.endpoint.stop()


class Door(asyncio.Protocol):
    """A connection that has not said yet what it wants."""

    __slots__ = ("_bucket", "_data", "_lang", "_peer", "front", "transport", "wheel_slot")

    def __init__(self, front: FrontDoor) -> None:
        self.front = front
        self.transport: asyncio.Transport | None = None
        self.wheel_slot = -1
        self._data = b""
        self._peer = ""
        self._bucket: str | None = None
        self._lang: Lang = "en"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        peername = transport.get_extra_info("peername")
        self._peer = peername[0] if isinstance(peername, tuple) else ""
        endpoint = self.front.endpoint
        admission = endpoint.admission
        self._bucket = admission.enter(admission.sockets, self._peer)
        if self._bucket is None:
            self.transport.abort()  # beyond the bound even an answer costs too much
            return
        endpoint.wheel.add(self, endpoint.wheel.ticks(endpoint.limits.hello_timeout_s))

    def data_received(self, data: bytes) -> None:
        if self._bucket is None:
            return  # refused; what still comes is dropped
        self._data = data = self._data + data if self._data else data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            if len(data) > handshake.MAX_HEAD_BYTES:
                self.refuse(431, ZhikeError("bad_request", "The request head is too large."))
            return
        if end > handshake.MAX_HEAD_BYTES:
            self.refuse(431, ZhikeError("bad_request", "The request head is too large."))
            return
        try:
            request = handshake.parse(data[:end])
        except handshake.Refused as refused:
            self.refuse(refused.status, refused.error)
            return
        if request.wants_websocket:
            self._to_websocket(request, data[end + 4:])
        else:
            self._lang = request.lang
            self.to_http()

    def _to_websocket(self, request: handshake.Request, rest: bytes) -> None:
        transport = self._let_go()
        conn = self.front.endpoint.connection()
        conn.connection_made(transport)
        transport.set_protocol(conn)
        conn.upgrade(request, rest)

    def to_http(self) -> None:
        """Hands the connection and what it has sent to uvicorn, or waits for it."""
        front = self.front
        endpoint = front.endpoint
        if front.http is None:
            if self not in front.waiting:
                if len(front.waiting) >= endpoint.limits.max_http:
                    endpoint.counters.refused["http_total"] += 1
                    self.refuse(503, ZhikeError("starting", retry_after_s=1.0))
                    return
                front.waiting.add(self)
                endpoint.counters.waiting_http = len(front.waiting)
                endpoint.wheel.add(self, endpoint.wheel.ticks(_WAIT_FOR_HTTP_S))
                assert self.transport is not None
                self.transport.pause_reading()
            return
        admission = endpoint.admission
        bucket = admission.enter(admission.http, self._peer)
        if bucket is None:
            self.refuse(503, ZhikeError("too_many_connections", retry_after_s=1.0))
            return
        data, self._data = self._data, b""
        transport = self._let_go()
        waited = not transport.is_reading()
        protocol = front.http(bucket)
        endpoint.counters.http_total += 1
        protocol.connection_made(transport)
        transport.set_protocol(protocol)
        protocol.data_received(data)
        if waited:
            transport.resume_reading()

    def refuse(self, status: int, error: ZhikeError) -> None:
        """Answers with an error and ends our side; a second later the rest."""
        assert self.transport is not None
        self.front.endpoint.counters.refused[error.code] += 1
        self._leave()
        self.transport.write(handshake.refusal(status, error, self._lang))
        self.transport.write_eof()
        self.transport.resume_reading()
        self.front.endpoint.wheel.add(self, self.front.endpoint.wheel.ticks(1.0))

    def on_wheel(self, _now: int) -> int:
        """The head, or uvicorn, did not come in time."""
        if self.transport is None or self.transport.is_closing():
            return 0
        if self._bucket is None:
            self.transport.abort()
        elif self in self.front.waiting:
            self.refuse(503, ZhikeError("starting", retry_after_s=5.0))
        elif self._data:
            self.refuse(408, ZhikeError("hello_timeout"))
        else:
            self.front.endpoint.counters.refused["silent"] += 1
            self.transport.abort()
        return 0

    def connection_lost(self, exc: BaseException | None) -> None:
        self._leave()
        self.transport = None

    def _let_go(self) -> asyncio.Transport:
        """This object's part ends; the transport goes on."""
        assert self.transport is not None
        transport, self.transport = self.transport, None
        self._leave()
        return transport

    def _leave(self) -> None:
        endpoint = self.front.endpoint
        endpoint.wheel.remove(self)
        self.front.waiting.discard(self)
        endpoint.counters.waiting_http = len(self.front.waiting)
        self._data = b""
        if self._bucket is not None:
            endpoint.admission.sockets.free(self._bucket)
            self._bucket = None
