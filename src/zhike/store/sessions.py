"""Agents' sign-in sessions, by the digest of their cookie."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select, update

from zhike.domain.agent import Agent
from zhike.store.tables import agents, sessions


def add(conn: Connection, token_hash: bytes, agent_id: int, csrf: str, now: int, expires_at: int,
        address: str, user_agent: str) -> None:
    """Stores a session, clears those of this agent that ran out, and notes that the agent was here."""
    conn.execute(delete(sessions).where(sessions.c.agent_id == agent_id, sessions.c.expires_at <= now))
    conn.execute(insert(sessions).values(token_hash=token_hash, agent_id=agent_id, csrf=csrf, created_at=now,
                                         expires_at=expires_at, address=address, user_agent=user_agent))
    conn.execute(update(agents).where(agents.c.id == agent_id).values(last_seen_at=now))


def find(conn: Connection, token_hash: bytes, now: int) -> tuple[Agent, str, int] | None:
    """Agent, CSRF token and end of a session that is valid at ``now``; None also for a disabled agent.
    The agent comes without the password hash."""
    row = conn.execute(
        select(sessions.c.csrf, sessions.c.expires_at, agents.c.id, agents.c.email, agents.c.name,
               agents.c.role, agents.c.lang, agents.c.created_at, agents.c.last_seen_at)
        .join(agents, agents.c.id == sessions.c.agent_id)
        .where(sessions.c.token_hash == token_hash, sessions.c.expires_at > now,
               agents.c.enabled.is_(True))).one_or_none()
    if row is None:
        return None
    agent = Agent(id=row.id, email=row.email, name=row.name, role=row.role, lang=row.lang,
                  created_at=row.created_at, last_seen_at=row.last_seen_at)
    return agent, row.csrf, row.expires_at


def prolong(conn: Connection, token_hash: bytes, expires_at: int, agent_id: int, now: int) -> None:
    """Use moves the end; a session that ended meanwhile stays ended."""
    conn.execute(update(sessions).where(sessions.c.token_hash == token_hash).values(expires_at=expires_at))
    conn.execute(update(agents).where(agents.c.id == agent_id).values(last_seen_at=now))


def delete_one(conn: Connection, token_hash: bytes) -> None:
    """Ends one session."""
    conn.execute(delete(sessions).where(sessions.c.token_hash == token_hash))


def delete_of_agent(conn: Connection, agent_id: int) -> None:
    """Ends every session of an agent."""
    conn.execute(delete(sessions).where(sessions.c.agent_id == agent_id))


def prune(conn: Connection, now: int) -> int:
    """Removes what ran out; returns how many."""
    return int(conn.execute(delete(sessions).where(sessions.c.expires_at <= now)).rowcount)
