"""The SMS action: one signed request to a real receiver, and what is known when it fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from zhike.access.outbound import Outbound
from zhike.access.signature import verify
from zhike.channels.mail import sms
from zhike.jobs.outbox import Failed, Outcome, Retry, Sent

SECRET = "a secret of the shop"
NOW_MS = 1_790_000_000_000
SMS = sms.Sms("visitor.missed", "shop", 42, "zh", "13800138000", "【商店】七天内可退。", "https://shop.example/help")


class Receiver:
    """``status`` 0: takes the request and never answers. -1: breaks the connection instead."""

    def __init__(self, status: int = 202) -> None:
        self.status = status
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.over = asyncio.Event()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            self.requests.append((head[0], headers, await reader.readexactly(int(headers["content-length"]))))
            if self.status == 0:
                await self.over.wait()
            elif self.status > 0:
                writer.write(f"HTTP/1.1 {self.status} X\r\nContent-Length: 2\r\n\r\nno".encode())
                await writer.drain()
        finally:
            writer.close()


@asynccontextmanager
async def listening(receiver: Receiver) -> AsyncIterator[str]:
    server = await asyncio.start_server(receiver.handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/sms?shop=1"
    finally:
        receiver.over.set()
        server.close()
        await server.wait_closed()


async def send(url: str, *, allow_private: bool = True) -> Outcome:
    out = Outbound(allow_private=allow_private)
    try:
        return await sms.send(out, url, SECRET, "42-7-sms", SMS, NOW_MS)
    finally:
        await out.close()


async def test_a_signed_request_with_number_text_and_link() -> None:
    receiver = Receiver()
    async with listening(receiver) as url:
        assert await send(url) == Sent()
        assert await send(url) == Sent()
    (line, headers, body), (_, again, same) = receiver.requests
    assert line == "POST /sms?shop=1 HTTP/1.1"
    assert headers["content-type"] == "application/json"
    assert (headers["idempotency-key"], again["idempotency-key"]) == ("42-7-sms", "42-7-sms")
    assert json.loads(body) == {
        "event": "visitor.missed", "inbox": "shop", "conversation": 42, "lang": "zh", "to": "13800138000",
        "text": "【商店】七天内可退。", "link": "https://shop.example/help"}
    assert body == same
    assert verify(SECRET, body, headers["x-zhike-signature"], NOW_MS // 1000)
    assert not verify("another secret", body, headers["x-zhike-signature"], NOW_MS // 1000)
    assert not verify(SECRET, body + b" ", headers["x-zhike-signature"], NOW_MS // 1000)


@pytest.mark.parametrize(("status", "outcome"), [
    (200, Sent()), (204, Sent()),
    *((code, Failed(f"the SMS action answered {code}")) for code in sorted(sms.REFUSED_FOR_GOOD)),
    (302, Retry("the SMS action answered 302")), (401, Retry("the SMS action answered 401")),
    (404, Retry("the SMS action answered 404")), (429, Retry("the SMS action answered 429")),
    (500, Retry("the SMS action answered 500", maybe=True)),
    (503, Retry("the SMS action answered 503", maybe=True))])
async def test_what_an_answer_means(status: int, outcome: Outcome) -> None:
    """A redirect is not followed: the signature was made for this address."""
    receiver = Receiver(status)
    async with listening(receiver) as url:
        assert await send(url) == outcome
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("status", [0, -1])
async def test_without_an_answer_it_may_have_arrived(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sms, "ANSWER_S", 0.2)
    receiver = Receiver(status)
    async with listening(receiver) as url:
        outcome = await send(url)
    assert isinstance(outcome, Retry)
    assert outcome.maybe, "the receiver acts on each key once, so it is tried again"
    assert len(receiver.requests) == 1


async def test_what_certainly_did_not_arrive() -> None:
    async with listening(Receiver()) as url:
        pass
    outcome = await send(url)  # nobody listens there any more
    assert isinstance(outcome, Retry)
    assert not outcome.maybe
    for inside in ("http://10.1.2.3/sms", "http://169.254.169.254/latest"):
        refused = await send(inside, allow_private=False)
        assert isinstance(refused, Retry)
        assert (refused.maybe, refused.after_s) == (False, sms.NOT_SET_UP_S)
        assert refused.why.startswith("sms_url: ")
