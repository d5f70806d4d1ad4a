"""Who may see which rows: inboxes of an agent, teams, and the same question as a condition of a query."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, or_, select, true

from zhike.domain.agent import Agent, Place, Scope, scope_of
from zhike.errors import ZhikeError
from zhike.store.tables import agent_inboxes, contacts, conversations, inboxes, mentions, team_members


def inboxes_of(conn: Connection, agent_id: int) -> list[int]:
    """The inboxes an agent is kept to; none = all."""
    return list(conn.execute(select(agent_inboxes.c.inbox_id).where(agent_inboxes.c.agent_id == agent_id)
                             .order_by(agent_inboxes.c.inbox_id)).scalars())


def kept_to_inboxes(conn: Connection) -> dict[int, list[int]]:
    """The same of everybody who is kept to some."""
    found: dict[int, list[int]] = {}
    for agent_id, inbox_id in conn.execute(select(agent_inboxes.c.agent_id, agent_inboxes.c.inbox_id)):
        found.setdefault(agent_id, []).append(inbox_id)
    return found


def teams_of(conn: Connection, agent_id: int) -> list[int]:
    """The teams an agent belongs to."""
    return list(conn.execute(select(team_members.c.team_id).where(team_members.c.agent_id == agent_id)
                             .order_by(team_members.c.team_id)).scalars())


def scope(conn: Connection, agent: Agent) -> Scope:
    """What this agent sees."""
    return scope_of(agent.role, agent.id, inboxes_of(conn, agent.id), teams_of(conn, agent.id))


def check_inboxes(conn: Connection, inbox_ids: Sequence[int]) -> list[int]:
    """The same ids, each once, in order.

    Raises:
        ZhikeError: ``invalid_field`` naming an inbox that does not exist.
    """
    wanted = sorted(set(inbox_ids))
    known = set(conn.execute(select(inboxes.c.id).where(inboxes.c.id.in_(wanted))).scalars())
    for inbox_id in wanted:
        if inbox_id not in known:
            raise ZhikeError("invalid_field", f"inbox_ids: there is no inbox {inbox_id} / 没有这个收件箱",
                             field="inbox_ids")
    return wanted


def set_inboxes(conn: Connection, agent_id: int, inbox_ids: Sequence[int]) -> list[int]:
    """Keeps an agent to these inboxes; none = all.

    Raises:
        ZhikeError: ``invalid_field``.
    """
    wanted = check_inboxes(conn, inbox_ids)
    conn.execute(delete(agent_inboxes).where(agent_inboxes.c.agent_id == agent_id))
    if wanted:
        conn.execute(insert(agent_inboxes), [{"agent_id": agent_id, "inbox_id": inbox_id}
                                             for inbox_id in wanted])
    return wanted


def seen(who: Scope) -> ColumnElement[bool]:
    """The conversations that ``who`` may see, as a condition on ``conversations``.

    As :meth:`Scope.sees`, and beside that where a colleague asked for this person by name (a mention).
    """
    parts: list[ColumnElement[bool]] = []
    if who.inbox_ids is not None:
        parts.append(conversations.c.inbox_id.in_(sorted(who.inbox_ids)))
    if who.team_ids is not None:
        mine = [conversations.c.team_id.is_(None), conversations.c.team_id == 0]
        if who.team_ids:
            mine.append(conversations.c.team_id.in_(sorted(who.team_ids)))
        if who.agent_id:
            mine.append(conversations.c.agent_id == who.agent_id)
            mine.append(select(mentions.c.seq).where(mentions.c.conversation_id == conversations.c.id,
                                                     mentions.c.agent_id == who.agent_id).exists())
        parts.append(or_(*mine))
    return and_(*parts) if parts else true()


def seen_contacts(who: Scope) -> ColumnElement[bool]:
    """The contacts that ``who`` may see, as a condition on ``contacts``: those of their inboxes."""
    return true() if who.inbox_ids is None else contacts.c.inbox_id.in_(sorted(who.inbox_ids))


def sees_conversation(conn: Connection, who: Scope, conversation_id: int) -> bool:
    """True if there is such a conversation and ``who`` may see it."""
    return conn.execute(select(conversations.c.id).where(conversations.c.id == conversation_id, seen(who))
                        ).first() is not None


def sees_contact(conn: Connection, who: Scope, contact_id: int) -> bool:
    """True if there is such a contact and ``who`` may see it."""
    return conn.execute(select(contacts.c.id).where(contacts.c.id == contact_id, seen_contacts(who))
                        ).first() is not None


def place(conn: Connection, conversation_id: int) -> Place | None:
    """Where a conversation stands now; None if there is none."""
    row = conn.execute(select(conversations.c.team_id, conversations.c.agent_id).where(
        conversations.c.id == conversation_id)).one_or_none()
    if row is None:
        return None
    asked = conn.execute(select(mentions.c.agent_id).where(mentions.c.conversation_id == conversation_id))
    return Place(row.team_id, row.agent_id, frozenset(asked.scalars()))


def visible(conn: Connection, who: Scope, conversation_ids: Sequence[int]) -> set[int]:
    """Those of ``conversation_ids`` that ``who`` may see."""
    if not conversation_ids:
        return set()
    wanted = conversations.c.id.in_(conversation_ids)
    return set(conn.execute(select(conversations.c.id).where(wanted, seen(who))).scalars())
