"""Signing in, the first admin, agents and keys, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from zhike.access import setup
from zhike.clock import now_ms
from zhike.testing.apirig import PASSWORD, Rig, first_owner


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    made = await Rig(now_ms).start()
    yield made
    await made.stop()


async def test_first_admin_sign_in_and_out(rig: Rig) -> None:
    assert (await rig.http("GET", "/api/v1/setup")).json == {"needed": True, "sso": ""}
    owner, token = await first_owner(rig)
    assert (await rig.http("GET", "/api/v1/setup")).json == {"needed": False, "sso": ""}
    assert (await owner("GET", "/api/v1/me")).json["role"] == "owner"
    again = await rig.http(
        "POST", "/api/v1/setup", {"token": token, "email": "x@y.example", "name": "X", "password": PASSWORD}
    )
    assert again.code == "setup_done"
    assert await setup.first_link(rig.store, "https://desk.example", rig.now()) is None

    answer = await rig.http("POST", "/api/v1/login", {"email": "li.na@SHOP.example", "password": PASSWORD})
    assert answer.status == 200
    for part in ("HttpOnly", "SameSite=Lax", "Path=/"):
        assert part in answer.headers["set-cookie"]
    session = rig.http.with_headers(
        cookie=answer.headers["set-cookie"].partition(";")[0], x_csrf_token=answer.json["csrf_token"]
    )
    assert (await session("POST", "/api/v1/logout")).status == 204
    assert (await session("GET", "/api/v1/me")).code == "session_revoked"
    assert (await owner("GET", "/api/v1/me")).status == 200


async def test_a_lost_password_is_mended_by_a_new_link(rig: Rig) -> None:
    owner, _ = await first_owner(rig)
    link = await setup.admin_link(rig.store, "https://desk.example", rig.now())
    done = await rig.http(
        "POST",
        "/api/v1/setup",
        {
            "token": link.partition("#token=")[2],
            "email": "li.na@shop.example",
            "name": "李娜",
            "password": "another passphrase",
        },
    )
    assert done.status == 201
    assert done.json["agent"]["id"] == 1
    assert (await owner("GET", "/api/v1/me")).code == "session_revoked"
    old = await rig.http("POST", "/api/v1/login", {"email": "li.na@shop.example", "password": PASSWORD})
    assert old.code == "bad_credentials"


async def test_an_old_link_is_refused() -> None:
    time = [1_800_000_000_000]
    rig = await Rig(lambda: time[0]).start()
    link = await setup.first_link(rig.store, "http://desk.example", time[0])
    assert link is not None
    time[0] += setup.LINK_LIFETIME_MS
    late = await rig.http(
        "POST",
        "/api/v1/setup",
        {"token": link.partition("#token=")[2], "email": "a@b.example", "name": "A", "password": PASSWORD},
    )
    assert late.code == "link_expired"
    await rig.stop()


async def test_wrong_password_and_unknown_address_look_the_same_and_are_slowed(rig: Rig) -> None:
    await first_owner(rig)
    wrong = await rig.http("POST", "/api/v1/login", {"email": "li.na@shop.example", "password": "wrong"})
    unknown = await rig.http("POST", "/api/v1/login", {"email": "no@shop.example", "password": "wrong"})
    assert wrong.body == unknown.body
    assert wrong.code == "bad_credentials"
    answers = [
        await rig.http("POST", "/api/v1/login", {"email": "li.na@shop.example", "password": "wrong"})
        for _ in range(6)
    ]
    assert answers[-1].code == "rate_limited"
    assert int(answers[-1].headers["retry-after"]) >= 1


async def test_changes_need_the_csrf_token_and_our_own_origin(rig: Rig) -> None:
    admin = await rig.signed_in("admin")
    body = {"key": "b2", "name": "B"}
    assert (await admin("POST", "/api/v1/bots", body, headers={"x-csrf-token": ""})).code == "csrf"
    assert (await admin("POST", "/api/v1/bots", body, headers={"x-csrf-token": "é"})).code == "csrf"
    assert (
        await admin("POST", "/api/v1/bots", body, headers={"origin": "https://evil.example"})
    ).code == "csrf"
    assert (
        await admin("POST", "/api/v1/bots", body, headers={"origin": "http://desk.example"})
    ).status == 201


async def test_disabling_an_agent_ends_their_session_and_the_last_owner_stays(rig: Rig) -> None:
    ended: list[tuple[int, int]] = []
    rig.access.sessions.on_end = lambda agent_id, number: ended.append((agent_id, number))
    owner = await rig.signed_in("owner")
    agent = await rig.signed_in("agent")
    assert (await agent("GET", "/api/v1/me")).status == 200
    assert (await owner("PATCH", "/api/v1/agents/2", {"enabled": False})).status == 200
    assert ended == [(2, 0)]
    assert (await agent("GET", "/api/v1/me")).code == "session_revoked"
    assert (await owner("PATCH", "/api/v1/agents/1", {"role": "agent"})).code == "conflict"
    assert (await owner("GET", "/api/v1/me")).json["role"] == "owner"


async def test_an_admin_makes_agents_but_no_owners(rig: Rig) -> None:
    admin = await rig.signed_in("admin")
    made = await admin("POST", "/api/v1/agents", {"email": "w@shop.example", "name": "王磊"})
    assert made.status == 201
    login = await rig.http(
        "POST", "/api/v1/login", {"email": "w@shop.example", "password": made.json["password"]}
    )
    assert login.status == 200
    assert (
        await admin("POST", "/api/v1/agents", {"email": "W@shop.example", "name": "W"})
    ).code == "conflict"
    assert (
        await admin("POST", "/api/v1/agents", {"email": "o@shop.example", "name": "O", "role": "owner"})
    ).code == "forbidden"
    weak = await admin(
        "POST", "/api/v1/agents", {"email": "v@shop.example", "name": "V", "password": "short"}
    )
    assert weak.json["error"]["field"] == "password"


async def test_own_password(rig: Rig) -> None:
    owner, _ = await first_owner(rig)
    wrong = await owner("PATCH", "/api/v1/me", {"password": {"current": "x", "new": "another passphrase"}})
    assert wrong.json["error"]["field"] == "password.current"
    done = await owner(
        "PATCH", "/api/v1/me", {"lang": "zh", "password": {"current": PASSWORD, "new": "another passphrase"}}
    )
    assert done.status == 200
    assert done.json["agent"]["lang"] == "zh"
    assert (await owner("GET", "/api/v1/me")).code == "session_revoked"
    fresh = owner.with_headers(cookie=done.headers["set-cookie"].partition(";")[0])
    assert (await fresh("GET", "/api/v1/me")).status == 200


async def test_api_keys(rig: Rig) -> None:
    owner = await rig.signed_in("owner")
    made = (await owner("POST", "/api/v1/api-keys", {"name": "orders"})).json
    key = rig.http.with_headers(authorization=f"Bearer {made['secret']}")
    assert (await key("GET", "/api/v1/me")).json["api_key"]["name"] == "orders"
    listed = await owner("GET", "/api/v1/api-keys")
    assert made["secret"].encode() not in listed.body
    assert listed.json["items"][0]["last_used_at"] is not None
    assert (await key("GET", "/api/v1/api-keys")).code == "forbidden"
    assert (await owner("DELETE", f"/api/v1/api-keys/{made['api_key']['id']}")).status == 204
    assert (await key("GET", "/api/v1/me")).code == "unauthenticated"
    assert (await owner("DELETE", "/api/v1/api-keys/999")).code == "not_found"
    audit = (await owner("GET", "/api/v1/audit")).json["items"]
    assert [entry["action"] for entry in audit] == ["api_key.revoked", "api_key.created"]
    assert made["secret"] not in str(audit)
