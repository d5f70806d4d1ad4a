"""Replies to visitors who left: when they wait, which way they go, and what is never sent twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from zhike.access.mailer import MailError, MailUnclear
from zhike.access.mailtokens import MailTokens
from zhike.channels.mail.deliver import AwayChannel
from zhike.domain.knowledge import Inbox
from zhike.domain.message import Reply
from zhike.domain.reach import AWAY, Away, Leaving
from zhike.domain.unit import BotReply, Change, Entry, Incoming
from zhike.jobs.outbox import Dispatcher
from zhike.store import agents, inboxes, outbox, reach, tables
from zhike.store.outbox import OutboxRow
from zhike.store.unit import commit_unit
from zhike.testing.inline import InlineStore
from zhike.testing.loop import VirtualLoop, run_virtual

LEAVING: dict[int, Leaving] = {1: Away(60_000)}


class Mailer:
    """Keeps mails, or fails as the test says."""

    def __init__(self) -> None:
        self.ready = True
        self.address = "help@shop.example"
        self.sent: list[tuple[float, EmailMessage, list[str]]] = []
        self.faults: list[Exception] = []

    async def send(self, message: EmailMessage, recipients: list[str]) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.sent.append((asyncio.get_running_loop().time() - 1000, message, recipients))


class NoFiles:
    async def load(self, files: list[Any]) -> None:
        return

    def read(self, file: Any) -> bytes | None:
        return None

    def link(self, file: Any) -> str:
        return ""


class Rig:
    """A visitor's conversation that an agent holds, in an inbox that mails."""

    def __init__(self, loop: VirtualLoop, store: InlineStore) -> None:
        self.loop = loop
        self.store = store
        self.mailer = Mailer()
        self.is_here = False
        self.lost: list[tuple[str, str]] = []
        self.inbox = Inbox(1, "shop", "商店", "web", None, {"reach": {"email": True}})
        mailer: Any = self.mailer
        out: Any = None
        self.channel = AwayChannel(store, lambda _: self.inbox, self.here, mailer, MailTokens(b"s" * 16),
                                   NoFiles, out, loop.now_ms, lambda: "https://desk.example")
        self.dispatcher = Dispatcher(store, loop.now_ms, {AWAY: self.channel})
        self.dispatcher.on_lost = self.hear
        self.number = 0

    def hear(self, row: OutboxRow, state: str, why: str) -> None:
        self.lost.append((state, why))

    async def here(self, inbox_id: int, sender: str, conversation_id: int) -> bool:
        return self.is_here

    def commit(self, *entries: Entry) -> None:
        self.store.run(commit_unit, list(entries), LEAVING)

    def begin(self, email: str = "lin@mail.example") -> None:
        now = self.loop.now_ms()
        self.commit(Incoming(1, "v:1", "q", b"q" * 16, "在吗", now, lang="zh", contact={"email": email}))
        self.commit(Change(1, "take", now, agent_id=1, agent_name="小王"))

    def say(self, text: str) -> int:
        self.number += 1
        entry = Incoming(1, "a:1", f"m{self.number}", b"%016d" % self.number, text, self.loop.now_ms(),
                         agent_id=1, agent_name="小王", conversation_id=1)
        self.commit(entry)
        self.dispatcher.poke(1)
        return entry.seq

    def read(self, seq: int) -> None:
        c = tables.conversations
        self.store.run(lambda conn: conn.execute(update(c).values(read_by_contact_seq=seq)))

    def states(self) -> list[tuple[str, str]]:
        def look(conn: Connection) -> list[tuple[str, str]]:
            o = tables.outbox.c
            return [(row.state, row.last_error) for row in conn.execute(
                select(o.state, o.last_error).order_by(o.seq))]

        return self.store.run(look)


def play(main: Callable[[Rig], Awaitable[None]]) -> None:
    async def run(loop: VirtualLoop) -> None:
        store = InlineStore()
        await store.open()
        store.run(inboxes.create_inbox, Inbox(0, "shop", "商店", "web"), loop.now_ms())
        store.run(agents.create, "a@desk.example", "小王", "agent", "x", "", loop.now_ms())
        rig = Rig(loop, store)
        rig.begin()
        rig.dispatcher.start()
        await main(rig)
        await rig.dispatcher.stop()
        await store.close()

    run_virtual(run)


