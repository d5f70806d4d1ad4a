"""Who is served next, and by whom: the decisions, without a store."""

from __future__ import annotations

from collections import Counter

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from zhike.domain.routing import Person, Waiting, allowed, assign, overflow, places
from zhike.domain.team import Team, TeamSettings
from zhike.domain.wire import QueuePlace

NOW = 1_790_000_000_000


def team(number: int = 1, members: tuple[int, ...] = (1, 2, 3), **settings: object) -> Team:
    return Team(number, f"t{number}", "T", msgspec.convert(settings, TeamSettings), members)


def person(number: int, **fields: object) -> Person:
    return Person(number, True, 0, 5)._replace(**fields)  # type: ignore[arg-type]


def waits(number: int, *, since: int = 0, team_id: int | None = 1, **fields: object) -> Waiting:
    made = Waiting(number, 1, team_id, "zh", 0, NOW - 60_000 + since, NOW - 60_000 + since)
    return made._replace(**fields)  # type: ignore[arg-type]


def given_to(queue: list[Waiting], people: list[Person], *teams: Team) -> list[tuple[int, int]]:
    by_id = {one.agent_id: one for one in people}
    done = assign(queue, by_id, {one.id: one for one in teams or (team(),)}, NOW)
    return [(one.conversation_id, one.agent_id) for one in done]


def test_the_first_in_the_line_is_served_and_moves_to_its_end() -> None:
    people = [person(1, last_served_at=30), person(2, last_served_at=10), person(3, last_served_at=20)]
    queue = [waits(n, since=n) for n in range(1, 6)]
    assert given_to(queue, people) == [(1, 2), (2, 3), (3, 1), (4, 2), (5, 3)]


def test_who_may_not_be_served_keeps_the_place_and_does_not_stop_the_line() -> None:
    people = [person(1, last_served_at=1, here=False), person(2, last_served_at=2, load=5),
              person(3, last_served_at=3)]
    assert given_to([waits(1), waits(2, since=1)], people) == [(1, 3), (2, 3)]


def test_nobody_is_given_what_they_may_not_see() -> None:
    people = [person(1, last_served_at=1, inbox_ids=frozenset((1,))), person(2, last_served_at=2)]
    queue = [waits(1, inbox_id=2), waits(2, since=1, inbox_id=1), waits(3, since=2, inbox_id=1)]
    assert given_to(queue, people) == [(1, 2), (2, 1), (3, 2)]
    assert given_to(queue[:1], people[:1]) == []


def test_priorities_first_then_the_longest_wait() -> None:
    queue = [waits(1), waits(2, since=1, priority=1), waits(3, since=2, priority=4), waits(4, since=-1)]
    assert [number for number, _ in given_to(queue, [person(1, capacity=9)])] == [3, 2, 4, 1]


def test_least_busy_goes_by_what_they_hold() -> None:
    people = [person(1, load=3), person(2, load=1), person(3, load=1, last_served_at=5)]
    queue = [waits(n, since=n) for n in range(4)]
    assert given_to(queue, people, team(strategy="least_busy")) == [(0, 2), (1, 3), (2, 2), (3, 3)]


def test_nobody_there_it_stays() -> None:
    assert given_to([waits(1)], [person(1, here=False)]) == []
    assert given_to([waits(1)], []) == []
    assert given_to([waits(1)], [person(9)]) == []  # of no team
    assert given_to([waits(1, team_id=None), waits(2, team_id=7)], [person(1)]) == []
    assert given_to([waits(1)], [person(1)], team(auto_assign=False)) == []


def test_skills_and_languages() -> None:
    needs = team(skills=["returns"])
    able = person(1, skills=frozenset({"returns", "vip"}), languages=frozenset({"zh"}))
    assert allowed(able, waits(1), needs)
    assert allowed(able, waits(1, lang="zh-CN", skills=frozenset({"vip"})), needs)
    assert not allowed(able, waits(1, skills=frozenset({"legal"})), needs)
    assert not allowed(person(1), waits(1), needs)
    assert not allowed(able, waits(1, lang="en"), needs)
    assert allowed(able, waits(1, lang=""), needs)
    assert allowed(person(1), waits(1, lang="en"), team())
    # one that nobody can serve does not keep the next one waiting
    assert given_to([waits(1, lang="en"), waits(2, since=1)], [able], needs) == [(2, 1)]


def test_the_fairness_window_bounds_what_one_agent_gets() -> None:
    fair = team(fair_limit=2)
    people = [person(1, recent={1: 1}), person(2, recent={1: 2, 9: 0})]
    assert given_to([waits(n, since=n) for n in range(4)], people, fair) == [(0, 1)]


