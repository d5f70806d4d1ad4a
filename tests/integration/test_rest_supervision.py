"""Supervision and quality over HTTP: who may, what they see."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from zhike.clock import now_ms
from zhike.testing.apirig import Rig, asked

SCORES = {"solved": 5, "correct": 4, "tone": 5, "process": 4}


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    made = await Rig(now_ms).start()
    yield made
    await made.stop()


async def test_a_supervisor_sees_the_desk_and_scores_what_was_led(rig: Rig) -> None:
    _, first = await asked(rig, "怎么退货", "m1")
    _, second = await asked(rig, "发票", "m2")
    anna, lead = await rig.signed_in(), await rig.signed_in("supervisor")
    await anna("POST", f"/api/v1/conversations/{first}/take")
    await anna("POST", f"/api/v1/conversations/{first}/messages", {"client_msg_id": "a", "text": "您好"})
    await anna("POST", f"/api/v1/conversations/{second}/handoff")
    assert (await anna("GET", "/api/v1/supervision")).code == "forbidden"

    seen = (await lead("GET", "/api/v1/supervision?late_after_s=60")).json
    assert [one["id"] for one in seen["waiting"]] == [second]
    assert seen["waiting_count"] == 1
    assert seen["late"] == []
    holding = next(one for one in seen["agents"] if one["open_count"])
    assert (holding["name"], holding["owing_count"], holding["owing_since"]) == ("Agent", 0, None)
    assert (seen["day"]["opened_count"], seen["day"]["resolved_count"]) == (2, 0)
    assert seen["day"]["rating_mean"] is None
    assert (await lead("GET", "/api/v1/supervision?late_after_s=0")).status == 422

    await anna("POST", f"/api/v1/conversations/{first}/resolve")
    drawn = (await lead("GET", "/api/v1/quality/sample?count=5")).json
    assert [one["id"] for one in drawn["items"]] == [first]
    path = f"/api/v1/conversations/{first}/review"
    assert (await lead("PUT", path, {"scores": {"solved": 9}})).status == 422
    missing = await lead("PUT", path, {"scores": {"solved": 5}})
    assert (missing.code, missing.json["error"]["field"]) == ("invalid_field", "scores.correct")
    written = (await lead("PUT", path, {"scores": SCORES, "comment": "说明清楚"})).json
    assert (written["agent_name"], written["comment"], written["scores"]) == ("Agent", "说明清楚", SCORES)
    assert (await lead("GET", "/api/v1/quality/sample")).json["items"] == []
    assert len((await lead("GET", "/api/v1/quality/reviews")).json["items"]) == 1
    (standing,) = (await lead("GET", "/api/v1/quality/standings")).json["items"]
    assert (standing["reviews_count"], standing["means"]["correct"]) == (1, 4.0)
    assert (await anna("PUT", path, {"scores": SCORES})).code == "forbidden"
    assert (await lead("PUT", "/api/v1/conversations/999/review", {"scores": SCORES})).code == "not_found"


async def test_what_is_scored_is_the_owners_choice(rig: Rig) -> None:
    admin, lead = await rig.signed_in("admin"), await rig.signed_in("supervisor")
    wanted = {"criteria": [{"key": "tone", "zh": "态度", "en": "Tone", "weight": 2}]}
    assert (await lead("PUT", "/api/v1/quality/criteria", wanted)).code == "forbidden"
    assert (await admin("PUT", "/api/v1/quality/criteria", {"criteria": []})).status == 422
    twice = {"criteria": wanted["criteria"] * 2}
    assert (await admin("PUT", "/api/v1/quality/criteria", twice)).code == "invalid_field"
    assert (await admin("PUT", "/api/v1/quality/criteria", wanted)).status == 200
    kept = (await lead("GET", "/api/v1/quality/criteria")).json["criteria"]
    assert [one["key"] for one in kept] == ["tone"]
