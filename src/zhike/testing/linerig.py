"""A whole line on a store in memory, in virtual time, with scripted answers: for property tests and
for tests of turns and jobs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import msgspec

from zhike.answer.ports import Asked, Outlet
from zhike.bus.base import Event
from zhike.bus.memory import MemoryBus
from zhike.desk.recovery import Recovery
from zhike.domain.message import Reply, TraceStep
from zhike.domain.wire import SendMessage
from zhike.errors import ZhikeError
from zhike.pipeline.line import Line, LineSettings
from zhike.pipeline.ports import Worker
from zhike.search.text import Question
from zhike.store import tables
from zhike.testing.inline import InlineExecutor, InlineStore
from zhike.testing.loop import VirtualLoop

INBOX = 1
TEXTS = ("退货", "你好", "发票", "xyz", "那条裙子", "运费")


class ScriptedAnswerer:
    """退货 is a rule, 发票 and 运费 are knowledge, 你好 opens, the rest is unknown."""

    def in_memory(self, bot_id: int) -> bool:
        return True

    async def open(self, bot_id: int) -> None:
        return

    def quick(self, bot_id: int, question: Question) -> Reply | None:
        if question.norm == "退货":
            return Reply("rule:退货")
        if question.norm == "你好":
            return Reply("hello", sure=False, opener=True)
        return None

    def search(self, bot_id: int, questions: Sequence[Question]) -> list[Reply | None]:
        return [Reply(f"kb:{q.norm}") if "发票" in q.norm or "运费" in q.norm else None for q in questions]

    def remember(self, bot_id: int, question: Question, reply: Reply) -> None:
        raise AssertionError("nothing here is cacheable")

    def fallback(self, bot_id: int, question: Question, tried: tuple[TraceStep, ...]) -> Reply:
        return Reply("fallback")


class ScriptedWorker:
    """Answers as ``script`` says: a coroutine of (asked, outlet)."""

    def __init__(self, script: Callable[[Asked, Outlet], Coroutine[Any, Any, Reply]]) -> None:
        self.script = script
        self.asked: list[Asked] = []

    def consults(self, bot_id: int) -> bool:
        return True

    async def answer(self, asked: Asked, outlet: Outlet) -> Reply:
        self.asked.append(asked)
        return await self.script(asked, outlet)


def moody(seed: int) -> ScriptedWorker:
    """A model of every mood: quick, slow, silent, failing, speaking in pieces."""
    rng = random.Random(seed)

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
        if mood == 3:
            outlet.withdraw()
            outlet.delta("again")
        if mood == 4:
            await asyncio.sleep(60)
        return Reply(f"model:{asked.question.norm}")

    return ScriptedWorker(script)


class Visitor:
    """A client as the widget is: counts, keeps what is not acknowledged, resends in order."""

    agent_id = 0
    agent_name = ""
    lang = "zh"
    conversation_id = 0
    contact: dict[str, str] | None = None
    last_client_msg_id = ""

    def __init__(self, number: int) -> None:
        self.inbox_id = INBOX
        self.sender = f"v:{number}"
        self.outbox: dict[str, SendMessage] = {}
        self.acked: dict[str, tuple[int, int]] = {}
        self.sent: list[tuple[str, str]] = []
        self.seen: list[tuple[int, int]] = []
        self.refused: list[str] = []

    def make(self, text: str) -> SendMessage:
        n = len(self.sent) + 1
        frame = SendMessage(f"s.{n}", text, n=n)
        self.sent.append((frame.client_msg_id, text))
        self.outbox[frame.client_msg_id] = frame
        return frame

    def on_control(self, frame: Any) -> None:
        raise AssertionError

    def on_stored(self, event: Event) -> None:
        assert event.ack is not None
        where = (event.ack.conversation_id, event.ack.seq)
        message_id = event.ack.client_msg_id
        assert self.acked.setdefault(message_id, where) == where, "one message, two places"
        self.outbox.pop(message_id, None)

    def on_refused(self, client_msg_id: str, error: ZhikeError) -> None:
        assert error.code in ("out_of_order", "overloaded", "internal"), error
        self.refused.append(client_msg_id)


class World:
    """One store, and a line that can crash. ``drafts``: answer id → text, as a client shows them."""

    def __init__(self, loop: VirtualLoop, store: InlineStore, worker: Worker | None = None) -> None:
        self.loop = loop
        self.worker = worker
        self.drafts: dict[str, str] = {}
        self.frames: list[dict[str, Any]] = []
        self.store = store
        self.visitors = [Visitor(n) for n in range(3)]
        self.line: Line | None = None

    async def start(self) -> None:
        node = MemoryBus().node()
        node.attach(self.hear)
        self.line = Line(self.store, node, ScriptedAnswerer(), InlineExecutor(), self.loop.now_ms,
                         {INBOX: 1}, {}, LineSettings(fragment_wait_s=1.2, batch_max=7),
                         worker=self.worker)
        self.line.start()
        await Recovery(self.store, {INBOX: 1}, self.line.owe, self.loop.now_ms).sweep()

    def hear(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.source is not None:
                event.source.on_stored(event)
            if event.seq and event.frame:
                for visitor in self.visitors:
                    if visitor.sender == event.sender:
                        visitor.seen.append((event.conversation_id, event.seq))
            if event.frame:
                self._show(msgspec.json.decode(event.frame))

    def _show(self, frame: dict[str, Any]) -> None:
        """What a client shows of drafts."""
        self.frames.append(frame)
        if frame["type"] == "delta":
            text = self.drafts.setdefault(frame["answer_id"], "")
            assert frame["offset"] == len(text), "a gap in a draft"
            self.drafts[frame["answer_id"]] += frame["text"]
        elif frame["type"] == "withdrawn" or frame.get("answer_id"):
            del self.drafts[frame["answer_id"]]

    async def crash(self) -> None:
        assert self.line is not None
        await self.line.stop()
        self.drafts.clear()  # a client drops its drafts when it connects again
        await self.start()
        for visitor in self.visitors:
            visitor.seen.clear()  # a new connection resumes from the store
            for frame in list(visitor.outbox.values()):
                self.put(visitor, frame)

    def put(self, visitor: Visitor, frame: SendMessage) -> None:
        assert self.line is not None
        assert self.line.put(visitor, frame, self.loop.time()) is None


def seed(conn: Any) -> None:
    from zhike.store.dialect import insert_rows

    row = {"settings": "{}", "created_at": 1, "updated_at": 1}
    insert_rows(conn, tables.bots, [{"id": 1, "key": "b", "name": "b", "knowledge_version": 1, **row}])
    insert_rows(conn, tables.inboxes, [{"id": INBOX, "key": "i", "name": "i", "channel": "web",
                                        "bot_id": 1, **row}])
    insert_rows(conn, tables.agents, [
        {"id": n, "email": f"a{n}", "name": "A", "role": "agent", "password_hash": "", "enabled": True,
         "lang": "", "created_at": 1, "last_seen_at": 1} for n in (1, 2)])
