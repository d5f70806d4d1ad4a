"""Teams, presence and leases on every database."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from zhike.domain.knowledge import Inbox
from zhike.domain.team import Team, TeamSettings
from zhike.errors import ZhikeError
from zhike.store import agents, inboxes, leases, people, presence, teams
from zhike.store.engine import Store
from zhike.store.presence import AWAY_MS, Pages

NOW = 1_790_000_000_000
LEASE = 30_000


async def agent(store: Store, number: int) -> int:
    made = await store.write(agents.create, f"a{number}@desk.example", f"A{number}", "agent", "x", "", NOW)
    return made.id


async def test_a_team_is_stored_changed_and_removed(store: Store) -> None:
    one, two = await agent(store, 1), await agent(store, 2)
    settings = TeamSettings(strategy="least_busy", late_after_s=90, languages=("zh", "en"))
    made = await store.write(teams.create, Team(0, "sales", "售前", settings, (two, one, two)), NOW)
    assert (made.key, made.name, made.settings, made.member_ids) == ("sales", "售前", settings, (one, two))
    assert await store.read(teams.of_agents, [one, two, 99]) == {one: (made.id,), two: (made.id,)}
    changed = await store.write(teams.change, msgspec.structs.replace(
        made, name="Sales", member_ids=(two,), key="ignored"), NOW + 5)
    assert (changed.key, changed.name, changed.member_ids) == ("sales", "Sales", (two,))
    assert changed.updated_at == NOW + 5
    assert await store.read(teams.listed) == [changed]
    assert await store.read(teams.listed, after_id=made.id) == []
    assert await store.write(teams.remove, made.id)
    assert not await store.write(teams.remove, made.id)
    assert await store.read(teams.get, made.id) is None


async def test_what_cannot_work_is_refused_with_its_field(store: Store) -> None:
    onward = "settings.overflow_team_id"
    first = await store.write(teams.create, Team(0, "a", "A"), NOW)
    second = await store.write(teams.create, Team(0, "b", "B", TeamSettings(overflow_team_id=first.id)), NOW)
    for team, code, field in (
            (Team(0, "a", "again"), "conflict", "key"),
            (Team(0, "bad key", "x"), "invalid_field", "key"),
            (Team(0, "c", ""), "invalid_field", "name"),
            (Team(0, "c", "C", member_ids=(12345,)), "invalid_field", "member_ids"),
            (Team(0, "c", "C", TeamSettings(overflow_team_id=12345)), "invalid_field", onward),
            (Team(0, "c", "C", TeamSettings(overflow_after_s=5)), "invalid_field", onward)):
        with pytest.raises(ZhikeError) as refused:
            await store.write(teams.create, team, NOW)
        assert (refused.value.code, refused.value.field) == (code, field)
    for target in (second.id, first.id):  # a circle of two, and of one
        with pytest.raises(ZhikeError) as circle:
            await store.write(teams.change, msgspec.structs.replace(
                first, settings=TeamSettings(overflow_team_id=target)), NOW)
        assert circle.value.field == "settings.overflow_team_id"
    with pytest.raises(ZhikeError, match="overflows"):
        await store.write(teams.remove, first.id)
    with pytest.raises(ZhikeError):
        await store.write(teams.change, msgspec.structs.replace(first, id=999), NOW)


async def test_an_inbox_names_a_team_that_exists(store: Store) -> None:
    team = await store.write(teams.create, Team(0, "a", "A"), NOW)
    inbox = Inbox(0, "i", "I", "web", settings={"team_id": team.id})
    with pytest.raises(ZhikeError) as refused:
        await store.write(inboxes.create_inbox, msgspec.structs.replace(
            inbox, settings={"team_id": team.id + 1}), NOW)
    assert refused.value.field == "settings.team_id"
    await store.write(inboxes.create_inbox, inbox, NOW)
    with pytest.raises(ZhikeError) as kept:
        await store.write(teams.remove, team.id)
    assert kept.value.code == "conflict"


async def test_pages_of_several_processes_make_one_presence(store: Store) -> None:
    one, two = await agent(store, 1), await agent(store, 2)
    await store.write(presence.put, "a", [Pages(one, 1, 1), Pages(two, 1, 0), Pages(98765, 1, 1)], NOW, LEASE)
    await store.write(presence.put, "b", [Pages(one, 2, 0)], NOW, LEASE)

    async def seen(agent_id: int, at: int) -> tuple[str, int]:
        found = (await store.read(presence.read, at))[agent_id]
        return found.presence, found.last_seen_at

    assert await seen(one, NOW + 1) == ("online", NOW + 1)
    assert await seen(two, NOW + 1) == ("away", NOW + 1)
    assert set(await store.read(presence.read, NOW)) == {one, two}, "nobody who does not exist"
    # the last page somebody sat at is closed; another process still has some open
    await store.write(presence.put, "a", [Pages(one, 0, 0)], NOW + 1000, LEASE)
    assert await seen(one, NOW + 2000) == ("away", NOW + 2000)
    await store.write(presence.put, "b", [Pages(one, 2, 0)], NOW + 20_000, LEASE)
    # process b dies without a word: its lease ends, and the time it was last alive counts
    assert await seen(one, NOW + 49_999) == ("away", NOW + 49_999)
    assert await seen(one, NOW + 50_000) == ("offline", NOW + 20_000)
    assert await seen(two, NOW + LEASE) == ("offline", NOW)
    await store.write(presence.put, "a", [Pages(two, 1, 1)], NOW + 60_000, LEASE)
    await store.write(presence.close, "a", NOW + 61_000)
    assert await seen(two, NOW + 61_000 + AWAY_MS - 1) == ("away", NOW + 61_000)
    assert await seen(two, NOW + 61_000 + AWAY_MS) == ("offline", NOW + 61_000)
    found = await store.read(people.page, 0, 10, NOW + 61_001)
    assert [(p.agent.id, p.seen.presence, p.load) for p in found] == [(one, "offline", 0), (two, "away", 0)]
    assert await store.write(presence.prune, NOW + 100_000) == 3
    assert await store.read(presence.read, NOW) == {}


async def test_an_agents_settings_stand_beside_the_columns(store: Store) -> None:
    one = await agent(store, 1)
    changed = await store.write(agents.change, one, {"capacity": 3, "skills": ("退货",), "name": "王磊"},
                                end_sessions=False)
    assert (changed.capacity, changed.skills, changed.languages, changed.name) == (3, ("退货",), (), "王磊")
    changed = await store.write(agents.change, one, {"languages": ("zh",)}, end_sessions=False)
    assert (changed.capacity, changed.skills, changed.languages) == (3, ("退货",), ("zh",))
    assert (await store.write(people.set_availability, one, "busy")).availability == "busy"


async def test_a_lease_has_one_owner_at_a_time(store: Store) -> None:
    assert await store.write(leases.take, "routing", "a", NOW, 1000)
    assert not await store.write(leases.take, "routing", "b", NOW + 999, 1000)
    assert await store.write(leases.take, "routing", "a", NOW + 999, 1000)  # prolonged
    assert not await store.write(leases.take, "routing", "b", NOW + 1500, 1000)
    assert await store.read(leases.holder, "routing", NOW + 1500) == "a"
    assert await store.write(leases.take, "routing", "b", NOW + 1999, 1000)
    assert not await store.write(leases.take, "routing", "a", NOW + 2000, 1000)
    await store.write(leases.give_back, "routing", "a")  # not its own any more
    assert await store.read(leases.holder, "routing", NOW + 2000) == "b"
    await store.write(leases.give_back, "routing", "b")
    assert await store.read(leases.holder, "routing", NOW + 2000) == ""
    # at the same moment: one of them
    got = await asyncio.gather(*(store.write(leases.take, "other", name, NOW, 1000) for name in "abcdef"))
    assert sum(got) == 1
