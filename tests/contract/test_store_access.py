"""Agents, sessions, keys, audit and lists, the same on every database."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from zhike.access.tokens import digest
from zhike.domain.conversation import Conversation
from zhike.domain.knowledge import Inbox
from zhike.errors import ZhikeError
from zhike.store import (
    agents,
    api_keys,
    audit,
    contact_edit,
    inboxes,
    listing,
    messages,
    second_factors,
    sessions,
)
from zhike.store.conversations import insert_conversations
from zhike.store.dialect import insert_many
from zhike.store.engine import Store

NOW = 1_790_000_000_000


async def test_agents_are_unique_by_address_in_any_capitals(store: Store) -> None:
    made = await store.write(agents.create, " Li.Na@Shop.example", "李娜", "owner", "hash", "zh", NOW)
    assert await store.read(agents.by_email, "li.na@shop.EXAMPLE") == made
    with pytest.raises(ZhikeError, match="conflict"):
        await store.write(agents.create, "LI.NA@shop.example", "X", "agent", "hash", "", NOW)
    assert await store.read(agents.names) == {made.id: "李娜"}


async def test_the_last_owner_stays(store: Store) -> None:
    first = await store.write(agents.create, "a@b.example", "A", "owner", "hash", "", NOW)
    for values in ({"enabled": False}, {"role": "agent"}):
        with pytest.raises(ZhikeError, match="conflict"):
            await store.write(agents.change, first.id, values, end_sessions=True)
    assert await store.read(agents.owner_exists)
    await store.write(agents.create, "c@d.example", "C", "owner", "hash", "", NOW)
    changed = await store.write(agents.change, first.id, {"role": "agent"}, end_sessions=True)
    assert changed.role == "agent"
    with pytest.raises(ZhikeError, match="not_found"):
        await store.write(agents.change, 999, {"name": "X"}, end_sessions=False)


async def test_the_setup_link_works_once_and_the_newest_counts(store: Store) -> None:
    for secret in ("old", "new"):
        await store.write(agents.put_setup_link, digest(secret), NOW + 1000, False)
    for secret, now in (("old", NOW), ("new", NOW + 1000), ("other", NOW)):
        with pytest.raises(ZhikeError, match="link_expired"):
            await store.write(agents.use_setup_link, digest(secret), "a@b.example", "A", "hash", "", now)
    made = await store.write(agents.use_setup_link, digest("new"), "a@b.example", "A", "hash", "", NOW)
    assert made.role == "owner"
    with pytest.raises(ZhikeError, match="setup_done"):
        await store.write(agents.use_setup_link, digest("new"), "c@d.example", "C", "hash", "", NOW)
    await store.write(agents.put_setup_link, digest("recover"), NOW + 1000, True)
    await store.write(second_factors.begin, made.id, "AAAA")
    await store.write(second_factors.confirm, made.id, "AAAA", 1, [], NOW)
    again = await store.write(agents.use_setup_link, digest("recover"), "A@b.example", "", "hash2", "", NOW)
    assert (again.id, again.name, again.password_hash) == (made.id, "A", "hash2")
    assert await store.read(second_factors.get, made.id) is None, "a lost phone keeps no owner out"


async def test_sessions_end_with_time_agent_or_password(store: Store) -> None:
    agent = await store.write(agents.create, "a@b.example", "A", "agent", "hash", "", NOW)
    key = digest("cookie")
    await store.write(sessions.add, key, agent.id, "csrf", NOW, NOW + 1000, "::1", "ua")
    found = await store.read(sessions.find, key, NOW + 999)
    assert found is not None
    assert (found.agent.id, found.agent.password_hash, found.csrf, found.expires_at) == (
        agent.id, "", "csrf", NOW + 1000)
    assert await store.read(sessions.find, key, NOW + 1000) is None
    await store.write(sessions.prolong, key, NOW + 2000, agent.id, NOW)
    assert await store.read(sessions.find, key, NOW + 1999) is not None
    await store.write(agents.change, agent.id, {"enabled": False}, end_sessions=False)
    assert await store.read(sessions.find, key, NOW) is None
    await store.write(agents.change, agent.id, {"enabled": True}, end_sessions=True)
    assert await store.read(sessions.find, key, NOW) is None
    await store.write(sessions.add, key, agent.id, "csrf", NOW, NOW + 1000, "::1", "ua")
    assert await store.write(sessions.prune, NOW + 1000) == 1


async def test_keys(store: Store) -> None:
    key = await store.write(api_keys.create, "orders", "admin", digest("zk_1"), 0, NOW)
    assert await store.read(api_keys.find, digest("zk_1")) == key
    await store.write(api_keys.touch, key.id, NOW + 5)
    revoked = await store.write(api_keys.revoke, key.id, NOW + 6)
    assert (revoked.last_used_at, revoked.revoked_at) == (NOW + 5, NOW + 6)
    assert (await store.write(api_keys.revoke, key.id, NOW + 9)).revoked_at == NOW + 6
    assert await store.read(api_keys.find, digest("zk_1")) is None
    assert [row.id for row in await store.read(api_keys.page, 0, 10)] == [key.id]


async def test_audit(store: Store) -> None:
    for n in range(3):
        await store.write(audit.add, NOW + n, "agent:1 李娜", "article.updated", f"article:{n}", {"n": n})
    newest = await store.read(audit.page, None, 2)
    assert [entry.detail for entry in newest] == [{"n": 2}, {"n": 1}]
    rest = await store.read(audit.page, newest[-1].id, 2)
    assert [entry.target for entry in rest] == ["article:0"]
    assert await store.read(audit.page, None, 5, audit.Filter(target="article:1")) == [newest[1]]


def _conversation(conn: Connection, number: int, contact_id: int, text: str, at: int) -> None:
    insert_conversations(
        conn,
        [
            (
                Conversation(
                    number,
                    1,
                    contact_id,
                    f"c:{number}",
                    "pending",
                    "bot",
                    1,
                    1,
                    1,
                    0,
                    NOW,
                    at,
                    last_text=text,
                ),
                f"1:c:{number}",
            )
        ],
    )
    insert_many(
        conn,
        "messages",
        (*messages.COLUMNS, "dedup_key"),
        [
            (
                number,
                1,
                "incoming",
                "contact",
                text,
                NOW,
                contact_id,
                f"m{number}",
                "",
                "",
                "",
                1,
                digest(f"{number}"),
            )
        ],
    )


async def test_lists(store: Store) -> None:
    await store.write(inboxes.create_inbox, Inbox(0, "shop", "Shop", "web"), NOW)
    inbox = (await store.read(inboxes.list_inboxes))[0]
    for number, (text, at) in enumerate(
        (("怎么退货", NOW), ("100% cotton", NOW + 5), ("HELLO_x", NOW + 5)), 1
    ):
        contact, made = await store.write(
            contact_edit.create, inbox.id, f"c:{number}", {"name": f"客户{number}"}, {"level": "VIP"}, NOW
        )
        assert made
        assert contact.attributes == {"level": "VIP"}
        await store.write(_conversation, number, contact.id, text, at)
    _, made = await store.write(contact_edit.create, inbox.id, "c:1", {"name": "X"}, {}, NOW + 1)
    assert not made

    async def ids(
        wanted: listing.Filter, before: tuple[int, int] | None = None, limit: int = 10
    ) -> list[int]:
        rows = await store.read(listing.conversation_page, wanted, before, limit)
        return [row.conversation.id for row in rows]

    assert await ids(listing.Filter()) == [3, 2, 1]
    assert await ids(listing.Filter(), (NOW + 5, 3), 1) == [2]
    assert await ids(listing.Filter(), (NOW + 5, 2)) == [1]
    assert await ids(listing.Filter(text="退货")) == [1]
    assert await ids(listing.Filter(text="0%")) == [2]
    assert await ids(listing.Filter(text="hello_")) == [3]
    assert await ids(listing.Filter(text="客户2")) == [2]
    assert await ids(listing.Filter(holder="agent")) == []
    row = await store.read(listing.conversation, 1)
    assert row is not None
    assert (row.contact_name, row.agent_name) == ("客户1", "")
    assert await store.read(listing.conversation, 99) is None

    found = await store.read(listing.contact_page, inbox.id, "客户", None, 2)
    assert [contact.name for contact in found] == ["客户3", "客户2"]
    changed = await store.write(contact_edit.change, found[0].id, {"phone": "138", "attributes": {"n": 1.5}})
    assert (changed.phone, changed.attributes) == ("138", {"n": 1.5})
    with pytest.raises(ZhikeError, match="not_found"):
        await store.write(contact_edit.change, 999, {"phone": "1"})
    with pytest.raises(ZhikeError, match="invalid_field"):
        await store.write(contact_edit.create, 999, "c:9", {}, {}, NOW)
