"""Which visitors are here: on this process, on any, and what agents who watch are told of it.

Nothing of it is stored: a connection is known where it is held. Who wants to know asks over the bus and gives
the others a moment; a visitor whom nobody names is not here. (A lost answer sends a mail to somebody who is
connected elsewhere: no harm done.)
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from zhike.bus.base import BusNode, Event, VisitorAsked, VisitorPresence
from zhike.domain.wire import VisitorEvent, encode

GRACE_S = 8.0
"""A reload, a lift, the pause between two long polls: who was here so short a while ago still is."""
SETTLE_S = 0.3
"""A page that opens knows its conversation by then."""
ANSWER_S = 0.5
"""How long other processes are given to say that they hold the visitor."""
MAX_KEPT = 20_000
"""Visitors who came or left just now; beyond it the oldest are forgotten, and nobody is told of them."""

Key = tuple[int, str]


class Attendance:
    """See the module. Create it on the event loop.

    Args:
        connected: whether this process holds a connection of a visitor now.
    """

    def __init__(self, bus: BusNode, connected: Callable[[Key], bool]) -> None:
        self._bus = bus
        self._connected = connected
        self._loop = asyncio.get_running_loop()
        self._came: dict[Key, Any] = {}
        self._went: OrderedDict[Key, tuple[float, int]] = OrderedDict()
        self._asked: dict[int, set[asyncio.Future[bool]]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._sweep: asyncio.TimerHandle | None = None

    # ---- what the hub tells ------------------------------------------------------------------

    def changed(self, key: Key, who: Any, here: bool) -> None:
        """The first connection of a visitor opened here, or the last one closed; ``who`` held it."""
        if here:
            back = self._went.pop(key, None)
            if (back is None or not back[1]) and len(self._came) < MAX_KEPT:
                self._came[key] = who
                if self._timer is None:
                    self._timer = self._loop.call_later(SETTLE_S, self._tell_came)
            return
        self._came.pop(key, None)
        self._went[key] = (self._loop.time(), getattr(who, "conversation_id", 0))
        if len(self._went) > MAX_KEPT:
            self._went.popitem(last=False)
        if self._sweep is None:
            self._sweep = self._loop.call_later(GRACE_S, self._tell_went)

    def _tell_came(self) -> None:
        self._timer = None
        came, self._came = self._came, {}
        self._publish([(key, conversation_id) for key, who in came.items()
                       if (conversation_id := getattr(who, "conversation_id", 0))], here=True)

    def _tell_went(self) -> None:
        self._sweep = None
        now = self._loop.time()
        over: list[tuple[Key, int]] = []
        while self._went:
            key, (at, conversation_id) = next(iter(self._went.items()))
            if at + GRACE_S > now + 0.001:
                self._sweep = self._loop.call_later(at + GRACE_S - now, self._tell_went)
                break
            del self._went[key]
            if conversation_id and not self._connected(key):
                over.append((key, conversation_id))
        self._publish(over, here=False)

    def _publish(self, who: list[tuple[Key, int]], *, here: bool) -> None:
        if who:
            self._bus.publish([VisitorPresence(
                conversation_id, *key, here=here, agent_frame=encode(VisitorEvent(conversation_id, here)))
                for key, conversation_id in who])

    # ---- asking ------------------------------------------------------------------------------

    def here(self, key: Key) -> bool:
        """Whether a visitor is connected to this process, or was a moment ago."""
        return self._connected(key) or key in self._went

    async def anywhere(self, inbox_id: int, sender: str, conversation_id: int) -> bool:
        """Whether a visitor is connected to any process."""
        if self.here((inbox_id, sender)):
            return True
        answer: asyncio.Future[bool] = self._loop.create_future()
        waiting = self._asked.setdefault(conversation_id, set())
        waiting.add(answer)
        try:
            self._bus.publish([VisitorAsked(conversation_id, inbox_id, sender)])
            async with asyncio.timeout(ANSWER_S):
                return await answer
        except TimeoutError:
            return False
        finally:
            waiting.discard(answer)
            if not waiting:
                self._asked.pop(conversation_id, None)

    def heard(self, event: Event) -> None:
        """An event of the bus that stood alone."""
        if isinstance(event, VisitorPresence):
            for answer in self._asked.get(event.conversation_id, ()) if event.here else ():
                if not answer.done():
                    answer.set_result(True)
        elif isinstance(event, VisitorAsked) and self.here((event.inbox_id, event.sender)):
            self._publish([((event.inbox_id, event.sender), event.conversation_id)], here=True)

    def close(self) -> None:
        """Tells nobody any more."""
        for timer in (self._timer, self._sweep):
            if timer is not None:
                timer.cancel()
