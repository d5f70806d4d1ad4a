"""Links with which somebody chooses a new password: one for each agent, once, for a day."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from zhike.domain.agent import Agent
from zhike.errors import ZhikeError
from zhike.store import agents, dialect
from zhike.store.tables import reset_links


def put(conn: Connection, agent_id: int, digest: bytes, expires_at: int) -> Agent:
    """Makes this the agent's only valid link.

    Raises:
        ZhikeError: ``not_found``.
    """
    agent = agents.get(conn, agent_id)
    if agent is None:
        raise ZhikeError("not_found")
    dialect.upsert(conn, reset_links, [{"agent_id": agent_id, "digest": digest, "expires_at": expires_at}],
                   ["agent_id"], ["digest", "expires_at"])
    return agent


def check(conn: Connection, digest: bytes, now: int) -> Agent:
    """Whose link this is; before a password is hashed for it.

    Raises:
        ZhikeError: ``link_expired``; also for an agent who was disabled.
    """
    agent_id = conn.execute(select(reset_links.c.agent_id).where(
        reset_links.c.digest == digest, reset_links.c.expires_at > now)).scalar()
    agent = agents.get(conn, agent_id) if agent_id is not None else None
    if agent is None or not agent.enabled:
        raise ZhikeError("link_expired")
    return agent


def use(conn: Connection, digest: bytes, password_hash: str, now: int) -> Agent:
    """Consumes the link, sets the password and ends the agent's sessions, in one transaction.

    Raises:
        ZhikeError: ``link_expired``.
    """
    agent = check(conn, digest, now)
    if conn.execute(delete(reset_links).where(reset_links.c.digest == digest)).rowcount != 1:
        raise ZhikeError("link_expired")  # used at the same moment by somebody else
    return agents.change(conn, agent.id, {"password_hash": password_hash}, end_sessions=True)
