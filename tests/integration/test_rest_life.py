"""The life of a conversation over HTTP: assign, snooze, reopen, bulk, handover; tags and canned responses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from zhike.bus.base import Event
from zhike.clock import now_ms
from zhike.domain.knowledge import Inbox
from zhike.domain.team import Team, TeamSettings
from zhike.domain.transitions import ACTORS, Act
from zhike.rest.routes import life
from zhike.store import inboxes, scopes, teams
from zhike.testing.apirig import Rig, asked


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    made = await Rig(now_ms).start()
    yield made
    await made.stop()


class Listed:
    """Hears what agents' lists hear."""

    def __init__(self, rig: Rig) -> None:
        self.frames: list[dict[str, Any]] = []
        rig.hub.list_on(1, self)

    def deliver_list(self, event: Event) -> None:
        self.frames.append(msgspec.json.decode(event.list_frame))


def team(rig: Rig, key: str = "after-sales") -> int:
    return rig.store.run(teams.create, Team(0, key, "售后", TeamSettings()), now_ms()).id


def later(**delta: float) -> str:
    return (datetime.now(UTC) + timedelta(**delta)).isoformat()


def test_who_may_act_is_what_the_table_says() -> None:
    verbs: dict[str, Act] = {"take": "take", "assign": "give", "return": "return", "handoff": "queue",
                             "snooze": "snooze", "reopen": "reopen", "resolve": "resolve"}
    seen = {}
    for route in life.ROUTES:
        if route.path.startswith("/api/v1/conversations/{id}/"):
            verb = route.path.rpartition("/")[2]
            seen[verb] = route.right.key
            assert (route.right.who, route.right.role) == ("staff", "agent")
    assert seen == {verb: "key" in ACTORS[act] for verb, act in verbs.items()}


async def test_assigned_passed_on_and_told(rig: Rig) -> None:
    visitor, number = await asked(rig)
    path = f"/api/v1/conversations/{number}"
    anna, ben = await rig.signed_in(), await rig.signed_in("supervisor")
    lists = Listed(rig)
    given = (await anna("POST", f"{path}/assign", {"agent_id": 2, "note": "老客户"})).json
    assert (given["holder"], given["agent_id"], given["status"]) == ("agent", 2, "open")
    assert given["assigned_at"]
    assert lists.frames[-1]["agent_id"] == 2
    assert lists.frames[-1]["waiting_since"]
    texts = [(m["direction"], m["sender"], m.get("sender_name", ""))
             for m in (await ben("GET", f"{path}/messages")).json["items"]][2:]
    assert texts == [("outgoing", "system", ""), ("note", "agent", "Agent")]
    seen = (await visitor("GET", "/api/v1/visitor/messages?after=0")).json
    assert "老客户" not in str(seen)
    assert (await anna("POST", f"{path}/messages", {"client_msg_id": "x", "text": "?"})).code == "not_holder"
    sales = team(rig)
    passed = (await ben("POST", f"{path}/assign", {"team_id": sales})).json
    assert (passed["holder"], passed["team_id"], passed["team_name"]) == ("queue", sales, "售后")
    assert lists.frames[-1]["team_id"] == sales
    admin = await rig.signed_in("admin")
    audit = (await admin("GET", "/api/v1/audit?action=conversation.assigned")).json["items"]
    assert [one["target"] for one in audit] == [f"conversation:{number}"] * 2
    nobody = (await ben("POST", f"{path}/assign", {"team_id": None})).json
    assert (nobody["holder"], nobody["team_id"]) == ("queue", None)


@pytest.mark.parametrize("body", [{}, {"agent_id": 99}, {"team_id": 99}, {"agent_id": "x"}, {"note": "x"}])
async def test_an_assignment_to_nobody_known_is_refused(rig: Rig, body: dict[str, Any]) -> None:
    _, number = await asked(rig)
    agent = await rig.signed_in()
    answer = await agent("POST", f"/api/v1/conversations/{number}/assign", body)
    assert answer.code == "invalid_field"
    assert (await agent("GET", f"/api/v1/conversations/{number}")).json["holder"] == "bot"


