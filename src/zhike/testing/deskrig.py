"""The human desk on a store in memory, in virtual time: line, presence, router and what follows commits.

Two :class:`Node` s on one :class:`DeskRig` are two app instances on one database and one bus.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from zhike.bus.base import STAFF, Event
from zhike.bus.memory import MemoryBus
from zhike.desk.aftercare import Aftercare
from zhike.desk.hours import OfficeHours
from zhike.desk.presence import PresenceKeeper
from zhike.desk.registry import Registry
from zhike.desk.routing.router import Router
from zhike.domain.conversation import Conversation
from zhike.domain.knowledge import Bot, Inbox
from zhike.domain.message import Message
from zhike.domain.team import Team, TeamSettings
from zhike.domain.unit import Change, ChangeKind
from zhike.domain.wire import SendMessage
from zhike.pipeline.line import Line, LineSettings
from zhike.store import agents, bots, conversations, inboxes, messages, teams
from zhike.testing.apirig import ScriptedEngine
from zhike.testing.inline import InlineExecutor, InlineStore
from zhike.testing.linerig import Visitor
from zhike.testing.loop import VirtualLoop


class Writer(Visitor):
    """A visitor who writes; what is refused is kept."""

    def __init__(self, number: int, inbox_id: int, lang: str = "zh") -> None:
        super().__init__(number)
        self.inbox_id = inbox_id
        self.lang = lang


class Node:
    """One app instance."""

    def __init__(self, rig: DeskRig, name: str) -> None:
        self.rig = rig
        self.name = name
        self.bus = rig.bus.node()
        self.bus.attach(self._heard)
        store: Any = rig.store
        self.registry = Registry(store, ScriptedEngine())
        now = rig.loop.now_ms
        self.line = Line(store, self.bus, ScriptedEngine(), InlineExecutor(), now, self.registry.bots,
                         self.registry.channels, LineSettings(fragment_wait_s=0.0), self.registry.agent_name)
        self.office = OfficeHours()
        self.care = Aftercare(store, self.line, self.bus, self.registry, now, self._open, self.nudge)
        self.line.send.on_changed, self.line.send.on_unanswered = self.care.changed, self.care.unanswered
        self.presence = PresenceKeeper(store, name, now, self.nudge)
        self.router = Router(store, self.line, self.bus, self.registry, now, name)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> Node:
        """Begins to work."""
        await self.registry.refresh()
        self.line.start()
        loop = self.rig.loop
        self._tasks = [loop.create_task(self.presence.run()), loop.create_task(self.router.run())]
        return self

    async def die(self) -> None:
        """As ``kill -9``: nothing is said to anybody."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.bus.close()
        await self.line.stop()

    def nudge(self) -> None:
        """As the app does."""
        self.bus.publish([Event(0, STAFF, "")])

    def _open(self, inbox: Inbox) -> bool:
        state = self.office.state(inbox.id, inbox.settings, self.rig.loop.now_ms())
        return state is None or state.open

    def _heard(self, events: Sequence[Event]) -> None:
        if len(events) == 1 and not events[0].conversation_id and not events[0].list_frame:
            self.router.wake()
        for event in events:
            if event.source is not None:
                event.source.on_stored(event)
        self.rig.heard(self, events)

    def open_pages(self, *agent_ids: int, sockets: int = 1, active: int | None = None) -> None:
        """These agents have a page open here (0: closed their last)."""
        for agent_id in agent_ids:
            self.presence.pages(agent_id, sockets, sockets if active is None else active)

    async def change(self, conversation_id: int, kind: ChangeKind, agent_id: int = 0, **more: Any) -> Change:
        """A person acts."""
        return await self.line.change(Change(conversation_id, kind, self.rig.loop.now_ms(), agent_id=agent_id,
                                             agent_name=f"A{agent_id}", **more))

    async def reply(self, conversation_id: int, agent_id: int, text: str = "在的") -> None:
        """The agent who holds it writes."""
        source = Writer(0, 0)
        source.agent_id, source.sender = agent_id, f"a:{agent_id}"
        frame = SendMessage(f"r.{self.rig.number()}", text, conversation=conversation_id)
        assert self.line.put(source, frame, self.rig.loop.time()) is None
        await self.rig.quiet()


