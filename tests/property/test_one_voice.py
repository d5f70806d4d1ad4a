"""One voice: bot answers in flight, and people who take, assign, snooze, return, reopen and resolve.

Two app instances on one database and a slow bus, models of every mood, virtual time. Whatever comes between
what: the bot never speaks once a person was asked for, the visitor is told of every change of who answers,
no question is answered twice or forgotten, and nothing goes round in circles. Each number is one
interleaving, made from nothing but that number; ``ZHIKE_TEST_INTERLEAVINGS=10000`` runs as many.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from zhike.answer.ports import Asked, Outlet
from zhike.bus.base import Event, Handler
from zhike.desk.recovery import Recovery
from zhike.domain.message import Reply
from zhike.domain.unit import Change, ChangeKind
from zhike.domain.wire import SendMessage
from zhike.domain.words import SYSTEM_TEXTS
from zhike.errors import ZhikeError
from zhike.pipeline.line import Line, LineSettings
from zhike.store import tables
from zhike.testing.inline import InlineExecutor, InlineStore
from zhike.testing.linerig import INBOX, TEXTS, ScriptedAnswerer, ScriptedWorker, Visitor, seed
from zhike.testing.loop import VirtualLoop, run_virtual

EVERY_DAY = 120
COUNT = int(os.environ.get("ZHIKE_TEST_INTERLEAVINGS", EVERY_DAY))
PAUSES_S = (0.0, 0.0, 0.001, 0.05, 0.3, 1.2, 1.3, 3.0, 6.0)
MOVES: tuple[ChangeKind, ...] = ("take", "take", "assign", "assign", "return", "return", "queue", "snooze",
                                 "wake", "reopen", "resolve")
RETURNED = set(SYSTEM_TEXTS["returned"].values())


def moody(rng: random.Random) -> ScriptedWorker:
    """A model that is quick, slow, silent or gone, speaks in pieces, or calls a person."""
    async def script(asked: Asked, outlet: Outlet) -> Reply:
        mood = rng.randrange(6)
        await asyncio.sleep(rng.choice((0.0, 0.2, 1.0, 3.5)))
        if mood == 0:
            raise OSError("the model is gone")
        if mood == 1:
            outlet.interim(Reply("one moment"))
        if mood >= 2:
            for piece in ("m", "od", "el:"):
                outlet.delta(piece)
                await asyncio.sleep(rng.choice((0.0, 0.1, 2.0)))
        if mood == 4:
            await asyncio.sleep(60)
        return Reply(f"model:{asked.question.norm}", action="handoff" if mood == 5 else "")

    return ScriptedWorker(script)


class Wire:
    """One end of a bus whose other end hears late, in order: until then only the storing transaction knows
    better. See :class:`zhike.bus.base.BusNode`."""

    def __init__(self, loop: VirtualLoop, rng: random.Random) -> None:
        self.loop, self.rng = loop, rng
        self.other: Wire | None = None
        self.handler: Handler = lambda events: None
        self.clear_s = 0.0

    def attach(self, handler: Handler) -> None:
        self.handler = handler

    def publish(self, events: Sequence[Event]) -> None:
        self.handler(events)
        if self.other is not None:
            late_s = self.rng.choice((0.0, 0.02, 0.6, 2.0))
            # (timers of one moment have no order of their own)
            self.clear_s = max(self.clear_s + 1e-6, self.loop.time() + late_s)
            self.loop.call_at(self.clear_s, self.other.handler, [event.detached() for event in events])

    def close(self) -> None:
        self.other = None


class Agent:
    """A person at a console; what is refused must be so for one of the stated reasons."""

    inbox_id = 0
    lang = "zh"
    contact: dict[str, str] | None = None
    last_client_msg_id = ""

    def __init__(self, number: int) -> None:
        self.agent_id, self.agent_name, self.sender = number, f"A{number}", f"a:{number}"
        self.conversation_id = 0

    def on_control(self, frame: Any) -> None:
        raise AssertionError

    def on_stored(self, event: Event) -> None:
        assert event.ack is not None

    def on_refused(self, client_msg_id: str, error: ZhikeError) -> None:
        assert error.code in ("not_holder", "conversation_resolved"), error


class Desk:
    """Two lines on one store and a slow bus, two visitors, two agents."""

    def __init__(self, loop: VirtualLoop, store: InlineStore, rng: random.Random) -> None:
        self.loop, self.store, self.rng = loop, store, rng
        self.visitors = [Visitor(0), Visitor(1)]
        self.agents = [Agent(1), Agent(2)]
        self.lines: list[Line] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.drafts: set[str] = set()
        self.said = 0
        self.in_flight = 0
        """Changes that came while the bot was about to say something."""

    def start(self) -> None:
        wires = [Wire(self.loop, self.rng), Wire(self.loop, self.rng)]
        wires[0].other, wires[1].other = wires[1], wires[0]
        for number, node in enumerate(wires):
            line = Line(self.store, node, ScriptedAnswerer(), InlineExecutor(), self.loop.now_ms, {INBOX: 1},
                        {}, LineSettings(fragment_wait_s=1.2, batch_max=7), worker=moody(self.rng))

            def hear(events: Sequence[Event], line: Line = line, first: bool = number == 0) -> None:
                for event in events:
                    if event.source is not None:
                        event.source.on_stored(event)
                    if first and event.frame:
                        self._see(msgspec.json.decode(event.frame))
                line.heard(events)

            node.attach(hear)
            line.start()
            self.lines.append(line)
            recovery = Recovery(self.store, {INBOX: 1}, line.owe, self.loop.now_ms)
            self.tasks.append(self.loop.create_task(recovery.run()))

    def _see(self, frame: dict[str, Any]) -> None:
        """What a page of the visitor shows of drafts."""
        if frame["type"] == "delta":
            self.drafts.add(frame["answer_id"])
        elif frame["type"] == "withdrawn" or frame.get("answer_id"):
            self.drafts.discard(frame["answer_id"])

    def say(self) -> None:
        visitor = self.rng.choice(self.visitors)
        text = self.rng.choice(TEXTS)
        frame = visitor.make(text)
        if self.rng.random() < 0.1:
            frame = msgspec.structs.replace(frame, action="handoff")
            visitor.outbox[frame.client_msg_id] = frame
        assert self.rng.choice(self.lines).put(visitor, frame, self.loop.time()) is None

    def where(self) -> int:
        """A conversation that a visitor knows of, mostly the newest."""
        known = sorted({place[0] for visitor in self.visitors for place in visitor.acked.values()})
        return 0 if not known else known[-1] if self.rng.random() < 0.7 else self.rng.choice(known)

    def answer(self) -> None:
        if where := self.where():
            self.said += 1
            frame = SendMessage(f"a.{self.said}", "您好", conversation=where, note=self.rng.random() < 0.2)
            agent = self.rng.choice(self.agents)
            assert self.rng.choice(self.lines).put(agent, frame, self.loop.time()) is None

    def move(self) -> None:
        where, kind = self.where(), self.rng.choice(MOVES)
        if not where:
            return
        self.in_flight += any(where in line.queue.turns for line in self.lines)
        now, agent = self.loop.now_ms(), self.rng.choice((1, 2))
        change = Change(where, kind, now, agent_id=agent, agent_name=f"A{agent}")
        if kind == "assign" and self.rng.random() < 0.4:
            change = Change(where, kind, now, team_id=self.rng.choice((0, 7)), note="看一下", by_id=agent)
        elif kind in ("snooze", "wake"):
            change.until = now + self.rng.randrange(1, 8000) if kind == "snooze" else now
        self.rng.choice(self.lines).change(change)

    async def play(self) -> None:
        for _ in range(self.rng.randrange(8, 26)):
            self.rng.choices((self.say, self.move, self.answer), (5, 6, 1))[0]()
            await asyncio.sleep(self.rng.choice(PAUSES_S))
        for _ in range(4):  # what was refused because its predecessor was missing comes again
            await asyncio.sleep(3)
            for visitor in self.visitors:
                for frame in list(visitor.outbox.values()):
                    self.lines[0].put(visitor, frame, self.loop.time())
        await asyncio.sleep(60)  # what an instance left behind is found by a sweep

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        for line in self.lines:
            assert not line.queue.turns
            await line.stop()


def check(store: InlineStore) -> Counter[str]:
    """What stands in the database in the end; counts what was seen."""
    seen: Counter[str] = Counter()
    columns = [column.name for column in tables.messages.c]
    rows = store.run(lambda conn: [dict(zip(columns, row, strict=True)) for row in conn.execute(
        tables.messages.select().order_by(tables.messages.c.conversation_id, tables.messages.c.seq))])
    held = store.run(lambda conn: conn.execute(tables.conversations.select()).all())
    for conversation in held:
        found = [row for row in rows if row["conversation_id"] == conversation.id]
        assert [row["seq"] for row in found] == list(range(1, len(found) + 1))
        person, told, covered = False, 0, set[int]()
        for row in found:
            calls = '"action":"handoff"' in row["payload"]
            if row["sender_type"] == "system" and row["direction"] == "outgoing":
                person = row["text"] not in RETURNED
                told += 1
            elif row["sender_type"] == "bot":
                seen["bot"] += 1
                assert not person, "the bot spoke though a person was asked for"
                answers = {int(seq) for seq in row["answers"].split(",")} if row["answers"] else set()
                assert not answers & covered, "one question, two answers"
                covered |= answers
                person = calls
                told += calls
            # a message is stored under the epoch it was said in, and each rise of it was told
            assert row["epoch"] <= 1 + told
        assert conversation.holder_epoch == 1 + told, "who answers changed, and the visitor was not told"
        came = sum(row["direction"] == "incoming" for row in found)
        assert sum(row["sender_type"] == "bot" for row in found) <= 3 * came, "it goes round in circles"
        assert conversation.holder != "bot" or conversation.last_incoming_seq <= conversation.answered_seq, \
            "a question was left without an answer"
        assert (conversation.status == "snoozed") <= (conversation.holder in ("agent", "queue"))
        seen["conversations"] += 1
        seen["told"] += told
    return seen


def wipe(conn: Any) -> None:
    for table in ("mentions", "messages", "conversations", "contacts", "jobs"):
        conn.execute(tables.metadata.tables[table].delete())


@pytest.mark.timeout(60 + COUNT // 5)
def test_the_bot_never_speaks_once_a_person_was_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "zhike.pipeline")  # models that fail on purpose
    store = InlineStore()
    seen: Counter[str] = Counter()

    async def one(loop: VirtualLoop, number: int) -> None:
        desk = Desk(loop, store, random.Random(number))
        desk.start()
        await desk.play()
        assert not any(visitor.outbox for visitor in desk.visitors)
        assert not desk.drafts, "a draft was neither stored nor withdrawn"
        await desk.stop()
        seen["in flight"] += desk.in_flight
        seen.update(check(store))

    asyncio.run(store.open())
    store.run(seed)
    for number in range(COUNT):
        try:
            run_virtual(lambda loop, number=number: one(loop, number))  # type: ignore[misc]
        except BaseException as error:
            error.add_note(f"interleaving {number}")
            raise
        store.run(wipe)
    # the net must not be empty: on average every interleaving moves a conversation that the bot is answering
    assert seen["in flight"] >= COUNT, seen
    assert min(seen["bot"], seen["told"], seen["conversations"]) >= COUNT
    print(f"{COUNT} interleavings: {dict(seen)}")
