"""Hellos in their turn: held until the store is open, then looked up a bounded number at a time.

A reconnect storm brings thousands of hellos in a second. Each waits here as one small object, not
as a task, and the store sees ``at_once`` look-ups at most.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Final

import msgspec

from zhike.domain import wire
from zhike.domain.pages import device_of
from zhike.errors import ZhikeError
from zhike.gateway.session import HELD

if TYPE_CHECKING:
    from zhike.gateway.gateway import Gateway
    from zhike.gateway.session import Session

log = logging.getLogger(__name__)

_STARTING: Final = wire.encode(wire.Starting())


class Joins:
    """The queue of hellos of one gateway; bounded by the number of connections."""

    def __init__(self, gateway: Gateway, at_once: int) -> None:
        self._gateway = gateway
        self._at_once = at_once
        self._running = 0
        self._waiting: deque[tuple[Session, wire.Hello]] = deque()

    def put(self, session: Session, hello: wire.Hello) -> None:
        """Takes one decoded hello. While the store is not open, the client is told so at once."""
        if not self._gateway.ready:
            session.send(_STARTING)
        self._waiting.append((session, hello))
        self.pump()

    def pump(self) -> None:
        """Starts as many look-ups as may run."""
        gateway = self._gateway
        while self._waiting and self._running < self._at_once and gateway.ready:
            session, hello = self._waiting.popleft()
            if session.state == HELD:
                self._running += 1
                gateway.spawn(self._join(session, hello), None)

    def __len__(self) -> int:
        return len(self._waiting) + self._running

    async def _join(self, session: Session, hello: wire.Hello) -> None:
        backend = self._gateway.backend
        heard_count = self._gateway.hub.heard_count
        try:
            if hello.role == "agent":
                joined = await backend.join_agent(hello, session.headers, session.conn.address)
            else:
                headers = session.headers
                if hello.page and device_of(headers) is None:
                    hello = msgspec.structs.replace(hello, page=None)
                joined = await backend.join_visitor(hello, headers.get("origin", ""), session.conn.address,
                                                    headers.get("host", ""))
            if session.state == HELD:
                session.join(joined, hello, heard_count)
        except ZhikeError as error:
            if session.state == HELD:
                session.fail(error)
        except Exception:
            log.exception("a hello could not be looked up")
            if session.state == HELD:
                session.fail(ZhikeError("internal", retry_after_s=1.0))
        finally:
            self._running -= 1
            self.pump()
