"""The channel ``api`` from end to end: an integrator's program asks by REST, answers come to its callback.

The real process and a real HTTP receiver: signed, in order, and each message acted on once, though
the receiver goes away and the desk is killed.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest_asyncio

from zhike.access.signature import verify
from zhike.ops.bench.server import Server, limits_off
from zhike.testing.restclient import Api, set_up

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"


class Receiver:
    """A program of the shop. ``got``: every request; ``messages``: what it acts on, once per key."""

    def __init__(self) -> None:
        self.port = 0
        self.answer: bytes | None = OK
        """None: takes the request and says nothing."""
        self.got: list[tuple[dict[str, str], bytes, int]] = []
        self.messages: dict[str, dict[str, Any]] = {}
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._news = asyncio.Condition()

    async def open(self) -> None:
        """Listens, on the same port as before."""
        self._server = await asyncio.start_server(self._handle, "127.0.0.1", self.port)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Gone: connections are refused, open ones cut."""
        if self._server is not None:
            self._server.close()
            for writer in self._writers:
                writer.transport.abort()
            await self._server.wait_closed()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Returns when ``condition`` holds; looked at after every request."""
        async with asyncio.timeout(30), self._news:
            await self._news.wait_for(condition)

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
                body = await reader.readexactly(int(headers["content-length"]))
                self.got.append((headers, body, int(time.time())))
                if self.answer == OK:
                    self.messages.setdefault(headers["idempotency-key"], json.loads(body)["message"])
                if self.answer is not None:
                    writer.write(self.answer)
                    await writer.drain()
                async with self._news:
                    self._news.notify_all()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self._writers.discard(writer)
            writer.close()


class Shop:
    """The integrator: an inbox of channel ``api``, a customer of it, an API key."""

    def __init__(self, server: Server, receiver: Receiver, owner: Api, key: Api) -> None:
        self.server = server
        self.receiver = receiver
        self.owner = owner
        self.key = key
        self.secret = ""
        self.inbox: dict[str, Any] = {}
        self.contact = 0
        self.asked = 0

    async def set_up(self) -> None:
        self.inbox = await self.key.good("POST", "/api/v1/inboxes", {
            "key": "erp", "name": "ERP", "channel": "api", "bot_id": 1,
            "settings": {"callback_url": f"http://127.0.0.1:{self.receiver.port}/hook?of=zhike"}})
        made = await self.owner.good("POST", f"/api/v1/inboxes/{self.inbox['id']}/callback-secret")
        self.secret = made["callback_secret"]
        contact = await self.key.good("POST", "/api/v1/contacts",
                                      {"inbox_id": self.inbox["id"], "external_id": "1001", "name": "林"})
        self.contact = contact["id"]

    async def ask(self, text: str) -> dict[str, Any]:
        """The customer says something; returns the ack."""
        self.asked += 1
        ack: dict[str, Any] = await self.key.good(
            "POST", f"/api/v1/contacts/{self.contact}/messages",
            {"client_msg_id": f"m{self.asked}", "text": text})
        return ack

    def kill(self) -> int:
        """``kill -9``, and time for leases to end: whoever sends holds one of 35 s, and the dead cannot
        give it back. Returns how many messages were under way."""
        self.server.kill()
        with closing(sqlite3.connect(self.server.database)) as db, db:
            return db.execute("UPDATE outbox SET lease_until = 1 WHERE state = 'sending'").rowcount

    def answers_to(self, *acks: dict[str, Any]) -> list[dict[str, Any]]:
        """What came that answers these, in the order of its first coming."""
        wanted = {ack["seq"] for ack in acks}
        return [message for message in self.receiver.messages.values()
                if wanted & set(message.get("answers", ()))]

    async def answered(self, *acks: dict[str, Any]) -> None:
        """Returns when the callback has an answer to each."""
        await self.receiver.until(lambda: {ack["seq"] for ack in acks} <= {
            seq for message in self.receiver.messages.values() for seq in message.get("answers", ())})

    def check(self) -> None:
        """Signed, complete, in order, one content per key; nothing that is not for the customer."""
        bodies: dict[str, bytes] = {}
        for headers, body, at_s in self.receiver.got:
            assert verify(self.secret, body, headers["x-zhike-signature"], at_s)
            assert bodies.setdefault(headers["idempotency-key"], body) == body
            said = json.loads(body)
            assert (said["event"], said["inbox"], said["contact"]) == ("message.created", "erp", "c:1001")
            assert "trace" not in said["message"]
        came = [(message["conversation"], message["seq"]) for message in self.receiver.messages.values()]
        assert came == sorted(came)
        assert list(self.receiver.messages) == [f"{conversation}-{seq}" for conversation, seq in came]
        with closing(sqlite3.connect(f"{self.server.database.resolve().as_uri()}?mode=ro", uri=True)) as db:
            stored = db.execute("SELECT conversation_id, seq FROM messages WHERE direction = 'outgoing' "
                                "ORDER BY conversation_id, seq").fetchall()
        assert came == stored


@pytest_asyncio.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    receiver = Receiver()
    await receiver.open()
    server = Server(tmp_path / "data", {**limits_off(10), "ZHIKE_PIPELINE__FRAGMENT_WAIT": "0s"})
    try:
        await asyncio.to_thread(server.start)
        link = (await asyncio.to_thread(server.run, "admin", "link")).strip()
        owner = await set_up(Api(server.port), link)
        key = Api(server.port)
        made = await owner.good("POST", "/api/v1/api-keys", {"name": "erp", "role": "admin"})
        key.headers["Authorization"] = f"Bearer {made['secret']}"
        made_shop = Shop(server, receiver, owner, key)
        await made_shop.set_up()
        yield made_shop
        assert await asyncio.to_thread(server.stop) == 0, server.last_words()
    finally:
        server.kill()
        await receiver.close()


async def test_answers_come_signed_once_and_in_order(shop: Shop) -> None:
    acks = [await shop.ask(text) for text in ("退货", "包邮吗", "下单后多久发货？")]
    await shop.answered(*acks)
    again = await shop.key("POST", f"/api/v1/contacts/{shop.contact}/messages",
                           {"client_msg_id": "m1", "text": "退货"})
    assert (again.status, again.json["seq"]) == (200, acks[0]["seq"])
    # a person of the desk is heard, too; a note between agents is not
    path = f"/api/v1/conversations/{acks[0]['conversation']}"
    await shop.owner.good("POST", f"{path}/take")
    await shop.owner.good("POST", f"{path}/messages", {"client_msg_id": "n", "text": "内部", "note": True})
    await shop.owner.good("POST", f"{path}/messages", {"client_msg_id": "a", "text": "我来帮您"})
    await shop.receiver.until(
        lambda: any(message["text"] == "我来帮您" for message in shop.receiver.messages.values()))
    assert all(message["text"] != "内部" for message in shop.receiver.messages.values())
    assert len(shop.receiver.got) == len(shop.receiver.messages)
    shop.check()


async def test_a_receiver_that_is_down_gets_it_later(shop: Shop) -> None:
    first = await shop.ask("退货")
    await shop.answered(first)
    await shop.receiver.close()
    second, third = await shop.ask("包邮吗"), await shop.ask("下单后多久发货？")
    await shop.receiver.open()
    await shop.answered(first, second, third)
    shop.check()
    # it refuses for a while, and does not act on what it refuses
    shop.receiver.answer = BUSY
    seen = len(shop.receiver.got)
    fourth = await shop.ask("可以开发票吗")
    await shop.receiver.until(lambda: len(shop.receiver.got) > seen + 1)
    shop.receiver.answer = OK
    await shop.answered(fourth)
    keys = [headers["idempotency-key"] for headers, _, _ in shop.receiver.got[seen:]]
    assert len(keys) >= 3
    assert len(set(keys)) == len(shop.answers_to(fourth)) == 1
    shop.check()


async def test_killed_before_and_amid_an_attempt(shop: Shop) -> None:
    await shop.answered(await shop.ask("退货"))
    await shop.receiver.close()
    before = await shop.ask("包邮吗")
    shop.kill()
    await shop.receiver.open()
    await asyncio.to_thread(shop.server.start)
    await shop.answered(before)

    shop.receiver.answer = None
    seen = len(shop.receiver.got)
    amid = await shop.ask("下单后多久发货？")
    await shop.receiver.until(lambda: len(shop.receiver.got) > seen)
    assert shop.kill() >= 1
    shop.receiver.answer = OK
    await asyncio.to_thread(shop.server.start)
    await shop.answered(amid)
    (answer,) = shop.answers_to(amid)
    keys = [headers["idempotency-key"] for headers, _, _ in shop.receiver.got]
    assert keys.count(f"{answer['conversation']}-{answer['seq']}") == 2  # on the wire; acted on once
    shop.check()
