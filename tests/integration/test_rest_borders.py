"""Refusals, limits, pages and what operators see."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from zhike.clock import now_ms
from zhike.config import Settings
from zhike.config.sections import Api, Metrics, Sample, Server
from zhike.rest.app import build
from zhike.testing.apirig import Client, Rig, asked
from zhike.testing.wsrig import turns


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
    # another proxy on this machine, which forgets to say for whom it asks
    for header in ("x-real-ip", "forwarded", "x-forwarded-for"):
        client = Client(rig.app, address="127.0.0.1", headers={header: "127.0.0.1"})
        assert (await client("GET", "/metrics")).code == "unauthenticated", header
    await rig.stop()


COOKIES: tuple[tuple[str, str, str, dict[str, str], bool], ...] = (
    ("http", "", "10.0.0.1", {}, False),
    ("https", "", "203.0.113.7", {}, True),
    ("http", "https://desk.example", "203.0.113.7", {}, True),
    ("http", "", "10.0.0.1", {"x-forwarded-proto": "https"}, True),
    ("http", "", "10.0.0.1", {"x-forwarded-proto": "https", "x-forwarded-for": "10.0.0.1"}, True),
    ("http", "", "10.0.0.1", {"x-forwarded-proto": "http, https"}, True),
    ("http", "", "10.0.0.1", {"x-forwarded-proto": "https, http"}, False),
    ("http", "", "203.0.113.7", {"x-forwarded-proto": "https"}, False),  # anybody could write that
)


@pytest.mark.parametrize(("scheme", "public_url", "address", "headers", "secure"), COOKIES)
async def test_the_cookie_behind_proxies(
    scheme: str, public_url: str, address: str, headers: dict[str, str], secure: bool
) -> None:
    server = Server(public_url=public_url, trusted_proxies=("10.0.0.0/8",))
    rig = await Rig(now_ms, Settings(server=server)).start()
    token, session = await rig.access.sessions.open(rig.agent(), "", "")
    client = Client(
        rig.app,
        address=address,
        scheme=scheme,
        headers={"cookie": f"zhike_session={token}", "x-csrf-token": session.csrf, **headers},
    )
    cookie = (await client("POST", "/api/v1/logout")).headers["set-cookie"]
    name, *flags = cookie.split("; ")
    assert name == ("__Host-zhike_session=" if secure else "zhike_session=")
    assert ("Secure" in flags) is secure
    assert {"Path=/", "HttpOnly", "SameSite=Lax", "Max-Age=0"} <= set(flags)
    await rig.stop()


async def test_a_neighbour_s_cookie_does_not_win_over_our_own(rig: Rig) -> None:
    mine, _ = await rig.access.sessions.open(rig.agent("agent"), "", "")
    theirs, _ = await rig.access.sessions.open(rig.agent("admin"), "", "")
    # a longer path comes first in the header; only our own host can set the prefixed name
    cookies = f"zhike_session={theirs}; __Host-zhike_session={mine}; zhike_session={theirs}"
    me = (await rig.http("GET", "/api/v1/me", headers={"cookie": cookies})).json
    assert me["role"] == "agent"


async def test_one_address_cannot_hold_all_long_polls() -> None:
    rig = await Rig(now_ms, Settings(api=Api(long_polls=8))).start()
    visitors = [(await rig.visitor())[0] for _ in range(3)]
    path = "/api/v1/visitor/messages?wait_s=25"
    waiting = [asyncio.create_task(visitor("GET", path)) for visitor in visitors[:2]]
    await turns()
    assert (await visitors[2]("GET", path)).code == "overloaded"
    elsewhere = Client(rig.app, address="198.51.100.9", headers=visitors[2].headers)
    other = asyncio.create_task(elsewhere("GET", path))
    await turns()
    rig.app.end_polls()
    assert [answer.status for answer in await asyncio.gather(*waiting, other)] == [200, 200, 200]
    assert rig.app.context.rooms["poll"].used == 0
    assert rig.app.context.rooms["poll"]._mine == {}
    await rig.stop()


async def test_big_and_deep_bodies(rig: Rig) -> None:
    visitor, _ = await rig.visitor()
    hello = {"inbox": "shop", "page": {"url": "x" * 9000}}
    assert (await rig.http("POST", "/api/v1/visitor/hello", hello)).code == "too_long"
    big = {"client_msg_id": "b", "text": "x" * 70_000}
    assert (await visitor("POST", "/api/v1/visitor/messages", big)).code == "too_long"
    admin = await rig.signed_in("admin")
    for depth in (100, 400, 900, 990, 100_000):
        nested = b'{"settings":{"fallback":' + b"[" * depth + b'"\\u0041"' + b"]" * depth + b"}}"
        answer = await admin("PATCH", "/api/v1/bots/1", raw=nested)
        assert answer.code in ("invalid_field", "bad_request"), (depth, answer.body)
    digits = b'{"settings":{"answer_threshold":' + b"9" * 100_000 + b"}}"
    assert (await admin("PATCH", "/api/v1/bots/1", raw=digits)).code in ("invalid_field", "bad_request")


async def test_other_sites_cannot_act_for_a_signed_in_agent(rig: Rig) -> None:
    agent = await rig.signed_in("admin")
    body = {"key": "evil", "name": "Evil"}
    without = Client(rig.app, headers={"cookie": agent.headers["cookie"]})
    assert (await without("POST", "/api/v1/bots", body)).code == "csrf"
    guessed = without.with_headers(x_csrf_token="A" * 32)
    assert (await guessed("POST", "/api/v1/bots", body)).code == "csrf"
    for origin in ("https://evil.example", "null", "http://desk.example.evil.example", "file://"):
        answer = await agent("POST", "/api/v1/bots", body, headers={"origin": origin})
        assert answer.code == "csrf", origin
        assert "access-control-allow-origin" not in answer.headers
    # signing a victim in as somebody else: a plain form cannot send JSON, and nobody may ask first
    login = b'{"email":"a@b.example","password":"x"}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        answer = await rig.http("POST", "/api/v1/login", raw=login, headers={"content-type": kind})
        assert answer.code == "unsupported_type"
    asked_first = await rig.http("OPTIONS", "/api/v1/login", headers={"origin": "https://evil.example"})
    assert not [name for name in asked_first.headers if name.startswith("access-control")]


async def test_only_what_can_be_an_origin_is_sent_back(rig: Rig) -> None:
    for origin in ("https://a.example x", "https://a.example\tx: y", "https://\xff.example", " "):
        answer = await rig.http("GET", "/api/v1/visitor/messages", headers={"origin": origin})
        assert "access-control-allow-origin" not in answer.headers
    sandboxed = await rig.http("GET", "/api/v1/visitor/messages", headers={"origin": "null"})
    assert sandboxed.headers["access-control-allow-origin"] == "null"  # the inbox's list decides


async def test_a_household_guesses_passwords_as_one(rig: Rig) -> None:
    codes = []
    for number in range(16):
        client = Client(rig.app, address=f"2001:db8:1:2::{number + 1:x}")
        guess = {"email": f"somebody{number}@shop.example", "password": "wrong wrong wrong"}
        codes.append((await client("POST", "/api/v1/login", guess)).code)
    assert codes == ["bad_credentials"] * 12 + ["rate_limited"] * 4
    neighbour = Client(rig.app, address="2001:db8:1:3::1")
    guess = {"email": "other@shop.example", "password": "wrong wrong wrong"}
    assert (await neighbour("POST", "/api/v1/login", guess)).code == "bad_credentials"


async def test_the_protocol_s_document_is_made_once(rig: Rig) -> None:
    made = []

    def make() -> bytes:
        made.append(1)
        return b"{}"

    app = build(
        settings=rig.settings,
        store=rig.store,
        access=rig.access,
        desk=rig.desk,
        hub=rig.hub,
        probe=rig.probe,
        quality=rig.app.context.quality,
        files=rig.app.context.knowledge_files,
        outreach=rig.app.context.outreach,
        panel=rig.app.context.panel,
        hooks=rig.app.context.hooks,
        uploads=rig.uploads,
        asyncapi=make,
    )
    for _ in range(3):
        assert (await Client(app)("GET", "/api/v1/asyncapi.json")).body == b"{}"
    assert made == [1]


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
