"""Second factor, one's own sessions and password reset links, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from zhike.access import totp
from zhike.testing.apirig import PASSWORD, Client, Response, Rig

START = 1_790_000_000_000
EMAIL = "li@shop.example"


class Clock:
    """The time, moved by the test."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


@pytest_asyncio.fixture
async def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture
async def rig(clock: Clock) -> AsyncIterator[Rig]:
    made = await Rig(clock).start()
    owner = await made.signed_in("owner")
    await owner("POST", "/api/v1/agents", {"email": EMAIL, "name": "李", "password": PASSWORD})
    yield made
    await made.stop()


async def sign_in(rig: Rig, code: str = "", password: str = PASSWORD) -> Response:
    return await rig.http("POST", "/api/v1/login", {"email": EMAIL, "password": password, "code": code})


def client_of(rig: Rig, answer: Response) -> Client:
    assert answer.status == 200, answer.body
    return rig.http.with_headers(cookie=answer.headers["set-cookie"].partition(";")[0],
                                 x_csrf_token=answer.json["csrf_token"])


async def switch_on(rig: Rig, clock: Clock) -> tuple[Client, str, list[str]]:
    """A signed-in client, the secret, the recovery codes."""
    person = client_of(rig, await sign_in(rig))
    begun = (await person("POST", "/api/v1/me/totp/begin")).json
    assert begun["secret"] in begun["uri"]
    assert begun["qr_svg"].startswith("<svg ")
    code = totp.code_at(begun["secret"], totp.step_at(clock.now))
    codes = (await person("POST", "/api/v1/me/totp/confirm", {"code": code})).json["recovery_codes"]
    assert len(codes) == totp.RECOVERY_CODES
    return person, begun["secret"], codes


async def test_it_counts_only_once_a_code_was_confirmed(rig: Rig, clock: Clock) -> None:
    person = client_of(rig, await sign_in(rig))
    assert (await person("GET", "/api/v1/me")).json["totp"] is False
    assert (await person("POST", "/api/v1/me/totp/confirm", {"code": "123456"})).code == "conflict"
    await person("POST", "/api/v1/me/totp/begin")
    wrong = await person("POST", "/api/v1/me/totp/confirm", {"code": "000000"})
    assert wrong.json["error"]["field"] == "code"
    assert (await sign_in(rig)).status == 200, "nothing has changed yet"
    person, _, _ = await switch_on(rig, clock)
    assert (await person("GET", "/api/v1/me")).json["totp"] is True
    assert (await person("POST", "/api/v1/me/totp/begin")).code == "conflict"


async def test_signing_in_asks_for_a_code_and_takes_each_once(rig: Rig, clock: Clock) -> None:
    _, secret, _ = await switch_on(rig, clock)
    asked = await sign_in(rig)
    assert (asked.status, asked.code) == (401, "totp_required")
    assert "set-cookie" not in asked.headers
    used = totp.code_at(secret, totp.step_at(clock.now))
    assert (await sign_in(rig, used)).code == "bad_code", "the code of the confirmation is used up"
    clock.now += 30_000
    code = totp.code_at(secret, totp.step_at(clock.now))
    assert (await sign_in(rig, code, "not this one")).code == "bad_credentials"
    assert (await sign_in(rig, code)).status == 200
    assert (await sign_in(rig, code)).code == "bad_code"


async def test_a_recovery_code_works_once_and_stands_in_the_audit(rig: Rig, clock: Clock) -> None:
    _, _, codes = await switch_on(rig, clock)
    assert (await sign_in(rig, codes[3].upper())).status == 200
    assert (await sign_in(rig, codes[3])).code == "bad_code"
    admin = await rig.signed_in("admin")
    entries = (await admin("GET", "/api/v1/audit")).json["items"]
    used = [entry for entry in entries if entry["action"] == "agent.recovery_code_used"]
    assert [entry["detail"]["left"] for entry in used] == [totp.RECOVERY_CODES - 1]
    assert any(entry["action"] == "agent.code_refused" for entry in entries)
    assert not any(code in str(entries) for code in codes)


async def test_guessing_is_slowed_even_for_who_has_the_password(rig: Rig, clock: Clock) -> None:
    await switch_on(rig, clock)
    answers = [await sign_in(rig, f"{n:06}") for n in range(8)]
    assert answers[-1].code == "rate_limited"
    asked = await sign_in(rig)
    assert asked.code in ("totp_required", "rate_limited")
    assert (await sign_in(rig, "000009")).code == "rate_limited", "asking again does not make it fast again"


async def test_switching_off_takes_the_password_and_an_admin_can_take_it_away(rig: Rig, clock: Clock) -> None:
    person, _, _ = await switch_on(rig, clock)
    wrong = await person("DELETE", "/api/v1/me/totp", {"password": "x"})
    assert wrong.json["error"]["field"] == "password"
    assert (await person("DELETE", "/api/v1/me/totp", {"password": PASSWORD})).status == 204
    assert (await sign_in(rig)).status == 200
    clock.now += 60_000
    person, _, _ = await switch_on(rig, clock)
    agent_id = (await person("GET", "/api/v1/me")).json["agent"]["id"]
    colleague = await rig.signed_in("supervisor")
    assert (await colleague("DELETE", f"/api/v1/agents/{agent_id}/totp")).code == "forbidden"
    admin = await rig.signed_in("admin")
    assert (await admin("DELETE", "/api/v1/agents/1/totp")).code == "forbidden", "1 is an owner"
    assert (await admin("DELETE", f"/api/v1/agents/{agent_id}/totp")).status == 204
    assert (await person("GET", "/api/v1/me")).code == "session_revoked"
    assert (await sign_in(rig)).status == 200


