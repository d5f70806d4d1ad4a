"""Store, bus, engine, line and desk of one app instance: everything but sockets and HTTP.

Part of ``app`` (same rank, imported by it in the warm-up thread). Two of these on one database and
one bus are two app instances; tests run them so.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from zhike.access.bundle import Access
from zhike.access.setup import first_link
from zhike.answer.cache import AnswerCache
from zhike.answer.engine import Engine
from zhike.app.answers import Answers
from zhike.bus.base import (
    STAFF,
    BusNode,
    Event,
    StoredEvent,
    VisitorAsked,
    VisitorPresence,
    rights_event,
    rights_of,
)
from zhike.bus.memory import MemoryBus
from zhike.clock import NowMs, now_ms
from zhike.config import Settings
from zhike.desk.aftercare import Aftercare
from zhike.desk.attendance import Attendance
from zhike.desk.door import Door
from zhike.desk.knowledge import KnowledgeKeeper
from zhike.desk.presence import PresenceKeeper
from zhike.desk.reads import Reads
from zhike.desk.recovery import Recovery
from zhike.desk.registry import Registry
from zhike.desk.service import Desk
from zhike.domain.agent import RANK
from zhike.domain.message import Reply
from zhike.domain.reach import AWAY
from zhike.errors import ZhikeError
from zhike.ops.meters import Meters, measured
from zhike.pipeline.line import Line, LineSettings
from zhike.search.learn.trainer import Busy, Trainer
from zhike.search.library import Library
from zhike.search.quiet import quiet_collector
from zhike.search.text import understand, warm
from zhike.store.engine import open_store

if TYPE_CHECKING:
    from zhike.access.syslog import Follower
    from zhike.answer.assist.summary import Help
    from zhike.answer.flows import Flows
    from zhike.answer.llm.part import ModelPart
    from zhike.answer.tools import Toolbox
    from zhike.app.hooks import Hooks
    from zhike.app.outreach import Outreach
    from zhike.channels.api.deliver import ApiChannel
    from zhike.desk.routing.router import Router
    from zhike.files.uploads import Uploads
    from zhike.gateway.hub import Hub
    from zhike.jobs.outbox import Dispatcher
    from zhike.jobs.runner import Runner
    from zhike.rest.ports import Health
    from zhike.search.embed import Embedder

NUDGE_S = 0.05
"""What happens at once is told to routers once."""

log = logging.getLogger("zhike")

SAMPLE_MARK = "sample_shop"
"""Remembers in ``meta`` that the sample shop was offered once (see ``ops.configplan.apply_once``)."""
FILES_SWEEP = "files.sweep"
FILES_SWEEP_S = 3600.0
REFRESH_S = 0.5
"""How often other instances' (and the command line's) edits are looked for: an edit is in the
answers within a second."""


def line_settings(settings: Settings) -> LineSettings:
    """The line's part of the settings."""
    p = settings.pipeline
    return LineSettings(gather_window_s=p.gather_window_s, batch_max=p.batch_max,
                        receive_max_messages=p.receive_max_messages,
                        receive_max_bytes=p.receive_max_bytes, fragment_wait_s=p.fragment_wait_s,
                        out_of_order_wait_s=p.out_of_order_wait_s,
                        search_batch=settings.answer.search_batch)


def _by_a_person(event: Event) -> bool:
    """Whether it is a reply that may have to go another way, if its visitor has left."""
    return isinstance(event, StoredEvent) and event.row.sender_type == "agent"


def _veil(frame: bytes) -> bytes:
    from zhike.answer.mask.veil import veil_json  # its word lists: for desks that hide something only

    return veil_json(frame)