class DeskRig:
    """One database, one bus. Agents 1 to ``people`` exist; inbox 1 has bot 1, inbox 2 has none."""

    def __init__(self, loop: VirtualLoop, people: int = 3) -> None:
        self.loop = loop
        self.store = InlineStore()
        self.bus = MemoryBus()
        self.people = people
        self.frames: list[tuple[str, dict[str, Any]]] = []
        """(visitor's sender, or "list", or "watch"; frame), in order, as the first node heard them."""
        self.visitors: dict[int, Writer] = {}
        self._first: Node | None = None
        self._number = 0

    async def open(self) -> Node:
        """The database, and the first instance, which is not started yet."""
        await self.store.open()
        now = self.loop.now_ms()
        for number in range(1, self.people + 1):
            self.store.run(agents.create, f"a{number}@desk.example", f"A{number}", "agent", "x", "", now)
        self.store.run(bots.create_bot, Bot(0, "shop", "Shop"), now)
        for key, bot_id in (("shop", 1), ("plain", None)):
            self.store.run(inboxes.create_inbox, Inbox(0, key, key, "web", bot_id), now)
        self._first = Node(self, "n1")
        return self._first

    def team(self, key: str, *members: int, **settings: Any) -> int:
        """A new team; returns its id."""
        new = Team(0, key, key, msgspec.convert(settings, TeamSettings), members)
        made = self.store.run(teams.create, new, self.loop.now_ms())
        return made.id

    def set_inbox(self, inbox_id: int, **settings: Any) -> None:
        """Settings of an inbox, before the nodes start."""
        old = self.store.run(inboxes.get_inbox, inbox_id)
        assert old is not None
        self.store.run(inboxes.update_inbox, msgspec.structs.replace(
            old, settings={**old.settings, **settings}), self.loop.now_ms())

    def set_agent(self, agent_id: int, **values: Any) -> None:
        """Columns and settings of an agent."""
        self.store.run(agents.change, agent_id, values, end_sessions=False)

    def number(self) -> int:
        """Another one each time."""
        self._number += 1
        return self._number

    def heard(self, node: Node, events: Sequence[Event]) -> None:
        """Keeps what the first node's connections would be sent."""
        if node is not self._first:
            return
        for event in events:
            if event.frame:
                self.frames.append((event.sender, msgspec.json.decode(event.frame)))
            if event.list_frame:
                self.frames.append(("list", msgspec.json.decode(event.list_frame)))

    def told(self, kind: str, to: str | None = None) -> list[dict[str, Any]]:
        """Frames of one type so far."""
        return [frame for who, frame in self.frames if frame["type"] == kind and to in (None, who)]

    async def write(self, node: Node, visitor: int, text: str = "人呢", *, inbox_id: int = 1,
                    lang: str = "zh", person: bool = False) -> int:
        """A visitor writes (``person``: and asks for one); returns the conversation's id."""
        source = self.visitors.setdefault(visitor, Writer(visitor, inbox_id, lang))
        frame = SendMessage(f"m.{self.number()}", text, action="handoff" if person else "")
        assert node.line.put(source, frame, self.loop.time()) is None
        for _ in range(50):
            await asyncio.sleep(0)
            if frame.client_msg_id in source.acked:
                return source.acked[frame.client_msg_id][0]
        await asyncio.sleep(0.05)
        return source.acked[frame.client_msg_id][0]

    async def waiting(self, node: Node, visitor: int, **more: Any) -> int:
        """A visitor who waits for a person."""
        return await self.write(node, visitor, person=True, **more)

    async def quiet(self, seconds: float = 0.5) -> None:
        """Lets what was begun be done."""
        await asyncio.sleep(seconds)

    def get(self, conversation_id: int) -> Conversation:
        """A conversation as it is stored."""
        found = self.store.run(conversations.get_conversation, conversation_id)
        assert found is not None
        return found

    def said(self, conversation_id: int) -> list[Message]:
        """All messages of a conversation."""
        return self.store.run(messages.after, conversation_id, 0, 1000)

    def holder(self, conversation_id: int) -> str | int:
        """``bot``, ``queue``, ``none``, or the id of the agent."""
        found = self.get(conversation_id)
        return found.agent_id if found.holder == "agent" and found.agent_id else found.holder