async def test_snoozed_woken_resolved_reopened(rig: Rig) -> None:
    visitor, number = await asked(rig)
    path = f"/api/v1/conversations/{number}"
    agent = await rig.signed_in()
    assert (await agent("POST", f"{path}/snooze", {"until": later(hours=1)})).code == "wrong_state"
    await agent("POST", f"{path}/take")
    for bad in (later(hours=-1), later(days=400), "2030-01-01T00:00:00"):
        assert (await agent("POST", f"{path}/snooze", {"until": bad})).code == "invalid_field"
    lists = Listed(rig)
    asleep = (await agent("POST", f"{path}/snooze", {"until": later(hours=1)})).json
    assert (asleep["status"], asleep["holder"]) == ("snoozed", "agent")
    assert lists.frames[-1]["snoozed_until"] == asleep["snoozed_until"]
    state = (await visitor("GET", "/api/v1/visitor/messages?after=0")).json
    assert "snoozed" not in str(state)  # the visitor is not told that it was put aside
    awake = (await agent("POST", f"{path}/reopen")).json
    assert (awake["status"], awake["snoozed_until"], awake["epoch"]) == ("open", None, asleep["epoch"])
    assert lists.frames[-1]["snoozed_until"] is None
    await agent("POST", f"{path}/snooze", {"until": later(hours=1)})
    await visitor("POST", "/api/v1/visitor/messages", {"client_msg_id": "m2", "text": "在吗"})
    assert (await agent("GET", path)).json["status"] == "open"
    done = (await agent("POST", f"{path}/resolve", {"wrap_up": " 物流 "})).json
    assert (done["status"], done["wrap_up"]) == ("resolved", "物流")
    assert done["resolved_at"]
    back = (await agent("POST", f"{path}/reopen")).json
    assert (back["status"], back["agent_id"], back["resolved_at"]) == ("open", 1, None)
    await agent("POST", f"{path}/resolve")  # without a body, as before
    ack = await visitor("POST", "/api/v1/visitor/messages", {"client_msg_id": "m3", "text": "又来"})
    refused = await agent("POST", f"{path}/reopen")
    assert (refused.code, refused.json["error"]["details"]) == (
        "conflict", {"conversation": ack.json["conversation"]})
    key = await rig.with_key()
    assert (await key("POST", f"/api/v1/conversations/{ack.json['conversation']}/resolve")).status == 200
    assert (await key("POST", f"{path}/reopen")).json["holder"] == "queue"


async def test_a_wrap_up_is_one_of_the_inboxs_list(rig: Rig) -> None:
    _, number = await asked(rig)
    _, other = await asked(rig, client_msg_id="m2")
    agent, admin = await rig.signed_in(), await rig.signed_in("admin")
    listed = {"settings": {"wrap_ups": ["退货", "物流"]}}
    assert (await admin("PATCH", "/api/v1/inboxes/1", listed)).status == 200
    refused = await agent("POST", f"/api/v1/conversations/{number}/resolve", {"wrap_up": "退或"})
    assert (refused.code, refused.json["error"]["field"]) == ("invalid_field", "wrap_up")
    assert "退货, 物流" in refused.json["error"]["message"]
    assert (await agent("GET", f"/api/v1/conversations/{number}")).json["status"] == "pending"
    many = {"ids": [number, other], "action": "resolve"}
    done = (await agent("POST", "/api/v1/conversations/bulk", {**many, "wrap_up": "退或"})).json
    assert (done["done"], [one["error"]["field"] for one in done["failed"]]) == ([], ["wrap_up"] * 2)
    assert (await agent("POST", f"/api/v1/conversations/{other}/resolve", {})).status == 200  # none is fine
    done = (await agent("POST", "/api/v1/conversations/bulk", {**many, "wrap_up": "退货"})).json
    assert done["done"] == [number, other]
    missing = await agent("POST", "/api/v1/conversations/99/resolve", {"wrap_up": "退货"})
    assert missing.code == "not_found"