def test_overflow_after_a_time_or_at_once_for_another_language() -> None:
    teams = {1: team(1, overflow_team_id=2, overflow_after_s=60, languages=["zh"]), 2: team(2)}
    assert overflow(waits(1), teams, NOW - 1) is None
    assert overflow(waits(1), teams, NOW) == 2
    assert overflow(waits(1, lang="en"), teams, NOW - 50_000) == 2
    assert overflow(waits(1, lang=""), teams, NOW - 50_000) is None
    assert overflow(waits(1, team_id=2, lang="en"), teams, NOW) is None
    assert overflow(waits(1, team_id=None), teams, NOW) is None
    assert overflow(waits(1), {1: team(1, overflow_team_id=2, overflow_after_s=1)}, NOW) is None


def test_places_are_counted_in_ones_own_team_and_an_estimate_needs_a_pace() -> None:
    queue = [waits(1, since=1), waits(2, since=0), waits(3, team_id=2), waits(4, since=5, priority=2)]
    served: dict[int | None, list[int]] = {1: [NOW - 300_000, NOW - 200_000, NOW - 100_000], 2: [NOW - 1]}
    found = places(queue, served, [1, 2], NOW)
    assert found == {
        4: QueuePlace(1, 120), 2: QueuePlace(2, 240), 1: QueuePlace(3, 300), 3: QueuePlace(1, None)}
    assert places(queue, served, [], NOW)[2] == QueuePlace(2, None)  # nobody is there


words_st = st.frozensets(st.sampled_from("ab"), max_size=2)
people_st = st.lists(st.builds(
    Person, st.integers(1, 6), st.booleans(), st.integers(0, 4), st.integers(0, 4),
    words_st, st.frozensets(st.sampled_from(["zh", "en"]), max_size=2),
    st.integers(0, 5), st.just({})), unique_by=lambda one: one.agent_id, max_size=6)
queue_st = st.lists(st.builds(
    Waiting, st.integers(1, 40), st.just(1), st.sampled_from([None, 1, 2]), st.sampled_from(["", "zh", "en"]),
    st.integers(0, 4), st.integers(NOW - 9, NOW), st.just(NOW), words_st),
    unique_by=lambda one: one.conversation_id, max_size=25)
teams_st = st.fixed_dictionaries({n: st.builds(
    team, st.just(n), st.sets(st.integers(1, 6)).map(tuple),
    strategy=st.sampled_from(["round_robin", "least_busy"]), auto_assign=st.booleans(),
    fair_limit=st.integers(0, 3), skills=st.sampled_from([(), ("a",)])) for n in (1, 2)})


@given(queue_st, people_st, teams_st)
def test_whatever_waits_and_whoever_is_there(queue: list[Waiting], people: list[Person],
                                             teams: dict[int, Team]) -> None:
    by_id = {one.agent_id: one for one in people}
    done = assign(queue, by_id, teams, NOW)
    of = {one.conversation_id: one for one in queue}
    assert len({one.conversation_id for one in done}) == len(done), "nobody is given away twice"
    order = [of[one.conversation_id].rank for one in done]
    assert order == sorted(order), "in the order of their rank"
    got = Counter(one.agent_id for one in done)
    for agent_id, count in got.items():
        assert by_id[agent_id].here
        assert by_id[agent_id].load + count <= by_id[agent_id].capacity
    for number in (1, 2):
        limit = teams[number].settings.fair_limit
        for agent_id in got:
            given = sum(one.agent_id == agent_id and one.team_id == number for one in done)
            assert not limit or given <= limit
    for one in done:
        waiting, who = of[one.conversation_id], by_id[one.agent_id]
        settings = teams[one.team_id].settings
        assert one.team_id == waiting.team_id
        assert one.agent_id in teams[one.team_id].member_ids
        assert settings.auto_assign
        assert who.skills >= waiting.skills | set(settings.skills)
    # work is conserved: who is left could be given to nobody at the end either
    after = {a: p._replace(load=p.load + got[a], recent={n: sum(
        d.agent_id == a and d.team_id == n for d in done) for n in (1, 2)}) for a, p in by_id.items()}
    for waiting in queue:
        if waiting.conversation_id not in {one.conversation_id for one in done} and waiting.team_id:
            mine = teams[waiting.team_id]
            assert not mine.settings.auto_assign or not any(
                allowed(after[a], waiting, mine) for a in mine.member_ids if a in after)


@given(st.integers(1, 6), st.integers(0, 40))
def test_round_robin_is_even(agents: int, count: int) -> None:
    people = [person(n, capacity=100) for n in range(1, agents + 1)]
    got = Counter(agent for _, agent in given_to([waits(n, since=n) for n in range(count)], people,
                                                 team(members=tuple(range(1, agents + 1)))))
    shares = [got[one.agent_id] for one in people]
    assert max(shares) - min(shares) <= 1
