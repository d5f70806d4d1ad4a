"""Teams, availability and what lists show of agents, over REST."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from zhike.clock import now_ms
from zhike.store import presence
from zhike.store.presence import Pages
from zhike.testing.apirig import Client, Rig


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = await Rig(now_ms).start()
    yield rig
    await rig.stop()


async def made(admin: Client, **fields: object) -> dict[str, object]:
    answer = await admin("POST", "/api/v1/teams", {"key": "sales", "name": "售前组", **fields})
    assert answer.status == 201, answer.body
    return dict(answer.json)


async def test_a_team_comes_and_goes(rig: Rig) -> None:
    admin, agent = await rig.signed_in("admin"), await rig.signed_in("agent")
    nudged: list[int] = []
    rig.desk.nudge = lambda: nudged.append(1)
    team = await made(admin, member_ids=[2], settings={"strategy": "least_busy", "late_after_s": 60})
    assert team["settings"] == {
        "auto_assign": True, "strategy": "least_busy", "overflow_team_id": None, "overflow_after_s": 0,
        "late_after_s": 60, "reassign_after_s": 120, "fair_limit": 0, "fair_window_s": 3600,
        "languages": [], "skills": []}
    path = f"/api/v1/teams/{team['id']}"
    changed = await admin("PATCH", path, {"settings": {"auto_assign": False}, "name": "Sales"})
    assert changed.status == 200, changed.body
    assert changed.json["settings"]["auto_assign"] is False
    assert changed.json["settings"]["late_after_s"] == 60, "settings that are not named stay"
    assert changed.json["member_ids"] == [2]
    assert (await agent("GET", path)).json == changed.json
    assert [one["id"] for one in (await agent("GET", "/api/v1/teams")).json["items"]] == [team["id"]]
    refused = await admin("PATCH", path, {"settings": {"late_after": 5}})
    assert (refused.status, refused.code) == (422, "invalid_field")
    refused = await admin("PATCH", path, {"settings": {"fair_window_s": 1}})
    assert refused.json["error"]["field"] == "settings.fair_window_s"
    assert (await admin("POST", "/api/v1/teams", {"key": "sales", "name": "x"})).code == "conflict"
    assert (await agent("POST", "/api/v1/teams", {"key": "mine", "name": "x"})).status == 403
    assert (await agent("DELETE", path)).status == 403
    assert len(nudged) == 2, "the router looks after each change"
    assert (await admin("DELETE", path)).status == 204
    assert (await admin("GET", path)).status == 404
    log = await admin("GET", "/api/v1/audit")
    actions = [one["action"] for one in log.json["items"]]
    assert actions[:3] == ["team.deleted", "team.updated", "team.created"]


async def test_lists_show_who_is_here_and_what_they_hold(rig: Rig) -> None:
    admin, agent = await rig.signed_in("admin"), await rig.signed_in("agent")
    team = await made(admin, member_ids=[2])
    rig.store.run(presence.put, "here", [Pages(2, 1, 1)], now_ms(), 30_000)
    able = {"capacity": 3, "skills": ["退货"], "languages": ["zh"]}
    changed = await admin("PATCH", "/api/v1/agents/2", able)
    assert changed.status == 200, changed.body
    shown = (await agent("GET", "/api/v1/agents/2")).json
    assert {name: shown[name] for name in ("capacity", "skills", "languages", "presence", "load", "team_ids",
                                           "availability")} == {
        "capacity": 3, "skills": ["退货"], "languages": ["zh"], "presence": "online", "load": 0,
        "team_ids": [team["id"]], "availability": "online"}
    busy = await agent("PUT", "/api/v1/me/availability", {"availability": "busy"})
    assert (busy.status, busy.json["availability"], busy.json["agent_id"]) == (200, "busy", 2)
    assert (await agent("PUT", "/api/v1/me/availability", {"availability": "asleep"})).status == 422
    found = (await agent("GET", "/api/v1/presence")).json
    assert [(one["agent_id"], one["availability"], one["presence"], one["capacity"]) for one in found] == [
        (1, "online", "offline", 8), (2, "busy", "online", 3)]
    assert (await agent("GET", "/api/v1/me")).json["agent"]["availability"] == "busy"


async def test_the_holidays_can_be_read_before_they_are_relied_on(rig: Rig) -> None:
    agent = await rig.signed_in("agent")
    years = (await agent("GET", "/api/v1/holidays/cn")).json
    assert [year["year"] for year in years] == [2025, 2026]
    spring = next(day for day in years[1]["days"] if day["date"] == "2026-02-17")
    assert spring == {"date": "2026-02-17", "kind": "off", "zh": "春节", "en": "Spring Festival"}
