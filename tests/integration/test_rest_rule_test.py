"""A rule that is being written, tried on a text."""

from __future__ import annotations

from typing import Any

import pytest

from zhike.clock import now_ms
from zhike.testing.apirig import Rig

CASES: list[tuple[dict[str, Any], bool]] = [
    ({"kind": "keyword", "match": ["退货 运费"], "text": "请问退货的运费谁出"}, True),
    ({"kind": "keyword", "match": ["退货 运费"], "text": "怎么退货"}, False),
    ({"kind": "exact", "match": ["hello"], "text": "Hello!", "lang": "en"}, True),
    ({"kind": "pattern", "match": ["^zk ?[0-9]{4}$"], "text": "ZK 1234"}, True),
]


@pytest.mark.asyncio
async def test_texts_are_caught_or_not_and_nothing_is_stored() -> None:
    rig = await Rig(now_ms).start()
    try:
        agent = await rig.signed_in("agent")
        for body, caught in CASES:
            answer = await agent("POST", "/api/v1/rules/test", body)
            assert answer.json == {"caught": caught, "problems": []}
        look = {"kind": "pattern", "match": ["a(?=b)"], "text": "ab"}
        wrong = (await agent("POST", "/api/v1/rules/test", look)).json
        assert wrong["caught"] is False
        assert "look-around" in wrong["problems"][0]
        assert (await agent("GET", "/api/v1/rules")).json["items"] == []
    finally:
        await rig.stop()
