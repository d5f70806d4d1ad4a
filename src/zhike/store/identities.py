"""Who of an identity provider is which agent."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, insert, select

from zhike.domain.agent import Agent, Role
from zhike.errors import ZhikeError
from zhike.store import agents
from zhike.store.tables import agent_identities


class Found(NamedTuple):
    """``how``: known (linked before), linked (by address, now), created."""

    agent: Agent
    how: str


def find_or_link(conn: Connection, issuer: str, subject: str, email: str, name: str, role: Role | None,
                 now: int) -> Found:
    """The agent of this identity; links one with the same address, or makes one.

    Args:
        email: verified by the provider; "" = it is not, then only an identity that is known comes in.
        role: of an agent who is made; None: none is made.

    Raises:
        ZhikeError: ``sso_refused``.
    """
    row = conn.execute(select(agent_identities.c.agent_id).where(
        agent_identities.c.issuer == issuer, agent_identities.c.subject == subject)).first()
    if row is not None:
        return Found(_enabled(agents.get(conn, row.agent_id)), "known")
    known = agents.by_email(conn, email) if email else None
    how = "linked"
    if known is None:
        if role is None or not email:
            raise ZhikeError("sso_refused", "No agent has this address; an admin adds it first.")
        known, how = agents.create(conn, email, name, role, "", "", now), "created"
    agent = _enabled(known)
    conn.execute(insert(agent_identities).values(issuer=issuer, subject=subject, agent_id=agent.id,
                                                 created_at=now))
    return Found(agent, how)


def _enabled(agent: Agent | None) -> Agent:
    if agent is None or not agent.enabled:
        raise ZhikeError("sso_refused", "This agent is switched off.")
    return agent
