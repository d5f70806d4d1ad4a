"""Tells people who do not look at the console.

What is to be told stands in the database (:mod:`zhike.store.notify`), one row for each target, known by its
key; jobs of a runner of its own send it, so that a robot that hangs keeps no snooze and no auto-resolve
waiting. A crash between the sending and its mark tells a thing twice: for a notice better than never.

Who waits is found by a look at the queue every ten seconds, on one instance at a time. Nothing of this stands
on the way of a message. What concerns one agent (a conversation given to them, a note that calls them) is
told to that agent's own browsers, after the commit, on the instance that committed.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec
from sqlalchemy import Connection

from zhike.clock import NowMs, to_ms
from zhike.desk.notify.post import Gone, NotTold
from zhike.desk.notify.ways import TIMEOUT_S
from zhike.domain.conversation import Conversation
from zhike.domain.knowledge import Inbox
from zhike.domain.notice import Notice, NoticeKind, Target, wants
from zhike.domain.unit import Row
from zhike.errors import ZhikeError
from zhike.jobs.runner import Runner, StoreHandler
from zhike.store import notify, push
from zhike.store.engine import Store
from zhike.store.jobs import Job

LOOK = "notify.look"
LOOK_EVERY_S = 10.0
PRUNE = "notify.prune"
PRUNE_EVERY_S = 3600.0
KEEP_MS = 7 * 86_400_000
"""How long the key of a notice stays used up."""
TROUBLE_MS = 600_000
"""Several instances see the same trouble; within so long it is told once."""
FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 600.0

log = logging.getLogger("zhike.notify")


class Alarm(Protocol):
    """The routing's alarm, as far as it is told on."""

    @property
    def kind(self) -> str: ...
    @property
    def conversation(self) -> int: ...
    @property
    def inbox_id(self) -> int: ...
    @property
    def team_id(self) -> int: ...
    @property
    def agent_id(self) -> int | None: ...
    @property
    def waiting_since(self) -> datetime: ...


class Way(Protocol):
    """How a target is reached (:class:`zhike.desk.notify.ways.Ways`)."""

    async def tell(self, target: Target, notices: Sequence[Notice]) -> None:
        """Tries once; raises NotTold."""


def pause_s(failures: int) -> float:
    """5 s, 10 s, 20 s … to ten minutes."""
    return float(min(FIRST_PAUSE_S * 2.0 ** min(max(failures, 1) - 1, 20), LONGEST_PAUSE_S))


