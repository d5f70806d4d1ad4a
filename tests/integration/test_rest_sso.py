"""Single sign-on against a provider over real HTTP: who comes in, and which lies are refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio

from zhike.access.sso import FRESH_S, RETRY_S, WAY_S
from zhike.clock import now_ms
from zhike.config.access import Oidc
from zhike.config.sections import Server
from zhike.testing.apirig import Client, Response, Rig
from zhike.testing.oidc import Provider

DESK = "http://desk.example"


class Clock:
    """The wall clock, which a test may put forward."""

    offset_s = 0.0

    def __call__(self) -> int:
        return now_ms() + int(self.offset_s * 1000)


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


def settings(provider: Provider, **changed: Any) -> dict[str, Any]:
    values: dict[str, Any] = {"issuer": provider.issuer, "client_id": provider.client_id,
                              "client_secret": provider.client_secret, "name": "公司账号", **changed}
    return {"oidc": Oidc(**values), "server": Server(public_url=DESK)}


@pytest_asyncio.fixture
async def rig(provider: Provider) -> AsyncIterator[Rig]:
    """With the agent li@shop.example, who has no usable password."""
    made = await Rig(Clock(), **settings(provider)).start()
    made.agent("agent", "li@shop.example")
    yield made
    await made.stop()


def cookies(answer: Response) -> str:
    return answer.headers["set-cookie"].partition(";")[0]


async def leave(rig: Rig, to: str = "") -> tuple[str, Client]:
    """Begins; the provider's address, and the browser with its cookie."""
    away = await rig.http("GET", f"/api/v1/sso/start{f'?to={to}' if to else ''}")
    assert away.status == 303, away.body
    for part in ("HttpOnly", "SameSite=Lax", "Path=/api/v1/sso/callback"):
        assert part in away.headers["set-cookie"]
    return away.headers["location"], rig.http.with_headers(cookie=cookies(away))


async def come_back(browser: Client, address: str) -> Response:
    parts = urlsplit(address)
    assert f"{parts.scheme}://{parts.netloc}" == DESK
    return await browser("GET", f"{parts.path}?{parts.query}")


async def sign_in(rig: Rig, provider: Provider, to: str = "") -> Response:
    url, browser = await leave(rig, to)
    return await come_back(browser, provider.visit(url))


def refused(answer: Response) -> str:
    assert answer.status == 303
    assert not any(cookie.startswith("zhike_session") for cookie in answer.cookies)
    return parse_qs(urlsplit(answer.headers["location"]).query).get("sso", [""])[0]


async def me(rig: Rig, answer: Response) -> Any:
    assert (answer.status, answer.headers["location"][:9]) == (303, "/console/"), answer.headers
    session = next(cookie for cookie in answer.cookies if cookie.startswith("zhike_session="))
    return (await rig.http.with_headers(cookie=session)("GET", "/api/v1/me")).json


async def test_who_is_known_by_address_comes_in_and_stays_known(rig: Rig, provider: Provider) -> None:
    assert (await rig.http("GET", "/api/v1/setup")).json["sso"] == "公司账号"
    first = await me(rig, await sign_in(rig, provider))
    assert first["agent"]["email"] == "li@shop.example"
    provider.claims["email"] = "new.name@elsewhere.example"
    again = await me(rig, await sign_in(rig, provider))
    assert again["agent"]["id"] == first["agent"]["id"], "the provider's subject counts, not the address"
    admin = await rig.signed_in("admin")
    entries = (await admin("GET", "/api/v1/audit")).json["items"]
    assert [entry["action"] for entry in reversed(entries)] == [
        "agent.sso_linked", "agent.signed_in", "agent.signed_in"]
    assert entries[0]["detail"]["by"] == "127.0.0.1"


async def test_it_goes_where_the_person_wanted_and_nowhere_else(rig: Rig, provider: Provider) -> None:
    for to, comes in (("/console/knowledge", "/console/knowledge"), ("//evil.example/", "/console/"),
                      ("https://evil.example/console/", "/console/"), ("", "/console/")):
        assert (await sign_in(rig, provider, to)).headers["location"] == comes


