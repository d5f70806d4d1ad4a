"""Who is served next, and by whom: decisions only, from what was read at one moment.

The behaviours people know hold: priorities first, then the longest wait; the first agent in the line
who may be given it is served and moves to its end; nobody there → it stays where it is. Only what
waits in the queue is looked at, so what a bot or a person holds is never given away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from zhike.domain.team import Team
from zhike.domain.wire import QueuePlace

ESTIMATE_FROM = 3
"""An estimate made of fewer assignments than this would be a guess."""
ESTIMATE_WINDOW_MS = 3_600_000
"""How far back the pace is measured: long enough to be steady, short enough to follow the day."""
MINUTE_S = 60


class Waiting(NamedTuple):
    """A conversation in the queue. ``team_id``: in whose, None = nobody's. ``waiting_since`` and
    ``team_since``: ms; since when for a person, and in this team. ``skills``: what it needs beside the
    team's."""

    conversation_id: int
    epoch: int
    team_id: int | None
    lang: str
    priority: int
    waiting_since: int
    team_since: int
    skills: frozenset[str] = frozenset()
    inbox_id: int = 0

    @property
    def rank(self) -> tuple[int, int, int]:
        """Its place among all: the smallest is served first."""
        return -self.priority, self.waiting_since, self.conversation_id


class Person(NamedTuple):
    """An agent. ``here``: may be given something at all (present and not busy). ``load``: conversations
    held. ``recent``: by team, how many were given within that team's fairness window. ``inbox_ids``: those
    they may see; None: all."""

    agent_id: int
    here: bool
    load: int
    capacity: int
    skills: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    last_served_at: int = 0
    recent: Mapping[int, int] = {}
    inbox_ids: frozenset[int] | None = None


class Assignment(NamedTuple):
    """Give this conversation to this agent, if it still stands at ``epoch``."""

    conversation_id: int
    epoch: int
    team_id: int
    agent_id: int


def short(lang: str) -> str:
    """``zh-CN`` and ``zh`` are one language here."""
    return lang[:2].lower()


def allowed(person: Person, waiting: Waiting, team: Team) -> bool:
    """Whether this member of the team may be given this conversation now."""
    own = team.settings
    return (person.here and person.load < person.capacity
            and (person.inbox_ids is None or waiting.inbox_id in person.inbox_ids)
            and (not own.fair_limit or person.recent.get(team.id, 0) < own.fair_limit)
            and person.skills >= waiting.skills | frozenset(own.skills)
            and (not person.languages or not waiting.lang or short(waiting.lang) in person.languages))


def choose(people: Iterable[Person], waiting: Waiting, team: Team) -> Person | None:
    """The next of those who may: served longest ago, or with the fewest conversations."""
    able = [person for person in people if allowed(person, waiting, team)]
    if not able:
        return None
    if team.settings.strategy == "least_busy":
        return min(able, key=lambda p: (p.load, p.last_served_at, p.agent_id))
    return min(able, key=lambda p: (p.last_served_at, p.agent_id))


def assign(queue: Iterable[Waiting], people: Mapping[int, Person], teams: Mapping[int, Team],
           now: int) -> list[Assignment]:
    """Whom to give what, in order.

    One that nobody may be given now does not keep the others waiting. ``now`` is when they are served; those
    served in this call stand in the order of their turn.
    """
    line = dict(people)
    done: list[Assignment] = []
    for waiting in sorted(queue, key=lambda one: one.rank):
        team = teams.get(waiting.team_id or 0)
        if team is None or not team.settings.auto_assign:
            continue
        person = choose((line[one] for one in team.member_ids if one in line), waiting, team)
        if person is None:
            continue
        done.append(Assignment(waiting.conversation_id, waiting.epoch, team.id, person.agent_id))
        recent = {**person.recent, team.id: person.recent.get(team.id, 0) + 1}
        line[person.agent_id] = person._replace(load=person.load + 1, last_served_at=now + len(done),
                                                recent=recent)
    return done


def overflow(waiting: Waiting, teams: Mapping[int, Team], now: int) -> int | None:
    """The team it goes to now, if it has waited too long in its own or speaks a language that has no place
    there."""
    team = teams.get(waiting.team_id or 0)
    if team is None:
        return None
    own = team.settings
    if own.overflow_team_id is None or own.overflow_team_id not in teams:
        return None
    wrong = bool(own.languages and waiting.lang
                 and short(waiting.lang) not in {short(lang) for lang in own.languages})
    late = bool(own.overflow_after_s) and now - waiting.team_since >= own.overflow_after_s * 1000
    return own.overflow_team_id if wrong or late else None


def places(queue: Iterable[Waiting], served: Mapping[int | None, Sequence[int]],
           open_teams: Iterable[int | None], now: int) -> dict[int, QueuePlace]:
    """Everybody's place in the queue of their team.

    Args:
        served: by team, when people were served lately (ms).
        open_teams: teams in which somebody is there to serve.
    """
    pace_s: dict[int | None, float] = {}
    for team_id in open_teams:
        lately = [at for at in served.get(team_id, ()) if at > now - ESTIMATE_WINDOW_MS]
        if len(lately) >= ESTIMATE_FROM:
            pace_s[team_id] = max(1.0, (now - min(lately)) / 1000 / len(lately))
    position: dict[int | None, int] = {}
    found: dict[int, QueuePlace] = {}
    for waiting in sorted(queue, key=lambda one: one.rank):
        team_id = waiting.team_id
        position[team_id] = place = position.get(team_id, 0) + 1
        pace = pace_s.get(team_id)
        minutes = None if pace is None else -int(-place * pace // MINUTE_S)
        found[waiting.conversation_id] = QueuePlace(place, None if minutes is None else minutes * MINUTE_S)
    return found