async def test_priority_attributes_and_tags(rig: Rig) -> None:
    _, number = await asked(rig)
    path = f"/api/v1/conversations/{number}"
    agent, admin = await rig.signed_in(), await rig.signed_in("admin")
    tag = (await agent("POST", "/api/v1/tags", {"name": " 退款 ", "colour": "#C0392B"})).json
    assert tag == {"id": tag["id"], "name": "退款", "colour": "#c0392b"}
    assert (await agent("POST", "/api/v1/tags", {"name": "退款"})).code == "conflict"
    assert (await agent("POST", "/api/v1/tags", {"name": "x", "colour": "red"})).code == "invalid_field"
    lists = Listed(rig)
    body = {"priority": 3, "attributes": {"order": "H10682"}, "tag_ids": [tag["id"]]}
    changed = (await agent("PATCH", path, body)).json
    assert (changed["priority"], changed["attributes"], changed["tags"]) == (3, {"order": "H10682"}, [tag])
    assert (lists.frames[-1]["priority"], lists.frames[-1]["tags"]) == (3, [tag])
    assert "team_id" not in lists.frames[-1]
    for bad in ({"priority": 5}, {"tag_ids": [99]}, {"status": "open"}):
        assert (await agent("PATCH", path, bad)).code == "invalid_field"
    assert (await agent("PATCH", "/api/v1/conversations/99", {"priority": 1})).code == "not_found"
    assert (await agent("GET", f"/api/v1/conversations?tag_id={tag['id']}")).json["items"][0]["id"] == number
    assert (await agent("PATCH", f"/api/v1/tags/{tag['id']}", {"name": "x"})).code == "forbidden"
    assert (await admin("PATCH", f"/api/v1/tags/{tag['id']}", {"name": "退款中"})).json["name"] == "退款中"
    assert (await admin("DELETE", f"/api/v1/tags/{tag['id']}")).status == 204
    assert (await agent("GET", path)).json["tags"] == []
    assert (await agent("GET", "/api/v1/tags")).json["items"] == []


async def test_counts_and_orders(rig: Rig) -> None:
    numbers = [(await asked(rig, client_msg_id=f"m{n}"))[1] for n in range(4)]
    agent = await rig.signed_in()
    await agent("POST", f"/api/v1/conversations/{numbers[0]}/take")
    await agent("POST", f"/api/v1/conversations/{numbers[1]}/handoff")
    await agent("PATCH", f"/api/v1/conversations/{numbers[3]}", {"priority": 4})
    counts = (await agent("GET", "/api/v1/conversations/counts")).json
    assert counts == {"mine": 1, "waiting": 1, "unassigned": 1, "mentioned": 0, "snoozed": 0, "bot": 2,
                      "all_open": 2, "by_team": {}}

    async def found(query: str) -> list[int]:
        return [item["id"] for item in (await agent("GET", f"/api/v1/conversations?{query}")).json["items"]]

    assert await found("sort=waiting&limit=2") == numbers[:2]
    assert (await found("sort=priority"))[0] == numbers[3]
    assert await found("unassigned=true") == [numbers[1]]
    assert await found("priority=4") == [numbers[3]]
    assert await found("snoozed=true") == []
    page = (await agent("GET", "/api/v1/conversations?sort=priority&limit=1")).json
    rest = await found(f"sort=priority&cursor={page['next']}")
    assert len(rest) == 3
    assert (await agent("GET", f"/api/v1/conversations?cursor={page['next']}")).code == "invalid_field"
    key = await rig.with_key()
    assert (await key("GET", "/api/v1/conversations?mentioned=true")).code == "invalid_field"
    assert (await key("GET", "/api/v1/conversations/counts")).json["bot"] == 2


async def test_many_at_once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life, "AT_ONCE", 2)
    numbers = [(await asked(rig, client_msg_id=f"m{n}"))[1] for n in range(3)]
    anna, _ = await rig.signed_in(), await rig.signed_in("agent", "ben@desk.example")
    url = "/api/v1/conversations/bulk"
    await anna("POST", f"/api/v1/conversations/{numbers[2]}/resolve")
    done = (await anna("POST", url, {"ids": [*numbers, 99, numbers[0]], "action": "take"})).json
    assert done["done"] == numbers[:2]
    assert [(one["id"], one["error"]["code"]) for one in done["failed"]] == [
        (numbers[2], "conversation_resolved"), (99, "not_found")]
    tag = (await anna("POST", "/api/v1/tags", {"name": "大促"})).json
    tagged = (await anna("POST", url, {"ids": [*numbers, 99], "action": "tag", "tag_ids": [tag["id"]]})).json
    assert (tagged["done"], [one["id"] for one in tagged["failed"]]) == (numbers, [99])
    assert (await anna("POST", url, {"ids": [99], "action": "priority", "priority": 2})).json["done"] == []
    until = later(hours=2)
    assert (await anna("POST", url, {"ids": numbers[:2], "action": "snooze", "until": until})).json["done"] \
        == numbers[:2]
    given = await anna("POST", url, {"ids": numbers[:2], "action": "assign", "agent_id": 2, "note": "大促"})
    assert given.json["done"] == numbers[:2]
    ended = await anna("POST", url, {"ids": numbers[:2], "action": "resolve", "wrap_up": "大促"})
    assert ended.json["done"] == numbers[:2]
    for bad in ({"ids": [], "action": "take"}, {"ids": [1], "action": "delete"},
                {"ids": [1], "action": "tag"}, {"ids": [1], "action": "snooze"},
                {"ids": [1], "action": "assign"},
                {"ids": [1], "action": "priority"}, {"ids": list(range(1, 102)), "action": "take"}):
        assert (await anna("POST", url, bad)).code == "invalid_field", bad
    key = await rig.with_key()
    assert (await key("POST", url, {"ids": [1], "action": "take"})).code == "forbidden"


