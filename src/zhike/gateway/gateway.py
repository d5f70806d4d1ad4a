"""The gateway: all sessions of this process and what they share."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Coroutine
from typing import Any, Final

from zhike.bus.base import STAFF
from zhike.clock import NowMs, now_ms, to_datetime
from zhike.domain import wire
from zhike.domain.message import MAX_TEXT_CHARS
from zhike.domain.wire import ClientFrame
from zhike.errors import ZhikeError
from zhike.gateway import closecodes, commands, handshake
from zhike.gateway.connection import Connection, Handler
from zhike.gateway.endpoint import Endpoint
from zhike.gateway.helping import Helping
from zhike.gateway.hub import Hub
from zhike.gateway.joining import Joins
from zhike.gateway.limits import Limits
from zhike.gateway.pages import AgentPages
from zhike.gateway.places import Places
from zhike.gateway.ports import Backend, Joined
from zhike.gateway.session import Session

log = logging.getLogger(__name__)

_MAX_BUSY: Final = 4
"""Reads one session may have running; the next is refused as ``overloaded``."""


class Gateway(Endpoint):
    """Built before anything heavy is imported; gets its backend later (:meth:`set_backend`).

    Args:
        loop: the running loop.
        limits: bounds.
        now: the clock that ``welcome`` tells.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, limits: Limits | None = None, *, path: str = "/ws",
                 now: NowMs = now_ms) -> None:
        super().__init__(loop, limits or Limits(), path=path)
        self.hub = Hub(self.writer)
        self.joins = Joins(self, self.limits.joins_at_once)
        self.places = Places(self)
        self.pages = AgentPages(lambda *counts: self.backend.pages(*counts))
        self.helping = Helping(self)
        self.sessions: set[Session] = set()
        """Joined ones."""
        self.draining = False
        self.no_contact: dict[str, str] = {}
        self._backend: Backend | None = None
        self._now = now
        self._tasks: set[asyncio.Task[None]] = set()
        self._node = secrets.token_hex(3)
        self._max_turned_away = max(16, self.limits.max_connections // 50)
        self._turned_away = 0

    # ---- for app.py --------------------------------------------------------------------------

    def set_backend(self, backend: Backend) -> None:
        """The desk is built. Held hellos go on as soon as it is ready."""
        self._backend = backend
        backend.when_ready(self.joins.pump)

    @property
    def backend(self) -> Backend:
        """The desk. Sessions that are in or being looked up may rely on it."""
        assert self._backend is not None
        return self._backend

    @property
    def ready(self) -> bool:
        """True once hellos can be looked up."""
        return self._backend is not None and self._backend.ready

    def close_agent(self, agent_id: int, error: str = "session_revoked", session_id: int = 0) -> int:
        """Ends an agent's connections (signed out, disabled), or those of one sign-in; returns how many."""
        mine = [session for session in self.sessions if session.agent_id == agent_id
                and (not session_id or session.seat is None or session.seat.session_id == session_id)]
        for session in mine:
            session.fail(ZhikeError(error))
        self.writer.flush()
        return len(mine)

    def spawn(self, work: Coroutine[Any, Any, None], session: Session | None) -> None:
        """Runs a short piece of work for a session; its failure ends that session, not the process."""
        if session is not None:
            session.busy += 1
        task = self.loop.create_task(self._guard(work, session))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, work: Coroutine[Any, Any, None], session: Session | None) -> None:
        try:
            await work
        except ZhikeError as error:
            if session is not None:
                session.on_refused("", error)
        except Exception:
            log.exception("work for a session failed")
            if session is not None:
                session.fail(ZhikeError("internal", retry_after_s=1.0))
        finally:
            if session is not None:
                session.busy -= 1

    # ---- Endpoint ----------------------------------------------------------------------------

    def open(self, conn: Connection, request: handshake.Request) -> Handler:
        if request.path != self.path:
            raise handshake.Refused(404, ZhikeError("not_found", f"WebSockets live at {self.path}."))
        if self.draining:
            raise handshake.Refused(503, ZhikeError("going_away", retry_after_s=2.0))
        peername = conn.transport.get_extra_info("peername") if conn.transport is not None else None
        peer = peername[0] if isinstance(peername, tuple) else ""
        conn.address = self.admission.address(peer, request.headers.get("x-forwarded-for", ""))
        bucket = self.admission.enter(self.admission.websockets, conn.address)
        if bucket is None:
            # a browser's script sees a close code, but not the status of a refused handshake
            if self._turned_away >= self._max_turned_away:
                raise handshake.Refused(503, ZhikeError("too_many_connections", retry_after_s=5.0))
            self._turned_away += 1
            conn.ticket = False
        else:
            conn.ticket = bucket
        self.counters.ws_open += 1
        self.counters.ws_total += 1
        conn.max_bytes = wire.MAX_HELLO_BYTES
        conn.deadline = self.wheel.now + self.wheel.ticks(self.limits.hello_timeout_s)
        return Session(self, conn, request.headers)

    def opened(self, conn: Connection) -> None:
        super().opened(conn)
        if conn.ticket is False:
            error = ZhikeError("too_many_connections", retry_after_s=5.0)
            conn.send_text(wire.encode(wire.ErrorFrame(error.body())))
            conn.close(closecodes.TOO_MANY, error.code)

    def lost(self, conn: Connection) -> None:
        super().lost(conn)
        if conn.ticket is None:
            return
        self.counters.ws_open -= 1
        if conn.ticket is False:
            self._turned_away -= 1
        else:
            self.admission.websockets.free(str(conn.ticket))
        conn.ticket = None

    # ---- for sessions ------------------------------------------------------------------------

    def entered(self, session: Session) -> None:
        """A session joined: it gets its events from now on."""
        self.sessions.add(session)
        self.counters.joined += 1
        self.counters.joined_total += 1
        if session.agent_id:
            for inbox_id in (STAFF, *session.inbox_ids):
                self.hub.list_on(inbox_id, session)
            self.pages.came(session)
        self.hub.subscribe_key(session.key, session)

    def left(self, session: Session, *, joined: bool) -> None:
        """A session ends."""
        if not joined:
            return
        self.sessions.discard(session)
        self.counters.joined -= 1
        if session.agent_id:
            if session.seat is not None and session.seat.scope.team_ids is not None:
                self.places.forget()
            for inbox_id in (STAFF, *session.inbox_ids):
                self.hub.list_off(inbox_id, session)
            self.pages.went(session)
            self.helping.stop(session)
            for conversation_id in session.watches or ():
                self.hub.unwatch(conversation_id, session)
        self.hub.unsubscribe_visitor(*session.key, session)

    def welcome(self, session: Session, joined: Joined) -> bytes:
        """The answer to a good hello."""
        return wire.encode(wire.Welcome(
            v=wire.PROTOCOL_VERSION, session=f"{self._node}-{self.counters.joined_total}", role=joined.role,
            server_time=to_datetime(self._now()), heartbeat_s=self.limits.heartbeat_s, token=joined.token,
            conversation=joined.conversation, name=joined.name, greeting=joined.greeting,
            suggestions=joined.suggestions, max_text_chars=MAX_TEXT_CHARS,
            rate_per_s=self.limits.messages_per_s, agent=joined.agent, hours=joined.hours,
            offline_form=joined.offline_form, csat=joined.csat,
            typing_preview=joined.typing_preview, pages=joined.pages))

    def control(self, session: Session, frame: ClientFrame) -> None:
        """A decoded frame that is not a message."""
        if session.busy >= _MAX_BUSY and commands.needs_store(frame):
            session.on_refused("", ZhikeError("overloaded", retry_after_s=0.5))
            return
        try:
            commands.run(self, session, frame)
        except ZhikeError as error:
            session.on_refused("", error)

    def snapshot(self) -> dict[str, int | dict[str, int]]:
        """Counters and gauges for ``/metrics``."""
        numbers = self.counters.snapshot()
        numbers["hellos_waiting"] = len(self.joins)
        numbers["socket_writes"] = self.writer.writes
        numbers["socket_bytes"] = self.writer.bytes_written
        numbers["hub"] = self.hub.sizes()
        return numbers
