"""Prompt templates and regression cases over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from zhike.answer.promptset import Prompts
from zhike.clock import now_ms
from zhike.domain.knowledge import Bot
from zhike.domain.prompt import Template
from zhike.ops.quality.service import Quality
from zhike.store import prompts as prompt_rows
from zhike.testing.apirig import Client, Rig

NEW: dict[str, Any] = {
    "bot_id": 1,
    "name": "default",
    "system_prompt": "你是{shop}的客服。",
    "temperature": 0.3,
    "max_tokens": 500,
    "note": "first",
}


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    made = await Rig(now_ms).start()
    yield made
    await made.stop()


def follow(rig: Rig) -> Prompts:
    """The templates of the rig's bots, kept as the app keeps them."""
    prompts = Prompts()

    async def load(bot: Bot) -> None:
        rows = await rig.store.read(prompt_rows.active_for_bot, bot.id)
        prompts.load(bot, [row.template for row in rows])

    rig.registry.followers.append(load)
    return prompts


async def edited(admin: Client, words: str, **more: Any) -> Any:
    return (await admin("POST", "/api/v1/prompts", {**NEW, "system_prompt": words, **more})).json


async def test_the_built_in_templates_are_where_a_new_one_begins(rig: Rig) -> None:
    admin = await rig.signed_in("admin")
    found = (await admin("GET", "/api/v1/prompts/built-in")).json
    assert "{shop}" in found["zh"]["system_prompt"]
    assert found["en"]["name"] == "default"
    made = await admin("POST", "/api/v1/prompts", {**found["en"], "bot_id": 1})
    assert made.json["system_prompt"] == found["en"]["system_prompt"]


async def test_versions_difference_and_roll_back(rig: Rig) -> None:
    admin = await rig.signed_in("admin")
    first = await admin("POST", "/api/v1/prompts", NEW)
    assert first.status == 201
    one = first.json
    assert (one["version"], one["active"], one["note"], one["system_prompt"]) == (
        1,
        True,
        "first",
        "你是{shop}的客服。",
    )
    assert "Admin" in one["created_by"]
    two = await edited(admin, "你是{shop}的客服。\n最多三点。")
    assert (two["version"], two["active"]) == (2, True)
    draft = await edited(admin, "草稿", activate=False)
    assert (draft["version"], draft["active"]) == (3, False)
    listed = (await admin("GET", "/api/v1/prompts?bot_id=1&name=default&limit=2")).json
    assert [item["version"] for item in listed["items"]] == [1, 2]
    rest = (await admin("GET", f"/api/v1/prompts?limit=2&cursor={listed['next']}")).json
    assert [item["version"] for item in rest["items"]] == [3]
    assert [
        item["version"] for item in (await admin("GET", "/api/v1/prompts?active=true")).json["items"]
    ] == [2]
    diff = (await admin("GET", f"/api/v1/prompts/{two['id']}/diff")).json
    assert diff["against"] == one["id"]
    assert "  +最多三点。" in diff["lines"]
    assert (
        "  -最多三点。"
        in (await admin("GET", f"/api/v1/prompts/{one['id']}/diff?against={two['id']}")).json["lines"]
    )
    assert (await admin("GET", f"/api/v1/prompts/{one['id']}/diff")).json["against"] is None
    back = await admin("POST", f"/api/v1/prompts/{one['id']}/activate", {})
    assert back.json["active"] is True
    assert (await admin("GET", f"/api/v1/prompts/{two['id']}")).json["active"] is False
    entries = (await admin("GET", "/api/v1/audit")).json["items"]
    assert [entry["action"] for entry in entries[:4]] == ["prompt.activated"] + ["prompt.created"] * 3
    assert entries[0]["target"] == f"prompt:{one['id']}"


