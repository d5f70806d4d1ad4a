"""Hours in the welcome, the offline form, ratings: what a visitor's page asks for and sends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest_asyncio

from zhike.clock import now_ms
from zhike.store import contacts, conversations, inboxes, ratings
from zhike.testing.apirig import SHOP, Client, Rig, asked

NEVER = {"timezone": "Asia/Shanghai", "week": {}}


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = await Rig(now_ms).start()
    yield rig
    await rig.stop()


async def set_inbox(rig: Rig, **settings: Any) -> None:
    old = rig.store.run(inboxes.get_inbox, 1)
    assert old is not None
    new = msgspec.structs.replace(old, settings={**old.settings, **settings})
    rig.store.run(inboxes.update_inbox, new, now_ms())
    await rig.registry.refresh()


async def hello(rig: Rig, **fields: Any) -> dict[str, Any]:
    body = {"inbox": "shop", **fields}
    answer = await rig.http("POST", "/api/v1/visitor/hello", body, headers={"origin": SHOP})
    return dict(answer.json)


async def test_the_welcome_tells_hours_and_the_form_only_while_nobody_is_there(rig: Rig) -> None:
    assert "hours" not in await hello(rig)
    form = {"enabled": True, "fields": ["name", "phone"]}
    week = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
    await set_inbox(rig, hours={**NEVER, "week": week}, offline_form=form)
    open_now = await hello(rig)
    assert open_now["hours"] == {"open": True, "opens_at": None}
    assert "offline_form" not in open_now
    await set_inbox(rig, hours=NEVER)
    closed = await hello(rig)
    assert closed["hours"] == {"open": False, "opens_at": None}
    assert closed["offline_form"] == ["name", "phone"]


async def test_the_greeting_is_said_before_the_first_message_only(rig: Rig) -> None:
    visitor, number = await asked(rig)
    token = visitor.headers["authorization"].removeprefix("Bearer ")
    assert (await hello(rig, lang="zh"))["greeting"] == "您好"
    back = await hello(rig, token=token, lang="zh")
    assert back["conversation"]["id"] == number
    assert "greeting" not in back
    await rig.desk.change("resolve", number, 0, "")
    assert (await hello(rig, token=token, lang="zh"))["greeting"] == "您好", "a new conversation begins"


async def leave(visitor: Client, **fields: Any) -> Any:
    return await visitor("POST", "/api/v1/visitor/offline-form",
                         {"client_msg_id": "f1", "text": "请回电", **fields})


async def test_a_form_becomes_a_conversation_with_its_contact(rig: Rig) -> None:
    visitor, _ = await rig.visitor()
    assert (await leave(visitor, phone="13800138000")).status == 404, "there is no form yet"
    await set_inbox(rig, hours=NEVER, offline_form={"enabled": True, "fields": ["name", "email", "phone"]})
    for fields, field in (({}, "email"), ({"name": "王磊"}, "email"), ({"phone": "call me"}, "phone"),
                          ({"email": "a b@c"}, "email"), ({"phone": "1", "email": "x@y.cn"}, "phone")):
        refused = await leave(visitor, **fields)
        assert (refused.status, refused.json["error"]["field"]) == (422, field), fields
    left = await leave(visitor, name="王磊", phone="+86 138 0013 8000")
    assert left.status == 201, left.body
    again = await leave(visitor, name="王磊", phone="+86 138 0013 8000")
    assert (again.status, again.json["duplicate"]) == (200, True)
    found = rig.store.run(conversations.get_conversation, left.json["conversation"])
    assert found is not None
    assert (found.holder, found.last_incoming_seq) == ("queue", 1)
    contact = rig.store.run(contacts.get_contact, found.contact_id)
    assert contact is not None
    assert (contact.name, contact.phone, contact.email) == ("王磊", "+86 138 0013 8000", "")


async def test_fields_that_the_form_does_not_have_are_not_kept(rig: Rig) -> None:
    visitor, _ = await rig.visitor()
    await set_inbox(rig, offline_form={"enabled": True, "fields": ["name"]})
    left = await leave(visitor, name="Li", email="li@shop.example")
    found = rig.store.run(conversations.get_conversation, left.json["conversation"])
    assert found is not None
    contact = rig.store.run(contacts.get_contact, found.contact_id)
    assert contact is not None
    assert (contact.name, contact.email) == ("Li", "")


async def test_rating_over_rest_and_the_question_after_coming_back(rig: Rig) -> None:
    await set_inbox(rig, csat={"enabled": True, "question": {"zh": "满意吗？"}})
    visitor, number = await asked(rig)
    stranger, _ = await rig.visitor()
    token = visitor.headers["authorization"].removeprefix("Bearer ")

    async def rate(who: Client, **fields: Any) -> Any:
        return await who("POST", "/api/v1/visitor/rating", {"conversation": number, "score": 4, **fields})

    assert (await rate(visitor)).status == 404, "nobody has asked"
    await rig.desk.change("resolve", number, 0, "")
    rig.store.run(ratings.ask, [number], now_ms())
    assert (await hello(rig, token=token, lang="zh"))["csat"] == "满意吗？"
    poll = await visitor("GET", "/api/v1/visitor/messages")
    assert poll.json["csat"] == "满意吗？"
    assert (await rate(stranger)).status == 404, "not theirs"
    assert (await rate(visitor, score=6)).status == 422
    assert (await rate(visitor, comment="\x00")).status == 422
    done = await rate(visitor, comment=" 很快 ")
    assert (done.status, done.json["score"], done.json["comment"]) == (200, 4, "很快")
    assert (await rate(visitor, comment="很快")).status == 200, "a retry does no harm"
    assert (await rate(visitor, score=1)).code == "conflict"
    assert "csat" not in await hello(rig, token=token, lang="zh")