async def test_the_address_must_be_verified_and_its_domain_allowed(provider: Provider) -> None:
    rig = await Rig(now_ms, **settings(provider, domains=("shop.example",))).start()
    rig.agent("agent", "li@shop.example")
    rig.agent("agent", "li@other.example")
    for claims, code in (({"email_verified": False}, "sso_refused"),
                         ({"email_verified": None}, "sso_refused"),
                         ({"email": "li@other.example"}, "sso_refused"), ({"email": None}, "sso_failed"),
                         ({"email": "li@shop.example@evil.example"}, "sso_refused"), ({}, "")):
        provider.lie = claims
        assert refused_or_in(await sign_in(rig, provider)) == code, claims
    await rig.stop()


def refused_or_in(answer: Response) -> str:
    return refused(answer) if "sso=" in answer.headers["location"] else ""


async def test_people_are_made_only_where_it_is_allowed(provider: Provider) -> None:
    provider.claims |= {"sub": "u-9", "email": "zhao@shop.example", "name": "赵\u0007敏"}
    closed = await Rig(now_ms, **settings(provider)).start()
    assert refused(await sign_in(closed, provider)) == "sso_refused"
    await closed.stop()
    made_so = settings(provider, create=True, role="analyst", domains=("Shop.example",))
    rig = await Rig(now_ms, **made_so).start()
    made = await me(rig, await sign_in(rig, provider))
    assert (made["role"], made["agent"]["name"], made["agent"]["email"]) == (
        "analyst", "赵敏", "zhao@shop.example")
    login = await rig.http("POST", "/api/v1/login", {"email": "zhao@shop.example", "password": "x"})
    assert login.code == "bad_credentials", "there is no password"
    owner = await rig.signed_in("owner")
    await owner("PATCH", f"/api/v1/agents/{made['agent']['id']}", {"enabled": False})
    assert refused(await sign_in(rig, provider)) == "sso_refused"
    await rig.stop()


@pytest.mark.parametrize("lie", [
    {"iss": "https://evil.example"}, {"aud": "another-client"}, {"aud": ["zhike-desk", "b"]},
    {"aud": ["zhike-desk", "b"], "azp": "b"}, {"exp": 1}, {"exp": None}, {"exp": "soon"}, {"iat": None},
    {"iat": 9_999_999_999}, {"nonce": "another"}, {"nonce": None}, {"sub": None}, {"sub": ""}, {"sub": 7}])
async def test_a_token_that_is_not_for_us_now_is_refused(rig: Rig, provider: Provider,
                                                         lie: dict[str, Any]) -> None:
    provider.lie = lie
    assert refused(await sign_in(rig, provider)) == "sso_refused"


async def test_several_audiences_with_our_own_azp_are_fine(rig: Rig, provider: Provider) -> None:
    provider.lie = {"aud": ["zhike-desk", "b"], "azp": "zhike-desk"}
    assert refused_or_in(await sign_in(rig, provider)) == ""


@pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "HS256", "kid": "k1"}])
async def test_a_token_with_another_algorithm_is_refused(rig: Rig, provider: Provider,
                                                         header: dict[str, Any]) -> None:
    provider.header = header
    assert refused(await sign_in(rig, provider)) == "sso_refused"


async def test_keys_change_and_strange_ones_are_refused(rig: Rig, provider: Provider) -> None:
    clock: Any = rig.now
    assert refused_or_in(await sign_in(rig, provider)) == ""
    provider.signed_by = 2  # not published, under a name that is
    assert refused(await sign_in(rig, provider)) == "sso_refused"
    provider.header = {"alg": "RS256", "kid": "k2"}
    assert refused(await sign_in(rig, provider)) == "sso_refused"
    provider.published = {"k2": 2}
    clock.offset_s = provider.offset_s = int(RETRY_S) + 1
    assert refused_or_in(await sign_in(rig, provider)) == "", "a new key is looked for"
    assert provider.asked.count("/.well-known/openid-configuration") == 1
    clock.offset_s = provider.offset_s = int(FRESH_S) + 60
    assert refused_or_in(await sign_in(rig, provider)) == ""
    assert provider.asked.count("/.well-known/openid-configuration") == 2


