"""What routing decides from, read at one moment: who waits, who is here, what they hold."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, select

from zhike.domain.conversation import Conversation
from zhike.domain.team import DAY_S, Team
from zhike.store import leases, people, presence, teams
from zhike.store.conversations import COLUMNS
from zhike.store.tables import agents, assignments, conversations, waits

LEASE = "routing"
MOST_WAITING = 5000
"""Those at the front of the queue are looked at; who stands behind so many has no place to be told."""
MOST_LATE = 1000
MOST_ASSIGNMENTS = 20_000


class Queued(NamedTuple):
    """A conversation in the queue. ``team_since``, ``alarmed_at``: ms or None. ``skills``: from its
    attribute of that name."""

    conversation: Conversation
    team_id: int | None
    priority: int
    team_since: int | None
    alarmed_at: int | None
    skills: frozenset[str]


class Held(NamedTuple):
    """A conversation in which the visitor waits for a reply of the agent who holds it."""

    conversation_id: int
    inbox_id: int
    epoch: int
    agent_id: int
    team_id: int | None
    waiting_since: int
    alarmed_at: int | None


class Given(NamedTuple):
    """Who got one, and when (ms)."""

    agent_id: int
    team_id: int | None
    at: int


class Snapshot(NamedTuple):
    """Everything at one moment. ``decider``: whose lease it is. ``people``: those who can sign in;
    ``known_ids``: those who were ever here."""

    decider: str
    people: list[people.Person]
    known_ids: frozenset[int]
    last_served: dict[int, int]
    teams: dict[int, Team]
    queue: list[Queued]
    held: list[Held]
    given: list[Given]


def read(conn: Connection, now: int) -> Snapshot:
    """All that a decision needs."""
    line = conn.execute(select(agents.c.id, agents.c.last_served_at))
    return Snapshot(leases.holder(conn, LEASE, now), people.enabled(conn, now),
                    frozenset(presence.read(conn, now)), {row[0]: row[1] for row in line},
                    {team.id: team for team in teams.listed(conn)}, queue(conn), _held(conn),
                    given(conn, now - DAY_S * 1000))


def queue(conn: Connection) -> list[Queued]:
    """Who waits, the next one first."""
    stmt = (select(*(conversations.c[name] for name in COLUMNS), conversations.c.team_id,
                   conversations.c.priority, conversations.c.attributes, waits.c.team_since,
                   waits.c.alarmed_at)
            .outerjoin(waits, waits.c.conversation_id == conversations.c.id)
            .where(conversations.c.holder == "queue", conversations.c.status == "open")
            .order_by(conversations.c.priority.desc(), conversations.c.waiting_since, conversations.c.id)
            .limit(MOST_WAITING))
    return [Queued(Conversation(*row[:len(COLUMNS)]), row.team_id, row.priority, row.team_since,
                   row.alarmed_at, _skills(row.attributes)) for row in conn.execute(stmt)]


def _skills(attributes: str | None) -> frozenset[str]:
    if not attributes:
        return frozenset()
    wanted: Any = msgspec.json.decode(attributes).get("skills")
    if not isinstance(wanted, list):
        wanted = [wanted]
    return frozenset(one for one in wanted if isinstance(one, str))


def _held(conn: Connection) -> list[Held]:
    """Who has waited longest for a reply first."""
    c = conversations.c
    stmt = (select(c.id, c.inbox_id, c.holder_epoch, c.agent_id, c.team_id, c.waiting_since,
                   waits.c.alarmed_at)
            .outerjoin(waits, waits.c.conversation_id == c.id)
            .where(c.holder == "agent", c.status == "open", c.waiting_since.is_not(None))
            .order_by(c.waiting_since).limit(MOST_LATE))
    return [Held(*row) for row in conn.execute(stmt)]


def given(conn: Connection, since: int) -> list[Given]:
    """Who got what since then, the newest first."""
    stmt = (select(assignments.c.agent_id, assignments.c.team_id, assignments.c.at)
            .where(assignments.c.at > since).order_by(assignments.c.at.desc()).limit(MOST_ASSIGNMENTS))
    return [Given(*row) for row in conn.execute(stmt)]
