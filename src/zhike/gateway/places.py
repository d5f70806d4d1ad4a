"""Which events a limited agent hears of: where each conversation stands, known here and asked for once.

An event names its inbox and not its team: that stands in the database. What was read is believed until the
conversation's state changes; meanwhile events of the conversation wait and go on in their order. Nobody but
people who are kept to their teams costs anything here.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from zhike.bus.base import Event
from zhike.domain import wire
from zhike.domain.agent import Place, Scope
from zhike.errors import ZhikeError
from zhike.gateway import closecodes

if TYPE_CHECKING:
    from zhike.gateway.gateway import Gateway
    from zhike.gateway.session import Session

log = logging.getLogger(__name__)

_KEPT: Final = 20_000
_MAX_WAITING: Final = 1_000
"""Frames that may wait for one look-up; who would get more comes back and reads the list anew."""


class _Asked:
    """A look-up that runs. ``before``: what was known. ``moved``: the state changed, before it or since.
    ``stale``: since it began."""

    __slots__ = ("before", "moved", "stale", "waiting")

    def __init__(self, before: Place | None, moved: bool) -> None:
        self.before = before
        self.moved = moved
        self.stale = False
        self.waiting: list[tuple[Session, bytes, int]] = []


class Places:
    """See the module. One per gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._known: OrderedDict[int, Place] = OrderedDict()
        self._asked: dict[int, _Asked] = {}
        self._last: Event | None = None
        self._round = 0

    def forget(self) -> None:
        """Call when a limited session leaves: without one that listens, changes are not heard of."""
        self._known.clear()
        self._round += 1

    def tell(self, session: Session, scope: Scope, event: Event) -> None:
        """Sends the list frame of ``event`` if ``scope`` reaches its conversation; perhaps a moment later."""
        number = event.conversation_id
        if not number:
            session.send_masked(event.list_frame)
            return
        asked = self._asked.get(number)
        if event.seq == 0 and event is not self._last:  # the state changed: what was known may be wrong
            self._last = event
            if asked is not None:
                asked.stale = asked.moved = True
            else:
                asked = self._ask(number, self._known.pop(number, None), moved=True)
        if asked is None:
            place = self._known.get(number)
            if place is not None:
                if place.seen_by(scope, event.inbox_id):
                    session.send_masked(event.list_frame)
                return
            asked = self._ask(number, None, moved=False)
        if len(asked.waiting) >= _MAX_WAITING:
            session.conn.close(closecodes.SLOW_READER, "slow_reader")
            return
        asked.waiting.append((session, event.list_frame, event.inbox_id))

    def _ask(self, number: int, before: Place | None, *, moved: bool) -> _Asked:
        asked = self._asked[number] = _Asked(before, moved)
        self._gateway.spawn(self._look(number, asked), None)
        return asked

    async def _look(self, number: int, asked: _Asked) -> None:
        place: Place | None = None
        began = self._round
        try:
            while True:
                asked.stale = False
                place = await self._gateway.backend.place_of(number)
                if not asked.stale:
                    break
        except Exception:  # told to nobody: a list that is loaded again shows it
            log.warning("where a conversation stands could not be read", exc_info=True)
        finally:
            del self._asked[number]
        if place is None:
            return
        if began == self._round:
            self._known[number] = place
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)
        told: set[Session] = set()
        for session, frame, inbox_id in asked.waiting:
            seat = session.seat
            if seat is None or session not in self._gateway.sessions:
                continue
            if place.seen_by(seat.scope, inbox_id):
                session.send_masked(frame)
            elif session not in told and _may_show(asked, seat.scope, inbox_id):
                told.add(session)
                session.send(wire.encode(wire.Gone(number)))
        self._gateway.writer.flush()


def _may_show(asked: _Asked, scope: Scope, inbox_id: int) -> bool:
    """Whether a page of this scope may still show a conversation that it does not reach: it was seen before
    it moved, or nobody here knows (the page read its list, and nothing was heard since)."""
    if asked.before is None:
        return asked.moved
    return asked.before.seen_by(scope, inbox_id)


async def check_watch(session: Session, conversation_id: int) -> None:
    """After the state of a watched conversation changed: goes on if the agent may still see it, and ends the
    watch if not. Live messages wait meanwhile (``Follow.reading``) and are read afterwards."""
    follow = session.watches.get(conversation_id) if session.watches is not None else None
    if follow is None:
        return
    try:
        await session.gateway.backend.may_watch(session, conversation_id)
    except ZhikeError as refused:
        if session.watches is not None and session.watches.get(conversation_id) is follow:
            del session.watches[conversation_id]
            session.gateway.hub.unwatch(conversation_id, session)
            session.on_refused("", refused)
            session.gateway.writer.flush()
        return
    if session.follows(follow):
        session.read(follow)
