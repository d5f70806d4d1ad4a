"""Tools over HTTP: what is filled in leaves its place nowhere, and nothing is believed that comes back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhike.answer.tools import Toolbox, ToolLimits
from zhike.answer.tools.request import BadValueError, NoSecretError, build, read_secret
from zhike.domain.tool import Caller, HttpAction, Injected, Texts, Tool, ToolBody, ToolResult
from zhike.testing.inline import InlineStore

BOT = 1
CALLER = Caller(5, "c:7", "en", turn="42-7")
LIMITS = ToolLimits()
SCHEMA = {"type": "object", "properties": {name: {"type": "string"} for name in ("number", "q", "note")}}
INJECT: dict[str, Injected] = {"customer": "caller.customer_id", "call": "call.id"}
Answer = Callable[[str], bytes]


class Shop:
    """A server on loopback that says what it is told to and remembers what it was asked."""

    def __init__(self, answer: bytes | Answer, *, hold: bool = False) -> None:
        self.answer = answer
        self.hold = hold
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        self.heard, self.closed = asyncio.Event(), asyncio.Event()
        self.port = 0

    async def __aenter__(self) -> Shop:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.asked.append((first.rpartition(" ")[0], headers, body))
        self.heard.set()
        if self.hold:
            await reader.read()
            self.closed.set()
        else:
            writer.write(self.answer if isinstance(self.answer, bytes) else self.answer(first))
            await writer.drain()
        writer.close()


def ok(body: Any = None, *extra: str, status: str = "200 OK") -> bytes:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(raw)}", "Connection: close", *extra]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + raw


def tool(port: int, path: str = "/orders/{number}?q={q}", **changes: Any) -> Tool:
    action = HttpAction(f"http://127.0.0.1:{port}{path}", **changes)
    return Tool(1, BOT, "order", ToolBody(
        "http", "x", parameters=SCHEMA, inject=INJECT, http=action, timeout_s=2.0,
        result=Texts("订单{/state/zh}", "Order {/state/en}, {/days} days"),
        missing=Texts("没有", "No such order")))


def run(shop: Shop, story: Callable[[Toolbox, Shop], Awaitable[Any]]) -> Any:
    async def work() -> Any:
        async with shop:
            box = Toolbox(InlineStore(), LIMITS)
            try:
                return await story(box, shop)
            finally:
                await box.close()

    return asyncio.run(work())


def call(shop: Shop, arguments: dict[str, Any], **changes: Any) -> ToolResult:
    async def story(box: Toolbox, server: Shop) -> ToolResult:
        box.use(BOT, [tool(server.port, **changes)])
        return await box.call(BOT, "order", arguments, CALLER)

    result: ToolResult = run(shop, story)
    return result


def test_an_order_is_asked_for_and_told() -> None:
    shop = Shop(ok({"state": {"zh": "在路上", "en": "on its way"}, "days": 2}))
    result = call(shop, {"number": "A 1", "q": "a&b=c"}, headers={"X-Customer": "{customer}"})
    assert (result.ok, result.text) == (True, "Order on its way, 2 days")
    (first, headers, body), = shop.asked
    assert first == "GET /orders/A%201?q=a%26b%3Dc"
    assert headers["x-customer"] == "7"
    assert headers["host"] == f"127.0.0.1:{shop.port}"
    assert "idempotency-key" not in headers
    assert body == b""


def test_a_change_carries_a_body_and_the_same_key_again() -> None:
    shop = Shop(ok(status="204 No Content"))
    body = {"order": "{number}", "by": {"customer": "{customer}", "note": "said: {note}"}, "q": "{q}",
            "n": None, "list": ["{number}", 5, True]}

    async def story(box: Toolbox, server: Shop) -> list[ToolResult]:
        item = tool(server.port, "/cancel", method="POST", body=body)
        box.use(BOT, [msgspec.structs.replace(item, body=msgspec.structs.replace(item.body, result=Texts()))])
        given = {"number": "A1", "note": '"}, "by": "me'}
        return [await box.call(BOT, "order", given, CALLER) for _ in range(2)]

    results = run(shop, story)
    assert [(r.ok, r.text) for r in results] == [(True, "Done.")] * 2
    assert json.loads(shop.asked[0][2]) == {
        "order": "A1", "by": {"customer": "7", "note": 'said: "}, "by": "me'}, "n": None,
        "list": ["A1", 5, True]}
    assert shop.asked[0][1]["content-type"] == "application/json"
    keys = {headers["idempotency-key"] for _, headers, _ in shop.asked}
    assert len(keys) == 1
    assert len(keys.pop()) == 32


@pytest.mark.parametrize("value", ["..", ".", "../admin", "a/b", "..%2f", "a\\b", "", "  ", "...", ". ."])
def test_a_value_cannot_climb_in_the_path(value: str) -> None:
    shop = Shop(ok({}))
    result = call(shop, {"number": value})
    if value == "..%2f":  # what looks like an escape is escaped itself
        assert shop.asked[0][0].startswith("GET /orders/..%252f")
        return
    assert (result.error, result.missing) == ("bad_arguments", ("number",))
    assert shop.asked == []


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "é", "名", "a\tb"])
def test_a_value_cannot_begin_a_header(value: str) -> None:
    shop = Shop(ok({}))
    result = call(shop, {"number": "A1", "note": value}, headers={"X-Note": "{note}"})
    assert result.error == "bad_arguments"
    assert shop.asked == []


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_host_and_shape_of_a_request_are_the_templates(number: str, q: str) -> None:
    action = HttpAction("https://shop.example/orders/{number}/items?q={q}&fixed=1", headers={"X-Q": "v={q}"})
    try:
        request = build(action, {"number": number, "q": q}, "id", LIMITS)
    except BadValueError:
        return
    assert request.url.startswith("https://shop.example/orders/")
    path, _, query = request.url.partition("?")
    assert path.count("/") == 5
    assert path.endswith("/items")
    assert not any(part in (".", "..", "") for part in path.split("/")[3:])
    assert query.count("&") == 1
    assert query.endswith("&fixed=1")
    assert "#" not in request.url
    assert request.url.isascii()
    assert request.url.isprintable()
    assert request.headers["X-Q"].isprintable()


@pytest.mark.parametrize("value", ["{customer}", "{call}", "{{number}}", "{number.__class__}", "{0}", "%s"])
def test_a_value_is_not_a_template(value: str) -> None:
    shop = Shop(ok({"state": {"en": value}, "days": 1}))
    result = call(shop, {"number": value, "q": value})
    assert result.text == f"Order {value}, 1 days"
    assert "/7" not in shop.asked[0][0]


@pytest.mark.parametrize("url", [
    "http://169.254.169.254/latest/meta-data", "https://169.254.169.254/", "http://10.0.0.1/", "https://10.0.0.1/",
    "https://[fd00::1]/", "https://[::ffff:10.0.0.1]/", "https://0.0.0.0/", "https://192.168.1.1/",
    "http://shop.example/", "https://224.0.0.1/"])
def test_what_only_the_server_can_reach_is_not_called(url: str) -> None:
    async def story() -> ToolResult:
        box = Toolbox(InlineStore(), LIMITS)
        box.use(BOT, [Tool(1, BOT, "t", ToolBody("http", "x", http=HttpAction(url)))])
        return await box.call(BOT, "t", {}, CALLER)

    result = asyncio.run(story())
    assert result.error == "bad_target"
    assert url.partition("//")[2].split("/")[0] not in result.text


def test_a_redirect_is_not_followed() -> None:
    other: list[str] = []

    def answer(first: str) -> bytes:
        other.append(first)
        return ok(b"", "Location: /steal", status="302 Found")

    assert call(Shop(answer), {"number": "A1"}).error == "failed"
    assert len(other) == 1


@pytest.mark.parametrize(("answer", "error"), [
    (ok(status="404 Not Found"), "not_found"), (ok(status="410 Gone"), "not_found"),
    (ok({"secret": "trace"}, status="500 Oops"), "failed"), (ok(status="401 No"), "failed"),
    (ok(b"<html>"), "failed"), (ok(b"[" * 5_000), "failed"), (ok(b"x" * 70_000), "too_large"),
    (ok(b"{}", "Content-Encoding: gzip"), "failed"), (b"garbage\r\n\r\n", "failed"), (b"", "failed"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "failed")])
def test_what_comes_back_is_not_believed(answer: bytes, error: str) -> None:
    result = call(Shop(answer), {"number": "A1"})
    assert (result.ok, result.error, result.data) == (False, error, None)
    assert "trace" not in result.text
    if error == "not_found":
        assert result.text == "No such order"


def test_plain_text_and_nothing_are_answers_too() -> None:
    async def story(box: Toolbox, server: Shop) -> ToolResult:
        item = tool(server.port)
        box.use(BOT, [msgspec.structs.replace(item, body=msgspec.structs.replace(item.body, result=Texts()))])
        return await box.call(BOT, "order", {"number": "A1"}, CALLER)

    shop = Shop(ok(b"Shipped\x00 today\n", "Content-Type: text/plain; charset=utf-8"))
    assert run(shop, story).text == "Shipped today"


def test_a_call_that_is_cancelled_closes_its_connection() -> None:
    shop = Shop(b"", hold=True)

    async def story(box: Toolbox, server: Shop) -> int:
        box.use(BOT, [tool(server.port)])
        task = asyncio.ensure_future(box.call(BOT, "order", {"number": "A1"}, CALLER))
        await server.heard.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.closed.wait()
        return box.running_count

    assert run(shop, story) == 0


def test_a_secret_comes_from_its_place_and_is_seen_by_the_shop_alone(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("ZHIKE_TOOL_ORDERS", "s3cret-value")
    shop = Shop(ok({"state": {"en": "x"}, "days": 1}))
    result = call(shop, {"number": "A1"}, secret_header="Authorization", secret_prefix="Bearer ",
                  secret="env:ZHIKE_TOOL_ORDERS")
    assert shop.asked[0][1]["authorization"] == "Bearer s3cret-value"
    assert "s3cret" not in caplog.text + result.for_model()
    limits = ToolLimits(secrets=tmp_path)
    (tmp_path / "orders").write_text("from-a-file\n")
    assert read_secret("file:orders", limits) == "from-a-file"
    (tmp_path / "orders").write_text("a\r\nX-Evil: 1")
    monkeypatch.setenv("SOMETHING_ELSE", "database password")
    for bad in ("file:orders", "file:gone", "file:../orders", "file:/etc/passwd", "env:ZHIKE_TOOL_NONE",
                "env:SOMETHING_ELSE", "env:HOME", "s3cret"):
        with pytest.raises(NoSecretError):
            read_secret(bad, limits)
    lost = call(Shop(ok({})), {"number": "A1"}, secret_header="X-Key", secret="env:ZHIKE_TOOL_NONE")
    assert lost.error == "bad_target"