async def test_where_i_am_signed_in(rig: Rig) -> None:
    ended: list[tuple[int, int]] = []
    rig.access.sessions.on_end = lambda agent_id, number: ended.append((agent_id, number))
    phone = client_of(rig, await sign_in(rig))
    desk = client_of(rig, await sign_in(rig))
    shown = (await desk("GET", "/api/v1/me/sessions")).json["items"]
    assert sorted(row["current"] for row in shown) == [False, True]
    assert {row["address"] for row in shown} == {"203.0.113.7"}
    other = next(row["id"] for row in shown if not row["current"])
    stranger = await rig.signed_in("agent", "s@shop.example")
    assert (await stranger("DELETE", f"/api/v1/me/sessions/{other}")).code == "not_found"
    assert (await desk("DELETE", f"/api/v1/me/sessions/{other}")).status == 204
    assert (await phone("GET", "/api/v1/me")).code == "session_revoked"
    assert (await desk("GET", "/api/v1/me")).status == 200
    assert ended == [(2, other)]
    assert (await desk("DELETE", f"/api/v1/me/sessions/{other}")).code == "not_found"


async def test_a_reset_link(rig: Rig, clock: Clock) -> None:
    person, _, _ = await switch_on(rig, clock)
    admin = await rig.signed_in("admin")
    assert (await admin("POST", "/api/v1/agents/1/reset-link")).code == "forbidden", "1 is an owner"
    made = await admin("POST", "/api/v1/agents/2/reset-link")
    assert made.status == 201
    link, _, token = made.json["link"].partition("#token=")
    assert link.endswith("/console/reset")
    weak = await rig.http("POST", "/api/v1/reset", {"token": token, "password": "short"})
    assert weak.json["error"]["field"] == "password"
    new = "yet another passphrase"
    assert (await rig.http("POST", "/api/v1/reset", {"token": token, "password": new})).status == 204
    assert (await rig.http("POST", "/api/v1/reset", {"token": token, "password": new})).code == "link_expired"
    assert (await person("GET", "/api/v1/me")).code == "session_revoked"
    assert (await sign_in(rig)).code == "bad_credentials"
    assert (await sign_in(rig, "", new)).code == "totp_required", "the second factor stays"
    entries = (await admin("GET", "/api/v1/audit")).json["items"]
    assert [entry["action"] for entry in entries if "reset" in entry["action"]] == [
        "agent.password_reset", "agent.reset_link_made"]
    assert token not in str(entries)


async def test_a_reset_link_ends_after_a_day(rig: Rig, clock: Clock) -> None:
    admin = await rig.signed_in("admin")
    made = await admin("POST", "/api/v1/agents/2/reset-link")
    token = made.json["link"].partition("#token=")[2]
    clock.now += 24 * 3600 * 1000
    late = await rig.http("POST", "/api/v1/reset", {"token": token, "password": "yet another passphrase"})
    assert late.code == "link_expired"


async def test_the_audit_can_be_narrowed_checked_and_taken_along(rig: Rig, clock: Clock) -> None:
    admin = await rig.signed_in("admin")
    for name in ("A", "B", "C"):
        clock.now += 1000
        await admin("POST", "/api/v1/agents", {"email": f"{name}@shop.example", "name": name})
    me = (await admin("GET", "/api/v1/me")).json["agent"]["id"]
    mine = (await admin("GET", f"/api/v1/audit?actor=agent:{me}&action=agent.created")).json["items"]
    assert len(mine) == 3
    after = mine[1]["at"].replace("+", "%2B")
    later = (await admin("GET", f"/api/v1/audit?actor=agent:{me}&from={after}")).json["items"]
    assert [entry["id"] for entry in later] == [mine[0]["id"], mine[1]["id"]]
    earlier = (await admin("GET", f"/api/v1/audit?actor=agent:{me}&to={after}")).json["items"]
    assert [entry["id"] for entry in earlier] == [mine[2]["id"]]
    for wrong in ("from=yesterday", "to=2026-01-01"):
        assert (await admin("GET", f"/api/v1/audit?{wrong}")).code == "invalid_field"
    whole = (await admin("GET", "/api/v1/audit/verify")).json
    assert (whole["ok"], whole["broken_at"], whole["last_id"]) == (True, None, mine[0]["id"])
    exported = (await admin("GET", "/api/v1/audit/export")).body.decode().splitlines()
    assert len(exported) == whole["checked"]
    assert whole["last_digest"] in exported[-1]
    rest = await admin("GET", f"/api/v1/audit/export?after={mine[1]['id']}&limit=10")
    assert rest.body.decode().splitlines() == exported[-1:]
    rig.store.run(lambda conn: conn.exec_driver_sql("UPDATE audit SET target = 'x' WHERE id = 2"))
    broken = (await admin("GET", "/api/v1/audit/verify")).json
    assert (broken["ok"], broken["broken_at"]) == (False, 2)
