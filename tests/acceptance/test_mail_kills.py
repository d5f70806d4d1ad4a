"""``kill -9`` amid mail: a reply goes out once, and answers from a real mailbox stand in the conversation
once and in order."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path

import pytest
import pytest_asyncio

from zhike.ops.bench.server import Server, limits_off
from zhike.testing import imap
from zhike.testing.imap import ImapServer
from zhike.testing.restclient import Api, set_up
from zhike.testing.smtp import SmtpServer
from zhike.testing.wsclient import Visitor

MAIL = "lin@mail.example"
ANSWERS = 24
KILLED_AFTER = (3, 12)
"""So many of them stand in the conversation when the desk is killed."""


class Desk:
    """The program, a mail server, a mailbox, and a visitor who left."""

    def __init__(self, server: Server, smtp: SmtpServer, box: ImapServer, owner: Api) -> None:
        self.server = server
        self.smtp = smtp
        self.box = box
        self.owner = owner
        self.number = 0

    async def left(self) -> None:
        """A visitor leaves an address and a question, and closes the page; an agent takes it."""
        async with Visitor(f"ws://127.0.0.1:{self.server.port}/ws") as visitor:
            call = Api(self.server.port)
            call.headers |= {"Authorization": f"Bearer {visitor.token}",
                             "Origin": f"http://127.0.0.1:{self.server.port}"}
            ack = await call.good("POST", "/api/v1/visitor/offline-form", {
                "client_msg_id": "f1", "text": "什么时候发货？", "email": MAIL})
        self.number = int(ack["conversation"])
        took = await self.owner("POST", f"/api/v1/conversations/{self.number}/take")
        assert took.status == 200

    async def reply(self, text: str) -> None:
        await self.owner.good("POST", f"/api/v1/conversations/{self.number}/messages",
                              {"client_msg_id": text, "text": text})

    def wrote(self, statement: str) -> int:
        """Changes rows behind the program's back: time that a test does not wait for."""
        with closing(sqlite3.connect(self.server.database, timeout=20)) as db, db:
            return db.execute(statement).rowcount

    async def mails_are_due(self) -> None:
        """The wait before a mail is over, for as many as wait for it."""
        await until(lambda: self.wrote("UPDATE outbox SET due_at = 1 WHERE state = 'due'") > 0)

    async def restarted(self) -> None:
        """Killed, its leases over, and started again."""
        self.server.kill()
        self.wrote("UPDATE outbox SET lease_until = 1 WHERE state = 'sending'")
        self.wrote("UPDATE leases SET lease_until = 1")
        await asyncio.to_thread(self.server.start)

    def incoming(self) -> list[str]:
        with closing(sqlite3.connect(f"{self.server.database.resolve().as_uri()}?mode=ro", uri=True)) as db:
            return [text for (text,) in db.execute(
                "SELECT text FROM messages WHERE conversation_id = ? AND direction = 'incoming' "
                "ORDER BY seq", (self.number,))]


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    if not imap.there():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("dovecot-imapd is missing: these did not run")
    smtp = await SmtpServer().start()
    with ImapServer() as box:
        server = Server(tmp_path / "data", {
            **limits_off(10), "ZHIKE_SAMPLE__SHOP": "true", "ZHIKE_MAIL__HOST": "127.0.0.1",
            "ZHIKE_MAIL__PORT": str(smtp.port), "ZHIKE_MAIL__SECURITY": "none",
            "ZHIKE_MAIL__SENDER": "Shop <help@shop.example>", "ZHIKE_MAIL__IMAP_HOST": "127.0.0.1",
            "ZHIKE_MAIL__IMAP_PORT": str(box.port), "ZHIKE_MAIL__IMAP_SECURITY": "none",
            "ZHIKE_MAIL__IMAP_USER": imap.USER, "ZHIKE_MAIL__IMAP_PASSWORD": imap.PASSWORD,
            "ZHIKE_MAIL__LOOK_EVERY": "5s"})
        try:
            await asyncio.to_thread(server.start)
            link = (await asyncio.to_thread(server.run, "admin", "link")).strip()
            owner = await set_up(Api(server.port), link)
            await owner.good("PATCH", "/api/v1/inboxes/1", {"settings": {
                "reach": {"email": True, "wait_s": 30},
                "offline_form": {"enabled": True, "fields": ["email"]}}})
            made = Desk(server, smtp, box, owner)
            await made.left()
            yield made
            assert await asyncio.to_thread(server.stop) == 0, server.last_words()
        finally:
            server.kill()
    await smtp.stop()


async def test_a_reply_goes_once_and_its_answers_stand_once(desk: Desk) -> None:
    # The mail server cannot take it now; then the desk dies.
    desk.smtp.refuse_rcpt = "451 come back later"
    await desk.reply("今天发货")
    await desk.mails_are_due()
    await until(lambda: desk.wrote("UPDATE outbox SET due_at = 1 WHERE state = 'due' AND attempts"
                                   " > 0") > 0)
    desk.smtp.refuse_rcpt = ""
    await desk.restarted()
    await until(lambda: desk.wrote("UPDATE outbox SET attempts = attempts WHERE state = 'sent'") > 0)
    await desk.restarted()
    (letter,) = desk.smtp.letters
    mail = letter.message
    body = mail.get_body(("plain",))
    assert body is not None
    assert body.get_content().count("今天发货") == 1

    # One that it took without saying so is not sent twice by a guess: the agent is told.
    desk.smtp.drop_after_data = True
    await desk.reply("明天到")
    await desk.mails_are_due()
    await until(lambda: desk.wrote("UPDATE outbox SET attempts = attempts WHERE state = 'unknown'") > 0)
    desk.smtp.drop_after_data = False
    told = await desk.owner.good("GET", f"/api/v1/conversations/{desk.number}/reach")
    assert [one["state"] for one in told["deliveries"]] == ["sent", "unknown"]
    assert len(desk.smtp.letters) == 1

    # Answers lie in the mailbox, and the desk is killed while it reads them.
    for number in range(ANSWERS):
        await asyncio.to_thread(desk.box.put, answer(mail, f"第 {number} 封").as_bytes())
    for seen in KILLED_AFTER:
        await until(lambda seen=seen: len(desk.incoming()) > seen)  # type: ignore[misc]
        assert len(desk.incoming()) <= ANSWERS, "it had read them all: nothing was cut"
        await desk.restarted()
    wanted = ["什么时候发货？", *(f"第 {number} 封" for number in range(ANSWERS))]
    await until(lambda: len(desk.incoming()) >= len(wanted))
    assert desk.incoming() == wanted


async def until(reached: Callable[[], bool]) -> None:
    """Looks into the database again and again: another process has no event for us."""
    async with asyncio.timeout(60):
        while not reached():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def answer(to: EmailMessage, text: str) -> EmailMessage:
    """As a mail program answers."""
    made = EmailMessage()
    made["From"], made["To"] = MAIL, str(to["Reply-To"] or to["From"])
    made["Subject"] = f"回复：{to['Subject']}"
    made["Message-ID"] = f"<{text.split()[1]}@mail.example>"
    made["In-Reply-To"] = str(to["Message-ID"])
    made.set_content(text)
    return made
