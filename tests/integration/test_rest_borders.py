"""Refusals, limits, pages and what operators see."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from zhike.clock import now_ms
from zhike.config import Settings
from zhike.config.sections import Api, Metrics, Sample, Server
from zhike.testing.apirig import Client, Rig, asked


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    made = await Rig(now_ms).start()
    yield made
    await made.stop()


REFUSALS = (
    ("GET", "/nowhere", None, "not_found"),
    ("PUT", "/api/v1/me", None, "method_not_allowed"),
    ("GET", "/api/v1/conversations/0", None, "not_found"),
    ("GET", f"/api/v1/conversations/{'9' * 40}", None, "not_found"),
    ("GET", "/api/v1/conversations/１", None, "not_found"),
    ("PATCH", "/api/v1/me", b"{", "bad_request"),
    ("PATCH", "/api/v1/me", b"", "bad_request"),
    ("PATCH", "/api/v1/me", b'{"name":"\xff"}', "invalid_text"),
    ("PATCH", "/api/v1/me", b'{"name":"a\\u0000"}', "invalid_text"),
    ("PATCH", "/api/v1/me", b'{"name":"\\ud800"}', "bad_request"),
    ("PATCH", "/api/v1/me", b"[" * 100_000, "invalid_field"),
    ("PATCH", "/api/v1/me", b'{"name":"' + b"x" * (1 << 20) + b'"}', "too_long"),
    ("GET", "/api/v1/agents?limit=0", None, "invalid_field"),
    ("GET", "/api/v1/agents?limit=1&limit=2", None, "invalid_field"),
    ("GET", "/api/v1/agents?cursor=%ff", None, "invalid_text"),
    ("GET", "/api/v1/agents?" + "x=1&" * 60, None, "bad_request"),
)


@pytest.mark.parametrize(("method", "path", "raw", "code"), REFUSALS, ids=range(len(REFUSALS)))
async def test_every_refusal_has_the_one_shape_and_language(
    rig: Rig, method: str, path: str, raw: bytes | None, code: str
) -> None:
    agent = await rig.signed_in()
    for language in ("zh", "en"):
        answer = await agent(method, path, raw=raw, headers={"accept-language": language})
        assert answer.code == code, answer.body
        error = answer.json["error"]
        assert answer.headers["content-language"] == language
        assert ("\u4e00" <= error["message"][0] <= "\u9fff") is (language == "zh")
        assert set(error) <= {"code", "message", "retry", "help", "retry_after_s", "field", "details"}


async def test_unknown_fields_name_the_nearest(rig: Rig) -> None:
    agent = await rig.signed_in()
    answer = (await agent("PATCH", "/api/v1/me", {"langg": "zh"})).json["error"]
    assert answer["field"] == "langg"
    assert "`lang`" in answer["message"]
    query = (await agent("GET", "/api/v1/conversations?stauts=open")).json["error"]
    assert query["field"] == "stauts"
    assert "`status`" in query["message"]
    nested = await agent("PATCH", "/api/v1/me", {"password": {"current": "x", "neu": "y"}})
    assert nested.json["error"]["field"] == "password.neu"


async def test_bodies_must_be_json(rig: Rig) -> None:
    agent = await rig.signed_in()
    form = await agent("PATCH", "/api/v1/me", raw=b"name=x", headers={"content-type": "text/plain"})
    assert form.code == "unsupported_type"


async def test_limits_per_caller() -> None:
    time = [1_800_000_000_000]
    rig = await Rig(lambda: time[0], Settings(api=Api(requests_per_minute=60))).start()
    agent, other = await rig.signed_in(), await rig.signed_in("admin")
    codes = [(await agent("GET", "/api/v1/me")).status for _ in range(12)]
    assert codes.count(200) == 10
    refused = await agent("GET", "/api/v1/me")
    assert refused.code == "rate_limited"
    assert refused.headers["retry-after"] == "2"
    assert (await other("GET", "/api/v1/me")).status == 200
    time[0] += 2000
    assert (await agent("GET", "/api/v1/me")).status == 200
    assert (await rig.http("GET", "/health/live")).status == 200
    await rig.stop()


async def test_guessing_credentials_is_limited() -> None:
    rig = await Rig(lambda: 1_800_000_000_000, Settings(api=Api(requests_per_minute=60))).start()
    codes = {
        (await rig.http("GET", "/api/v1/me", headers={"authorization": f"Bearer zk_{n}"})).code
        for n in range(20)
    }
    assert codes == {"unauthenticated", "rate_limited"}
    await rig.stop()


async def test_calls_have_their_own_budget() -> None:
    rig = await Rig(now_ms, Settings(api=Api(concurrency=1, long_polls=1))).start()
    visitor, _ = await asked(rig)
    waiting = asyncio.create_task(visitor("GET", "/api/v1/visitor/messages?after=2&wait_s=25"))
    await rig.hub.polled.wait()
    second = await visitor("GET", "/api/v1/visitor/messages?after=2&wait_s=25")
    assert second.code == "overloaded"
    assert "retry-after" in second.headers
    ack = await visitor("POST", "/api/v1/visitor/messages", {"client_msg_id": "m9", "text": "怎么退货"})
    assert ack.status == 201
    await waiting
    await rig.stop()


async def test_nothing_leaks_from_an_inner_fault(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    admin = await rig.signed_in("admin")
    await admin("GET", "/api/v1/me")
    rig.store.fail_next = RuntimeError("secret detail")
    answer = await admin("POST", "/api/v1/bots", {"key": "b9", "name": "B"})
    assert answer.code == "internal"
    assert b"secret detail" not in answer.body
    assert "secret detail" in caplog.text


async def test_health_and_metrics() -> None:
    rig = await Rig(now_ms, Settings(metrics=Metrics(token="t0ken"))).start()
    assert (await rig.http("GET", "/health/ready")).json == {"status": "ready", "checks": {"store": "ok"}}
    rig.probe.ready = False
    assert (await rig.http("GET", "/health/ready")).status == 503
    assert (await rig.http("GET", "/health/live")).status == 200
    assert (await rig.http("HEAD", "/health/live")).body == b""
    assert (await rig.http("GET", "/metrics")).code == "unauthenticated"
    shown = await rig.http("GET", "/metrics", headers={"authorization": "Bearer t0ken"})
    assert shown.headers["content-type"].startswith("text/plain; version=0.0.4")
    here = Client(rig.app, address="127.0.0.1")
    assert (await here("GET", "/metrics")).status == 200
    assert (await here("GET", "/metrics", headers={"x-forwarded-for": "1.2.3.4"})).code == "unauthenticated"
    await rig.stop()


async def test_addresses_behind_our_own_proxy() -> None:
    rig = await Rig(now_ms, Settings(server=Server(trusted_proxies=("127.0.0.0/8",)))).start()
    proxied = Client(rig.app, address="127.0.0.1", headers={"x-forwarded-for": "203.0.113.9"})
    assert (await proxied("GET", "/metrics")).code == "unauthenticated"
    assert (await Client(rig.app, address="127.0.0.1")("GET", "/metrics")).status == 200
    await rig.stop()


PAGES = (
    ("/sample/index.html", "text/html"),
    ("/sample/shop.js", "text/javascript"),
    ("/api/docs", "text/html"),
    ("/api/docs/docs.js", "text/javascript"),
    ("/favicon.ico", "image/svg+xml"),
)


@pytest.mark.parametrize(("path", "kind"), PAGES)
async def test_pages_and_their_headers(rig: Rig, path: str, kind: str) -> None:
    answer = await rig.http("GET", path)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith(kind)
    policy = answer.headers["content-security-policy"]
    assert "http:" not in policy
    assert "https:" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "referrer-policy" in answer.headers
    again = await rig.http("GET", path, headers={"if-none-match": answer.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


async def test_the_console_and_the_docs_cannot_be_framed_and_text_is_packed(rig: Rig) -> None:
    for path in ("/api/docs", "/console/", "/console/conversations/1"):
        page = await rig.http("GET", path)
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        assert page.headers["x-frame-options"] == "DENY"
    packed = await rig.http("GET", "/api/docs/docs.js", headers={"accept-encoding": "gzip, br"})
    assert packed.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize(
    "path",
    [
        "/sample/../orders.py",
        "/sample/%2e%2e/orders.py",
        "/sample/.hidden",
        "/sample/nope.js",
        "/sample//etc/passwd",
        "/console/assets/nope.js",
        "/api/docs/../../app.py",
        "/sample/a\\..\\b",
        "/sample/a\x00b",
    ],
)
async def test_no_way_out_of_the_folder(rig: Rig, path: str) -> None:
    assert (await rig.http("GET", path)).code == "not_found"


async def test_the_first_page_is_the_shop(rig: Rig) -> None:
    for path in ("/", "/sample", "/sample/"):
        home = await rig.http("GET", path)
        assert (home.status, home.headers["location"]) == (302, "/sample/index.html")


async def test_without_the_shop_the_first_page_is_the_console() -> None:
    rig = await Rig(now_ms, Settings(sample=Sample(shop=False))).start()
    home = await rig.http("GET", "/")
    assert (home.status, home.headers["location"]) == (302, "/console/")
    assert (await rig.http("GET", "/sample/shop.js")).code == "not_found"
    assert (await rig.http("GET", "/sample/api/orders/ZK1?phone_tail=1234")).code == "not_found"
    await rig.stop()


async def test_sample_orders(rig: Rig) -> None:
    from zhike.clock import to_datetime
    from zhike.sample.orders import list_orders

    order = list_orders(to_datetime(rig.now()))[0]
    path = f"/sample/api/orders/{order.number}?phone_tail="
    tail = order.phone_masked[-4:]
    found = await rig.http("GET", path + tail)
    assert found.json["number"] == order.number
    wrong = str((int(tail) + 1) % 10_000).zfill(4)
    codes = [(await rig.http("GET", path + wrong)).code for _ in range(8)]
    assert codes[0] == "not_found"
    assert codes[-1] == "rate_limited"


async def test_every_answer_is_counted_by_its_route(rig: Rig) -> None:
    agent = await rig.signed_in()
    await agent("GET", "/api/v1/conversations/77")
    await agent("GET", "/nowhere/else")
    assert ("/api/v1/conversations/{id}", "GET", 404) in rig.observed
    assert ("", "GET", 404) in rig.observed  # no free text from the address as a label
