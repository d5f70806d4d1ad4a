"""A whole desk tells a real receiver what happens: real sockets, signed, in order, masked, and again."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest_asyncio

from zhike.access.outbound import Outbound
from zhike.access.signature import sign, verify
from zhike.app.core import Core
from zhike.app.process import Process
from zhike.clock import now_ms
from zhike.domain.hook import EVENTS, HookEvent, Webhook, WebhookBody
from zhike.domain.unit import Change
from zhike.gateway.limits import Limits
from zhike.store import contact_edit, outbox, webhooks
from zhike.testing.instance import quiet_settings, running
from zhike.testing.wsclient import Visitor
from zhike.webhooks.sender import PAUSE_AFTER_MS, HookSender

SECRET = "a secret of the shop"
PHONE = "13800138000"


class Receiver:
    """A program of the shop. ``answers``: status lines by path, one for each request; then 204."""

    def __init__(self) -> None:
        self.got: asyncio.Queue[tuple[str, dict[str, str], bytes]] = asyncio.Queue()
        self.answers: dict[str, list[str]] = defaultdict(list)
        self.hold: dict[str, asyncio.Event] = {}
        self.port = 0

    async def start(self) -> Receiver:
        self._server = await asyncio.start_server(self._handle, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
        path = head[0].split(" ")[1]
        body = await reader.readexactly(int(headers["content-length"]))
        if path in self.hold:
            await self.hold[path].wait()
        self.got.put_nowait((path, headers, body))
        answer = self.answers[path].pop(0) if self.answers[path] else "204 No Content"
        writer.write(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def take(self, count: int) -> list[tuple[str, dict[str, str], bytes]]:
        async with asyncio.timeout(40):
            return [await self.got.get() for _ in range(count)]

    def stop(self) -> None:
        for event in self.hold.values():
            event.set()
        self._server.close()


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = await Receiver().start()
    yield made
    made.stop()


async def hook(core: Core, url: str, *events: HookEvent, **body: Any) -> Webhook:
    wanted = msgspec.structs.replace(WebhookBody(url, SECRET, events), **body)
    made = await core.store.write(webhooks.create, Webhook(0, url.rpartition("/")[2], url, wanted), now_ms())
    await core.registry.refresh()
    return made


async def test_what_is_said_and_done_reaches_a_program(tmp_path: Path, receiver: Receiver) -> None:
    async with running(Process, quiet_settings(tmp_path), Limits()) as desk:
        core = desk.process.core
        assert core is not None
        every = await hook(core, receiver.url("/all"), *EVENTS)
        receiver.hold["/slow"] = asyncio.Event()
        await hook(core, receiver.url("/slow"), "message.created")
        receiver.answers["/all"] = ["503 Busy"]
        async with Visitor(desk.url) as visitor:
            await visitor.stored(visitor.say(f"我的电话是{PHONE}"))
            change = await core.line.change(Change(1, "queue", now_ms()))
            assert change.outcome == "done"
        calls = await receiver.take(6)
        assert {path for path, _, _ in calls} == {"/all"}, "the one that hangs keeps nobody waiting"
        for _, headers, body in calls:
            assert verify(SECRET, body, headers["x-zhike-signature"], now_ms() // 1000)
        keys = [headers["idempotency-key"] for _, headers, _ in calls]
        bodies = [json.loads(body) for _, _, body in calls]
        assert len(set(keys)) == len(keys) - 1, "the refused one came again under its own id"
        own = {one["id"]: one["event"] for one in bodies if not one["event"].startswith("contact.")}
        assert list(own.values())[:2] == ["conversation.created", "message.created"]
        numbers = [int(key.removeprefix("evt_")) for key in own]
        assert numbers == sorted(numbers), "as they happened"
        words = next(one for one in bodies if one["event"] == "message.created")
        assert words["message"]["text"] == "我的电话是[PHONE_1]"
        assert (words["inbox"]["key"], words["conversation"]["holder"]) == ("shop", "bot")
        assert PHONE not in "".join(body.decode() for _, _, body in calls)
        receiver.hold["/slow"].set()
        assert core.dispatcher is not None
        await core.dispatcher.stop(timeout_s=30)
        [latest, *_] = await core.store.read(webhooks.deliveries, every.id, "sent")
        assert latest.note.receipt.startswith("204")
        assert latest.note.ended_at >= latest.created_at
        held = await core.store.read(webhooks.get, every.id)
        assert held is not None
        assert held.failing_since is None


class Clock:
    def __init__(self) -> None:
        self.ms = now_ms()

    def __call__(self) -> int:
        return self.ms


async def test_a_webhook_that_takes_nothing_for_a_day_is_paused_and_told_of(tmp_path: Path,
                                                                            receiver: Receiver) -> None:
    async with running(Process, quiet_settings(tmp_path), Limits()) as desk:
        core = desk.process.core
        assert core is not None
        assert core.dispatcher is not None
        await core.dispatcher.stop()  # rows are carried by hand here
        told: list[tuple[str, str]] = []

        async def trouble(part: str, why: str) -> None:
            told.append((part, why))

        clock = Clock()
        sender = HookSender(core.store, Outbound(), clock, inboxes=lambda: core.registry.inboxes,
                            names=dict, changed=core.registry.refresh, trouble=trouble)
        one = await hook(core, receiver.url("/down"), "contact.created", mask=False)
        receiver.answers["/down"] = ["500 No"] * 2 + ["410 Gone"]
        for number in range(3):
            await core.store.write(contact_edit.create, 1, f"c:{number}", {"email": "li@shop.example"}, {},
                                   clock())
        rows, _ = await core.store.write(outbox.claim, 0, one.channel, clock() + 1, 60_000, 9, resend=True)
        assert len(rows) == 3
        outcome = await sender.carry(rows[0])
        assert "500" in getattr(outcome, "why", "")
        [(_, _, body)] = await receiver.take(1)
        assert json.loads(body)["contact"]["email"] == "li@shop.example", "as it is where masking is off"
        failing = await core.store.read(webhooks.get, one.id)
        assert failing is not None
        assert failing.failing_since == clock.ms
        clock.ms += PAUSE_AFTER_MS
        await sender.carry(rows[0])
        paused = await core.store.read(webhooks.get, one.id)
        assert paused is not None
        assert paused.paused_at == clock.ms
        assert [part for part, _ in told] == [f"webhook {one.name}"]
        assert "500" in told[0][1]
        assert core.registry.hooks == []
        assert "paused" in getattr(await sender.carry(rows[1]), "why", "")
        await core.store.write(webhooks.change, msgspec.structs.replace(paused, enabled=True), clock())
        assert "410" in getattr(await sender.carry(rows[2]), "why", "")
        assert len(told) == 2, "who answers 410 wants nothing any more"
        await sender.close()


async def test_a_test_shows_what_was_sent_and_what_came_back(tmp_path: Path, receiver: Receiver) -> None:
    async with running(Process, quiet_settings(tmp_path), Limits()) as desk:
        core = desk.process.core
        assert core is not None
        assert core.hooks is not None
        one = await hook(core, receiver.url("/t"), "message.created")
        two = msgspec.structs.replace(one.body, old_secret="the secret before it",
                                      old_until=now_ms() + 60_000)
        receiver.answers["/t"] = ["418 Teapot"]
        tried = await core.hooks.sender.test(msgspec.structs.replace(one, body=two), "conversation.resolved")
        [(_, headers, body)] = await receiver.take(1)
        assert (tried.status, tried.body, tried.error) == (418, body.decode(), "")
        said = json.loads(body)
        assert (said["test"], said["event"], said["wrap_up"]) == (True, "conversation.resolved", "refund")
        for secret in (SECRET, "the secret before it"):
            assert verify(secret, body, headers["x-zhike-signature"], now_ms() // 1000)
        assert not verify("another secret!!", body, headers["x-zhike-signature"], now_ms() // 1000)
        receiver.stop()
        gone = await core.hooks.sender.test(one, "message.created")
        assert gone.status == 0
        assert gone.error


def test_one_of_several_signatures_is_enough() -> None:
    header = sign(("new secret", "old secret"), b"{}", 1000)
    assert header.count("v1=") == 2
    assert verify("old secret", b"{}", header, 1000)
    assert not verify("old secret", b"{}", header, 1400)
    assert not verify("old secret", b"{ }", header, 1000)
    assert not verify("x", b"{}", "v1=ab", 1000)
