"""uvicorn without its sockets: it serves HTTP on connections that the front door hands to it.

The only file that touches uvicorn's server object; imported (and :class:`HttpHost` built) in the
warm-up thread. uvicorn's main loop, signals and listening are not used; what they would have done
for a connection (the Date header, time-outs of silent peers) is done here by the timing wheel.
"""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Final, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import Server

from zhike.gateway.endpoint import Endpoint

if TYPE_CHECKING:
    from uvicorn._types import ASGIApplication

_SILENT_S: Final = 30.0
"""A peer that owes us bytes (a head, a body) and sends none for this long is dropped."""
_KEEP_ALIVE_S: Final = 20


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
    """uvicorn's connection, counted and watched."""

    def __init__(self, config: Config, server_state: Any, app_state: dict[str, Any],
                 _loop: asyncio.AbstractEventLoop | None = None, *, endpoint: Endpoint, bucket: str) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.endpoint = endpoint
        self.wheel_slot = -1
        self._bucket: str | None = bucket
        self._heard = endpoint.wheel.now

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.endpoint.counters.http_open += 1
        self.endpoint.wheel.add(self, self.endpoint.wheel.ticks(_SILENT_S / 3))

    def data_received(self, data: bytes) -> None:
        self._heard = self.endpoint.wheel.now
        super().data_received(data)

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
        if owes_bytes and now - self._heard > self.endpoint.wheel.ticks(_SILENT_S):
            self.endpoint.counters.refused["silent"] += 1
            self.transport.abort()
            return 0
        return self.endpoint.wheel.ticks(_SILENT_S / 3)

    def _leave(self) -> None:
        self.endpoint.wheel.remove(self)
        if self._bucket is not None:
            self.endpoint.admission.http.free(self._bucket)
            self.endpoint.counters.http_open -= 1
            self._bucket = None
