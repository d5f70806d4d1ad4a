"""The channel ``api`` against a real receiver on this machine."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import msgspec
import pytest

from zhike.access.signature import sign, verify
from zhike.access.targets import BadTarget, check_url, forbidden, resolve
from zhike.channels.api.deliver import ApiChannel
from zhike.domain.conversation import Conversation
from zhike.domain.knowledge import Inbox
from zhike.domain.message import Message
from zhike.jobs.outbox import Failed, Outcome, Retry, Sent
from zhike.store.outbox import Note, OutboxRow

SECRET = "a secret of the shop"
NOW_MS = 1_790_000_000_000
ROW = OutboxRow(1, 7, 42, 6, "api", 1, 0, NOW_MS, Note())
MESSAGE = Message(42, 6, "outgoing", "bot", "七天内可退。", NOW_MS,
                  trace='[{"step":"rules","outcome":"hit"}]')
CONVERSATION = Conversation(42, 7, 3, "c:1001", "pending", "bot", 1, 6, 5, 5, NOW_MS, NOW_MS, lang="zh")


class Receiver:
    """A program of the shop: keeps what came, answers what the test says."""

    def __init__(self) -> None:
        self.answer: bytes | None = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.server: asyncio.Server | None = None
        self.release = asyncio.Event()

    async def start(self, context: ssl.SSLContext | None = None) -> int:
        self.server = await asyncio.start_server(self.handle, "127.0.0.1", 0, ssl=context)
        return int(self.server.sockets[0].getsockname()[1])

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.requests.append((head[0], headers, body))
                if self.answer is None:
                    await self.release.wait()
                    return
                writer.write(self.answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def stop(self) -> None:
        self.release.set()
        if self.server is not None:
            self.server.close()
            await self.server.wait_closed()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    yield made
    await made.stop()


async def send(url: str, *, secret: str = SECRET, timeout_s: float = 10.0, message: Message = MESSAGE,
               settings: dict[str, Any] | None = None, **options: Any) -> Outcome:
    inbox = Inbox(7, "shop", "Shop", "api", None,
                  {"callback_url": url, "callback_secret": secret, **(settings or {})})
    channel = ApiChannel({7: inbox}.get, lambda: NOW_MS, **options)
    try:
        async with asyncio.timeout(timeout_s):
            return await channel.deliver(ROW, message, CONVERSATION)
    finally:
        await channel.close()


def reply(status: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def test_a_signed_request_with_its_key(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # the environment must not redirect it
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    port = await receiver.start()
    receiver.answer = reply("201 Created", body=b'{"id": "ticket-9", "more": 1}')
    assert await send(f"http://127.0.0.1:{port}/hook?shop=1") == Sent("ticket-9")
    [(line, headers, body)] = receiver.requests
    assert line == "POST /hook?shop=1 HTTP/1.1"
    assert headers["idempotency-key"] == "42-6"
    assert headers["host"] == f"127.0.0.1:{port}"
    assert headers["content-type"] == "application/json"
    assert verify(SECRET, body, headers["x-zhike-signature"], NOW_MS // 1000)
    said = json.loads(body)
    assert (said["event"], said["inbox"], said["contact"]) == ("message.created", "shop", "c:1001")
    assert (said["message"]["conversation"], said["message"]["seq"]) == (42, 6)
    assert said["message"]["text"] == "七天内可退。"
    assert "trace" not in said["message"]  # for agents only


async def test_personal_data_stays_here_when_the_inbox_asks_for_it(receiver: Receiver) -> None:
    port = await receiver.start()
    receiver.answer = reply("204 No Content")
    message = msgspec.structs.replace(MESSAGE, text="我们会拨打13800138000，订单 A1009。")
    url = f"http://127.0.0.1:{port}/"
    assert await send(url, message=message, settings={"mask_pii": True}) == Sent()
    assert await send(url, message=message) == Sent()
    masked, plain = (json.loads(body)["message"]["text"] for _, _, body in receiver.requests)
    assert masked == "我们会拨打[PHONE_1]，订单 A1009。"
    assert plain == message.text


@pytest.mark.parametrize(("answer", "outcome"), [
    (reply("204 No Content"), Sent()),
    (reply("200 OK", body=b"thanks"), Sent()),
    (reply("422 Unprocessable"), Failed("the receiver answered 422")),
    (reply("410 Gone"), Failed("the receiver answered 410")),
    (reply("404 Not Found"), Retry("the receiver answered 404")),
    (reply("302 Found", "Location: http://127.0.0.1:9/"), Retry("the receiver answered 302")),
    (reply("429 Slow Down", "Retry-After: 120"), Retry("the receiver answered 429", 120.0)),
    (reply("503 Busy", "Retry-After: 99999999"), Retry("the receiver answered 503", 3600.0, maybe=True)),
    (reply("500 Oops", "Retry-After: tomorrow"), Retry("the receiver answered 500", maybe=True)),
])
async def test_what_the_answer_means(receiver: Receiver, answer: bytes, outcome: Outcome) -> None:
    receiver.answer = answer
    assert await send(f"http://127.0.0.1:{await receiver.start()}/") == outcome
    assert len(receiver.requests) == 1


async def test_a_connection_cut_after_the_request_may_have_arrived(receiver: Receiver) -> None:
    port = await receiver.start()
    receiver.answer = None
    receiver.release.set()  # closes without a word
    outcome = await send(f"http://127.0.0.1:{port}/")
    assert isinstance(outcome, Retry)
    assert outcome.maybe


async def test_nobody_listening_certainly_did_not_get_it(receiver: Receiver) -> None:
    port = await receiver.start()
    await receiver.stop()
    outcome = await send(f"http://127.0.0.1:{port}/")
    assert isinstance(outcome, Retry)
    assert not outcome.maybe


@pytest.mark.parametrize(("url", "secret"), [("", SECRET), ("https://shop.example/x", ""),
                                             ("http://shop.example/x", SECRET), ("ftp://x", SECRET),
                                             ("https://10.1.2.3/", SECRET)])
async def test_an_inbox_that_is_not_set_up_waits(url: str, secret: str) -> None:
    outcome = await send(url, secret=secret)
    assert isinstance(outcome, Retry)
    assert outcome.after_s == 60
    assert not outcome.maybe


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for the name ``localhost`` alone, and its key."""
    cert, key = tmp_path / "c.pem", tmp_path / "k.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    return cert, key


