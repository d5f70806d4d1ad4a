"""uvicorn without its sockets: it serves HTTP on connections that the front door hands to it.

The only file that touches uvicorn's server object; imported (and :class:`HttpHost` built) in the
warm-up thread. uvicorn's main loop, signals and listening are not used; what they would have done
for a connection (the Date header, time-outs of silent peers) is done here by the timing wheel.
"""

from __future__ import annotations

import asyncio
import logging
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Final, cast

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import Server

from zhike.errors import ZhikeError
from zhike.gateway import handshake
from zhike.gateway.endpoint import Endpoint

if TYPE_CHECKING:
    from uvicorn._types import ASGIApplication

_SILENT_S: Final = 30.0
"""A peer that owes us bytes (a head, a body) and sends none for this long is dropped."""
_KEEP_ALIVE_S: Final = 20
_HEAD_S: Final = 30.0
"""Longest time from the first byte of a head to its end."""


class HttpHost:
    """uvicorn's part of the process.

    Args:
        app: the ASGI application.
        endpoint: whose budgets count the connections and who takes upgrades.
    """

    def __init__(self, app: ASGIApplication, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.wheel_slot = -1
        config = Config(app, http=HttpConnection, ws=cast(Any, endpoint.connection), lifespan="on",
                        loop="none", interface="asgi3", log_config=None, access_log=False,
                        proxy_headers=False, server_header=False, timeout_keep_alive=_KEEP_ALIVE_S)
        config.load()
        # a line for each request that is no HTTP would let anybody fill the disk; they are counted instead
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        self.config = config
        self.server = Server(config)
        self.server.servers = []

    async def start(self) -> None:
        """Starts the application's lifespan.

        Raises:
            RuntimeError: the application failed to start (it has logged why).
        """
        self.server.lifespan = self.config.lifespan_class(self.config)
        await self.server.lifespan.startup()
        if self.server.lifespan.should_exit:
            raise RuntimeError("the HTTP application did not start")
        self.endpoint.wheel.add(self, 1)
        self._set_date()

    def protocol(self, bucket: str) -> asyncio.Protocol:
        """Serves one connection; ``bucket`` goes back to admission at its end."""
        return HttpConnection(self.config, self.server.server_state, self.server.lifespan.state,
                              endpoint=self.endpoint, bucket=bucket)

    async def stop(self, timeout_s: float) -> None:
        """Lets running requests finish, at most ``timeout_s``; then ends the lifespan."""
        self.endpoint.wheel.remove(self)
        self.config.timeout_graceful_shutdown = cast(int, timeout_s)  # any number of seconds will do
        await self.server.shutdown()

    def on_wheel(self, _now: int) -> int:
        """Sets the Date header once a second."""
        self._set_date()
        return self.endpoint.wheel.ticks(1.0)

    def _set_date(self) -> None:
        self.server.server_state.default_headers = [(b"date", formatdate(usegmt=True).encode())]


class HttpConnection(HttpToolsProtocol):
    """uvicorn's connection, counted and watched.

    The front door bounds the head of the first request; every later one on a kept-alive connection,
    and what stands between and after the chunks of a body, is bounded here: the parser itself takes
    headers without end (one peer could fill a gigabyte with 60 MB of them).
    """

    def __init__(self, config: Config, server_state: Any, app_state: dict[str, Any],
                 _loop: asyncio.AbstractEventLoop | None = None, *, endpoint: Endpoint, bucket: str) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.endpoint = endpoint
        self.wheel_slot = -1
        self._bucket: str | None = bucket
        self._heard = endpoint.wheel.now
        self._in_head = True
        self._head_bytes = 0
        """Of the head (or the trailers) that is being read: names and values so far."""
        self._head_since: int | None = None
        """When its first byte came."""
        self._loose_bytes = 0
        """Since anything of a message was complete: an unfinished header, the length of a chunk."""
        self._too_large = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.endpoint.counters.http_open += 1
        self.endpoint.wheel.add(self, self.endpoint.wheel.ticks(_SILENT_S / 3))

    def data_received(self, data: bytes) -> None:
        self._heard = self.endpoint.wheel.now
        if self._in_head and self._head_since is None:
            self._head_since = self._heard
        self._loose_bytes += len(data)
        super().data_received(data)
        if self._loose_bytes > handshake.MAX_HEAD_BYTES and not self.transport.is_closing():
            self._too_large = True
            self.send_400_response("")

    # ---- what the parser says ------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._in_head = True
        self._head_bytes = self._loose_bytes = 0
        self._head_since = self._heard
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        if self._in_head:  # else a trailer: nobody asked for it, and it must not pass for a header
            super().on_header(name, value)
            if len(self.headers) > handshake.MAX_HEADERS:
                self._count(handshake.MAX_HEAD_BYTES)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_since = None
        self._head_bytes = self._loose_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._loose_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_head = True
        self._loose_bytes = 0
        super().on_message_complete()

    def _count(self, size: int) -> None:
        self._head_bytes += size
        self._loose_bytes = 0
        if self._head_bytes > handshake.MAX_HEAD_BYTES:
            self._too_large = True
            raise httptools.HttpParserError("too many header bytes")  # the parser stops here

    def send_400_response(self, msg: str) -> None:
        """The one error shape instead of uvicorn's text; nothing into the middle of an answer."""
        self.endpoint.counters.refused["bad_request"] += 1
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.abort()
            return
        status, said = (431, "The request head is too large.") if self._too_large else (
            400, "This is not HTTP/1.1.")
        self.transport.write(handshake.refusal(status, ZhikeError("bad_request", said)))
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        self._leave()
        super().handle_websocket_upgrade()

    def on_wheel(self, now: int) -> int:
        """uvicorn stops its own keep-alive timer at the first byte of a request; a peer that then
        falls silent would stay for ever."""
        cycle = self.cycle
        owes_bytes = cycle is None or cycle.response_complete or cycle.more_body
        ticks = self.endpoint.wheel.ticks
        if (owes_bytes and now - self._heard > ticks(_SILENT_S)) or (
                self._head_since is not None and now - self._head_since > ticks(_HEAD_S)):
            self.endpoint.counters.refused["silent"] += 1
            self.transport.abort()
            return 0
        return ticks(_SILENT_S / 3)

    def _leave(self) -> None:
        self.endpoint.wheel.remove(self)
        if self._bucket is not None:
            self.endpoint.admission.http.free(self._bucket)
            self.endpoint.counters.http_open -= 1
            self._bucket = None
