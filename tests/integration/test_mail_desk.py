"""A whole desk and a real SMTP server: a visitor leaves, the reply follows by mail; who stops it gets
none."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import update

from zhike.app.process import Process
from zhike.bus.memory import MemoryBus
from zhike.desk import attendance
from zhike.gateway.limits import Limits
from zhike.store import outbox, tables
from zhike.testing.instance import Instance, quiet_settings, running
from zhike.testing.restclient import Agent, Api, set_up
from zhike.testing.smtp import SmtpServer
from zhike.testing.wsclient import Visitor

MAIL = "lin@mail.example"


class Desk:
    """Two instances on one database and one bus; the inbox mails visitors who left."""

    def __init__(self, first: Instance[Process], second: Instance[Process], smtp: SmtpServer,
                 owner: Api) -> None:
        self.first = first
        self.second = second
        self.smtp = smtp
        self.owner = owner

    @property
    def core(self) -> Any:
        return self.first.process.core

    async def due_now(self) -> None:
        """The wait is over."""
        rows = tables.outbox
        await self.core.store.write(lambda conn: conn.execute(update(rows).where(rows.c.state == "due")
                                                              .values(due_at=1)))
        self.core.dispatcher.poke()
        for lane in self.core.dispatcher._lanes.values():
            lane.feed.poke()

    async def settled(self, conversation: int, seq: int) -> outbox.Delivery:
        """What has become of a message, as soon as something has."""
        async with asyncio.timeout(20):
            while True:
                found: list[outbox.Delivery] = await self.core.store.read(
                    outbox.deliveries, conversation, 100)
                for one in found:
                    if one.seq == seq and one.state in outbox.ENDED:
                        return one
                await self.due_now()
                await asyncio.sleep(0.05)

    async def reach(self, conversation: int) -> Any:
        return await self.owner.good("GET", f"/api/v1/conversations/{conversation}/reach")

    async def asked(self, visitor: Visitor) -> int:
        """They leave a message with their address, and wait for a person."""
        token = visitor.token
        call = Api(self.first.port)
        call.headers |= {"Authorization": f"Bearer {token}", "Origin": f"http://127.0.0.1:{self.first.port}"}
        ack = await call.good("POST", "/api/v1/visitor/offline-form", {
            "client_msg_id": "f1", "text": "我的订单什么时候发货？", "email": MAIL})
        return int(ack["conversation"])


async def frame_of(agent: Agent, kind: str, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first frame of a kind that fits."""
    await agent.until(lambda: any(fits(frame) for frame in agent.of(kind)), kind)
    return next(frame for frame in agent.of(kind) if fits(frame))


@pytest_asyncio.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr(attendance, "GRACE_S", 0.05)
    smtp = await SmtpServer().start()
    bus = MemoryBus()
    settings = quiet_settings(tmp_path, mail__host="127.0.0.1", mail__port=smtp.port, mail__security="none",
                              mail__sender="Shop <help@shop.example>")
    async with (running(Process, settings, Limits(), bus=bus.node()) as first,
                running(Process, settings, Limits(), bus=bus.node()) as second):
        owner = await set_up(first.api(), second.link)  # (each start makes a new one)
        await owner.good("PATCH", "/api/v1/inboxes/1", {"settings": {
            "reach": {"email": True, "wait_s": 30, "page": "https://shop.example/help"},
            "offline_form": {"enabled": True, "fields": ["email"]}}})
        assert second.process.core is not None
        await second.process.core.registry.refresh()
        yield Desk(first, second, smtp, owner)
    await smtp.stop()


async def test_a_visitor_who_closed_the_page_gets_the_reply_by_mail(desk: Desk) -> None:
    async with Agent(desk.owner) as agent:
        async with Visitor(desk.second.url) as visitor:
            number = await desk.asked(visitor)
            await visitor.got("我的订单什么时候发货？", number)
            agent.watch(number)
            await agent.take(number)
            assert (await desk.reach(number))["way"] == "live", "on the other instance"
        left = await frame_of(agent, "visitor", lambda frame: not frame["here"])
        assert left["conversation"] == number
        told = await desk.reach(number)
        assert (told["way"], told["to"], told["wait_s"]) == ("email", "l***@mail.example", 30)
        agent.say(number, "今天发货")
        agent.say(number, "明天到")
        seq = await agent.got("今天发货", number)
        await agent.got("明天到", number)
        done = await desk.settled(number, seq)
    assert done.state == "sent"
    (letter,) = desk.smtp.letters
    assert letter.recipients == (MAIL,)
    assert letter.sender == "help@shop.example"
    body = letter.message.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert "今天发货\n\n明天到" in text
    assert "> 您: 我的订单什么时候发货？" in text
    shown = (await desk.reach(number))["deliveries"]
    assert [(one["state"], one["via"]) for one in shown] == [("sent", "email")] * 2


async def test_who_comes_back_and_reads_gets_no_mail(desk: Desk) -> None:
    async with Visitor(desk.first.url) as visitor:
        number = await desk.asked(visitor)
        token = visitor.token
    async with Agent(desk.owner) as agent:
        agent.watch(number)
        await agent.take(number)
        agent.say(number, "在的")
        seq = await agent.got("在的", number)
        async with Visitor(desk.second.url, token=token) as back:
            await frame_of(agent, "visitor", lambda frame: frame["here"])
            await back.got("在的", number)
            back.transmit({"type": "read", "seq": seq})
            await frame_of(agent, "read", lambda frame: frame["seq"] >= seq)
            done = await desk.settled(number, seq)
    assert (done.state, done.why) == ("skipped", "read")
    assert desk.smtp.letters == []


async def test_the_link_in_a_mail_stops_it_and_only_a_click_does(desk: Desk) -> None:
    async with Visitor(desk.first.url) as visitor:
        number = await desk.asked(visitor)
    async with Agent(desk.owner) as agent:
        agent.watch(number)
        await agent.take(number)
        agent.say(number, "一")
        await desk.settled(number, await agent.got("一", number))
        found = re.search(r"<(https?://[^>]+)>", str(desk.smtp.letters[0].message["List-Unsubscribe"]))
        assert found is not None
        path = "/mail/stop" + found[1].partition("/mail/stop")[2]
        anybody = Api(desk.first.port)
        page = await anybody("GET", path)
        assert page.status == 200
        assert b"l***@mail.example" in page.body
        assert MAIL.encode() not in page.body
        assert (await desk.reach(number))["way"] == "email", "looking at it changes nothing"
        assert (await anybody("POST", path)).status == 200
        assert (await desk.reach(number)) | {"deliveries": 0} == {
            "way": "none", "why": "stopped", "wait_s": 30, "deliveries": 0}
        agent.say(number, "二")
        done = await desk.settled(number, await agent.got("二", number))
        assert (done.state, done.why) == ("skipped", "stopped")
        assert (await anybody("POST", path + "&again=true")).status == 200
        assert (await desk.reach(number))["way"] == "email"
        assert (await anybody("GET", path.replace("zk-", "zk-9"))).status == 404
    assert len(desk.smtp.letters) == 1


async def test_a_refusal_is_told_to_the_agent(desk: Desk) -> None:
    async with Visitor(desk.first.url) as visitor:
        number = await desk.asked(visitor)
    desk.smtp.refuse_rcpt = "550 no such user"
    async with Agent(desk.owner) as agent:
        agent.watch(number)
        await agent.take(number)
        agent.say(number, "在吗")
        done = await desk.settled(number, await agent.got("在吗", number))
        assert done.state == "failed"
        await agent.until(lambda: any("550 no such user" in seen.text for seen in
                          agent.rows(number).values()), "the note")
