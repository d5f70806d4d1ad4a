"""Conversations and knowledge over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from zhike.clock import now_ms
from zhike.testing.apirig import Rig, asked


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    made = await Rig(now_ms).start()
    yield made
    await made.stop()


async def test_take_reply_return_resolve(rig: Rig) -> None:
    _, conversation_id = await asked(rig)
    path = f"/api/v1/conversations/{conversation_id}"
    anna, ben = await rig.signed_in(), await rig.signed_in("admin")
    taken = (await anna("POST", f"{path}/take")).json
    assert (taken["holder"], taken["agent_name"], taken["epoch"]) == ("agent", "Agent", 2)
    sent = await anna("POST", f"{path}/messages", {"client_msg_id": "a1", "text": "您好"})
    assert sent.status == 201
    assert (
        await ben("POST", f"{path}/messages", {"client_msg_id": "b1", "text": "我来"})
    ).code == "not_holder"
    assert (await ben("POST", f"{path}/take")).json["agent_id"] == 2
    assert (await anna("POST", f"{path}/messages", {"client_msg_id": "a2", "text": "?"})).code == "not_holder"
    assert (await ben("POST", f"{path}/return")).json["holder"] == "bot"
    assert (await ben("POST", f"{path}/handoff")).json["holder"] == "queue"
    assert (await ben("POST", f"{path}/resolve")).json["status"] == "resolved"
    assert (await ben("POST", f"{path}/take")).code == "conversation_resolved"
    assert (await ben("POST", "/api/v1/conversations/999/take")).code == "not_found"
    key = await rig.with_key()
    assert (await key("POST", f"{path}/take")).code == "forbidden"


async def test_two_agents_change_one_card(rig: Rig) -> None:
    _, number = await asked(rig)
    anna, ben = await rig.signed_in(), await rig.signed_in("supervisor")
    contact = (await anna("GET", f"/api/v1/conversations/{number}")).json["contact_id"]
    for path in (f"/api/v1/contacts/{contact}", f"/api/v1/conversations/{number}"):
        first = await anna("PATCH", path, {"edits": {"level": {"was": None, "now": "VIP"}}})
        assert (first.status, first.json["attributes"]) == (200, {"level": "VIP"})
        late = await ben("PATCH", path, {"edits": {"level": {"was": None, "now": "SVIP"},
                                                   "remark": {"was": None, "now": "老客户"}}})
        assert (late.status, late.code) == (409, "conflict")
        assert late.json["error"]["details"] == {"attributes": {"level": "VIP"}}
        over = await ben("PATCH", path, {"edits": {"level": {"was": "VIP", "now": "SVIP"},
                                                   "remark": {"was": None, "now": "老客户"}}})
        assert over.json["attributes"] == {"level": "SVIP", "remark": "老客户"}
        gone = await anna("PATCH", path, {"edits": {"level": {"was": "SVIP", "now": None}}})
        assert gone.json["attributes"] == {"remark": "老客户"}
        both = await anna("PATCH", path, {"attributes": {}, "edits": {}})
        assert (both.code, both.json["error"]["field"]) == ("invalid_field", "edits")
        assert (await anna("PATCH", path, {"edits": {"x": {"now": "y"}}})).code == "invalid_field"
        whole = await anna("PATCH", path, {"attributes": {"level": "new"}})
        assert whole.json["attributes"] == {"level": "new"}, "a program replaces all of them"
        await anna("PATCH", path, {"attributes": {}})
    owner = await rig.signed_in("owner")
    seen = (await owner("GET", "/api/v1/audit?action=contact.updated")).json["items"]
    assert seen[-1]["detail"]["fields"] == ["level"]
    assert "VIP" not in str(seen)


async def test_lists_and_filters(rig: Rig) -> None:
    ids = [
        (await asked(rig, text, f"m{n}"))[1]
        for n, text in enumerate(("怎么退货", "发票抬头100%", "怎么退货 裙子"))
    ]
    agent = await rig.signed_in()
    await agent("POST", f"/api/v1/conversations/{ids[0]}/take")

    async def found(query: str) -> list[int]:
        return [item["id"] for item in (await agent("GET", f"/api/v1/conversations?{query}")).json["items"]]

    assert set(await found("")) == set(ids)
    assert await found("holder=agent") == [ids[0]]
    assert await found("mine=true") == [ids[0]]
    assert set(await found("status=pending&inbox_id=1")) == {ids[1], ids[2]}
    assert await found("q=发票") == [ids[1]]
    assert await found("q=100%25") == [ids[1]]
    assert await found("q=0_%25") == []
    assert await found("contact_id=1") == [ids[0]]
    assert await found("inbox_id=77") == []


async def test_pages_cover_everything_once(rig: Rig) -> None:
    ids = {(await asked(rig, "怎么退货", f"m{n}"))[1] for n in range(7)}
    agent = await rig.signed_in()
    seen: list[int] = []
    cursor = ""
    while True:
        page = (await agent("GET", f"/api/v1/conversations?limit=3{cursor}")).json
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert sorted(seen) == sorted(ids)
    assert len(seen) == 7


@pytest.mark.parametrize("cursor", ["x", "W10", "WzEsMl0x", "%00", "WzEsLTJd", "bnVsbA"])
async def test_an_invented_cursor_is_refused(rig: Rig, cursor: str) -> None:
    agent = await rig.signed_in()
    answer = await agent("GET", f"/api/v1/conversations?cursor={cursor}")
    assert answer.code in ("invalid_field", "invalid_text")
    assert answer.json["error"]["field"] == "cursor"


async def test_message_pages(rig: Rig) -> None:
    visitor, conversation_id = await asked(rig)
    for n in range(4):
        await visitor("POST", "/api/v1/visitor/messages", {"client_msg_id": f"n{n}", "text": "怎么退货"})
    agent = await rig.signed_in()
    path = f"/api/v1/conversations/{conversation_id}/messages"

    async def seqs(query: str) -> tuple[list[int], bool]:
        page = (await agent("GET", f"{path}?{query}")).json
        return [item["seq"] for item in page["items"]], page.get("more", False)

    assert await seqs("limit=3") == ([8, 9, 10], True)
    assert await seqs("before=3") == ([1, 2], False)
    assert await seqs("after=8") == ([9, 10], False)
    assert await seqs("after=0&limit=2") == ([1, 2], True)
    assert (await agent("GET", f"{path}?after=1&before=3")).code == "invalid_field"
    assert (await agent("GET", f"{path}?wait_s=3")).code == "invalid_field"


async def test_an_integrator_on_behalf_of_a_contact(rig: Rig) -> None:
    key = await rig.with_key()
    new = {"inbox_id": 1, "external_id": "42", "name": "李娜", "attributes": {"level": "VIP"}}
    contact = await key("POST", "/api/v1/contacts", new)
    assert contact.status == 201
    assert (await key("POST", "/api/v1/contacts", new)).status == 200
    path = f"/api/v1/contacts/{contact.json['id']}"
    ack = await key("POST", f"{path}/messages", {"client_msg_id": "o-1", "text": "怎么退货"})
    assert ack.status == 201
    messages = f"/api/v1/conversations/{ack.json['conversation']}/messages"
    page = (await key("GET", f"{messages}?after=1&wait_s=25")).json
    assert page["items"][0]["text"].startswith("签收后")
    more = await key("POST", messages, {"client_msg_id": "o-2", "text": "怎么退货呢"})
    assert more.json["seq"] == 3
    assert (
        await key("POST", messages, {"client_msg_id": "o-3", "text": "x", "note": True})
    ).code == "invalid_field"
    agent = await rig.signed_in()
    assert (await agent("POST", f"{path}/messages", {"client_msg_id": "o", "text": "x"})).code == "forbidden"
    changed = (await key("PATCH", path, {"phone": "138"})).json
    assert (changed["phone"], changed["name"], changed["attributes"]) == ("138", "李娜", {"level": "VIP"})
    assert [c["external_id"] for c in (await key("GET", "/api/v1/contacts?q=李")).json["items"]] == ["42"]


async def test_articles_rules_bots_inboxes(rig: Rig) -> None:
    admin = await rig.signed_in("admin")
    article = {
        "bot_id": 1,
        "key": "returns",
        "lang": "zh",
        "question": "怎么退货？",
        "answer": "7 天内。",
        "variants": ["退货"],
        "buttons": [{"label": "更多"}],
    }
    made = await admin("POST", "/api/v1/articles", article)
    assert made.status == 201, made.body
    assert rig.engine.loaded[1] == (1, 0)
    assert (await admin("POST", "/api/v1/articles", article)).code == "conflict"
    assert (await admin("POST", "/api/v1/articles", {**article, "bot_id": 9})).json["error"][
        "field"
    ] == "bot_id"
    path = f"/api/v1/articles/{made.json['id']}"
    assert (await admin("PATCH", path, {"answer": "15 天内。"})).json["variants"] == ["退货"]
    both = await admin(
        "POST",
        "/api/v1/articles/import",
        {
            "bot_id": 1,
            "articles": [
                {"key": "returns", "lang": "zh", "question": "怎么退货？", "answer": "新"},
                {"key": "returns", "lang": "en", "question": "How to return?", "answer": "New"},
            ],
        },
    )
    assert both.json == {"added": 1, "changed": 1, "same": 0}
    assert (await admin("DELETE", path)).status == 204
    assert (await admin("GET", path)).code == "not_found"

    rule = {"bot_id": 1, "key": "hi", "kind": "exact", "match": ["你好"], "reply": "您好"}
    made = await admin("POST", "/api/v1/rules", rule)
    assert made.status == 201
    bad = await admin("POST", "/api/v1/rules", {**rule, "key": "bad", "kind": "pattern", "match": ["(a"]})
    assert bad.json["error"]["field"] == "match[0]"
    assert (await admin("PATCH", f"/api/v1/rules/{made.json['id']}", {"enabled": False})).json[
        "enabled"
    ] is False

    bot = (
        await admin("POST", "/api/v1/bots", {"key": "b2", "name": "B", "settings": {"answer_threshold": 0.5}})
    ).json
    assert (await admin("PATCH", f"/api/v1/bots/{bot['id']}", {"settings": {"fragment_wait_s": 2}})).json[
        "settings"
    ] == {"answer_threshold": 0.5, "fragment_wait_s": 2}
    near = await admin("PATCH", f"/api/v1/bots/{bot['id']}", {"settings": {"fallbak": {"zh": "x"}}})
    assert "fallback" in near.json["error"]["message"]
    assert (await admin("DELETE", "/api/v1/bots/1")).code == "conflict"
    assert (await admin("DELETE", f"/api/v1/bots/{bot['id']}")).status == 204

    inbox = (await admin("POST", "/api/v1/inboxes", {"key": "second", "name": "Second"})).json
    assert 'data-inbox="second"' in inbox["snippet"]
    secret = (await admin("POST", f"/api/v1/inboxes/{inbox['id']}/identity-secret")).json["identity_secret"]
    shown = await admin("GET", f"/api/v1/inboxes/{inbox['id']}")
    assert shown.json["has_identity_secret"]
    assert secret.encode() not in shown.body
    kept = await admin("PATCH", f"/api/v1/inboxes/{inbox['id']}", {"settings": {"origins": ["*"]}})
    assert kept.json["has_identity_secret"]
    assert (
        await rig.http(
            "POST", "/api/v1/visitor/hello", {"inbox": "second"}, headers={"origin": "https://x.example"}
        )
    ).status == 200
    assert (await admin("DELETE", "/api/v1/inboxes/1")).status == 204


async def test_an_inbox_of_the_api_channel(rig: Rig) -> None:
    admin, agent = await rig.signed_in("admin"), await rig.signed_in("agent")
    url = "https://erp.example/hook?key=abc"
    made = await admin(
        "POST",
        "/api/v1/inboxes",
        {"key": "erp", "name": "ERP", "channel": "api", "settings": {"callback_url": url}},
    )
    assert (made.status, made.json["settings"], made.json["has_callback_secret"]) == (
        201,
        {"callback_url": url},
        False,
    )
    path = f"/api/v1/inboxes/{made.json['id']}"
    sent_in = await admin("PATCH", path, {"settings": {"callback_secret": "0123456789abcdef"}})
    assert (sent_in.code, sent_in.json["error"]["field"]) == ("invalid_field", "settings.callback_secret")
    removed = await admin("PATCH", path, {"settings": {"callback_secret": None}})
    assert removed.code == "invalid_field"
    bad = await admin("PATCH", path, {"settings": {"callback_url": "file:///etc/passwd"}})
    assert (bad.code, bad.json["error"]["field"]) == ("invalid_field", "settings.callback_url")
    for client in (agent, await rig.with_key("admin")):
        assert (await client("POST", f"{path}/callback-secret")).code == "forbidden"
    secret = (await admin("POST", f"{path}/callback-secret")).json["callback_secret"]
    assert len(secret) == 64
    stored = rig.desk.inbox(made.json["id"])
    assert stored is not None
    assert stored.settings == {"callback_url": url, "callback_secret": secret}
    for client, seen in ((admin, {"callback_url": url}), (agent, {}), (await rig.with_key("agent"), {})):
        for shown in (await client("GET", path), await client("GET", "/api/v1/inboxes")):
            inbox = shown.json["items"][-1] if "items" in shown.json else shown.json
            assert (inbox["settings"], inbox["has_callback_secret"]) == (seen, True)
            assert secret.encode() not in shown.body
    entries = (await admin("GET", "/api/v1/audit")).json["items"]
    assert "inbox.callback_secret_made" in [entry["action"] for entry in entries]
    assert secret not in str(entries)


async def test_an_edit_does_not_undo_a_secret_made_meanwhile(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = await rig.signed_in("admin")
    write = rig.store.write

    async def take_turns(*args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0)  # a real store answers later; others go on meanwhile
        return await write(*args, **kwargs)

    monkeypatch.setattr(rig.store, "write", take_turns)
    answers = await asyncio.gather(
        admin("PATCH", "/api/v1/inboxes/1", {"name": "New"}),
        admin("POST", "/api/v1/inboxes/1/callback-secret"),
        admin("PATCH", "/api/v1/inboxes/1", {"settings": {"greeting": None}}),
        admin("POST", "/api/v1/inboxes/1/identity-secret"),
    )
    stored = rig.desk.inbox(1)
    assert stored is not None
    assert stored.name == "New"
    assert stored.settings["callback_secret"] == answers[1].json["callback_secret"]
    assert stored.settings["identity_secret"] == answers[3].json["identity_secret"]
    assert "greeting" not in stored.settings


async def test_the_hit_test(rig: Rig) -> None:
    agent = await rig.signed_in()
    answer = (await agent("POST", "/api/v1/articles/test", {"bot_id": 1, "question": "怎么退货"})).json
    assert answer["text"].startswith("签收后")
    assert answer["trace"][0] == {"step": "rules", "outcome": "hit", "took_us": 3}
    assert (await agent("GET", "/api/v1/conversations")).json["items"] == []