async def test_tls_is_checked_against_the_name_not_the_address(receiver: Receiver,
                                                               certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert, key)
    port = await receiver.start(server)
    trusts = ssl.create_default_context(cafile=str(cert))
    assert await send(f"https://localhost:{port}/", ssl_context=trusts) == Sent()
    assert receiver.requests[0][1]["host"] == f"localhost:{port}"
    other_name = await send(f"https://127.0.0.1:{port}/", ssl_context=trusts)
    unknown_authority = await send(f"https://localhost:{port}/")
    for outcome in (other_name, unknown_authority):
        assert isinstance(outcome, Retry)
        assert "CERTIFICATE_VERIFY_FAILED" in outcome.why
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("url", [
    "http://shop.example/", "https://", "https://user:pw@shop.example/", "javascript:alert(1)",
    "file:///etc/passwd", "https://shop.example:99999/", "https://sh op.example/", "https://店.example/", "http://169.254.169.254/",
    "http://[fe80::1]/", "https://shop.example/\r\nX: y", "https://x/" + "a" * 3000, "", "//shop.example/",
])
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(BadTarget):
        check_url(url)


def test_urls_that_are_allowed() -> None:
    assert check_url("https://shop.example/hook") == ("https", "shop.example", 443)
    assert check_url("http://localhost:9000/") == ("http", "localhost", 9000)
    assert check_url("http://[::1]:9000/") == ("http", "::1", 9000)
    assert check_url("https://SHOP.example:8443/") == ("https", "shop.example", 8443)


@pytest.mark.parametrize(("address", "private_too", "refused"), [
    ("93.184.216.34", False, False), ("2606:4700::1", False, False), ("127.0.0.1", False, False),
    ("10.0.0.5", False, True), ("10.0.0.5", True, False), ("192.168.1.1", False, True),
    ("172.16.9.9", False, True), ("100.64.0.1", False, True), ("fd00::1", False, True),
    ("fd00::1", True, False), ("169.254.169.254", False, True), ("169.254.169.254", True, True),
    ("fe80::1", True, True), ("0.0.0.0", True, True), ("224.0.0.1", True, True), ("240.0.0.1", True, True),
    ("::ffff:10.0.0.5", False, True), ("::ffff:169.254.169.254", True, True),
])
def test_addresses(address: str, private_too: bool, refused: bool) -> None:
    assert forbidden(ip_address(address), allow_private=private_too) is refused


async def test_a_public_name_that_points_here_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"shop.example": ["93.184.216.34"], "both.example": ["93.184.216.34", "10.0.0.5"],
               "me.example": ["127.0.0.1"]}

    async def look_up(host: str, port: int, **_: Any) -> list[Any]:
        return [(2, 1, 6, "", (address, port)) for address in answers[host]]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
    target = await resolve("https://shop.example/", allow_private=False)
    assert target.addresses == ("93.184.216.34",)
    for host in ("both.example", "me.example"):
        with pytest.raises(BadTarget):
            await resolve(f"https://{host}/", allow_private=False)


async def test_http_where_private_networks_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"erp.internal": "10.0.0.5", "shop.example": "93.184.216.34"}

    async def look_up(host: str, port: int, **_: Any) -> list[Any]:
        return [(2, 1, 6, "", (answers[host], port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
    target = await resolve("http://erp.internal:9000/x", allow_private=True)
    assert (target.port, target.addresses) == (9000, ("10.0.0.5",))
    assert (await resolve("https://erp.internal/", allow_private=True)).addresses == ("10.0.0.5",)
    for url in ("http://shop.example/", "http://93.184.216.34/", "http://169.254.169.254/"):
        with pytest.raises(BadTarget):
            await resolve(url, allow_private=True)
    with pytest.raises(BadTarget):
        await resolve("http://erp.internal:9000/x", allow_private=False)


def test_signatures() -> None:
    header = sign(SECRET, b"{}", 1000)
    assert verify(SECRET, b"{}", header, 1200)
    for secret, body, shown, now_s in ((SECRET, b"{} ", header, 1000), ("x", b"{}", header, 1000),
                                       (SECRET, b"{}", header, 1301), (SECRET, b"{}", "t=x,v1=y", 1000),
                                       (SECRET, b"{}", "", 1000),
                                       (SECRET, b"{}", header.replace("t=1000", "t=1001"), 1000)):
        assert not verify(secret, body, shown, now_s)