async def test_only_the_browser_that_left_comes_back(rig: Rig, provider: Provider) -> None:
    url, browser = await leave(rig)
    back = provider.visit(url)
    assert refused(await come_back(rig.http, back)) == "sso_refused", "no cookie"
    _, other = await leave(rig)
    assert refused(await come_back(other, back)) == "sso_refused", "another's cookie"
    name, _, value = browser.headers["cookie"].partition("=")
    for spoilt in (value[:-2] + "AA", "." + value, value.partition(".")[0], "é"):
        changed = browser.with_headers(cookie=f"{name}={spoilt}")
        assert refused(await come_back(changed, back)) == "sso_refused"
    assert refused_or_in(await come_back(browser, back)) == ""
    assert refused(await come_back(browser, back)) == "sso_refused", "the code was used"


async def test_the_way_takes_ten_minutes_at_most(rig: Rig, provider: Provider) -> None:
    clock: Any = rig.now
    url, browser = await leave(rig)
    back = provider.visit(url)
    clock.offset_s = WAY_S + 2
    assert refused(await come_back(browser, back)) == "sso_refused"


async def test_what_the_provider_refuses_and_what_it_adds(rig: Rig, provider: Provider) -> None:
    url, browser = await leave(rig)
    denied = await browser("GET", "/api/v1/sso/callback?error=access_denied&error_description=no&hint=x")
    assert refused(denied) == "sso_refused"
    assert refused_or_in(await come_back(browser, f"{provider.visit(url)}&session_state=1&later=2")) == ""


async def test_an_address_from_userinfo_only_for_the_same_person(rig: Rig, provider: Provider) -> None:
    provider.lie = {"email": None, "email_verified": None}
    provider.userinfo = {"sub": "another", "email": "li@shop.example", "email_verified": True}
    assert refused(await sign_in(rig, provider)) == "sso_refused"
    provider.userinfo["sub"] = "u-1"
    assert refused_or_in(await sign_in(rig, provider)) == ""


async def test_a_provider_in_trouble_is_said_on_the_sign_in_page(rig: Rig, provider: Provider) -> None:
    for path in ("/.well-known/openid-configuration", "/token", "/jwks"):
        provider.status = {path: 500}
        answer = await rig.http("GET", "/api/v1/sso/start")
        if path.startswith("/."):
            assert refused(answer) == "sso_failed"
            continue
        assert refused(await sign_in(rig, provider)) == "sso_failed", path
    provider.status = {"/token": 400}
    assert refused(await sign_in(rig, provider)) == "sso_refused"


async def test_a_document_of_another_issuer_or_with_addresses_out_of_bounds(provider: Provider) -> None:
    for document in ({"issuer": "https://evil.example"}, {"authorization_endpoint": "javascript:alert(1)"},
                     {"token_endpoint": None}, {"authorization_endpoint": 7}):
        provider.document = document
        rig = await Rig(now_ms, **settings(provider)).start()
        rig.agent("agent", "li@shop.example")
        assert refused(await rig.http("GET", "/api/v1/sso/start")) == "sso_failed", document
        await rig.stop()
    provider.document = {"token_endpoint": "http://169.254.169.254/token"}
    rig = await Rig(now_ms, **settings(provider)).start()
    assert refused(await sign_in(rig, provider)) == "sso_failed", "nothing of ours may go there"
    await rig.stop()


async def test_the_secret_goes_the_way_the_provider_wants(provider: Provider) -> None:
    provider.document = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    rig = await Rig(now_ms, **settings(provider)).start()
    rig.agent("agent", "li@shop.example")
    assert refused_or_in(await sign_in(rig, provider)) == ""
    await rig.stop()


async def test_without_a_provider_there_is_none() -> None:
    rig = await Rig(now_ms).start()
    assert (await rig.http("GET", "/api/v1/setup")).json["sso"] == ""
    assert refused(await rig.http("GET", "/api/v1/sso/start")) == "not_found"
    assert refused(await rig.http("GET", "/api/v1/sso/callback?code=x&state=y")) == "sso_refused"
    await rig.stop()