class Core:
    """One app instance without its connections.

    Args:
        handle: gets every event of the bus (the hub's).
        bus: the node to use (default: a bus of its own).
        public_url: our own address, for links and for pages of our own origin.
    """

    def __init__(self, settings: Settings, handle: Callable[[Sequence[Event]], None], *,
                 bus: BusNode | None = None, now: NowMs = now_ms, public_url: str = "") -> None:
        self.settings = settings
        self.now = now
        self.public_url = public_url
        self.bus = bus if bus is not None else MemoryBus().node()
        self.bus.attach(self._heard)
        self._handle = handle
        database = settings.database
        self.meters = Meters()
        self.store = measured(open_store(settings.database_url(), Path(settings.server.data),
                                         readers=database.readers, connections=database.connections),
                              self.meters)
        self.engine = Engine(cache=AnswerCache(settings.answer.cache_entries), inbox_key=self._inbox_key,
                             now=now)
        self.trainer = Trainer(Path(settings.server.data) / "models", self.engine.teach, busy=Busy())
        if settings.answer.learn:
            self.engine.learner = self.trainer
        search = settings.search
        library = Library(self.store, Path(settings.server.data) / "index", lambda _: self._look.set())
        self.registry = Registry(self.store, self.engine, KnowledgeKeeper(
            self.store, self.engine, library, disk_above=search.disk_above, memory_bytes=search.memory_bytes,
            around=quiet_collector))
        self._look = asyncio.Event()
        self.search_thread = ThreadPoolExecutor(1, thread_name_prefix="zhike-search")
        self.answers = Answers(settings, self.store, self.engine, self.registry, self.search_thread, now)
        self._secret = ""
        self.access: Access
        self.line: Line
        self._line_heard: Callable[[Sequence[Event]], None] = lambda _: None
        self.on_rights: Callable[[int, int | None], None] = lambda agent_id, session_id: None
        """Hears whose connections to close, wherever that was decided: see :func:`rights_event`."""
        self.desk: Desk
        self.reads = Reads(self.store, self.bus, now)
        self.recovery: Recovery
        self.node = secrets.token_hex(8)
        """The name of this process where several share a database."""
        self.aftercare: Aftercare
        self.presence: PresenceKeeper
        self.router: Router | None = None
        self._nudging: asyncio.TimerHandle | None = None
        self.runner: Runner | None = None
        self.dispatcher: Dispatcher | None = None
        self._channel: ApiChannel | None = None
        self._syslog: Follower | None = None
        self.embedder: Embedder | None = None
        self.help: Help | None = None
        self.outreach: Outreach | None = None
        self.attendance: Attendance | None = None
        """Which visitors are here; set by whoever holds connections."""
        self.hooks: Hooks | None = None
        self.health: Callable[[], Awaitable[Health]] | None = None
        """How the process is; set by its web side."""
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Opens the store, loads knowledge, starts the line, answers what is owed.

        Raises:
            ZhikeError: config_error, store_unavailable.
        """
        self._secret = await self.store.open()
        self.access = Access(self.store, self._secret, self.now)
        self.access.sessions.on_end = lambda agent_id, number: self._rights(agent_id, number)
        self.access.sessions.on_change = lambda agent_id: self._rights(agent_id, None)
        if self.settings.sample.shop:
            await self._sample()
        await self.registry.refresh()
        registry = self.registry
        default_s = self.settings.pipeline.fragment_wait_s
        self.line = Line(self.store, self.bus, self.engine, self.search_thread, self.now, registry.bots,
                         registry.channels, line_settings(self.settings), registry.agent_name,
                         lambda bot_id: registry.fragment_wait_s(bot_id, default_s), self.answers.ladder,
                         registry.blocked, registry.hooks)
        clear_for = RANK[self.settings.privacy.clear_for]
        door = Door(self.store, registry, self.access.visitors, self.access.sessions, self.now,
                    self.public_url, lambda role: RANK[role] >= clear_for)
        self.desk = Desk(self.store, registry, door, self.reads, self.line, self.now, self._try_reply, _veil)
        self._line_heard = self.line.heard
        self._care(door)
        self.line.start()
        self.recovery = Recovery(self.store, registry.bots, self.line.owe, self.now)
        await self.recovery.sweep()
        loop = asyncio.get_running_loop()
        loop.run_in_executor(None, warm)
        self._tasks = [loop.create_task(self.recovery.run(), name="recovery"),
                       loop.create_task(self._follow_edits(), name="edits")]

    def _care(self, door: Door) -> None:
        """Who is here, and what follows a commit: from the first message on."""
        send = self.line.send
        self.aftercare = Aftercare(self.store, self.line, self.bus, self.registry, self.now, door.open_now,
                                   self.nudge)
        send.on_changed, send.on_unanswered = self.aftercare.changed, self.aftercare.unanswered
        self.presence = PresenceKeeper(self.store, self.node, self.now, self.nudge)
        self.desk.pages, self.desk.nudge = self.presence.pages, self.nudge
        self._door = door

    def _rights(self, agent_id: int, session_id: int | None) -> None:
        """Told to every instance: their sockets are wherever their pages happened to connect."""
        self.bus.publish([rights_event(agent_id, session_id)])

    def attend(self, hub: Hub) -> None:
        """Learns from who holds connections which visitors are here."""
        self.attendance = Attendance(self.bus, hub.has_visitor)
        hub.on_visitor = self.attendance.changed

    def nudge(self) -> None:
        """Somebody may be served now: tells the router here, and those of other instances; what happens at
        once is told once."""
        if self._nudging is None:
            loop = asyncio.get_running_loop()
            self._nudging = loop.call_later(NUDGE_S, self._nudge)

    def _nudge(self) -> None:
        self._nudging = None
        self.bus.publish([Event(0, STAFF, "")])

    @cached_property
    def uploads(self) -> Uploads:
        """Files that people send; made when HTTP is, which a first answer does not wait for."""
        from zhike.files.uploads import Uploads

        folder = self.settings.files.folder or Path(self.settings.server.data) / "files"
        return Uploads(self.store, Path(folder), bytes.fromhex(self._secret), self.now)

    @property
    def models(self) -> ModelPart | None:
        """The models, once they are there."""
        return self.answers.models

    @property
    def toolbox(self) -> Toolbox | None:
        """The tools, once they are there."""
        return self.answers.toolbox

    @property
    def flows(self) -> Flows | None:
        """The flows, once they are there."""
        return self.answers.flows

    async def start_background(self) -> None:
        """Flows, tools and models, durable timers, the outbox, learning: nobody waits for them at a start."""
        from zhike.app.hooks import Hooks
        from zhike.app.outreach import Outreach
        from zhike.channels.api.deliver import ApiChannel
        from zhike.jobs.housekeeping import register
        from zhike.jobs.outbox import Dispatcher
        from zhike.jobs.runner import Runner

        await self.answers.start()
        await self._start_help()
        await self._start_routing()
        self.runner = Runner(self.store, self.now)
        register(self.runner, self.store, self.line.change, self.now)
        self.runner.on_async(FILES_SWEEP, self.uploads.sweep, every_s=FILES_SWEEP_S)
        await self.runner.start()
        self.desk.timed = self.runner.poke
        self._channel = ApiChannel(self.desk.inbox, self.now,
                                   allow_private=self.settings.channels.allow_private)
        self.hooks = Hooks(self)
        self.outreach = Outreach(self)
        self.dispatcher = Dispatcher(self.store, self.now,
                                     {"api": self._channel, AWAY: self.outreach.mailing.channel},
                                     carriers={"webhook": self.hooks.sender})
        self.dispatcher.on_lost = self.outreach.mailing.lost
        self.dispatcher.start()
        self.desk.look_at_hooks = self.hooks.look
        await self.outreach.start(self.health)
        if self.router is not None:
            self.router.notifiers.append(self.outreach.notifier)
        self.aftercare.assigned = self.outreach.notifier.assigned
        self.line.send.on_mentioned = self.outreach.notifier.mentioned
        if self.settings.audit.syslog:
            from zhike.access.syslog import Follower

            self._syslog = Follower(self.store, self.settings.audit.syslog)
            self._syslog.start()
        if self.settings.embeddings.base_url:
            from zhike.search.embed import Embedder, fields_of
            from zhike.search.embedclient import EmbeddingClient

            wanted = self.settings.embeddings
            self.embedder = Embedder(
                self.store, EmbeddingClient(wanted.base_url, wanted.model, wanted.api_key),
                lambda: list(self.registry.bot_rows.values()), **fields_of(wanted))
            self.embedder.start()
            self.answers.embedder = self.embedder
        if self.settings.answer.learn:
            self.trainer.start()

    async def _start_help(self) -> None:
        loop = asyncio.get_running_loop()
        self.help = help_ = await loop.run_in_executor(None, self.answers.help, lambda about, made: (
            self.desk.tell_summary(about, made.text, made.seq, made.created_at)))
        self.desk.helper = help_
        self.aftercare.handed = help_.handed

    async def _start_routing(self) -> None:
        from zhike.desk.routing.board import Board
        from zhike.desk.routing.router import Router

        self._door.place = Board(self.store, self.registry, self.now).place
        self.router = Router(self.store, self.line, self.bus, self.registry, self.now, self.node)
        loop = asyncio.get_running_loop()
        self._tasks += [loop.create_task(self.presence.run(), name="presence"),
                        loop.create_task(self.router.run(), name="routing")]

    def _inbox_key(self, inbox_id: int) -> str:
        inbox = self.registry.inboxes.get(inbox_id)
        return inbox.key if inbox is not None else ""

    def _heard(self, events: Sequence[Event]) -> None:
        """Every event of the bus: to the connections, to the line, and a nudge to the outbox."""
        self._handle(events)
        self._line_heard(events)
        if events and not events[0].conversation_id:  # of people; such come by themselves
            for event in events:
                if (theirs := rights_of(event)) is not None:
                    if hasattr(self, "access"):
                        self.access.sessions.forget(theirs[0])
                    self.on_rights(*theirs)
        if len(events) == 1:
            event = events[0]
            if not event.conversation_id and self.router is not None:
                if not event.list_frame:
                    self.router.wake()
                return
            if self.attendance is not None and isinstance(event, VisitorAsked | VisitorPresence):
                self.attendance.heard(event)
                return
        channels = self.registry.channels
        if channels and self.dispatcher is not None:
            for inbox_id in {event.inbox_id for event in events
                             if (leaving := channels.get(event.inbox_id)) is not None
                             and (isinstance(leaving, str) or _by_a_person(event))}:
                self.dispatcher.poke(inbox_id)
        if self.registry.hooks and self.hooks is not None:
            self.hooks.look()

    async def _sample(self) -> None:
        """Puts the sample shop into a database that never had it; an edited one is never touched."""
        from zhike.store.schema import get_meta

        if await self.store.read(get_meta, f"once.{SAMPLE_MARK}") is None:
            from zhike.ops.sample import apply_sample

            await apply_sample(self.store, self.now(), SAMPLE_MARK)

    async def load_demo(self) -> None:
        """Two weeks of past conversations, once."""
        from zhike.ops import demo

        await demo.load(self.store, self.now())

    async def first_link(self) -> str | None:
        """A one-time link, if there is no admin yet."""
        return await first_link(self.store, self.public_url, self.now())

    def _try_reply(self, bot_id: int, text: str, lang: str) -> Reply:
        question = understand(text, lang)
        reply = self.engine.quick(bot_id, question)
        if reply is None:
            reply = self.engine.search(bot_id, [question])[0]
        return reply if reply is not None else self.engine.fallback(bot_id, question, ())

    async def _follow_edits(self) -> None:
        pause_s = REFRESH_S
        while True:
            with contextlib.suppress(TimeoutError):  # an index that is built is shown at once
                async with asyncio.timeout(pause_s):
                    await self._look.wait()
            self._look.clear()
            began_s = asyncio.get_running_loop().time()
            try:
                await self.registry.refresh()
                # a long import edits many times a second: indexing takes a third of the time at most
                pause_s = max(REFRESH_S, 2 * (asyncio.get_running_loop().time() - began_s))
            except Exception:
                log.warning("the look for edits failed; it runs again", exc_info=True)

    async def _stop_routing(self) -> None:
        if self._nudging is not None:
            self._nudging.cancel()
        try:
            await self.presence.close()
            if self.router is not None:
                await self.router.stop()
        except ZhikeError:
            log.warning("the database is away; this process's agents count as here until their lease ends")

    async def stop(self) -> None:
        """Finishes what was taken and closes the store. Drain first."""
        await asyncio.get_running_loop().run_in_executor(None, self.trainer.stop)
        if self.runner is not None:
            await self.runner.stop()
        if self.dispatcher is not None and self._channel is not None:
            await self.dispatcher.stop()
            await self._channel.close()
        if self.outreach is not None:
            await self.outreach.stop()
        if self.attendance is not None:
            self.attendance.close()
        if self.hooks is not None:
            await self.hooks.sender.close()
        if self._syslog is not None:
            await self._syslog.stop()
        if self.embedder is not None:
            await self.embedder.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.reads.flush()
        if hasattr(self, "line"):
            await self._stop_routing()
            await self.line.drain(self.settings.server.drain_timeout_s)
            await self.aftercare.settle()
            await self.line.stop()
            if self.help is not None:
                await self.help.stop()
            await self.answers.stop()
            self.access.close()
        await self.registry.knowledge.close()
        self.search_thread.shutdown(wait=True)
        self.bus.close()
        await self.store.close()
