"""Agents' sign-in sessions, by the digest of their cookie."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import structs
from sqlalchemy import Connection, delete, insert, select, update

from zhike.domain.agent import Agent, Scope
from zhike.errors import ZhikeError
from zhike.store import scopes
from zhike.store.agents import settings_of
from zhike.store.tables import agents, sessions


class Found(NamedTuple):
    """A session that is valid, with whom it belongs to and what that person sees. The agent comes without the
    password hash."""

    agent: Agent
    scope: Scope
    csrf: str
    expires_at: int


class SessionRow(NamedTuple):
    """One sign-in as its owner sees it."""

    token_hash: bytes
    created_at: int
    expires_at: int
    address: str
    user_agent: str


def number_of(token_hash: bytes) -> int:
    """A session's number for people and for addresses of the API: 48 bits of the digest, of which nobody gets
    to the cookie."""
    return int.from_bytes(token_hash[:6])


def add(conn: Connection, token_hash: bytes, agent_id: int, csrf: str, now: int, expires_at: int,
        address: str, user_agent: str) -> None:
    """Stores a session, clears those of this agent that ran out, and notes that the agent was here."""
    conn.execute(delete(sessions).where(sessions.c.agent_id == agent_id, sessions.c.expires_at <= now))
    conn.execute(insert(sessions).values(token_hash=token_hash, agent_id=agent_id, csrf=csrf, created_at=now,
                                         expires_at=expires_at, address=address, user_agent=user_agent))
    conn.execute(update(agents).where(agents.c.id == agent_id).values(last_seen_at=now))


def find(conn: Connection, token_hash: bytes, now: int) -> Found | None:
    """The session with this digest if it is valid at ``now``; None also for a disabled agent."""
    row = conn.execute(
        select(sessions.c.csrf, sessions.c.expires_at, agents.c.id, agents.c.email, agents.c.name,
               agents.c.role, agents.c.lang, agents.c.created_at, agents.c.last_seen_at,
               agents.c.availability, agents.c.settings)
        .join(agents, agents.c.id == sessions.c.agent_id)
        .where(sessions.c.token_hash == token_hash, sessions.c.expires_at > now,
               agents.c.enabled.is_(True))).one_or_none()
    if row is None:
        return None
    agent = Agent(id=row.id, email=row.email, name=row.name, role=row.role, lang=row.lang,
                  created_at=row.created_at, last_seen_at=row.last_seen_at, availability=row.availability,
                  **structs.asdict(settings_of(row)))
    return Found(agent, scopes.scope(conn, agent), row.csrf, row.expires_at)


def of_agent(conn: Connection, agent_id: int, now: int) -> list[SessionRow]:
    """The sessions of an agent that are valid at ``now``, the newest first."""
    rows = conn.execute(select(sessions).where(sessions.c.agent_id == agent_id, sessions.c.expires_at > now)
                        .order_by(sessions.c.created_at.desc(), sessions.c.token_hash))
    return [SessionRow(bytes(row.token_hash), row.created_at, row.expires_at, row.address, row.user_agent)
            for row in rows]


def prolong(conn: Connection, token_hash: bytes, expires_at: int, agent_id: int, now: int) -> None:
    """Use moves the end; a session that ended meanwhile stays ended."""
    conn.execute(update(sessions).where(sessions.c.token_hash == token_hash).values(expires_at=expires_at))
    conn.execute(update(agents).where(agents.c.id == agent_id).values(last_seen_at=now))


def delete_one(conn: Connection, token_hash: bytes) -> None:
    """Ends one session."""
    conn.execute(delete(sessions).where(sessions.c.token_hash == token_hash))


def delete_numbered(conn: Connection, agent_id: int, number: int) -> bytes:
    """Ends the session of an agent with this number; returns its digest.

    Raises:
        ZhikeError: ``not_found``.
    """
    hashes = conn.execute(select(sessions.c.token_hash).where(sessions.c.agent_id == agent_id)).scalars()
    for token_hash in map(bytes, hashes):
        if number_of(token_hash) == number:
            delete_one(conn, token_hash)
            return token_hash
    raise ZhikeError("not_found")


def delete_of_agent(conn: Connection, agent_id: int) -> None:
    """Ends every session of an agent."""
    conn.execute(delete(sessions).where(sessions.c.agent_id == agent_id))


def prune(conn: Connection, now: int) -> int:
    """Removes what ran out; returns how many."""
    return int(conn.execute(delete(sessions).where(sessions.c.expires_at <= now)).rowcount)