async def test_a_shift_is_handed_over(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life, "HANDOVER_PAGE", 5)
    numbers = [(await asked(rig, client_msg_id=f"m{n}"))[1] for n in range(13)]
    anna, ben = await rig.signed_in(), await rig.signed_in("supervisor")
    for number in numbers[:-1]:
        await rig.desk.change("take", number, 1, "Agent")
    await anna("POST", f"/api/v1/conversations/{numbers[0]}/snooze", {"until": later(hours=1)})
    assert (await anna("POST", "/api/v1/me/handover", {"agent_id": 1})).code == "invalid_field"
    assert (await anna("POST", "/api/v1/me/handover", {})).code == "invalid_field"
    assert (await anna("POST", "/api/v1/me/handover", {"agent_id": 2})).json == {"moved": 12}
    assert (await ben("GET", "/api/v1/conversations/counts")).json["mine"] == 12
    assert (await ben("POST", "/api/v1/me/handover", {"team_id": team(rig)})).json == {"moved": 12}
    counts = (await ben("GET", "/api/v1/conversations/counts")).json
    assert (counts["mine"], counts["waiting"], list(counts["by_team"].values())) == (0, 12, [12])
    assert (await anna("POST", "/api/v1/me/handover", {"agent_id": 2})).json == {"moved": 0}
    owner = await rig.signed_in("owner")
    audit = (await owner("GET", "/api/v1/audit?action=conversations.handed_over")).json["items"]
    assert [(one["target"], one["actor"].partition(" ")[0]) for one in audit] == [
        ("conversations:0", "agent:1"), ("conversations:12", "agent:2"), ("conversations:12", "agent:1")]


async def test_nobody_is_given_what_they_may_not_see(rig: Rig) -> None:
    numbers = [(await asked(rig, client_msg_id=f"m{n}"))[1] for n in range(2)]
    anna, _ = await rig.signed_in(), await rig.signed_in("agent", "ben@desk.example")
    other = rig.store.run(inboxes.create_inbox, Inbox(0, "other", "Other", "web", 1, {}), now_ms())
    rig.store.run(scopes.set_inboxes, 2, [other.id])
    path = f"/api/v1/conversations/{numbers[0]}"
    refused = await anna("POST", f"{path}/assign", {"agent_id": 2})
    assert (refused.code, refused.json["error"]["field"]) == ("invalid_field", "agent_id")
    many = (await anna("POST", "/api/v1/conversations/bulk",
                       {"ids": numbers, "action": "assign", "agent_id": 2})).json
    assert (many["done"], [one["id"] for one in many["failed"]]) == ([], numbers)
    await anna("POST", f"{path}/take")
    assert (await anna("POST", "/api/v1/me/handover", {"agent_id": 2})).json == {"moved": 0}
    assert (await anna("GET", path)).json["agent_id"] == 1
    rig.store.run(scopes.set_inboxes, 2, [])
    assert (await anna("POST", "/api/v1/me/handover", {"agent_id": 2})).json == {"moved": 1}


