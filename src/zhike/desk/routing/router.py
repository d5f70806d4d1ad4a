"""The router: one of the instances looks at everybody who waits, and hands out what can be handed out.

Who decides holds a lease in the database. It reads everything at one moment, plans (:mod:`.plan`), and
has each step done by the line, in order with the messages and only if the conversation still stands
where it was read: a person who takes it meanwhile wins, and what two deciders might do at once is done
once. Nothing is remembered that the database does not know, so any instance can go on at any time.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from zhike.bus.base import STAFF, BusNode, Event
from zhike.clock import NowMs, to_datetime
from zhike.desk.registry import Registry
from zhike.desk.routing.plan import Here, Late, Plan, plan
from zhike.desk.routing.ports import Line, Notifier
from zhike.domain.conversation import Conversation
from zhike.domain.unit import Change
from zhike.domain.views import state_of
from zhike.domain.wire import Alarm, ConversationEvent, PresenceEvent, QueuePlace, encode
from zhike.store import leases, waits
from zhike.store import routing as rows
from zhike.store.engine import Store

LEASE_MS = 15_000
"""When the deciding process was killed, another one begins after so long at most."""
MARGIN_MS = 5_000
"""What is decided ends well before the lease does, and clocks of instances may differ by this much."""
TICK_S = 5.0
"""A look without a reason: for what other processes' events did not tell, and to take over a lease."""
GATHER_S = 0.05
"""What happens at once is decided at once: a burst of handoffs costs one look."""
TELL_EVERY_S = 3.0
"""A visitor's place is told again at most so often."""

log = logging.getLogger("zhike.desk")


class Figures(NamedTuple):
    """What the last look found. ``waiting``: by the key of the team, "" = none; ``presence``: agents."""

    waiting: dict[str, int]
    presence: dict[str, int]