def text_of(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def test_a_reply_that_nobody_reads_goes_by_mail_after_the_wait_together_with_later_ones() -> None:
    async def main(rig: Rig) -> None:
        rig.say("第一句")
        await asyncio.sleep(40)
        rig.say("第二句")
        await asyncio.sleep(15)
        assert rig.mailer.sent == []
        await asyncio.sleep(10)
        (at, message, to), = rig.mailer.sent
        assert 60 <= at < 62
        assert to == ["lin@mail.example"]
        assert "第一句\n\n第二句" in text_of(message)
        assert rig.states() == [("sent", ""), ("sent", "")]
        first = rig.store.run(outbox.deliveries, 1, 10)[0]
        assert (first.note.via, first.note.to) == ("email", "l***@mail.example")
        assert first.note.receipt == message["Message-ID"]
        rig.say("第三句")
        await asyncio.sleep(70)
        assert len(rig.mailer.sent) == 2
        assert "第一句" in text_of(rig.mailer.sent[1][1]), "as what was said before"

    play(main)


def test_what_is_read_within_the_wait_is_not_sent() -> None:
    async def main(rig: Rig) -> None:
        seq = rig.say("看得到")
        await asyncio.sleep(50)
        rig.read(seq)
        await asyncio.sleep(60)
        assert rig.mailer.sent == []
        assert rig.states() == [("skipped", "read")]

    play(main)


def test_an_open_page_is_waited_for_and_mail_goes_when_it_closes_unread() -> None:
    async def main(rig: Rig) -> None:
        rig.is_here = True
        rig.say("在后台的标签页")
        await asyncio.sleep(600)
        assert rig.mailer.sent == []
        assert rig.states() == [("due", "")]
        rig.is_here = False
        await asyncio.sleep(61)
        assert len(rig.mailer.sent) == 1

    play(main)


def test_a_page_that_stays_open_unread_for_a_day_gets_no_mail() -> None:
    async def main(rig: Rig) -> None:
        rig.is_here = True
        rig.say("x")
        old = update(tables.outbox).values(created_at=rig.loop.now_ms() - 24 * 3_600_000)
        rig.store.run(lambda conn: conn.execute(old))
        await asyncio.sleep(120)
        assert rig.states() == [("skipped", "here")]

    play(main)


def test_only_people_are_mailed_for() -> None:
    async def main(rig: Rig) -> None:
        now = rig.loop.now_ms()
        rig.commit(Change(1, "return", now, agent_id=1))
        rig.commit(Incoming(1, "v:1", "q2", b"2" * 16, "退货", now, lang="zh"))
        rig.commit(BotReply(1, 3, (5,), Reply("七天"), now))
        rig.commit(Change(1, "say", now, text="下班了"))
        assert rig.states() == []

    play(main)


def test_who_left_no_address_or_wants_no_mail_gets_none() -> None:
    async def main(rig: Rig) -> None:
        rig.store.run(reach.stop, 1, "LIN@mail.example", "asked", 1)
        rig.say("a")
        await asyncio.sleep(61)
        assert rig.states()[-1] == ("skipped", "stopped")
        rig.store.run(reach.resume, 1, "lin@mail.example")
        rig.mailer.ready = False
        rig.say("b")
        await asyncio.sleep(61)
        assert rig.states()[-1] == ("skipped", "not_set_up")
        rig.store.run(lambda conn: conn.execute(update(tables.contacts).values(email="nonsense")))
        rig.say("c")
        await asyncio.sleep(61)
        assert rig.states()[-1] == ("skipped", "no_address")
        assert rig.mailer.sent == []

    play(main)


def test_what_was_recalled_does_not_leave() -> None:
    async def main(rig: Rig) -> None:
        seq = rig.say("说错了")
        rig.say("这句对")
        await asyncio.sleep(30)
        change = Change(1, "recall", rig.loop.now_ms(), agent_id=1, seq=seq)
        rig.commit(change)
        assert change.outcome == "done"
        await asyncio.sleep(61)
        (_, message, _), = rig.mailer.sent
        assert "说错了" not in text_of(message)
        assert rig.states() == [("skipped", "recalled"), ("sent", "")]

    play(main)


def test_a_message_that_was_read_on_the_page_can_still_be_recalled() -> None:
    async def main(rig: Rig) -> None:
        seq = rig.say("x")
        rig.read(seq)
        await asyncio.sleep(70)
        change = Change(1, "recall", rig.loop.now_ms(), agent_id=1, seq=seq)
        rig.commit(change)
        assert change.outcome == "done"

    play(main)


@pytest.mark.parametrize(("fault", "state"), [
    (MailError("550 no such user", for_good=True), "failed"),
    (MailUnclear("connection reset"), "unknown")])
def test_a_refusal_and_an_unclear_end_are_told_and_not_tried_again(fault: Exception, state: str) -> None:
    async def main(rig: Rig) -> None:
        rig.mailer.faults = [fault]
        rig.say("a")
        rig.say("b")
        await asyncio.sleep(3600)
        assert rig.mailer.sent == []
        assert [each for each, _ in rig.states()] == [state, state]
        assert rig.lost == [(state, str(fault))]
        rig.say("c")
        await asyncio.sleep(61)
        assert len(rig.mailer.sent) == 1, "the next one is tried"

    play(main)


def test_a_server_that_is_away_is_tried_again_and_the_mail_arrives_once() -> None:
    async def main(rig: Rig) -> None:
        rig.mailer.faults = [MailError("refused"), MailError("451 later")]
        rig.say("a")
        await asyncio.sleep(61)
        rig.say("b")
        assert rig.channel.problem
        await asyncio.sleep(120)
        (_, message, _), = rig.mailer.sent
        assert "a\n\nb" in text_of(message)
        assert not rig.channel.problem
        assert rig.lost == []

    play(main)


def test_a_process_that_dies_while_sending_leaves_all_of_it_unknown() -> None:
    async def main(rig: Rig) -> None:
        for text in "abc":
            rig.say(text)
        await rig.dispatcher.stop()
        now = rig.loop.now_ms()
        claimed, _ = rig.store.run(outbox.claim, 1, AWAY, now + 60_000, 1000, 4, resend=False, together=True)
        assert [len(row.more) for row in claimed] == [2]
        rig.dispatcher.start()
        await asyncio.sleep(120)
        assert rig.mailer.sent == []
        assert {state for state, _ in rig.states()} == {"unknown"}
        assert len(rig.lost) == 3

    play(main)


def test_a_mail_that_comes_back_marks_all_it_brought_and_says_so_once() -> None:
    async def main(rig: Rig) -> None:
        seq = rig.say("a")
        rig.say("b")
        await asyncio.sleep(61)
        assert rig.store.run(outbox.came_back, 1, seq, AWAY, "550 no such user") == [seq, seq + 1]
        assert rig.states() == [("failed", "550 no such user")] * 2
        assert rig.store.run(outbox.came_back, 1, seq, AWAY, "again") == []
        assert rig.store.run(outbox.lost_since, 0) == 0, "no trouble of the desk"

    play(main)


