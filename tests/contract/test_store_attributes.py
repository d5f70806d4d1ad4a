"""Single attributes of contacts and conversations, changed by two at once, on every database."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import Connection

from zhike.domain.conversation import Conversation
from zhike.errors import ZhikeError
from zhike.store import contact_edit, contacts, conversation_edit, conversations, listing, tables
from zhike.store.attributes import MAX_ATTRIBUTES, Edit
from zhike.store.dialect import insert_rows
from zhike.store.engine import Store

BEFORE = '{"level":"VIP","orders":12,"vip":true,"page":{"url":"https://shop.example/"}}'


def _seed(conn: Connection) -> None:
    insert_rows(conn, tables.inboxes, [{"id": 1, "key": "i", "name": "i", "channel": "web", "bot_id": None,
                                        "settings": "{}", "created_at": 1, "updated_at": 1}])
    insert_rows(conn, tables.contacts, [
        {"id": 1, "inbox_id": 1, "sender": "v:1", "name": "", "email": "", "phone": "",
         "attributes": BEFORE, "created_at": 1, "last_seen_at": 1}])
    conversations.insert_conversations(conn, [
        (Conversation(n, 1, 1, "v:1", "open", "queue", 1, 0, 0, 0, 1, 1), f"{n}") for n in (1, 2)])


@pytest.fixture
async def desk(store: Store) -> Store:
    await store.write(_seed)
    return store


async def held(store: Store) -> dict[str, Any]:
    contact = await store.read(contacts.get_contact, 1)
    assert contact is not None
    return contact.attributes


async def edit(store: Store, **edits: tuple[Any, Any]) -> None:
    await store.write(contact_edit.change, 1, {}, 0, 0, {name: Edit(*both) for name, both in edits.items()})


async def test_single_attributes_change_and_the_others_stay(desk: Store) -> None:
    await edit(desk, level=("VIP", "SVIP"), remark=(None, "只在晚上接电话"), vip=(True, None))
    assert await held(desk) == {"level": "SVIP", "orders": 12, "page": {"url": "https://shop.example/"},
                                "remark": "只在晚上接电话"}
    await edit(desk, orders=(12.0, 13.0))
    assert (await held(desk))["orders"] == 13


@pytest.mark.parametrize(("name", "was", "now", "there"), [
    ("level", "normal", "SVIP", "VIP"), ("level", None, "SVIP", "VIP"), ("gone", "x", "y", None),
    ("vip", 1.0, False, True), ("orders", "12", 13.0, 12)])
async def test_what_became_something_else_is_told_and_nothing_changes(
        desk: Store, name: str, was: Any, now: Any, there: Any) -> None:
    with pytest.raises(ZhikeError) as refusal:
        await edit(desk, **{name: (was, now)}, remark=(None, "x"))
    assert refusal.value.code == "conflict"
    assert refusal.value.details == {"attributes": {name: there}}
    assert "remark" not in await held(desk), "all or nothing"


async def test_the_same_said_twice_is_no_conflict(desk: Store) -> None:
    await edit(desk, level=("VIP", "SVIP"))
    await edit(desk, level=("VIP", "SVIP"), gone=("x", None))
    assert (await held(desk))["level"] == "SVIP"


async def test_of_two_at_the_same_moment_one_is_told(desk: Store) -> None:
    done = await asyncio.gather(
        *(edit(desk, level=("VIP", f"by {n}")) for n in range(4)),
        *(edit(desk, **{f"n{n}": (None, "x")}) for n in range(4)), return_exceptions=True)
    refused = [one for one in done if one is not None]
    assert len(refused) == 3
    now = await held(desk)
    assert {f"n{n}" for n in range(4)} < set(now), "others are not in the way"
    assert all(isinstance(one, ZhikeError) and one.details == {"attributes": {"level": now["level"]}}
               for one in refused)


async def test_there_are_not_more_than_fit(desk: Store) -> None:
    with pytest.raises(ZhikeError, match="50"):
        await edit(desk, **{f"n{n}": (None, "x") for n in range(MAX_ATTRIBUTES - 3)})
    await edit(desk, **{f"n{n}": (None, "x") for n in range(MAX_ATTRIBUTES - 4)})
    assert len(await held(desk)) == MAX_ATTRIBUTES
    with pytest.raises(ZhikeError):
        await desk.write(contact_edit.change, 99, {}, 0, 0, {"a": Edit(None, "x")})


async def test_a_conversations_attributes_are_edited_alike(desk: Store) -> None:
    edits = {"order": Edit(None, "10682")}
    assert await desk.write(conversation_edit.edit, [1], {"priority": 3}, edits=edits) == {1: {"priority": 3}}
    with pytest.raises(ZhikeError) as refusal:
        await desk.write(conversation_edit.edit, [1], {"priority": 4}, edits={"order": Edit(None, "10683")})
    assert refusal.value.details == {"attributes": {"order": "10682"}}
    row = await desk.read(listing.conversation, 1)
    assert row is not None
    assert (row.more.attributes, row.more.priority) == ({"order": "10682"}, 3)
