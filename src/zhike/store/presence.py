"""Who is here: the open pages of agents, by process, in rows that die with their process.

Each process writes only its own rows, and prolongs their lease while it lives; a process that was
killed says nothing, and its rows count as closed when their lease is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, select, update

from zhike.domain.team import Presence
from zhike.store.dialect import upsert
from zhike.store.tables import agents, presence

AWAY_MS = 30_000
"""How long an agent without an open page counts as away, not gone: reloading a page or a short tunnel."""


class Pages(NamedTuple):
    """An agent's open pages at one process; ``active``: those somebody sits at."""

    agent_id: int
    sockets: int
    active: int


class Seen(NamedTuple):
    """An agent over all processes. ``last_seen_at``: ms; now while a page is open."""

    presence: Presence
    last_seen_at: int


def put(conn: Connection, node: str, pages: Sequence[Pages], now: int, lease_ms: int) -> None:
    """Writes what changed at this process. Agents that do not exist any more are left out."""
    known = set(conn.execute(select(agents.c.id).where(agents.c.id.in_([one.agent_id for one in pages])))
                .scalars())
    upsert(conn, presence, [
        {"agent_id": one.agent_id, "node": node, "sockets": one.sockets, "active": one.active,
         "seen_at": now, "lease_until": now + lease_ms if one.sockets else 0}
        for one in pages if one.agent_id in known], ["agent_id", "node"],
        ["sockets", "active", "seen_at", "lease_until"])
    _note_seen(conn, [one.agent_id for one in pages if not one.sockets], now)


def close(conn: Connection, node: str, now: int) -> None:
    """This process ends: its pages are closed."""
    here = (presence.c.node == node) & (presence.c.sockets > 0)
    _note_seen(conn, list(conn.execute(select(presence.c.agent_id).where(here)).scalars()), now)
    conn.execute(update(presence).where(here).values(sockets=0, active=0, seen_at=now, lease_until=0))


def _note_seen(conn: Connection, agent_ids: Sequence[int], at: int) -> None:
    if agent_ids:
        conn.execute(update(agents).where(agents.c.id.in_(agent_ids), agents.c.last_seen_at < at)
                     .values(last_seen_at=at))


def prune(conn: Connection, before: int) -> int:
    """Removes rows of processes that are long gone; when somebody was seen is kept with the agent."""
    old = (presence.c.lease_until < before) & (presence.c.seen_at < before)
    for row in conn.execute(select(presence.c.agent_id, presence.c.seen_at).where(old)).all():
        _note_seen(conn, [row.agent_id], row.seen_at)
    return conn.execute(delete(presence).where(old)).rowcount


def read(conn: Connection, now: int) -> dict[int, Seen]:
    """Everybody who has, or lately had, a page open."""
    open_count: dict[int, int] = {}
    active_count: dict[int, int] = {}
    seen_at: dict[int, int] = {}
    for row in conn.execute(select(presence)):
        agent_id = row.agent_id
        alive = row.sockets > 0 and row.lease_until > now
        seen_at[agent_id] = max(seen_at.get(agent_id, 0), now if alive else row.seen_at)
        if alive:
            open_count[agent_id] = open_count.get(agent_id, 0) + row.sockets
            active_count[agent_id] = active_count.get(agent_id, 0) + row.active
    return {agent_id: Seen(_presence(open_count.get(agent_id, 0), active_count.get(agent_id, 0), now - at),
                           at)
            for agent_id, at in seen_at.items()}


def _presence(sockets: int, active: int, gone_ms: int) -> Presence:
    if active:
        return "online"
    return "away" if sockets or gone_ms < AWAY_MS else "offline"
