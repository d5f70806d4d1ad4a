"""One running desk.

``serve`` opens the socket first: a visitor's WebSocket is live within the first milliseconds. The
rest is imported in a warm-up thread, in the order in which it is needed: the store and the way of
a message (*ready*: the first stored answer), then HTTP.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from zhike.clock import NowMs, now_ms
from zhike.config import Settings
from zhike.errors import ZhikeError
from zhike.gateway.frontdoor import FrontDoor, bind
from zhike.gateway.gateway import Gateway
from zhike.gateway.limits import Limits
from zhike.interpreter import begin, settle_memory

if TYPE_CHECKING:
    from zhike.app.core import Core
    from zhike.bus.base import BusNode

log = logging.getLogger("zhike")

DOOR_FIRST_S = 0.03
"""Who waited at the door while the store was opened is answered before HTTP is imported: that thread
and the first answer would share one interpreter lock."""


def serve(settings: Settings, *, demo: bool = False) -> int:
    """Runs the desk until SIGTERM or SIGINT; returns the exit code.

    Raises:
        ZhikeError: config_error (the port is taken, too), store_unavailable.
    """
    import uvloop

    begin()
    host, port = settings.server.host, settings.server.port
    try:
        sock = bind(host, port)
    except OSError as error:
        raise ZhikeError("config_error", f"server.host, server.port: {host}:{port}: {error.strerror}. "
                         "端口可能被占用，可用 --port 换一个。 Choose another with --port.") from error
    return uvloop.run(_serve(settings, sock, demo))


def limits_of(settings: Settings) -> Limits:
    """The gateway's bounds."""
    g = settings.gateway
    return Limits(max_connections=g.max_connections,
                  max_connections_per_address=g.max_connections_per_address,
                  max_http_per_address=g.max_connections_per_address or 0,
                  messages_per_s=g.messages_per_s, burst=g.burst, hello_timeout_s=g.hello_timeout_s,
                  heartbeat_s=g.heartbeat_s, gone_after_s=g.gone_after_s,
                  out_buffer_bytes=g.out_buffer_bytes, trusted_proxies=settings.server.trusted_proxies)


def raise_file_limit(connections: int) -> None:
    """As many descriptors as connections may come, or as many as the system lets us have."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + 500
    if soft < wanted:
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, limit), hard))
        if limit < wanted:
            log.warning("fewer connections are possible than gateway.max_connections",
                        extra={"limit": limit - 500})


async def _serve(settings: Settings, sock: Any, demo: bool) -> int:
    loop = asyncio.get_running_loop()
    raise_file_limit(settings.gateway.max_connections)
    gateway = Gateway(loop, limits_of(settings))
    front = FrontDoor(gateway)
    await front.open(sock)
    port = sock.getsockname()[1]
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    process = Process(settings, gateway, front, port)
    starting = loop.create_task(process.start(demo))
    stopping = loop.create_task(stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if starting.done() and starting.exception() is not None:
        stopping.cancel()
        await process.stop()
        await starting  # raises: the command line says it in the reader's language
    await stopping
    starting.cancel()
    await process.stop()
    return 0


class Process:
    """One running desk: gateway, core and HTTP.

    Args:
        bus: the node to publish on (default: a bus of its own).
    """

    def __init__(self, settings: Settings, gateway: Gateway, front: FrontDoor, port: int, *,
                 bus: BusNode | None = None, now: NowMs = now_ms,
                 announce: Callable[[str], None] | None = None) -> None:
        self.settings = settings
        self.gateway = gateway
        self.front = front
        self.port = port
        self.core: Core | None = None
        self._bus = bus
        self._now = now
        self._announce = announce or _print
        self._http: Any = None

    async def start(self, demo: bool = False) -> None:
        """Loads and opens everything.

        Raises:
            ZhikeError: config_error, store_unavailable.
        """
        loop = asyncio.get_running_loop()
        core_module = await loop.run_in_executor(None, _import, "zhike.app.core")
        core: Core = core_module.Core(self.settings, self.gateway.hub.handle, bus=self._bus, now=self._now,
                                      public_url=self.settings.public_url(self.port))
        await core.start()
        core.attend(self.gateway.hub)
        self.core = core
        core.on_rights = self._rights
        self.gateway.set_backend(core.desk)
        await asyncio.sleep(DOOR_FIRST_S)
        web = await loop.run_in_executor(None, _import, "zhike.app.http")
        self._http = await web.start(self.settings, self.gateway, core, self._now)
        self.front.attach(self._http.protocol)
        await core.start_background()
        if demo:
            await core.load_demo()
        settle_memory()
        await self._greet(core)

    def _rights(self, agent_id: int, session_id: int | None) -> None:
        if session_id is None:  # they come back with what they may see now
            self.gateway.close_agent(agent_id, "rights_changed")
        else:
            self.gateway.close_agent(agent_id, session_id=session_id)

    async def _greet(self, core: Core) -> None:
        url = self.settings.public_url(self.port)
        self._announce(f"zhike is ready: {url}")
        link = await core.first_link()
        if link:
            self._announce(f"Make the first admin (one-time link, 24 hours) 建立管理员:\n  {link}")

    async def stop(self) -> None:
        """Drains: nothing taken is lost, everybody is told."""
        from zhike.gateway.drain import drain

        await drain(self.gateway, self.front, timeout_s=self.settings.server.drain_timeout_s, http=self._http)
        if self.core is not None:
            await self.core.stop()


def _import(name: str) -> Any:
    """In the warm-up thread: it must not starve the event loop, which is live already."""
    import importlib

    return importlib.import_module(name)


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
