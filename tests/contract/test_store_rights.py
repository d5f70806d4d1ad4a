"""Who sees which rows, second factors, reset links and one's own sessions: the same on every database."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import Connection, insert, update

from zhike.access.tokens import digest
from zhike.domain.agent import EVERYTHING, Agent, Role, Scope
from zhike.domain.conversation import Conversation
from zhike.domain.knowledge import Inbox
from zhike.errors import ZhikeError
from zhike.store import (
    agents,
    api_keys,
    contact_edit,
    inboxes,
    listing,
    people,
    resets,
    scopes,
    sessions,
    tables,
)
from zhike.store import second_factors as factors
from zhike.store.conversations import insert_conversations
from zhike.store.engine import Store

NOW = 1_790_000_000_000


async def _agent(store: Store, name: str, role: Role = "agent") -> Agent:
    return await store.write(agents.create, f"{name}@shop.example", name, role, "hash", "", NOW)


def _place(conn: Connection, number: int, inbox_id: int, team_id: int | None, agent_id: int | None) -> None:
    sender = f"c:{number}"
    contact, _ = contact_edit.create(conn, inbox_id, sender, {"name": f"客户{number}"}, {}, NOW)
    insert_conversations(conn, [(Conversation(
        number, inbox_id, contact.id, sender, "open", "agent" if agent_id else "queue", 1, 0, 0, 0, NOW,
        NOW + number, agent_id=agent_id), f"{inbox_id}:{sender}")])
    rows = tables.conversations
    conn.execute(update(rows).where(rows.c.id == number).values(team_id=team_id))


async def _desk(store: Store) -> dict[str, Any]:
    """Two inboxes, two teams; one conversation for each that can differ."""
    for key in ("shop", "bank"):
        await store.write(inboxes.create_inbox, Inbox(0, key, key, "web"), NOW)
    one, two = (inbox.id for inbox in await store.read(inboxes.list_inboxes))
    mine, other = await _agent(store, "mine"), await _agent(store, "other")

    def fill(conn: Connection) -> None:
        for team, key in ((1, "sales"), (2, "returns")):
            conn.execute(insert(tables.teams).values(id=team, key=key, name=key, settings="{}",
                                                     created_at=NOW, updated_at=NOW))
        conn.execute(insert(tables.team_members).values(team_id=1, agent_id=mine.id))
        for number, (inbox_id, team_id, agent_id) in enumerate((
                (one, None, None), (one, 1, None), (one, 2, None), (one, 2, mine.id), (two, None, None),
                (two, 1, mine.id)), 1):
            _place(conn, number, inbox_id, team_id, agent_id)

    await store.write(fill)
    return {"one": one, "two": two, "mine": mine, "other": other}


async def _listed(store: Store, scope: Scope) -> list[int]:
    rows = await store.read(listing.conversation_page, listing.Filter(scope=scope), None, 50)
    return sorted(row.conversation.id for row in rows)


async def test_lists_and_single_rows_agree_about_what_somebody_sees(store: Store) -> None:
    desk = await _desk(store)
    one, mine = desk["one"], desk["mine"]
    kept = frozenset((one,))
    wanted: list[tuple[Scope, list[int]]] = [
        (EVERYTHING, [1, 2, 3, 4, 5, 6]),
        (Scope(kept), [1, 2, 3, 4]),
        (Scope(None, frozenset((1,)), mine.id), [1, 2, 4, 5, 6]),
        (Scope(None, frozenset(), 0), [1, 5]),
        (Scope(kept, frozenset((1,)), mine.id), [1, 2, 4]),
        (Scope(kept, frozenset((2,)), 0), [1, 3, 4]),
        (Scope(frozenset((999,)), None, 0), []),
    ]
    for scope, numbers in wanted:
        assert await _listed(store, scope) == numbers, scope
        single = [n for n in range(1, 7) if await store.read(scopes.sees_conversation, scope, n)]
        assert single == numbers, scope
        assert await store.read(scopes.visible, scope, [1, 2, 3, 4, 5, 6, 7]) == set(numbers)
        rows = await store.read(listing.conversation_page, listing.Filter(), None, 50)
        teams = {1: None, 2: 1, 3: 2, 4: 2, 5: None, 6: 1}
        by_rule = sorted(row.conversation.id for row in rows if scope.sees(
            row.conversation.inbox_id, teams[row.conversation.id], row.conversation.agent_id))
        assert by_rule == numbers, "the rule in memory and the one in the database are the same"
    assert not await store.read(scopes.sees_conversation, EVERYTHING, 99)


async def test_who_is_asked_by_name_sees_the_conversation(store: Store) -> None:
    desk = await _desk(store)
    other = desk["other"]
    scope = await store.read(scopes.scope, other)
    assert await _listed(store, scope) == [1, 5]

    def ask(conn: Connection) -> None:
        conn.execute(insert(tables.mentions).values(conversation_id=3, seq=1, agent_id=other.id,
                                                    by_id=desk["mine"].id, created_at=NOW))

    await store.write(ask)
    assert await _listed(store, scope) == [1, 3, 5]
    assert await store.read(scopes.sees_conversation, scope, 3)


async def test_contacts_go_by_inbox(store: Store) -> None:
    desk = await _desk(store)
    scope = Scope(frozenset((desk["two"],)), frozenset(), 0)
    found = await store.read(listing.contact_page, None, "", None, 50, scope)
    assert {contact.name for contact in found} == {"客户5", "客户6"}
    hidden = (await store.read(listing.contact_page, desk["one"], "", None, 1))[0]
    assert not await store.read(scopes.sees_contact, scope, hidden.id)
    assert await store.read(scopes.sees_contact, scope, found[0].id)
    assert await store.read(listing.contact_page, desk["one"], "", None, 50, scope) == []


async def test_routing_knows_who_sees_which_inboxes(store: Store) -> None:
    desk = await _desk(store)
    boss = await _agent(store, "boss", "admin")
    for person in (desk["mine"], boss):
        await store.write(scopes.set_inboxes, person.id, [desk["one"]])
    kept = {one.agent.id: one.inbox_ids for one in await store.read(people.enabled, NOW)}
    assert kept == {desk["mine"].id: frozenset((desk["one"],)), desk["other"].id: None, boss.id: None}


@pytest.mark.parametrize(("role", "inbox_kept", "team_kept"), [
    ("owner", False, False), ("admin", False, False), ("supervisor", True, False), ("analyst", True, False),
    ("agent", True, True)])
async def test_what_each_role_sees(store: Store, role: Role, inbox_kept: bool, team_kept: bool) -> None:
    desk = await _desk(store)
    person = await _agent(store, "person", role)
    assert await store.write(scopes.set_inboxes, person.id, [desk["one"], desk["one"]]) == [desk["one"]]
    scope = await store.read(scopes.scope, person)
    assert (scope.inbox_ids is not None, scope.team_ids is not None) == (inbox_kept, team_kept)
    assert await store.write(scopes.set_inboxes, person.id, []) == []
    assert (await store.read(scopes.scope, person)).inbox_ids is None
    with pytest.raises(ZhikeError, match="invalid_field"):
        await store.write(scopes.set_inboxes, person.id, [desk["one"], 999])


async def test_an_inbox_that_agents_are_kept_to_is_not_removed(store: Store) -> None:
    """They would be kept to none, which means: may see all."""
    await store.write(inboxes.create_inbox, Inbox(0, "quiet", "quiet", "web"), NOW)
    inbox = (await store.read(inboxes.list_inboxes))[0]
    person = await _agent(store, "person")
    await store.write(scopes.set_inboxes, person.id, [inbox.id])
    with pytest.raises(ZhikeError, match="conflict"):
        await store.write(inboxes.delete_inbox, inbox.id)
    await store.write(scopes.set_inboxes, person.id, [])
    assert await store.write(inboxes.delete_inbox, inbox.id)


async def test_a_key_is_kept_to_inboxes(store: Store) -> None:
    desk = await _desk(store)
    made = await store.write(api_keys.create, "orders", "agent", digest("k"), 0, NOW, [desk["two"]])
    found = await store.read(api_keys.find, digest("k"))
    assert found == made
    assert found is not None
    assert found.inbox_ids == (desk["two"],)
    with pytest.raises(ZhikeError, match="invalid_field"):
        await store.write(api_keys.create, "x", "agent", digest("x"), 0, NOW, [999])


async def test_a_second_factor_from_beginning_to_end(store: Store) -> None:
    person = await _agent(store, "person")
    assert await store.write(factors.begin, person.id, "AAAA")
    assert await store.write(factors.begin, person.id, "BBBB")  # the page was left and opened again
    assert not await store.write(factors.use_step, person.id, 5), "it is not on yet"
    assert await store.write(factors.use_recovery, person.id, "d1") is None
    assert not await store.write(factors.confirm, person.id, "AAAA", 7, ["d1", "d2"], NOW)
    assert await store.write(factors.confirm, person.id, "BBBB", 7, ["d1", "d2"], NOW)
    assert not await store.write(factors.confirm, person.id, "BBBB", 9, [], NOW)
    assert not await store.write(factors.begin, person.id, "CCCC")
    known = await store.read(factors.get, person.id)
    assert known == factors.SecondFactor(person.id, "BBBB", True, 7, ["d1", "d2"])
    assert [await store.write(factors.use_step, person.id, step) for step in (7, 6, 8, 8)] == [
        False, False, True, False]
    assert [await store.write(factors.use_recovery, person.id, code) for code in ("d1", "d1", "d2")] == [
        1, None, 0]
    assert await store.write(factors.remove, person.id)
    assert await store.read(factors.get, person.id) is None


async def test_one_code_shown_twice_at_once_counts_once(store: Store) -> None:
    person = await _agent(store, "person")
    await store.write(factors.begin, person.id, "AAAA")
    await store.write(factors.confirm, person.id, "AAAA", 1, ["d1"], NOW)
    steps = await asyncio.gather(*(store.write(factors.use_step, person.id, 2) for _ in range(5)))
    assert sorted(steps) == [False] * 4 + [True]
    codes = await asyncio.gather(*(store.write(factors.use_recovery, person.id, "d1") for _ in range(5)))
    assert [code for code in codes if code is not None] == [0]


async def test_a_reset_link_works_once_for_a_day_and_the_newest_counts(store: Store) -> None:
    person = await _agent(store, "person")
    await store.write(sessions.add, digest("cookie"), person.id, "csrf", NOW, NOW + 9000, "", "")
    for secret in ("old", "new"):
        await store.write(resets.put, person.id, digest(secret), NOW + 1000)
    for secret, now in (("old", NOW), ("new", NOW + 1000), ("none", NOW)):
        with pytest.raises(ZhikeError, match="link_expired"):
            await store.read(resets.check, digest(secret), now)
    assert (await store.read(resets.check, digest("new"), NOW)).id == person.id
    changed = await store.write(resets.use, digest("new"), "hash2", NOW)
    assert (changed.id, changed.password_hash) == (person.id, "hash2")
    assert await store.read(sessions.find, digest("cookie"), NOW) is None
    with pytest.raises(ZhikeError, match="link_expired"):
        await store.write(resets.use, digest("new"), "hash3", NOW)
    await store.write(resets.put, person.id, digest("again"), NOW + 1000)
    await store.write(agents.change, person.id, {"enabled": False}, end_sessions=True)
    with pytest.raises(ZhikeError, match="link_expired"):
        await store.write(resets.use, digest("again"), "hash3", NOW)
    with pytest.raises(ZhikeError, match="not_found"):
        await store.write(resets.put, 999, digest("x"), NOW + 1000)


async def test_sessions_are_listed_and_ended_one_by_one(store: Store) -> None:
    person, other = await _agent(store, "person"), await _agent(store, "other")
    for n, name in enumerate(("phone", "desk")):
        await store.write(sessions.add, digest(name), person.id, "csrf", NOW + n, NOW + 9000, "::1", name)
    await store.write(sessions.add, digest("theirs"), other.id, "csrf", NOW, NOW + 9000, "::1", "x")
    found = await store.read(sessions.of_agent, person.id, NOW)
    assert [row.user_agent for row in found] == ["desk", "phone"]
    assert await store.read(sessions.of_agent, person.id, NOW + 9000) == []
    number = sessions.number_of(found[0].token_hash)
    with pytest.raises(ZhikeError, match="not_found"):
        await store.write(sessions.delete_numbered, other.id, number)
    assert await store.write(sessions.delete_numbered, person.id, number) == digest("desk")
    assert [row.user_agent for row in await store.read(sessions.of_agent, person.id, NOW)] == ["phone"]