async def test_an_edit_is_in_use_when_the_call_returns(rig: Rig) -> None:
    prompts = follow(rig)
    admin = await rig.signed_in("admin")
    one = await edited(admin, "one")
    assert prompts.active(1).system_prompt == "one"
    await edited(admin, "two")
    assert prompts.active(1).system_prompt == "two"
    await admin("POST", f"/api/v1/prompts/{one['id']}/activate", {})
    assert prompts.active(1).system_prompt == "one"


async def test_another_instances_edit_is_found_by_the_next_look(rig: Rig) -> None:
    prompts, registry = follow(rig), rig.registry
    built_in = prompts.active(1)
    first = rig.store.run(prompt_rows.create_version, 1, Template("default", "theirs"), 5)
    assert prompts.active(1) is built_in
    assert await registry.refresh() is True
    assert prompts.active(1).system_prompt == "theirs"
    rig.store.run(prompt_rows.create_version, 1, Template("default", "x"), 6)
    await registry.refresh()
    assert prompts.active(1).system_prompt == "x"
    rig.store.run(prompt_rows.activate, first.id, 7)
    await registry.refresh()
    assert prompts.active(1).system_prompt == "theirs"
    assert await registry.refresh() is False


async def test_the_gate_refuses_and_says_which_cases(rig: Rig) -> None:
    admin = await rig.signed_in("admin")
    good = await edited(admin, "好", gate=True)
    refused = await admin("POST", "/api/v1/prompts", {**NEW, "system_prompt": "坏", "gate": True})
    assert (refused.status, refused.code) == (409, "gate_failed")
    assert refused.json["error"]["details"] == {"worse": ["怎么退货"]}
    zh = await admin(
        "POST",
        "/api/v1/prompts",
        {**NEW, "system_prompt": "坏", "gate": True},
        headers={"accept-language": "zh"},
    )
    assert "答对的变少" in zh.json["error"]["message"]
    bad = await edited(admin, "坏")
    await admin("POST", f"/api/v1/prompts/{good['id']}/activate", {})
    assert (
        await admin("POST", f"/api/v1/prompts/{bad['id']}/activate", {"gate": True})
    ).code == "gate_failed"
    assert [item["id"] for item in (await admin("GET", "/api/v1/prompts?active=true")).json["items"]] == [
        good["id"]
    ]
    assert (await admin("POST", f"/api/v1/prompts/{bad['id']}/activate", {})).status == 200


async def test_what_is_not_valid_is_named(rig: Rig) -> None:
    admin = await rig.signed_in("admin")
    wrong = await admin("POST", "/api/v1/prompts", {**NEW, "system_prompt": "{shpo}"})
    assert (wrong.status, wrong.json["error"]["field"]) == (422, "system_prompt")
    assert "{shop}" in wrong.json["error"]["message"]
    assert (await admin("POST", "/api/v1/prompts", {**NEW, "bot_id": 9})).json["error"]["field"] == "bot_id"
    assert (await admin("POST", "/api/v1/prompts/77/activate", {})).code == "not_found"
    agent = await rig.signed_in("agent")
    assert (await agent("GET", "/api/v1/prompts")).code == "forbidden"
    assert (await agent("POST", "/api/v1/prompts", NEW)).code == "forbidden"


async def test_a_trial(rig: Rig) -> None:
    admin = await rig.signed_in("admin")
    good, bad = await edited(admin, "好"), await edited(admin, "坏", name="other")
    body = {
        "bot_id": 1,
        "prompt_id": good["id"],
        "against_id": bad["id"],
        "questions": [{"text": "洗衣机响", "checks": {"max_chars": 5}}],
    }
    rows = (await admin("POST", "/api/v1/prompts/test", body)).json["rows"]
    assert [(answer["answer"], answer["passed"], answer["missed"]) for answer in rows[0]["answers"]] == [
        ("default: 洗衣机响", True, []),
        ("other: 洗衣机响", False, ["max_chars: too long"]),
    ]
    inline = {
        **{n: v for n, v in body.items() if not n.endswith("_id")},
        "bot_id": 1,
        "template": {"name": "x", "system_prompt": "y"},
    }
    assert (await admin("POST", "/api/v1/prompts/test", inline)).json["rows"][0]["answers"][0][
        "answer"
    ] == "x: 洗衣机响"
    assert (await admin("POST", "/api/v1/prompts/test", {**body, "model": "none"})).code == "no_model"
    for change, field in (
        ({"prompt_id": 99}, "prompt_id"),
        ({"template": inline["template"]}, "prompt_id"),
        ({"questions": [{"text": "a", "checks": {"matches": ["("]}}]}, "checks.matches[0]"),
    ):
        refused = await admin("POST", "/api/v1/prompts/test", {**body, **change})
        assert refused.json["error"]["field"] == field
    assert (await admin("POST", "/api/v1/prompts/test", {**body, "questions": []})).status == 422