async def test_canned_responses(rig: Rig) -> None:
    agent, other, lead = (await rig.signed_in(), await rig.signed_in("agent", "ben@desk.example"),
                          await rig.signed_in("supervisor"))
    url = "/api/v1/canned"
    mine = await agent("POST", url, {"shortcut": "hi", "text": "{{contact.name}}您好", "own": True})
    assert mine.status == 201
    assert mine.json["own"]
    assert (await agent("POST", url, {"shortcut": "hi2", "text": "x"})).code == "forbidden"
    assert (await agent("POST", url, {"shortcut": "hi", "text": "x", "own": True})).code == "conflict"
    bad = await agent("POST", url, {"shortcut": "v", "text": "{{contact.nam}}", "own": True})
    assert (bad.code, bad.json["error"]["field"]) == ("invalid_field", "text")
    new = {"shortcut": "退货", "text": "7 天", "folder": "售后", "lang": "zh"}
    shared = (await lead("POST", url, new)).json
    assert not shared["own"]

    async def seen(client: Any, query: str = "") -> list[str]:
        return [one["shortcut"] for one in (await client("GET", f"{url}{query}")).json["items"]]

    assert await seen(agent) == ["hi", "退货"]
    assert await seen(other) == ["退货"]
    assert await seen(agent, "?q=退") == ["退货"]
    path = f"{url}/{mine.json['id']}"
    assert (await other("PATCH", path, {"text": "x"})).code == "not_found"
    assert (await agent("PATCH", f"{url}/{shared['id']}", {"text": "x"})).code == "forbidden"
    assert (await agent("PATCH", path, {"own": False})).code == "forbidden"
    assert (await agent("PATCH", path, {"text": "好"})).json["text"] == "好"
    assert (await lead("DELETE", f"{url}/{shared['id']}")).status == 204
    assert (await agent("DELETE", path)).status == 204
    assert await seen(agent) == []


async def test_a_note_calls_a_colleague(rig: Rig) -> None:
    _, number = await asked(rig)
    anna, ben = await rig.signed_in(), await rig.signed_in("agent", "ben@desk.example")
    path = f"/api/v1/conversations/{number}"
    lists = Listed(rig)
    body = {"client_msg_id": "n1", "text": "@Agent 看一下", "note": True, "mentions": [2, 99]}
    assert (await anna("POST", f"{path}/messages", body)).status == 201
    assert lists.frames[-1]["mentions"] == [2]
    refused = await anna("POST", f"{path}/messages", {"client_msg_id": "n2", "text": "x", "mentions": [2]})
    assert (refused.code, refused.json["error"]["field"]) == ("invalid_field", "mentions")
    assert (await ben("GET", path)).json["mentioned"]
    assert not (await anna("GET", path)).json["mentioned"]
    assert (await ben("GET", "/api/v1/conversations/counts")).json["mentioned"] == 1
    found = (await ben("GET", "/api/v1/conversations?mentioned=true")).json["items"]
    assert [item["id"] for item in found] == [number]
    [mention] = (await ben("GET", "/api/v1/mentions?unread=true")).json["items"]
    assert (mention["conversation_id"], mention["text"], mention["by_name"], mention["read"]) == (
        number, "@Agent 看一下", "Agent", False)
    assert (await ben("POST", "/api/v1/mentions/read", {"conversation_id": number})).status == 204
    assert (await ben("GET", "/api/v1/mentions")).json["items"][0]["read"]
    assert (await ben("GET", "/api/v1/mentions?unread=true")).json["items"] == []
    key = await rig.with_key()
    assert (await key("GET", "/api/v1/mentions")).code == "forbidden"


async def test_a_message_is_taken_back_on_both_sides(rig: Rig) -> None:
    visitor, number = await asked(rig)
    anna, ben = await rig.signed_in(), await rig.signed_in("agent", "ben@desk.example")
    path = f"/api/v1/conversations/{number}"
    await anna("POST", f"{path}/take")
    seq = (await anna("POST", f"{path}/messages", {"client_msg_id": "a1", "text": "发错了"})).json["seq"]
    heard: list[dict[str, Any]] = []

    class Watcher:
        def deliver(self, event: Event) -> None:
            if event.frame:
                heard.append(msgspec.json.decode(event.frame))
                assert event.agent_frame == event.frame

    rig.hub.watch(number, Watcher())
    assert (await ben("POST", f"{path}/messages/{seq}/recall")).code == "not_found"
    assert (await anna("POST", f"{path}/messages/{seq}/recall")).status == 204
    assert heard == [{"type": "recalled", "conversation": number, "seq": seq}]
    for page in ((await visitor("GET", "/api/v1/visitor/messages?after=0")).json,
                 (await ben("GET", f"{path}/messages")).json):
        [gone] = [item for item in page["items"] if item["seq"] == seq]
        assert (gone["text"], gone["recalled"]) == ("", True)
    owner = await rig.signed_in("owner")
    audit = (await owner("GET", "/api/v1/audit?action=message.recalled")).json["items"]
    assert audit[0]["target"] == f"message:{number}-{seq}"


