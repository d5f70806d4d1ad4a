"""GET /api/v1/usage."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from zhike.clock import now_ms, to_datetime
from zhike.store.usage import Usage, add_usage
from zhike.testing.apirig import Rig, first_owner


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    made = await Rig(now_ms).start()
    yield made
    await made.stop()


async def test_usage_by_day_bot_and_model(rig: Rig) -> None:
    owner, _ = await first_owner(rig)
    today = to_datetime(rig.now()).date().isoformat()
    await rig.store.write(add_usage, [
        Usage(day=today, bot_id=1, model="qwen", requests=3, prompt_tokens=900, completion_tokens=90,
              cost_micros=1_500_000),
        Usage(day="2020-01-01", bot_id=2, model="glm", requests=1, cost_micros=250_000)])
    found = (await owner("GET", "/api/v1/usage")).json
    assert found == {"cost": 1.5, "items": [{"day": today, "bot_id": 1, "model": "qwen", "requests": 3,
                                             "prompt_tokens": 900, "completion_tokens": 90, "cost": 1.5}]}
    winter = "/api/v1/usage?since=2019-12-01&until=2020-02-01&bot_id="
    assert [item["model"] for item in (await owner("GET", f"{winter}2")).json["items"]] == ["glm"]
    assert (await owner("GET", f"{winter}1")).json["items"] == []


async def test_days_are_bounded_and_it_is_not_for_everybody(rig: Rig) -> None:
    owner, _ = await first_owner(rig)
    for query in ("since=2020-01-01&until=2022-01-01", "since=2020-02-01&until=2020-01-01", "since=soon"):
        assert (await owner("GET", f"/api/v1/usage?{query}")).code == "invalid_field"
    assert (await rig.http("GET", "/api/v1/usage")).code == "unauthenticated"
