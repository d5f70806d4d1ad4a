"""What routing reads and remembers, on every database."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from zhike.domain.team import Team, TeamSettings
from zhike.domain.unit import Change, Entry, Incoming
from zhike.store import leases, listing, presence, ratings, routing, tables, teams, waits
from zhike.store.dialect import insert_rows
from zhike.store.engine import Store
from zhike.store.presence import Pages
from zhike.store.ratings import Rating
from zhike.store.unit import Result, commit_unit

NOW = 1_790_000_000_000


def _seed(conn: Connection) -> None:
    insert_rows(conn, tables.inboxes, [{"id": 1, "key": "i", "name": "i", "channel": "web", "bot_id": None,
                                        "settings": "{}", "created_at": 1, "updated_at": 1}])
    insert_rows(conn, tables.agents, [
        {"id": n, "email": f"a{n}@x", "name": f"A{n}", "role": "agent", "password_hash": "",
         "enabled": n != 9, "lang": "", "created_at": 1, "last_seen_at": 1} for n in (7, 8, 9)])


@pytest.fixture
async def desk(store: Store) -> Store:
    await store.write(_seed)
    return store


async def commit(store: Store, *entries: Entry) -> Result:
    return await store.write(commit_unit, entries, {})


async def asks(store: Store, number: int, at: int, **columns: Any) -> int:
    """A visitor who waits for a person."""
    key = number.to_bytes(16, "big")
    entry = Incoming(1, f"v:{number}", "m1", key, "人呢", at, lang="zh", action="handoff")
    await commit(store, entry)
    table = tables.conversations
    if columns:
        await store.write(lambda conn: conn.execute(
            update(table).where(table.c.id == entry.conversation_id).values(**columns)) and None)
    return entry.conversation_id


async def test_a_snapshot_holds_all_that_a_decision_needs(desk: Store) -> None:
    team = await desk.write(teams.create, Team(0, "t", "T", TeamSettings(late_after_s=5), (7, 8)), NOW)
    await desk.write(presence.put, "n1", [Pages(7, 1, 1)], NOW, 30_000)
    assert await desk.write(leases.take, routing.LEASE, "n1", NOW, 15_000)
    first, second = await asks(desk, 1, NOW), await asks(desk, 2, NOW + 1)
    urgent = await asks(desk, 3, NOW + 2, priority=4, team_id=team.id,
                        attributes='{"skills":["vip",3],"x":1}')
    held = await asks(desk, 4, NOW + 3)
    asleep = await asks(desk, 5, NOW + 4)
    over = await asks(desk, 6, NOW + 5)
    await commit(desk, Change(held, "assign", NOW + 10, agent_id=7, agent_name="A7", team_id=team.id),
                 Change(asleep, "snooze", NOW + 10, until=NOW + 99_999), Change(over, "resolve", NOW + 10))
    await desk.write(waits.came_to_team, [first], NOW + 20)
    await desk.write(waits.assigned, [(held, 3, 7, NOW + 10)])

    seen = await desk.read(routing.read, NOW + 1000)
    assert seen.decider == "n1"
    assert [(one.agent.id, one.seen.presence, one.load) for one in seen.people] == [
        (7, "online", 1), (8, "offline", 0)]
    assert seen.known_ids == {7}
    assert seen.last_served == {7: 0, 8: 0, 9: 0}
    assert seen.teams == {team.id: team}
    assert [one.conversation.id for one in seen.queue] == [urgent, first, second], "priority, then the wait"
    top = seen.queue[0]
    assert (top.priority, top.team_id, top.skills) == (4, team.id, frozenset({"vip"}))
    assert [one.team_since for one in seen.queue] == [None, NOW + 20, None]
    assert [(one.conversation_id, one.agent_id, one.team_id, one.waiting_since, one.epoch)
            for one in seen.held] == [(held, 7, team.id, NOW + 3, 3)]
    assert [tuple(one) for one in seen.given] == [(7, team.id, NOW + 10)]
    assert (await desk.read(routing.read, NOW + 15_000)).decider == ""


async def test_an_alarm_and_an_out_of_office_are_once(desk: Store) -> None:
    asked = await asks(desk, 1, NOW)
    assert await desk.write(waits.alarm, asked, NOW, NOW + 100)
    assert not await desk.write(waits.alarm, asked, NOW, NOW + 200)
    assert await desk.write(waits.alarm, asked, NOW + 150, NOW + 300), "another wait"
    texts = []
    for at in (1, 2):
        say = Change(asked, "say", NOW + at, text="下班了", once="out_of_office")
        await commit(desk, say)
        texts.append(say.outcome)
    assert texts == ["done", "unchanged"]
    again = Change(asked, "say", NOW + 3, text="另一句")
    stale = Change(asked, "say", NOW + 4, text="晚了", epoch=1)
    await commit(desk, again, stale, Change(asked, "resolve", NOW + 5))
    over = Change(asked, "say", NOW + 6, text="没人听")
    await commit(desk, over)
    assert [one.outcome for one in (again, stale, over)] == ["done", "unchanged", "resolved"]


async def test_who_was_served_stands_at_the_end_of_the_line(desk: Store) -> None:
    await desk.write(waits.served, [8, 7], NOW)
    seen = await desk.read(routing.read, NOW)
    assert seen.last_served == {7: NOW + 2, 8: NOW + 1, 9: 0}


async def test_assignments_are_kept_once_and_pruned(desk: Store) -> None:
    asked = await asks(desk, 1, NOW)
    for _ in range(2):
        await desk.write(waits.assigned, [(asked, 2, 7, NOW), (asked, 3, 8, NOW + 5)])
    assert [one.agent_id for one in await desk.read(routing.given, NOW - 1)] == [8, 7]
    assert [one.agent_id for one in await desk.read(routing.given, NOW)] == [8]
    assert await desk.write(waits.prune, NOW + 1) == 1


async def test_a_rating_is_asked_once_given_once_and_shown(desk: Store) -> None:
    asked, other = await asks(desk, 1, NOW), await asks(desk, 2, NOW)
    assert await desk.write(ratings.ask, [asked, other, asked], NOW) == [asked, other]
    assert await desk.write(ratings.ask, [asked], NOW + 1) == []
    assert await desk.write(ratings.rate, asked, Rating(5, "好"), NOW + 2) == (5, "好")
    assert await desk.write(ratings.rate, asked, Rating(1, ""), NOW + 3) == (5, "好")
    assert await desk.write(ratings.rate, 99, Rating(1, ""), NOW + 3) is None
    assert await desk.read(ratings.waits, other)
    assert not await desk.read(ratings.waits, asked)
    for number, rating in ((asked, Rating(5, "好")), (other, None)):
        row = await desk.read(listing.conversation, number)
        assert row is not None
        assert row.more.rating == rating


async def test_a_team_that_is_removed_leaves_its_queue_behind(desk: Store) -> None:
    team = await desk.write(teams.create, Team(0, "t", "T"), NOW)
    asked = await asks(desk, 1, NOW, team_id=team.id)
    assert await desk.write(teams.remove, team.id)
    table = tables.conversations
    assert await desk.read(lambda conn: conn.execute(
        select(table.c.team_id).where(table.c.id == asked)).scalar_one()) is None
