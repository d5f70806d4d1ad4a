"""Stopping without losing anything: going away, answer what is in hand, flush, close.

uvicorn does not know the WebSockets that it handed to us, so this runs before its own shutdown.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine
from typing import Any, Final, NamedTuple, Protocol

from zhike.domain import wire
from zhike.errors import ZhikeError
from zhike.gateway import closecodes
from zhike.gateway.frontdoor import FrontDoor
from zhike.gateway.gateway import Gateway

log = logging.getLogger(__name__)

_RECONNECTS_PER_S: Final = 2000
"""How many clients should come back per second: well below what one node joins per second."""
_FIRST_MS: Final = 500
_LONGEST_MS: Final = 30_000
_POLL_S: Final = 0.02
_CLOSING_S: Final = 1.5
"""Kept back of the allowed time for the closing handshakes."""


class Http(Protocol):
    """The HTTP side; see :class:`zhike.gateway.uvicorn_host.HttpHost`."""

    async def stop(self, timeout_s: float) -> None:
        """Lets running requests finish."""


class Drained(NamedTuple):
    """How it went. ``settled``: all that was put in was answered. ``flushed``: and left."""

    sessions: int
    settled: bool
    flushed: bool
    took_s: float


async def drain(gateway: Gateway, front: FrontDoor, *, timeout_s: float = 10.0, http: Http | None = None
                ) -> Drained:
    """Empties this process of connections.

    1. Nothing new comes in; new messages are refused with ``going_away``, so clients keep them.
    2. Every client is told to come back, each after a time of its own.
    3. What was put into the pipeline is answered, HTTP requests finish.
    4. Buffers empty; then every connection is closed with 4003.

    Args:
        timeout_s: bound of all of it.
        http: stopped in step 3, if given.
    """
    loop = gateway.loop
    began_s = loop.time()
    gateway.draining = True
    front.stop_accepting()
    sessions = list(gateway.sessions)
    _tell(gateway)
    settled = await _within(_answer(gateway, http, timeout_s - _CLOSING_S), timeout_s - _CLOSING_S)
    gateway.writer.flush()
    flushed = await _until(lambda: not _unread_bytes(gateway), began_s + timeout_s - _CLOSING_S)
    for conn in list(gateway.connections):
        conn.close(closecodes.GOING_AWAY, "going_away", linger_s=_CLOSING_S)
    await _until(lambda: not gateway.connections, loop.time() + _CLOSING_S)
    for conn in list(gateway.connections):
        conn.abort()
    front.close()
    result = Drained(len(sessions), settled, flushed, loop.time() - began_s)
    log.info("drained: %s", result)
    return result


def _tell(gateway: Gateway) -> None:
    """Says good-bye: to joined sessions with a time to come back, to the others by closing."""
    joined = {session.conn for session in gateway.sessions}
    spread_ms = min(_LONGEST_MS, _FIRST_MS + len(joined) * 1000 // _RECONNECTS_PER_S)
    for conn in list(gateway.connections):
        if conn in joined:
            conn.send_text(wire.encode(wire.GoingAway(_FIRST_MS + random.randrange(spread_ms))))
        else:
            error = ZhikeError("going_away", retry_after_s=1.0)
            conn.send_text(wire.encode(wire.ErrorFrame(error.body())))
            conn.close(closecodes.GOING_AWAY, "going_away", linger_s=_CLOSING_S)
    gateway.writer.flush()


async def _answer(gateway: Gateway, http: Http | None, timeout_s: float) -> None:
    if http is not None:
        await http.stop(max(timeout_s, 0.1))
    if gateway.ready:
        await gateway.backend.settle()


async def _until(condition: Callable[[], bool], until_s: float) -> bool:
    """Looks every few milliseconds; a connection has no event for "the peer has read it all"."""
    loop = asyncio.get_running_loop()
    while not condition():
        if loop.time() >= until_s:
            return False
        await asyncio.sleep(_POLL_S)
    return True


async def _within(work: Coroutine[Any, Any, None], timeout_s: float) -> bool:
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.wait([task], timeout=max(timeout_s, 0.1))
    if not done:
        task.cancel()
        log.warning("draining: not everything was answered in time")
        return False
    if task.exception() is not None:
        log.error("draining: answering failed", exc_info=task.exception())
        return False
    return True


def _unread_bytes(gateway: Gateway) -> int:
    return sum(conn.buffered_bytes() for conn in gateway.connections if not conn.closing)