async def test_cases(rig: Rig) -> None:
    admin = await rig.signed_in("admin")
    new = {
        "bot_id": 1,
        "text": " 怎么退货 ",
        "lang": "zh",
        "body": {"expect": "returns", "checks": {"max_items": 3}},
    }
    made = await admin("POST", "/api/v1/cases", new)
    assert made.status == 201
    case = made.json
    assert case["text"] == "怎么退货"
    assert case["body"] == {"expect": "returns", "checks": {"max_items": 3}}
    assert (await admin("POST", "/api/v1/cases", new)).code == "conflict"
    path = f"/api/v1/cases/{case['id']}"
    assert (await admin("PATCH", path, {"body": {"expect": None}})).json["body"] == {"expect": None}
    assert (await admin("GET", path)).json["body"] == {"expect": None}
    assert (await admin("PATCH", path, {"body": {}})).json["error"]["field"] == "expect"
    assert [item["id"] for item in (await admin("GET", "/api/v1/cases?bot_id=1&q=退货")).json["items"]] == [
        case["id"]
    ]
    assert (await admin("GET", "/api/v1/cases?q=nothing")).json["items"] == []
    assert (await admin("DELETE", path)).status == 204
    assert (await admin("GET", path)).code == "not_found"
    run = (await admin("POST", "/api/v1/cases/run", {"bot_id": 1})).json
    assert (run["rows"], run["accuracy"], run["notes"]) == (2, 0.5, ["note"])
    assert run["failed"][0]["missed"] == ["expect: did not answer"]
    agent = await rig.signed_in("agent")
    assert (await agent("POST", "/api/v1/cases/run", {"bot_id": 1})).code == "forbidden"
    actions = [entry["action"] for entry in (await admin("GET", "/api/v1/audit")).json["items"]]
    assert actions[:3] == ["case.deleted", "case.updated", "case.created"]


async def test_the_real_gate_behind_the_api(rig: Rig) -> None:
    store: Any = rig.store
    quality: Any = Quality(store, None)  # (it tries no tools)
    rig.app.context.quality = quality
    admin = await rig.signed_in("admin")
    await admin(
        "POST",
        "/api/v1/articles",
        {
            "bot_id": 1,
            "key": "ship",
            "lang": "zh",
            "question": "什么时候发货",
            "answer": "当天发出",
            "variants": ["多久发货"],
        },
    )
    for text, expect in (("什么时候发货", "ship"), ("今天天气如何", None), ("怎么退货", "returns")):
        await admin(
            "POST", "/api/v1/cases", {"bot_id": 1, "text": text, "lang": "zh", "body": {"expect": expect}}
        )
    run = (await admin("POST", "/api/v1/cases/run", {"bot_id": 1})).json
    assert (run["rows"], round(run["right"], 2), round(run["silent"], 2)) == (3, 0.67, 0.33)
    assert [one["text"] for one in run["failed"]] == ["怎么退货"]
    assert (await admin("POST", "/api/v1/prompts", {**NEW, "gate": True})).status == 201
    tried = await admin(
        "POST",
        "/api/v1/prompts/test",
        {"bot_id": 1, "template": {"name": "x", "system_prompt": "y"}, "questions": [{"text": "q"}]},
    )
    assert tried.code == "no_model"
