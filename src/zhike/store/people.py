"""Agents as lists and routing see them: with their teams, whether they are here, and what they hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, func, select, update

from zhike.domain.agent import Agent, scope_of
from zhike.domain.team import Availability
from zhike.errors import ZhikeError
from zhike.store import agents as agent_rows
from zhike.store import presence, scopes, teams
from zhike.store.tables import agents, conversations

MOST_AGENTS = 10_000


class Person(NamedTuple):
    """``load``: open conversations held. ``inbox_ids``: those they may see; None: all."""

    agent: Agent
    seen: presence.Seen
    load: int
    team_ids: tuple[int, ...]
    inbox_ids: frozenset[int] | None = None


def loads(conn: Connection) -> dict[int, int]:
    """How many open conversations each agent holds; who holds none is not named."""
    rows = conn.execute(select(conversations.c.agent_id, func.count()).where(
        conversations.c.holder == "agent", conversations.c.status == "open",
        conversations.c.agent_id.is_not(None)).group_by(conversations.c.agent_id))
    return {row[0]: row[1] for row in rows}


def around(conn: Connection, found: Sequence[Agent], now: int) -> list[Person]:
    """The same agents with all that."""
    seen, held = presence.read(conn, now), loads(conn)
    of = teams.of_agents(conn, [agent.id for agent in found])
    kept = scopes.kept_to_inboxes(conn)
    return [Person(agent, seen.get(agent.id, presence.Seen("offline", agent.last_seen_at)),
                   held.get(agent.id, 0), of.get(agent.id, ()),
                   scope_of(agent.role, agent.id, kept.get(agent.id, ()), ()).inbox_ids) for agent in found]


def page(conn: Connection, after_id: int, limit: int, now: int) -> list[Person]:
    """Agents with an id above ``after_id``, in id order."""
    return around(conn, agent_rows.page(conn, after_id, limit), now)


def get(conn: Connection, agent_id: int, now: int) -> Person | None:
    """One of them, or None."""
    agent = agent_rows.get(conn, agent_id)
    return None if agent is None else around(conn, [agent], now)[0]


def enabled(conn: Connection, now: int) -> list[Person]:
    """Everybody who can sign in."""
    return around(conn, [one for one in agent_rows.page(conn, 0, MOST_AGENTS) if one.enabled], now)


def set_availability(conn: Connection, agent_id: int, availability: Availability) -> Agent:
    """What an agent says of themselves.

    Raises:
        ZhikeError: ``not_found``.
    """
    conn.execute(update(agents).where(agents.c.id == agent_id).values(availability=availability))
    agent = agent_rows.get(conn, agent_id)
    if agent is None:
        raise ZhikeError("not_found")
    return agent