async def test_whoever_is_blocked_is_told_and_counted(rig: Rig) -> None:
    visitor, number = await asked(rig)
    agent, admin = await rig.signed_in(), await rig.signed_in("admin")
    contact = (await agent("GET", f"/api/v1/conversations/{number}")).json["contact_id"]
    token = visitor.headers["authorization"].removeprefix("Bearer ")
    blocked = (await agent("POST", f"/api/v1/contacts/{contact}/block")).json
    assert blocked["blocked"]
    assert (await agent("GET", f"/api/v1/conversations/{number}")).json["contact_blocked"]
    refused = await visitor("POST", "/api/v1/visitor/messages", {"client_msg_id": "m2", "text": "为什么"})
    assert (refused.status, refused.code) == (403, "blocked")
    assert rig.line.counts["dedup", "blocked"] == 1
    again = await visitor("POST", "/api/v1/visitor/hello", {"inbox": "shop", "token": token})
    assert again.code == "blocked"
    _, other = await asked(rig)  # nobody else is
    assert other != number
    assert not (await agent("POST", f"/api/v1/contacts/{contact}/unblock")).json["blocked"]
    back = await visitor("POST", "/api/v1/visitor/messages", {"client_msg_id": "m3", "text": "谢谢"})
    assert back.status == 201
    assert (await agent("POST", "/api/v1/contacts/99/block")).code == "not_found"
    actions = [entry["action"] for entry in (await admin("GET", "/api/v1/audit")).json["items"]]
    assert {"contact.blocked", "contact.unblocked"} <= set(actions)


async def test_two_contacts_become_one(rig: Rig) -> None:
    (visitor, one), (_, two) = await asked(rig), await asked(rig, client_msg_id="m2")
    agent = await rig.signed_in()
    first, second = [(await agent("GET", f"/api/v1/conversations/{number}")).json["contact_id"]
                     for number in (one, two)]
    await agent("PATCH", f"/api/v1/contacts/{first}", {"name": "李娜"})
    left = (await agent("POST", f"/api/v1/contacts/{first}/merge", {"into": second})).json
    assert (left["id"], left["name"], left["merged_into"]) == (second, "李娜", None)
    history = (await agent("GET", f"/api/v1/contacts/{second}/conversations")).json["items"]
    assert {item["id"] for item in history} == {one, two}
    assert (await agent("GET", f"/api/v1/contacts/{first}")).json["merged_into"] == second
    notes = (await agent("GET", f"/api/v1/conversations/{one}/messages")).json["items"]
    assert (notes[-1]["direction"], notes[-1]["sender"]) == ("note", "system")
    assert "李娜" in notes[-1]["text"]
    ack = await visitor("POST", "/api/v1/visitor/messages", {"client_msg_id": "m9", "text": "还在"})
    assert ack.json["conversation"] == one
    assert "李娜" not in str((await visitor("GET", "/api/v1/visitor/messages?after=0")).json)
    assert (await agent("POST", f"/api/v1/contacts/{second}/merge", {"into": first})).code == "conflict"
    assert (await agent("POST", f"/api/v1/contacts/{second}/merge", {"into": second})).code == "invalid_field"


async def test_one_search_over_everything(rig: Rig) -> None:
    _, number = await asked(rig, "我想问退货运费")
    agent = await rig.signed_in()
    found = (await agent("GET", "/api/v1/search?q=运费")).json
    assert [(m["conversation_id"], m["seq"]) for m in found["messages"]] == [(number, 1)]
    assert found["conversations"] == found["contacts"] == found["articles"] == []
    contact = (await agent("GET", f"/api/v1/conversations/{number}")).json["contact_id"]
    await agent("PATCH", f"/api/v1/contacts/{contact}", {"name": "王芳", "phone": "13900002222"})
    found = (await agent("GET", "/api/v1/search?q=1390000")).json
    assert [c["id"] for c in found["contacts"]] == [contact]
    assert [c["id"] for c in found["conversations"]] == [number]
    found = (await agent("GET", f"/api/v1/search?q=%23{number}")).json
    assert [c["id"] for c in found["conversations"]] == [number]
    for bad in ("", "q=", "q=%20", "q=x&limit=21"):
        assert (await agent("GET", f"/api/v1/search?{bad}")).code == "invalid_field", bad
