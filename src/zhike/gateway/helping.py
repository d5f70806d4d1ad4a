"""What a model writes for agents' composers: one proposal for each connection, ended when nobody waits for
it.

A proposal takes seconds, and every token costs: it stops at once, here and on the model's server, when
another is asked for, when its agent stops it, and when the connection goes.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from zhike.access.limits import Buckets
from zhike.domain.assist import Assist, AssistDelta, AssistFailed
from zhike.domain.wire import encode
from zhike.errors import ZhikeError

if TYPE_CHECKING:
    from zhike.gateway.gateway import Gateway
    from zhike.gateway.session import Session

log = logging.getLogger(__name__)

MAX_AT_ONCE: Final = 32
"""Of one process. Models take few at a time; who waits behind more than this has written it himself by
then."""
_PER_S: Final = 0.5
_BURST: Final = 10
"""Of one agent, on all pages: a hand that keeps pressing the button pays for no more than this."""


class Helping:
    """See the module. One per gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._running: dict[Session, tuple[str, asyncio.Task[None]]] = {}
        self._pace = Buckets(_PER_S, _BURST)

    def __len__(self) -> int:
        return len(self._running)

    def begin(self, session: Session, frame: Assist) -> None:
        """Starts one; the one before, if it still runs, ends."""
        self.stop(session)
        wait_s = self._pace.take(session.agent_id, self._gateway.loop.time())
        if wait_s:
            self._refuse(session, frame, ZhikeError("rate_limited", retry_after_s=round(wait_s + 0.05, 1)))
        elif len(self._running) >= MAX_AT_ONCE:
            self._refuse(session, frame, ZhikeError("overloaded", retry_after_s=3.0))
        else:
            task = self._gateway.loop.create_task(self._run(session, frame), name="assist")
            self._running[session] = (frame.assist_id, task)
            task.add_done_callback(lambda done: self._over(session, done))

    def stop(self, session: Session, number: str = "") -> None:
        """Ends what runs for this connection; with ``number``: only if it is that one."""
        running = self._running.get(session)
        if running is not None and number in ("", running[0]):
            del self._running[session]
            running[1].cancel()

    def _over(self, session: Session, task: asyncio.Task[None]) -> None:
        running = self._running.get(session)
        if running is not None and running[1] is task:
            del self._running[session]

    def _refuse(self, session: Session, frame: Assist, error: ZhikeError) -> None:
        self._gateway.counters.refused[error.code] += 1
        session.send(encode(AssistFailed(frame.assist_id, frame.conversation, error.body(session.words))))

    async def _run(self, session: Session, frame: Assist) -> None:
        gateway = self._gateway

        def say(offset: int, text: str) -> None:
            session.send_masked(encode(AssistDelta(frame.assist_id, frame.conversation, offset, text)))

        try:
            await session.conn.writable()
            done = await gateway.backend.assist(session, frame, say)
            session.send_masked(encode(done))
        except ZhikeError as error:
            self._refuse(session, frame, error)
        except Exception:
            log.exception("a proposal failed")
            self._refuse(session, frame, ZhikeError("internal"))