class Router:
    """See the module. ``notifiers`` hear of alarms, beside the agents' pages. ``seen``: what the last look
    found; None where another instance decides.

    Args:
        node: the name of this process.
    """

    def __init__(self, store: Store, line: Line, bus: BusNode, registry: Registry, now_ms: NowMs,
                 node: str) -> None:
        self._store = store
        self._line = line
        self._bus = bus
        self._registry = registry
        self._now_ms = now_ms
        self._node = node
        self.notifiers: list[Notifier] = []
        self.counts = {"assigned": 0, "overtaken": 0, "moved": 0, "returned": 0, "alarms": 0}
        self.seen: Figures | None = None
        self._wanted = asyncio.Event()
        self._leads_until = 0
        self._due_at = 0
        self._told: dict[int, tuple[QueuePlace, float]] = {}
        self._here: dict[int, Here] | None = None

    @property
    def leads(self) -> bool:
        """True while this instance decides."""
        return self._leads_until > self._now_ms()

    def wake(self) -> None:
        """Something happened here or elsewhere that may let somebody be served."""
        self._wanted.set()

    async def run(self) -> None:
        """Decides until cancelled."""
        self.wake()
        while True:
            try:
                async with asyncio.timeout(self._pause_s()):
                    await self._wanted.wait()
                await asyncio.sleep(GATHER_S)
            except TimeoutError:
                pass
            self._wanted.clear()
            try:
                await self.look()
            except Exception:
                log.warning("routing failed; it looks again", exc_info=True)

    def _pause_s(self) -> float:
        return min(TICK_S, max(GATHER_S, (self._due_at - self._now_ms()) / 1000))

    async def stop(self) -> None:
        """Lets another instance decide at once."""
        if self._leads_until:
            self._leads_until = 0
            await self._store.write(leases.give_back, rows.LEASE, self._node)

    async def look(self) -> Plan | None:
        """One look; None if another instance decides."""
        now = self._now_ms()
        self._due_at = now + int(TICK_S * 1000)
        if not await self._leads(now):
            self._here = self.seen = None
            self._told.clear()
            return None
        seen = await self._store.read(rows.read, now)
        if seen.decider != self._node:
            self._leads_until = 0
            self.seen = None
            return None
        todo = plan(seen, self._homes(), now)
        keys = {team.id: team.key for team in seen.teams.values()}
        self.seen = Figures(Counter(keys.get(one.team_id or 0, "") for one in seen.queue),
                            Counter(here.presence for here in todo.here.values()))
        self._due_at = min(self._due_at, todo.due_at)
        self._tell_presence(todo.here)
        await self._do(todo, now)
        self._tell_places(todo.places, {one.conversation.id: one.conversation for one in seen.queue})
        return todo

    async def _leads(self, now: int) -> bool:
        if self._leads_until - now < LEASE_MS - MARGIN_MS:
            leads = await self._store.write(leases.take, rows.LEASE, self._node, now, LEASE_MS)
            self._leads_until = now + LEASE_MS if leads else 0
        return self._leads_until > now

    def _homes(self) -> dict[int, int]:
        return homes(self._registry)

    # ---- doing -----------------------------------------------------------------------------------

    async def _do(self, todo: Plan, now: int) -> None:
        name = self._registry.agent_name
        gives = [Change(one.conversation_id, "assign", now, agent_id=one.agent_id,
                        agent_name=name(one.agent_id), team_id=one.team_id, epoch=one.epoch)
                 for one in todo.gives]
        moves = [Change(one.conversation_id, "assign", now, team_id=one.team_id, epoch=one.epoch)
                 for one in todo.moves]
        returns = [Change(one.conversation_id, "assign", now, epoch=one.epoch) for one in todo.returns]
        if gives or moves or returns:
            await asyncio.gather(*map(self._line.change, (*gives, *moves, *returns)))
            self._count("moved", moves)
            self._count("returned", returns)
            self._count("assigned", gives)
            self.counts["overtaken"] += sum(one.outcome != "done" for one in gives)
            served = [one.agent_id for one in gives if one.outcome == "done"]
            moved = [one.conversation_id for one in moves if one.outcome == "done"]
            await self._store.write(_remember, served, moved, now)
            self.wake()  # what came back to the queue, and who has room now
        for late in todo.lates:
            await self._alarm(late, now)

    def _count(self, name: str, changes: Sequence[Change]) -> None:
        self.counts[name] += sum(one.outcome == "done" for one in changes)

    async def _alarm(self, late: Late, now: int) -> None:
        if not await self._store.write(waits.alarm, late.conversation_id, late.since, now):
            return
        self.counts["alarms"] += 1
        alarm = Alarm("waiting_late" if late.agent_id is None else "reply_late", late.conversation_id,
                      late.inbox_id, late.team_id, late.agent_id, to_datetime(late.since))
        self._bus.publish([Event(late.conversation_id, late.inbox_id, "", list_frame=encode(alarm))])
        for notifier in self.notifiers:
            notifier.alarm(alarm)

    # ---- telling ---------------------------------------------------------------------------------

    def _tell_presence(self, here: dict[int, Here]) -> None:
        """What has changed since the last look; after a change of the decider everybody, once."""
        before, self._here = self._here, here
        known = {one: Here("online", "offline", 0) for one in here} if before is None else before
        events = [Event(0, STAFF, "", list_frame=encode(PresenceEvent(agent_id, *now)))
                  for agent_id, now in here.items() if now != known.get(agent_id)]
        if events:
            self._bus.publish(events)

    def _tell_places(self, found: dict[int, QueuePlace], queued: dict[int, Conversation]) -> None:
        now_s = asyncio.get_running_loop().time()
        events: list[Event] = []
        for number in [number for number in self._told if number not in found]:
            del self._told[number]
        for number, place in found.items():
            told = self._told.get(number)
            if told is not None and told[0] == place:
                continue
            if told is not None and now_s - told[1] < TELL_EVERY_S:
                self._due_at = min(self._due_at, self._now_ms() + int(TELL_EVERY_S * 1000))
                continue
            self._told[number] = (place, now_s)
            events.append(place_event(queued[number], place))
        if events:
            self._bus.publish(events)


def homes(registry: Registry) -> dict[int, int]:
    """Inbox id → its team, for those that have one."""
    return {inbox.id: inbox.settings["team_id"] for inbox in registry.inboxes.values()
            if inbox.settings.get("team_id")}


def place_event(conversation: Conversation, place: QueuePlace) -> Event:
    """The ``conversation`` frame that tells a visitor their place."""
    state = state_of(conversation, for_visitor=True, queue=place)
    return Event(conversation.id, conversation.inbox_id, conversation.sender,
                 frame=encode(ConversationEvent(state)))


def _remember(conn: Connection, served: Sequence[int], moved: Sequence[int], now: int) -> None:
    waits.served(conn, served, now)
    waits.came_to_team(conn, moved, now)
