"""What is remembered of a conversation that waits for a person, beside the conversation itself."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, or_, update

from zhike.store.dialect import upsert
from zhike.store.tables import agents, assignments, conversations, waits


def _row(conn: Connection, conversation_ids: Sequence[int]) -> None:
    upsert(conn, waits, [{"conversation_id": one} for one in conversation_ids], ["conversation_id"], [])


def came_to_team(conn: Connection, conversation_ids: Sequence[int], now: int) -> None:
    """These wait in another team's queue since ``now``."""
    if conversation_ids:
        upsert(conn, waits, [{"conversation_id": one, "team_since": now} for one in conversation_ids],
               ["conversation_id"], ["team_since"])


def alarm(conn: Connection, conversation_id: int, since: int, now: int) -> bool:
    """True once for each wait (which began at ``since``), whoever asks."""
    _row(conn, [conversation_id])
    return conn.execute(update(waits).where(
        waits.c.conversation_id == conversation_id,
        or_(waits.c.alarmed_at.is_(None), waits.c.alarmed_at < since)).values(alarmed_at=now)).rowcount > 0


def first_out_of_office(conn: Connection, conversation_id: int, now: int) -> bool:
    """True once for each conversation."""
    _row(conn, [conversation_id])
    return conn.execute(update(waits).where(
        waits.c.conversation_id == conversation_id, waits.c.out_of_office_at.is_(None))
        .values(out_of_office_at=now)).rowcount > 0


def served(conn: Connection, agent_ids: Sequence[int], now: int) -> None:
    """These were served, in this order: they move to the end of the line."""
    for place, agent_id in enumerate(agent_ids, start=1):
        conn.execute(update(agents).where(agents.c.id == agent_id).values(last_served_at=now + place))


def assigned(conn: Connection, taken: Sequence[tuple[int, int, int, int]]) -> None:
    """Keeps who got what and when: (conversation_id, epoch, agent_id, at). Estimates and fairness count
    by it. Told twice, kept once."""
    ids = sorted({row[0] for row in taken})
    teams = {row.id: row.team_id for row in conn.execute(
        conversations.select().with_only_columns(conversations.c.id, conversations.c.team_id)
        .where(conversations.c.id.in_(ids)))}
    upsert(conn, assignments, [
        {"conversation_id": conversation_id, "epoch": epoch, "agent_id": agent_id, "at": at,
         "team_id": teams.get(conversation_id)}
        for conversation_id, epoch, agent_id, at in taken], ["conversation_id", "epoch"], [])


def prune(conn: Connection, before: int) -> int:
    """Removes assignments that nothing counts by any more."""
    return conn.execute(assignments.delete().where(assignments.c.at < before)).rowcount
