"""What is to be done, from what was read at one moment. No I/O, no clock: every rule can be tested alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from zhike.domain.routing import Assignment, Person, Waiting, assign, overflow, places, short
from zhike.domain.team import Availability, Presence, Team
from zhike.domain.wire import QueuePlace
from zhike.store.people import Person as Colleague
from zhike.store.routing import Held, Queued, Snapshot

NEVER = 2**62


class Here(NamedTuple):
    """What the others see of an agent."""

    availability: Availability
    presence: Presence
    load: int


class Move(NamedTuple):
    """It goes to another team's queue, if it still stands at ``epoch``."""

    conversation_id: int
    epoch: int
    team_id: int


class Late(NamedTuple):
    """Somebody waits too long. ``agent_id`` None: for anybody to take over."""

    conversation_id: int
    inbox_id: int
    team_id: int
    agent_id: int | None
    since: int


class Plan(NamedTuple):
    """``moves``: to another team. ``returns``: held by somebody who is gone; back to the queue. ``gives``:
    who gets what. ``lates``: alarms. ``places``: of those who go on waiting. ``due_at``: when the next of
    these would have to be done although nothing happens (ms)."""

    here: dict[int, Here]
    moves: list[Move]
    returns: list[Held]
    gives: list[Assignment]
    lates: list[Late]
    places: dict[int, QueuePlace]
    due_at: int


def plan(seen: Snapshot, homes: Mapping[int, int], now: int) -> Plan:
    """Args:
        homes: inbox id → its team, for those that have one.
    """
    due_at = NEVER
    queue = [_waiting(one, homes, seen.teams) for one in seen.queue]
    at = {one.conversation_id: one.team_id for one in queue}
    queue = [_overflown(one, seen.teams, now) for one in queue]
    written = {one.conversation.id: one.team_id for one in seen.queue}
    gives = assign(queue, _people(seen, now), seen.teams, now)
    given = {one.conversation_id for one in gives}
    moves = [Move(one.conversation_id, one.epoch, one.team_id) for one in queue
             if one.team_id is not None and one.team_id != written[one.conversation_id]
             and one.conversation_id not in given]
    rest = [one for one in queue if one.conversation_id not in given]
    for one in rest:
        team = seen.teams.get(one.team_id or 0)
        if team is not None and team.settings.overflow_after_s:
            since = now if at[one.conversation_id] != one.team_id else one.team_since
            due_at = min(due_at, since + team.settings.overflow_after_s * 1000)
    lates, late_at = _lates(seen, rest, now)
    returns, return_at = _returns(seen, now)
    return Plan(here_of(seen), moves, returns, gives, lates, _places(seen, rest, now),
                min(due_at, late_at, return_at))


def here_of(seen: Snapshot) -> dict[int, Here]:
    """Everybody, as the others see them."""
    return {one.agent.id: Here(one.agent.availability, one.seen.presence, one.load) for one in seen.people}


def places_of(seen: Snapshot, homes: Mapping[int, int], now: int) -> dict[int, QueuePlace]:
    """Everybody's place, as it is."""
    return _places(seen, [_waiting(one, homes, seen.teams) for one in seen.queue], now)


def _waiting(one: Queued, homes: Mapping[int, int], teams: Mapping[int, Team]) -> Waiting:
    conversation = one.conversation
    team_id = one.team_id if one.team_id in teams else homes.get(conversation.inbox_id)
    since = conversation.waiting_since or conversation.updated_at
    return Waiting(conversation.id, conversation.holder_epoch, team_id if team_id in teams else None,
                   conversation.lang, one.priority, since, max(since, one.team_since or 0), one.skills,
                   conversation.inbox_id)


def _overflown(one: Waiting, teams: Mapping[int, Team], now: int) -> Waiting:
    """A language may be sent on through several teams at once; time begins anew in each."""
    for _ in teams:
        onward = overflow(one, teams, now)
        if onward is None:
            break
        one = one._replace(team_id=onward, team_since=now)
    return one


def _people(seen: Snapshot, now: int) -> dict[int, Person]:
    recent: dict[int, dict[int, int]] = {}
    for given in seen.given:
        team = seen.teams.get(given.team_id or 0)
        if team is not None and team.settings.fair_limit and \
                given.at > now - team.settings.fair_window_s * 1000:
            mine = recent.setdefault(given.agent_id, {})
            mine[team.id] = mine.get(team.id, 0) + 1
    return {one.agent.id: Person(
        one.agent.id, _is_here(one), one.load,
        one.agent.capacity, frozenset(one.agent.skills), frozenset(map(short, one.agent.languages)),
        seen.last_served.get(one.agent.id, 0), recent.get(one.agent.id, {}),
        one.inbox_ids) for one in seen.people}


def _is_here(one: Colleague) -> bool:
    """An analyst reads: nothing is given to them."""
    return (one.agent.availability == "online" and one.seen.presence == "online"
            and one.agent.role != "analyst")


def _lates(seen: Snapshot, rest: list[Waiting], now: int) -> tuple[list[Late], int]:
    inbox = {one.conversation.id: (one.conversation.inbox_id, one.alarmed_at) for one in seen.queue}
    wanted = [(Late(one.conversation_id, inbox[one.conversation_id][0], one.team_id, None,
                    one.waiting_since), inbox[one.conversation_id][1])
              for one in rest if one.team_id is not None]
    wanted += [(Late(one.conversation_id, one.inbox_id, one.team_id, one.agent_id, one.waiting_since),
                one.alarmed_at) for one in seen.held if one.team_id is not None]
    found: list[Late] = []
    due_at = NEVER
    for late, alarmed_at in wanted:
        team = seen.teams.get(late.team_id)
        if team is None or not team.settings.late_after_s or \
                (alarmed_at is not None and alarmed_at >= late.since):
            continue
        at = late.since + team.settings.late_after_s * 1000
        if at <= now:
            found.append(late)
        else:
            due_at = min(due_at, at)
    return found, due_at


def _returns(seen: Snapshot, now: int) -> tuple[list[Held], int]:
    """Conversations whose visitor waits for somebody who has dropped off. Who was never here by a page (an
    agent who works through the API) is not known to be gone; who was disabled is."""
    people = {one.agent.id: one for one in seen.people}
    found: list[Held] = []
    due_at = NEVER
    for held in seen.held:
        team = seen.teams.get(held.team_id or 0)
        if team is None or not team.settings.reassign_after_s:
            continue
        person = people.get(held.agent_id)
        if person is None:
            found.append(held)
        elif held.agent_id in seen.known_ids and person.seen.presence != "online":
            at = person.seen.last_seen_at + team.settings.reassign_after_s * 1000
            if person.seen.presence == "offline" and at <= now:
                found.append(held)
            else:
                due_at = min(due_at, max(at, now + 1))
    return found, due_at


def _places(seen: Snapshot, rest: list[Waiting], now: int) -> dict[int, QueuePlace]:
    here = {one.agent.id for one in seen.people if _is_here(one)}
    open_teams: list[int | None] = [team.id for team in seen.teams.values() if here & set(team.member_ids)]
    if here:
        open_teams.append(None)
    served: dict[int | None, list[int]] = {}
    for given in seen.given:
        served.setdefault(given.team_id, []).append(given.at)
    return places(rest, served, open_teams, now)
