"""The whole way: a visitor leaves, the reply goes by SMTP, the answer lies in a real IMAP mailbox and stands
in the conversation, once; what no person wrote does not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from sqlalchemy import update

from zhike.access.limits import Buckets
from zhike.access.signature import sign
from zhike.app.process import Process
from zhike.clock import now_ms
from zhike.desk import attendance
from zhike.gateway.limits import Limits
from zhike.store import messages, reach, tables
from zhike.testing import imap
from zhike.testing.imap import ImapServer
from zhike.testing.instance import Instance, quiet_settings, running
from zhike.testing.restclient import Agent, Api, set_up
from zhike.testing.smtp import SmtpServer
from zhike.testing.wsclient import Visitor

MAIL = "lin@mail.example"
PIPE = "0123456789abcdef"


class Desk:
    """One instance with both servers, and a conversation whose visitor has left."""

    def __init__(self, instance: Instance[Process], smtp: SmtpServer, box: ImapServer, owner: Api) -> None:
        self.instance = instance
        self.smtp = smtp
        self.box = box
        self.owner = owner

    @property
    def core(self) -> Any:
        return self.instance.process.core

    @property
    def intake(self) -> Any:
        return self.core.outreach.mailing.intake

    async def left(self) -> int:
        """A visitor asks, leaves an address, and closes the page."""
        async with Visitor(self.instance.url) as visitor:
            call = Api(self.instance.port)
            call.headers |= {"Authorization": f"Bearer {visitor.token}",
                             "Origin": f"http://127.0.0.1:{self.instance.port}"}
            ack = await call.good("POST", "/api/v1/visitor/offline-form", {
                "client_msg_id": "f1", "text": "什么时候发货？", "email": MAIL})
        return int(ack["conversation"])

    async def mailed(self) -> EmailMessage:
        """The next mail that goes out; the wait is over at once."""
        self.smtp.came.clear()
        rows = tables.outbox
        await self.core.store.write(lambda conn: conn.execute(
            update(rows).where(rows.c.state == "due").values(due_at=1)))
        self.core.dispatcher.poke()
        for lane in self.core.dispatcher._lanes.values():
            lane.feed.poke()
        async with asyncio.timeout(60):
            await self.smtp.came.wait()
        return self.smtp.letters[-1].message

    async def look(self) -> None:
        """The mailbox is read now."""
        while await self.core.outreach.mailing.reader.look():
            pass

    async def said(self, number: int) -> list[str]:
        found: list[Any] = await self.core.store.read(messages.after, number, 0, 100)
        return [m.text for m in found if m.direction == "incoming"]

    async def arrives(self, *mails: EmailMessage) -> None:
        for one in mails:
            await asyncio.to_thread(self.box.put, one.as_bytes(policy=policy.SMTP))
        await self.look()


@pytest_asyncio.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    if not imap.there():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("dovecot-imapd is missing: these did not run")
    monkeypatch.setattr(attendance, "GRACE_S", 0.05)
    smtp = await SmtpServer().start()
    with ImapServer() as box:
        settings = quiet_settings(
            tmp_path / "data", mail__host="127.0.0.1", mail__port=smtp.port, mail__security="none",
            mail__sender="Shop <help@shop.example>", mail__imap_host="127.0.0.1", mail__imap_port=box.port,
            mail__imap_security="none", mail__imap_user=imap.USER, mail__look_every="1h",
            mail__inbox="shop")
        settings = msgspec.structs.replace(settings, mail=msgspec.structs.replace(
            settings.mail, imap_password=imap.PASSWORD, pipe_secret=PIPE))
        await asyncio.to_thread(box.put, b"From: old@mail.example\r\nSubject: old\r\n\r\nlong ago\r\n")
        async with running(Process, settings, Limits()) as instance:
            owner = await set_up(instance.api(), instance.link)
            await owner.good("PATCH", "/api/v1/inboxes/1", {"settings": {
                "reach": {"email": True, "wait_s": 30}, "offline_form": {"enabled": True, "fields":
                ["email"]}}})
            made = Desk(instance, smtp, box, owner)
            await made.look()
            yield made
    await smtp.stop()


def answer(to: EmailMessage, text: str, number: int = 1, **heads: str) -> EmailMessage:
    """As a mail program answers."""
    made = EmailMessage()
    made["From"] = heads.pop("sender", f"林 <{MAIL}>")
    made["To"] = str(to["Reply-To"])
    made["Subject"] = f"回复：{to['Subject']}"
    made["Message-ID"] = f"<answer-{number}@mail.example>"
    made["In-Reply-To"] = str(to["Message-ID"])
    made["References"] = f"{to['References']} {to['Message-ID']}"
    for name, value in heads.items():
        made[name.replace("_", "-")] = value
    body = to.get_body(("plain",))
    assert body is not None
    quoted = "\n".join(f"> {line}" for line in body.get_content().splitlines())
    made.set_content(f"{text}\n\n在 2026-11-26 10:00:00，\"Shop\" <help@shop.example> 写道：\n{quoted}")
    return made


async def test_the_answer_stands_in_the_conversation_once_and_the_agent_sees_it_live(desk: Desk) -> None:
    number = await desk.left()
    async with Agent(desk.owner) as agent:
        agent.watch(number)
        await agent.take(number)
        agent.say(number, "今天发货")
        await agent.got("今天发货", number)
        mail = await desk.mailed()
        reply = answer(mail, "好的，谢谢！")
        reply.add_attachment(b"%PDF-1.4\n%%EOF\n", maintype="application", subtype="pdf", filename="单据.pdf")
        await desk.arrives(reply)
        await agent.got("好的，谢谢！", number)
        (shown,) = [frame for frame in agent.of("message") if frame["text"] == "好的，谢谢！"]
        assert shown["via"] == "mail"
        assert shown["attachments"][0]["name"] == "单据.pdf"
        assert "mail_from" not in shown
        await desk.arrives(reply, answer(mail, "好的，谢谢！"))
        await desk.core.store.write(reach.moved, desk.core.outreach.mailing.reader.name, 1, 0)
        await desk.look()  # the folder is another one now: all of it is read again
        assert await desk.said(number) == ["什么时候发货？", "好的，谢谢！"]
        agent.say(number, "不客气")
        await agent.got("不客气", number)
        again = await desk.mailed()
    assert str(again["In-Reply-To"]) == "<answer-1@mail.example>"
    assert desk.intake.counts == {"stored": 2, "duplicate": 5}, "two with the mail that lay there before"
    flags = await asyncio.to_thread(desk.box.flags)
    assert not [each for each in flags if b"Seen" in each], "nothing is touched"


async def test_what_no_person_wrote_and_who_is_somebody_else(desk: Desk) -> None:
    number = await desk.left()
    async with Agent(desk.owner) as agent:
        agent.watch(number)
        await agent.take(number)
        agent.say(number, "今天发货")
        await agent.got("今天发货", number)
        mail = await desk.mailed()
        await desk.arrives(
            answer(mail, "我在休假", 1, Auto_Submitted="auto-replied"),
            answer(mail, "循环", 2, sender="help@shop.example"),
            answer(mail, "", 3),
            answer(mail, "我用另一个邮箱", 4, sender="other@mail.example"))
        await agent.got("我用另一个邮箱", number)
        (shown,) = [frame for frame in agent.of("message") if frame["text"] == "我用另一个邮箱"]
        assert shown["mail_from"] == "other@mail.example"
        assert await desk.said(number) == ["什么时候发货？", "我用另一个邮箱"]
        bounce = EmailMessage()
        bounce["From"] = "MAILER-DAEMON@mx.example"
        bounce["Message-ID"] = "<bounce@mx.example>"
        bounce["Subject"] = "550 no such user"
        bounce.set_content(f"Your mail {mail['Message-ID']} could not be delivered")
        await desk.arrives(bounce, bounce)
        await agent.until(lambda: any("550 no such user" in seen.text for seen in
                          agent.rows(number).values()), "the note")
        told = await desk.owner.good("GET", f"/api/v1/conversations/{number}/reach")
        assert (told["way"], told["why"]) == ("none", "bounced")
        assert told["deliveries"][0]["state"] == "failed"
        assert len([1 for seen in agent.rows(number).values() if "550" in seen.text]) == 1
    assert {name: desk.intake.counts[name] for name in ("auto", "own", "empty", "stored", "bounce")} == {
        "auto": 1, "own": 1, "empty": 1, "stored": 1, "bounce": 2}


async def test_a_mail_is_a_way_in_and_one_that_is_piped_must_be_signed(desk: Desk) -> None:
    fresh = EmailMessage()
    fresh["From"], fresh["Subject"] = "Wu <wu@mail.example>", "订单 4711"
    fresh["Message-ID"] = "<w@mail.example>"
    fresh.set_content("请问能改地址吗？")
    await desk.arrives(fresh)
    (found,) = [row for row in (await desk.owner.good("GET", "/api/v1/conversations"))["items"]
                if "4711" in row["last_text"] or "改地址" in row["last_text"] or row["status"] == "open"]
    assert await desk.said(found["id"]) == ["订单 4711\n\n请问能改地址吗？"]
    raw = fresh.as_bytes(policy=policy.SMTP)
    call = Api(desk.instance.port)
    for secret, status in (("", 401), ("fedcba9876543210", 401), (PIPE, 200)):
        call.headers = {"Content-Type": "application/octet-stream"}
        if secret:
            call.headers["X-Zhike-Signature"] = sign(secret, raw, now_ms() // 1000)
        answered = await call.raw("POST", "/api/v1/mail/incoming", raw)
        assert answered.status == status
    assert answered.json == {"outcome": "duplicate"}
    box = (await desk.owner.good("GET", "/api/v1/mail"))["mailbox"]
    assert box["error"] == ""
    assert box["looked_at"]
    assert (await desk.owner.good("POST", "/api/v1/mail/check"))["mails"] == 2


async def test_words_stop_the_mail(desk: Desk) -> None:
    number = await desk.left()
    async with Agent(desk.owner) as agent:
        agent.watch(number)
        await agent.take(number)
        agent.say(number, "今天发货")
        await agent.got("今天发货", number)
        await desk.arrives(answer(await desk.mailed(), "退订"))
        assert (await desk.owner.good("GET", f"/api/v1/conversations/{number}/reach"))["why"] == "stopped"
        assert await desk.said(number) == ["什么时候发货？"]


async def test_who_writes_too_often_is_not_taken_and_operators_hear_of_it(desk: Desk) -> None:
    mailing, now = desk.core.outreach.mailing, now_ms()
    desk.intake._often, desk.intake._now_ms = Buckets(1 / 60, 2), lambda: now
    for number in range(3):
        mail = EmailMessage()
        mail["From"], mail["Message-ID"] = "Program <loop@mail.example>", f"<{number}@mail.example>"
        mail.set_content(f"again {number}")
        await desk.arrives(mail)
    assert {name: desk.intake.counts[name] for name in ("stored", "too_many")} == {
        "stored": 2, "too_many": 1}
    assert mailing.health()["mailbox"].startswith("senders who wrote more than 60 mails within an hour: 1;")
    assert len(await asyncio.to_thread(desk.box.flags)) == 4, "it lies where it lay"
    now += 3_600_001
    assert mailing.health()["mailbox"] == "ok"
