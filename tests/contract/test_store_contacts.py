"""Contacts that are one person, people who are blocked, and the search, on every database."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, select

from zhike.domain.agent import Scope
from zhike.domain.unit import Change, Incoming
from zhike.errors import ZhikeError
from zhike.store import contact_edit, contact_merge, contacts, conversations, find, listing, proofs, tables
from zhike.store.dialect import insert_rows
from zhike.store.engine import Store
from zhike.store.unit import commit_unit

AT = 1_700_000_000_000


def _seed(conn: Connection) -> None:
    times = {"created_at": 1, "updated_at": 1}
    insert_rows(conn, tables.bots, [{"id": 1, "key": "b", "name": "b", "settings": "{}",
                                     "knowledge_version": 1, **times}])
    insert_rows(conn, tables.inboxes, [{"id": n, "key": f"i{n}", "name": "i", "channel": "web", "bot_id": 1,
                                        "settings": "{}", **times} for n in (1, 2)])
    insert_rows(conn, tables.articles, [
        {"id": n, "bot_id": 1, "key": f"k{n}", "lang": "zh", "category": "", "question": question,
         "answer": answer, "variants": variants, "buttons": "[]", "enabled": True, **times}
        for n, (question, answer, variants) in enumerate(
            [("运费多少", "满 99 元包邮", "[]"), ("怎么退货", "7 天内", '["退换 100%"]')], 1)])


@pytest.fixture
async def desk(store: Store) -> Store:
    await store.write(_seed)
    return store


async def say(store: Store, sender: str, text: str, at: int, inbox: int = 1, **contact: str) -> Incoming:
    entry = Incoming(inbox, sender, text, f"{sender}{text}".encode().ljust(16)[:16], text, AT + at, lang="zh",
                     contact=contact or None)
    await store.write(commit_unit, [entry], {})
    return entry


async def owner(store: Store, sender: str) -> int:
    def read(conn: Connection) -> int:
        t = tables.contacts.c
        return int(conn.execute(select(t.id).where(t.sender == sender)).scalar_one())
    return await store.read(read)


async def test_two_ways_in_are_one_person(desk: Store) -> None:
    first = await say(desk, "v:phone", "在吗", 1, name="李娜")
    known = await say(desk, "c:42", "你好", 2, name="", email="li@x.example")
    old = await say(desk, "v:old", "以前", 3)
    await desk.write(commit_unit, [Change(old.conversation_id, "resolve", AT + 4)], {})
    phone, customer, older = [await owner(desk, sender) for sender in ("v:phone", "c:42", "v:old")]
    await desk.write(contact_edit.change, phone, {"attributes": {"level": "VIP", "city": "杭州"}})
    await desk.write(contact_edit.change, customer, {"attributes": {"level": "normal"}})
    await desk.write(proofs.add_proof, phone, "H1", AT + 10**9, AT)
    await desk.write(contact_merge.merge, older, phone)
    left, awake = await desk.write(contact_merge.merge, phone, customer)
    assert (left.id, left.name, left.email) == (customer, "李娜", "li@x.example")
    assert left.attributes == {"level": "normal", "city": "杭州"}
    # both stay open, each on the page it was begun on
    assert awake == [first.conversation_id, known.conversation_id]
    rows = await desk.read(listing.conversation_page, listing.Filter(contact_id=customer), None, 9)
    assert {row.conversation.id for row in rows} == {
        first.conversation_id, known.conversation_id, old.conversation_id}
    again = await say(desk, "v:phone", "还在吗", 5)
    assert again.conversation_id == first.conversation_id
    newer = await say(desk, "v:old", "又来了", 6)
    found = await desk.read(conversations.get_conversation, newer.conversation_id)
    assert found is not None
    assert (found.contact_id, found.sender) == (customer, "v:old")
    for sender, where in (("v:phone", first), ("v:old", newer), ("c:42", known)):
        latest = await desk.read(conversations.latest_of_sender, 1, sender)
        assert latest is not None
        assert latest.id == where.conversation_id
    assert not await desk.read(proofs.has_proof, customer, "H1", AT)
    shown = await desk.read(listing.contact_page, 1, "", None, 9)
    assert [contact.id for contact in shown] == [customer]


async def test_what_cannot_be_merged(desk: Store) -> None:
    await say(desk, "v:1", "a", 1)
    await say(desk, "v:2", "b", 2)
    await say(desk, "v:3", "c", 3, inbox=2)
    one, two, other = [await owner(desk, sender) for sender in ("v:1", "v:2", "v:3")]
    for source, into, code in ((one, one, "invalid_field"), (one, other, "invalid_field"),
                               (one, 999, "not_found"), (999, one, "not_found")):
        with pytest.raises(ZhikeError, match=code):
            await desk.write(contact_merge.merge, source, into)
    await desk.write(contact_merge.merge, one, two)
    await desk.write(contact_merge.merge, one, two)  # the same again changes nothing
    with pytest.raises(ZhikeError, match="conflict"):
        await desk.write(contact_merge.merge, two, one)


async def test_whoever_is_blocked_is_so_by_every_way_in(desk: Store) -> None:
    await say(desk, "v:1", "a", 1)
    await say(desk, "v:2", "b", 2)
    one, two = await owner(desk, "v:1"), await owner(desk, "v:2")
    before = await desk.read(contact_merge.blocked_stamp)
    assert (await desk.write(contact_merge.block, one, AT)).blocked_at == AT
    assert await desk.read(contact_merge.blocked) == {(1, "v:1")}
    assert await desk.read(contact_merge.blocked_stamp) != before
    left, _ = await desk.write(contact_merge.merge, one, two)
    assert left.blocked_at == AT
    assert await desk.read(contact_merge.blocked) == {(1, "v:1"), (1, "v:2")}
    await desk.write(contact_merge.block, two, None)
    assert await desk.read(contact_merge.blocked) == set()
    assert await desk.read(contact_merge.blocked_stamp) == before
    with pytest.raises(ZhikeError, match="not_found"):
        await desk.write(contact_merge.block, 999, AT)


async def test_words_are_found_where_they_stand(desk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    await say(desk, "v:1", "运费是多少", 1, name="王芳")
    second = await say(desk, "v:2", "包邮吗 100%", 2, name="李娜", phone="13800001111", inbox=2)
    await say(desk, "v:1", "还有运费险吗", 3)

    async def texts(text: str, limit: int = 9, **more: Any) -> list[str]:
        return [one.text for one in await desk.read(find.in_messages, text, limit, **more)]

    assert await texts("运费") == ["还有运费险吗", "运费是多少"]
    assert await texts("运费", 1) == ["还有运费险吗"]
    assert await texts("0%") == ["包邮吗 100%"]
    assert await texts("0_") == []
    assert await texts("包邮", scope=Scope(frozenset({1}))) == []
    assert [c.name for c in await desk.read(find.in_contacts, "1380", 9)] == ["李娜"]
    assert await desk.read(find.in_contacts, "1380", 9, Scope(frozenset({1}))) == []
    assert [a.key for a in await desk.read(find.in_articles, "100%", 9)] == ["k2"]
    assert [a.key for a in await desk.read(find.in_articles, "包邮", 9)] == ["k1"]
    who = await owner(desk, "v:2")
    assert await desk.read(find.conversations_of, "x", [who], 9) == [second.conversation_id]
    assert await desk.read(find.conversations_of, f"#{second.conversation_id}", [], 9) == [
        second.conversation_id]
    assert await desk.read(find.conversations_of, str(second.conversation_id), [], 9,
                           Scope(frozenset({1}))) == []
    monkeypatch.setattr(find, "RECENT_MESSAGES", 1)
    assert await texts("运费") == []  # only the newest is looked at: that of the newest conversation
    assert await texts("包邮") == ["包邮吗 100%"]


async def test_a_known_sender_is_found_under_the_contact_that_is_left(desk: Store) -> None:
    await say(desk, "v:1", "a", 1)
    await say(desk, "v:2", "b", 2)
    one, two = await owner(desk, "v:1"), await owner(desk, "v:2")
    await desk.write(contact_merge.merge, one, two)
    assert await desk.write(contacts.ensure, [(1, "v:1", {}, AT)]) == {(1, "v:1"): two}
