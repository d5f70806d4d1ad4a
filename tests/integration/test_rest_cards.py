"""Products and orders as cards, both ways: stored, shown, found, retried, taken back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from zhike.clock import now_ms
from zhike.config.sections import Tools
from zhike.testing.apirig import Client, Rig, asked

CARD: dict[str, Any] = {
    "kind": "product", "title": "亚麻长裙", "price": "¥369", "status": "有货", "ref": "S-7",
    "url": "https://shop.example/p/7", "image": "https://shop.example/i/7.png",
    "fields": [{"label": "颜色", "value": "松绿"}]}
WORDS = "🛍 亚麻长裙 · S-7 · ¥369 · 有货"


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    made = await Rig(now_ms, tools=Tools(python=("zhike.sample.lookup:panel_orders",))).start()
    yield made
    await made.stop()


async def test_a_card_goes_both_ways_and_its_words_stand_wherever_only_words_are_shown(rig: Rig) -> None:
    visitor, number = await asked(rig)
    agent = await rig.signed_in()
    await agent("POST", f"/api/v1/conversations/{number}/take")
    path = f"/api/v1/conversations/{number}/messages"
    shows = {"client_msg_id": "c", "cards": [CARD]}
    first = await visitor("POST", "/api/v1/visitor/messages", shows)
    assert first.status == 201
    again = await visitor("POST", "/api/v1/visitor/messages", shows)
    assert (again.status, again.json["seq"]) == (200, first.json["seq"])
    seen = (await agent("GET", path)).json["items"][-1]
    assert (seen["text"], seen["cards"]) == (WORDS, [CARD])
    listed = (await agent("GET", f"/api/v1/conversations/{number}")).json
    assert listed["last_text"] == WORDS
    assert (await agent("GET", "/api/v1/search?q=亚麻长裙")).json["messages"][0]["conversation_id"] == number

    order = {"kind": "order", "title": "ZK1", "status": "已发货", "url": "https://shop.example/o/1"}
    sent = await agent("POST", path, {"client_msg_id": "o", "cards": [order]})
    assert sent.status == 201
    back = (await visitor("GET", "/api/v1/visitor/messages?after=0")).json["items"][-1]
    assert (back["cards"], back["text"]) == ([order], "📦 ZK1 · 已发货\nhttps://shop.example/o/1")
    listed = (await agent("GET", f"/api/v1/conversations/{number}")).json
    assert listed["last_text"] == "📦 ZK1 · 已发货", "a list has no room for addresses"
    assert (await agent("POST", f"{path}/{sent.json['seq']}/recall")).status == 204
    assert (await agent("GET", f"/api/v1/conversations/{number}")).json["last_text"] == ""
    gone = (await visitor("GET", "/api/v1/visitor/messages?after=0")).json["items"][-1]
    assert (gone["text"], "cards" in gone) == ("", False)
    note = await agent("POST", path, {"client_msg_id": "n", "note": True, "cards": [CARD]})
    assert note.status == 201
    assert "松绿" not in str((await visitor("GET", "/api/v1/visitor/messages?after=0")).json["items"][-1])


@pytest.mark.parametrize(("body", "field"), [
    ({"cards": [{**CARD, "url": "javascript:alert(1)"}]}, "cards[0].url"),
    ({"cards": [{"kind": "link", "url": "https://evil.example", "title": "登录"}]}, "cards[0].kind"),
    ({"cards": [CARD], "text": "看"}, "text"),
])
async def test_what_is_no_card_is_refused_by_its_field(rig: Rig, body: dict[str, Any], field: str) -> None:
    visitor, _ = await asked(rig)
    refused = await visitor("POST", "/api/v1/visitor/messages", {"client_msg_id": "x", **body})
    assert (refused.code, refused.json["error"]["field"]) == ("invalid_field", field)


async def test_the_bot_has_seen_it_and_asks_what_is_wanted(rig: Rig) -> None:
    visitor, _ = await rig.visitor()
    await visitor("POST", "/api/v1/visitor/messages", {"client_msg_id": "c", "cards": [CARD]})
    said = (await visitor("GET", "/api/v1/visitor/messages?after=0&wait_s=5")).json["items"]
    if len(said) == 1:
        said += (await visitor("GET", "/api/v1/visitor/messages?after=1&wait_s=5")).json["items"]
    assert said[1]["sender"] == "bot"
    assert "亚麻长裙" in said[1]["text"]
    assert said[1]["answers"] == [1]


TOOL: dict[str, Any] = {
    "bot_id": 1, "key": "orders", "kind": "python", "title": "订单", "description": "Lists orders.",
    "panel": "orders", "python": "zhike.sample.lookup:panel_orders",
    "parameters": {"type": "object", "properties": {"query": {"type": "string"}}},
    "inject": {"customer_id": "caller.customer_id", "lang": "caller.lang", "agent_id": "caller.agent_id"}}


async def panel(agent: Client, number: int, what: str = "orders", query: str = "") -> dict[str, Any]:
    found = await agent("GET", f"/api/v1/conversations/{number}/{what}?q={query}")
    assert found.status == 200, found.body
    return dict(found.json)


async def test_the_panel_teaches_then_shows_this_contacts_orders_and_nobody_elses(rig: Rig) -> None:
    visitor, number = await asked(rig)
    agent = await rig.signed_in()
    assert await panel(agent, number) == {"configured": False, "searchable": False, "error": "", "items": []}
    admin = await rig.signed_in("admin")
    assert (await admin("POST", "/api/v1/tools", TOOL)).status == 201
    nothing = await panel(agent, number)  # a visitor the shop has not signed has no orders
    assert nothing == {"configured": True, "searchable": True, "error": "", "items": []}

    customer = await admin("POST", "/api/v1/contacts", {"inbox_id": 1, "external_id": "1005"})
    key = await rig.with_key()
    sent = await key("POST", f"/api/v1/contacts/{customer.json['id']}/messages",
                     {"client_msg_id": "a", "text": "到哪了"})
    own = (await panel(agent, sent.json["conversation"]))["items"]
    assert len(own) == 1
    assert own[0]["kind"] == "order"
    assert own[0]["ref"].endswith("005")
    assert own[0]["status"]
    assert (await panel(agent, number, query=own[0]["ref"]))["items"][0]["ref"] == own[0]["ref"]
    # what the panel gives is what a message takes
    await agent("POST", f"/api/v1/conversations/{number}/take")
    message = {"client_msg_id": "o", "cards": own}
    assert (await agent("POST", f"/api/v1/conversations/{number}/messages", message)).status == 201
    assert (await visitor("GET", f"/api/v1/conversations/{number}/orders")).status == 401


async def test_a_tool_that_fails_is_a_value_and_one_that_asks_for_more_is_not_kept(rig: Rig) -> None:
    _, number = await asked(rig)
    agent = await rig.signed_in()
    admin = await rig.signed_in("admin")
    bad = {**TOOL, "parameters": {"type": "object", "required": ["number"],
                                  "properties": {"number": {"type": "string"}}}}
    assert (await admin("POST", "/api/v1/tools", bad)).json["error"]["field"] == "panel"
    assert (await admin("POST", "/api/v1/tools", {**TOOL, "panel": "staff"})).status == 422
    closed = {**TOOL, "audience": "customers"}
    assert (await admin("POST", "/api/v1/tools", closed)).status == 201
    assert (await panel(agent, number))["error"] == "not_identified"
    missing = {**TOOL, "key": "products", "panel": "products", "python": "zhike.sample.lookup:nothing"}
    assert (await admin("POST", "/api/v1/tools", missing)).status == 201
    assert (await panel(agent, number, "products"))["error"] == "bad_target"