class Notifier:
    """See the module. Create it on the event loop.

    Args:
        inboxes: the inboxes in memory, by id. ``agent_name``: of an agent, for those who are told.
    """

    def __init__(self, store: Store, way: Way, now_ms: NowMs, inboxes: Callable[[], Mapping[int, Inbox]],
                 agent_name: Callable[[int | None], str]) -> None:
        self._store = store
        self._way = way
        self._now_ms = now_ms
        self._inboxes = inboxes
        self._agent_name = agent_name
        self.counts: Counter[tuple[str, str]] = Counter()
        """(kind of target, outcome): sent | failed | expired | gone."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._kept: list[Target] = []
        self.runner = Runner(store, now_ms)
        self.runner.on_async(notify.SEND, self._send, timeout_s=TIMEOUT_S, max_attempts=100)
        self.runner.on_async(LOOK, self._look, every_s=LOOK_EVERY_S, max_attempts=3)
        self.runner.on_store(PRUNE, _prune, every_s=PRUNE_EVERY_S, max_attempts=3)

    async def start(self) -> None:
        """Begins, first of all with what an earlier process left."""
        await self.runner.start()

    async def stop(self) -> None:
        """What is under way ends or is given back."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.runner.stop()

    # ---- what there is to tell -----------------------------------------------------------------

    async def tell(self, told: Iterable[Notice]) -> int:
        """Has these told; returns to how many targets they are new. Stored when it returns."""
        done = await self._store.write(_tell, list(told), self._now_ms())
        self._expired(done)
        if done.new:
            self.runner.poke()
        return done.new

    def _expired(self, done: notify.Told) -> None:
        """Counts what found no room."""
        for kind, count in done.expired.items():
            self.counts[kind, "expired"] += count
            log.warning("too much to tell at once; some of it is left out",
                        extra={"kind": kind, "left_out": count})

    def alarm(self, alarm: Alarm) -> None:
        """A visitor has waited too long (the port of the routing); does not block or raise."""
        self._spawn(self._tell_alarm(alarm))

    def assigned(self, conversations: Sequence[Conversation]) -> None:
        """People hold these now; does not block or raise."""
        given = {one.id: one for one in conversations if one.holder == "agent" and one.agent_id}
        if given:
            self._spawn(self._tell_agents([one.agent_id or 0 for one in given.values()], [
                Notice("assigned", f"assigned:{one.id}:{one.holder_epoch}", self._now_ms(),
                       conversation=one.id, inbox_id=one.inbox_id, since=one.waiting_since or one.updated_at,
                       where=self._where(one.inbox_id), agent_id=one.agent_id or 0)
                for one in given.values()]))

    def mentioned(self, rows: Sequence[Row]) -> None:
        """These notes call colleagues; does not block or raise."""
        told = [Notice("mentioned", f"mentioned:{row.conversation.id}:{row.seq}:{agent_id}", self._now_ms(),
                       conversation=row.conversation.id, inbox_id=row.conversation.inbox_id, since=row.at,
                       where=self._where(row.conversation.inbox_id),
                       holder=row.agent_name or self._agent_name(row.sender_id), agent_id=agent_id)
                for row in rows for agent_id in row.mentions if agent_id != row.sender_id]
        if told:
            self._spawn(self._tell_agents([one.agent_id for one in told], told))

    async def _tell_agents(self, agent_ids: Sequence[int], told: Sequence[Notice]) -> None:
        """To their browsers only; costs one look where nobody has any."""
        try:
            if not await self._store.read(push.wanted, agent_ids):
                return
            names = {number: await self._store.read(notify.name_of, number)
                     for number in {one.conversation for one in told}}
            named = [msgspec.structs.replace(one, who=names[one.conversation]) for one in told]
            done = await self._store.write(push.tell, named, self._now_ms())
            self._expired(done)
            if done.new:
                self.runner.poke()
        except Exception:
            log.warning("agents were not told of what is theirs", exc_info=True)

    async def trouble(self, part: str, detail: str, *, over: bool = False) -> None:
        """A part of the desk does not work (or works again). Where even the database is away, those who
        were known at the last look are told directly."""
        now = self._now_ms()
        kind: NoticeKind = "trouble_over" if over else "trouble"
        notice = Notice(kind, f"{kind}:{part}:{now // TROUBLE_MS}"[:160], now, since=now, part=part,
                        detail=detail)
        try:
            await self.tell([notice])
        except ZhikeError:
            await self._directly(notice)

    async def _tell_alarm(self, alarm: Alarm) -> None:
        since = to_ms(alarm.waiting_since)
        late = alarm.kind == "reply_late"
        kind: NoticeKind = "reply_late" if late else "visitor_late"
        try:
            who = await self._store.read(notify.name_of, alarm.conversation)
            await self.tell([Notice(
                kind, f"{kind}:{alarm.conversation}:{since}", self._now_ms(),
                conversation=alarm.conversation, inbox_id=alarm.inbox_id, team_id=alarm.team_id,
                since=since, who=who, where=self._where(alarm.inbox_id),
                holder=self._agent_name(alarm.agent_id) if late else "",
                agent_id=(alarm.agent_id or 0) if late else 0)])
        except Exception:
            log.warning("an alarm was not told on", exc_info=True,
                        extra={"conversation": alarm.conversation, "alarm": alarm.kind})

    async def _directly(self, notice: Notice) -> None:
        for target in self._kept:
            if wants(target, notice):
                try:
                    await self._way.tell(target, [notice])
                    self.counts[target.kind, "sent"] += 1
                except NotTold as error:
                    self.counts[target.kind, "failed"] += 1
                    log.warning("a notice was not told: %s", error, extra={"target": target.id})

    async def _look(self, job: Job) -> StoreHandler | None:
        """Who has been waiting for a person, and nobody took them."""
        self._kept = await self._store.read(notify.listed)
        targets = [one for one in self._kept if one.enabled and "visitor_waiting" in one.body.wants]
        browsers = await self._store.read(push.wanted)
        if not targets and not browsers:
            return None
        now = self._now_ms()
        shortest_ms = min([one.body.after_s * 1000 for one in targets] + [push.AFTER_MS] * browsers)
        found = await self._store.read(notify.waiting, now - shortest_ms)
        if not found:
            return None
        told: list[tuple[Target, list[Notice]]] = []
        for target in targets:
            before = now - target.body.after_s * 1000
            told.append((target, [self._waiting(one, now) for one in found if one.since <= before]))
        agents = [self._waiting(one, now) for one in found if one.since <= now - push.AFTER_MS]

        def effect(conn: Connection, _: Job, at: int) -> None:
            for target, notices in told:
                self._expired(notify.tell(conn, notices, at, [target]))
            if browsers:
                self._expired(push.tell(conn, agents, at))

        return effect

    def _waiting(self, one: notify.Waiting, now: int) -> Notice:
        inbox = self._inboxes().get(one.inbox_id)
        team_id = one.team_id or (inbox.settings.get("team_id") if inbox is not None else 0) or 0
        return Notice("visitor_waiting", f"visitor_waiting:{one.conversation}:{one.since}", now,
                      conversation=one.conversation, inbox_id=one.inbox_id, team_id=int(team_id),
                      since=one.since, who=one.who, where=self._where(one.inbox_id))

    def _where(self, inbox_id: int) -> str:
        inbox = self._inboxes().get(inbox_id)
        return inbox.name if inbox is not None else ""

    # ---- telling -------------------------------------------------------------------------------

    async def test(self, target: Target) -> float:
        """Tells a target that this is a test; returns how many ms it took.

        Raises:
            ZhikeError: ``notify_failed`` (a browser: ``push_failed``) with the other side's words.
        """
        code = "push_failed" if target.kind == "push" else "notify_failed"
        now = self._now_ms()
        began_s = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await self._way.tell(target, [Notice("test", f"test:{now}", now, since=now)])
        except NotTold as error:
            if isinstance(error, Gone):
                await self._store.write(notify.remove, target.id)
            raise ZhikeError(code, str(error)) from error
        except TimeoutError as error:
            raise ZhikeError(code, f"no answer within {TIMEOUT_S:.0f} s") from error
        return (asyncio.get_running_loop().time() - began_s) * 1000

    async def _send(self, job: Job) -> StoreHandler | None:
        target_id = int(job.key.partition(":")[2])
        found = await self._store.read(notify.due, target_id)
        if found is None or not found.notices:
            return None
        target, notices = found.target, found.notices
        if target.kind == "push":
            notices = await self._store.read(push.due, found, self._now_ms())
        if not target.enabled or not notices:
            return lambda conn, _, at: notify.drop(conn, found)
        try:
            async with asyncio.timeout(TIMEOUT_S - 2):
                await self._way.tell(target, notices)
        except Gone as error:
            self.counts[target.kind, "gone"] += 1
            log.info("a browser is not told any more: %s", error, extra={"target": target.id})
            return lambda conn, _, at: _forget(conn, target.id)
        except (NotTold, TimeoutError) as error:
            why = str(error) or "no answer in time"
            self.counts[target.kind, "failed"] += 1
            log.warning("a notice was not told and is tried again: %s", why, extra={"target": target.id})
            return lambda conn, _, at: self._failed(conn, found, why, at)
        self.counts[target.kind, "sent"] += 1
        return lambda conn, _, at: notify.sent(conn, found, at)

    def _failed(self, conn: Connection, found: notify.Due, why: str, at: int) -> None:
        retry_at = at + int(pause_s(found.target.failures + 1) * 1000)
        expired = notify.failed(conn, found, why, retry_at, at)
        if expired:
            self.counts[found.target.kind, "expired"] += expired

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work, name="notify")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _prune(conn: Connection, job: Job, now: int) -> None:
    notify.prune(conn, now - KEEP_MS)
    push.prune(conn, now)


def _tell(conn: Connection, told: Sequence[Notice], now: int) -> notify.Told:
    """Everybody: the desk's targets, and the browsers of agents."""
    shared, own = notify.tell(conn, told, now), push.tell(conn, told, now)
    return notify.Told(shared.new + own.new, shared.expired + own.expired)


def _forget(conn: Connection, target_id: int) -> None:
    notify.remove(conn, target_id)
