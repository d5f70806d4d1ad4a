"""What supervisors look at and what they write, on every database."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import pytest
from sqlalchemy import Connection, update

from zhike.domain.agent import Scope
from zhike.domain.team import Team, TeamSettings
from zhike.domain.unit import Change, Entry, Incoming
from zhike.errors import ZhikeError
from zhike.store import ratings, reviews, supervision, tables, teams
from zhike.store.dialect import insert_rows
from zhike.store.engine import Store
from zhike.store.unit import commit_unit

ANNA, BEN, SUPERVISOR = 7, 8, 9


def _seed(conn: Connection) -> None:
    insert_rows(conn, tables.inboxes, [
        {"id": n, "key": f"i{n}", "name": "i", "channel": "web", "bot_id": None, "settings": "{}",
         "created_at": 1, "updated_at": 1} for n in (1, 2)])
    insert_rows(conn, tables.agents, [
        {"id": n, "email": f"a{n}@x", "name": f"A{n}", "role": "agent", "password_hash": "",
         "enabled": True, "lang": "", "created_at": 1, "last_seen_at": 1} for n in (ANNA, BEN, SUPERVISOR)])


@pytest.fixture
async def desk(store: Store) -> Store:
    await store.write(_seed)
    await store.write(reviews.set_criteria, reviews.DEFAULTS)  # (databases of the suite keep their settings)
    return store


async def commit(store: Store, entry: Entry) -> None:
    await store.write(commit_unit, [entry], {})


async def asks(store: Store, sender: str, at: int, *, inbox: int = 1) -> int:
    """A visitor who asks for a person."""
    digest = blake2b(f"{inbox}{sender}{at}".encode(), digest_size=16).digest()
    entry = Incoming(inbox, sender, f"m{at}", digest, "人工", at, lang="zh", action="handoff")
    await commit(store, entry)
    return entry.conversation_id


async def speaks(store: Store, conversation: int, agent: int, at: int) -> None:
    digest = blake2b(f"{conversation}{agent}{at}".encode(), digest_size=16).digest()
    await commit(store, Incoming(0, f"a:{agent}", f"r{at}", digest, "您好", at, agent_id=agent,
                                 agent_name=f"A{agent}", conversation_id=conversation))


async def change(store: Store, conversation: int, kind: Any, at: int, agent: int = 0) -> None:
    await commit(store, Change(conversation, kind, at, agent_id=agent, agent_name=f"A{agent}"))


async def led(store: Store, sender: str, agent: int, at: int, *, inbox: int = 1) -> int:
    """Asked, taken after 1 s, answered 2 s later, resolved 3 s later."""
    where = await asks(store, sender, at, inbox=inbox)
    await change(store, where, "take", at + 1000, agent)
    await speaks(store, where, agent, at + 3000)
    await change(store, where, "resolve", at + 6000, agent)
    return where


async def test_who_waits_who_is_late_and_how_the_day_goes(desk: Store) -> None:
    await led(desk, "v:1", ANNA, 10_000)
    first, second = await asks(desk, "v:2", 20_000), await asks(desk, "v:3", 30_000)
    taken = await asks(desk, "v:4", 25_000)
    await change(desk, taken, "take", 26_000, ANNA)
    other = await asks(desk, "v:5", 15_000, inbox=2)

    now = await desk.read(supervision.now, 25_500)
    assert now.waiting_count == 3
    assert [row.conversation.id for row in now.waiting] == [other, first, second], "longest wait first"
    assert [row.conversation.id for row in now.late] == [taken], "nobody has answered since 25 s"
    assert now.held == {ANNA: supervision.Held(1, 1, 25_000)}
    assert (await desk.read(supervision.now, 24_000)).late_count == 0

    day = await desk.read(supervision.day, 10_000)
    assert (day.opened_count, day.resolved_count, day.by_bot_count) == (5, 1, 0)
    assert day.first_reply_ms == [2000]
    assert (await desk.read(supervision.day, 16_001)).resolved_count == 0

    one_inbox = Scope(inbox_ids=frozenset({2}))
    there = await desk.read(supervision.now, 25_500, one_inbox)
    assert [row.conversation.id for row in there.waiting] == [other]
    assert (await desk.read(supervision.day, 0, one_inbox)).opened_count == 1


async def test_what_visitors_say_is_told_by_team(desk: Store) -> None:
    numbers = [await led(desk, f"v:{n}", ANNA, n * 10_000) for n in range(1, 6)]

    def rated(conn: Connection) -> None:
        made = teams.create(conn, Team(0, "sales", "售前组", TeamSettings()), 1)
        conn.execute(update(tables.conversations).where(tables.conversations.c.id.in_(numbers[:3]))
                     .values(team_id=made.id))
        ratings.ask(conn, numbers, 90_000)  # the fifth says nothing
        for number, score in zip(numbers, (5, 4, 3, 1), strict=False):
            ratings.rate(conn, number, ratings.Rating(score, ""), 91_000)

    await desk.write(rated)
    day = await desk.read(supervision.day, 0)
    said = [(one.name, one.ratings_count, one.ratings_sum) for one in day.by_team]
    assert said == [("售前组", 3, 12), ("", 1, 1)]
    assert (day.ratings_count, day.ratings_sum) == (4, 13)
    assert (await desk.read(supervision.day, 91_001)).by_team == []
    assert (await desk.read(supervision.day, 0, Scope(inbox_ids=frozenset({2})))).by_team == []


async def test_a_sample_is_what_people_led_and_nobody_reviewed(desk: Store) -> None:
    mine = [await led(desk, f"v:{n}", ANNA, n * 10_000) for n in range(1, 6)]
    others = [await led(desk, f"w:{n}", BEN, n * 10_000, inbox=2) for n in range(1, 4)]
    alone = await asks(desk, "x:1", 70_000)
    await change(desk, alone, "resolve", 71_000)

    async def drawn(count: int, seed: int, **wanted: Any) -> set[int]:
        found = await desk.read(reviews.sample, 0, count, seed, **wanted)
        return {row.conversation.id for row in found}

    assert await drawn(50, 1) == {*mine, *others}, "what no person led is not drawn"
    assert await drawn(3, 4) == await drawn(3, 4), "one seed, one sample"
    assert len(await drawn(3, 4)) == 3
    assert await drawn(50, 1, agent_id=BEN) == set(others)
    assert await drawn(50, 1, scope=Scope(inbox_ids=frozenset({2}))) == set(others)
    scores = {"solved": 5, "correct": 4, "tone": 3, "process": 2}
    await desk.write(reviews.put, mine[0], SUPERVISOR, scores, "", 90_000)
    assert await drawn(50, 1) == {*mine[1:], *others}


async def test_reviews_are_one_for_each_supervisor_and_weighed(desk: Store) -> None:
    first, second = await led(desk, "v:1", ANNA, 10_000), await led(desk, "v:2", ANNA, 20_000)
    good, poor = dict.fromkeys(("solved", "correct", "tone", "process"), 5), {
        "solved": 1, "correct": 1, "tone": 5, "process": 5}
    await desk.write(reviews.put, first, SUPERVISOR, good, "不错", 30_000)
    again = await desk.write(reviews.put, first, SUPERVISOR, poor, "再看一遍", 40_000)
    assert (again.agent_id, again.agent_name, again.created_at, again.updated_at) == (
        ANNA, "A7", 30_000, 40_000)
    await desk.write(reviews.put, second, SUPERVISOR, good, "", 50_000)
    assert [one.scores for one in await desk.read(reviews.of_conversation, first)] == [poor]
    page = await desk.read(reviews.page, None, 1)
    assert [one.conversation_id for one in page] == [second]
    rest = await desk.read(reviews.page, (50_000, second, SUPERVISOR), 5)
    assert [one.conversation_id for one in rest] == [first]
    (standing,) = await desk.read(reviews.standings, 0)
    assert (standing.reviews_count, standing.means["solved"], standing.means["tone"]) == (2, 3.0, 5.0)
    assert standing.mean == pytest.approx((3 * 2 + 3 * 2 + 5 + 5) / 6)

    fewer = (reviews.Criterion("solved", "解决", "Solved"), reviews.Criterion("speed", "速度", "Speed"))
    await desk.write(reviews.set_criteria, fewer)
    (standing,) = await desk.read(reviews.standings, 0)
    assert standing.means == {"solved": 3.0, "speed": 0.0}
    assert standing.mean == 3.0, "what nobody scored does not pull anybody down"


async def test_what_cannot_be_reviewed(desk: Store) -> None:
    where = await led(desk, "v:1", ANNA, 10_000)
    for scores in ({"solved": 5}, {"solved": 5, "correct": 5, "tone": 5, "process": 5, "looks": 5}):
        with pytest.raises(ZhikeError) as caught:
            await desk.write(reviews.put, where, SUPERVISOR, scores, "", 1)
        assert caught.value.code == "invalid_field"
    alone = await asks(desk, "v:9", 1000)
    with pytest.raises(ZhikeError, match="No person led"):
        await desk.write(reviews.put, alone, SUPERVISOR,
                         dict.fromkeys(("solved", "correct", "tone", "process"), 5), "", 1)
    with pytest.raises(ZhikeError, match="one key"):
        await desk.write(reviews.set_criteria, [reviews.Criterion("a", "一", "one")] * 2)
