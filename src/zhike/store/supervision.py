"""What a supervisor looks at: who waits, who is late, what everybody holds, how the day goes."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, case, func, select

from zhike.domain.agent import EVERYTHING, Scope
from zhike.store import listing, scopes
from zhike.store.ratings import ASKED
from zhike.store.tables import conversations, ratings, teams

MOST_SHOWN = 50
"""Waiting and late conversations that a wall shows; more than that nobody reads."""
MOST_TIMED = 5_000
"""The newest first replies of a day that its median is taken of."""


class Held(NamedTuple):
    """What an agent holds. ``owing``: conversations in which the visitor wrote last; ``since``: the longest
    of them has waited since (ms), None if there is none."""

    open_count: int
    owing_count: int
    since: int | None


class TeamRating(NamedTuple):
    """What visitors said of a team's conversations. ``name`` "": they stand with no team."""

    team_id: int
    name: str
    ratings_count: int
    ratings_sum: int


class Day(NamedTuple):
    """Since a moment. ``by_bot_count``: resolved without a person; ``first_reply_ms``: from taking a
    conversation to the first word, in rising order, of the newest :data:`MOST_TIMED`."""

    opened_count: int
    resolved_count: int
    by_bot_count: int
    ratings_count: int
    ratings_sum: int
    first_reply_ms: list[int]
    by_team: list[TeamRating]


class Now(NamedTuple):
    """The desk at a moment. Rows: longest wait first, at most :data:`MOST_SHOWN`."""

    waiting_count: int
    waiting: list[listing.ConversationRow]
    late_count: int
    late: list[listing.ConversationRow]
    held: dict[int, Held]


def now(conn: Connection, late_before: int, scope: Scope = EVERYTHING) -> Now:
    """The desk now. ``late_before`` (ms): who has waited for an agent's reply since before is late."""
    c = conversations.c
    awake = and_(c.status == "open", scopes.seen(scope))
    waits = and_(awake, c.holder == "queue")
    owed = and_(awake, c.holder == "agent", c.waiting_since.is_not(None))
    late = and_(owed, c.waiting_since < late_before)
    rows = conn.execute(select(c.agent_id, func.count(), func.sum(case((owed, 1), else_=0)),
                               func.min(c.waiting_since))
                        .where(awake, c.holder == "agent").group_by(c.agent_id))
    held = {row[0]: Held(int(row[1]), int(row[2]), row[3]) for row in rows if row[0] is not None}
    return Now(_count(conn, waits), listing.rows_where(conn, waits, MOST_SHOWN), _count(conn, late),
               listing.rows_where(conn, late, MOST_SHOWN), held)


def day(conn: Connection, since: int, scope: Scope = EVERYTHING) -> Day:
    """How it went since ``since`` (ms)."""
    c = conversations.c
    seen = scopes.seen(scope)
    opened = _count(conn, and_(c.created_at >= since, seen))
    over = and_(c.resolved_at >= since, seen)
    alone = func.sum(case((c.assigned_at.is_(None), 1), else_=0))
    resolved, by_bot = conn.execute(select(func.count(), alone).where(over)).one()
    by_team = _by_team(conn, since, seen)
    rated, total = sum(one.ratings_count for one in by_team), sum(one.ratings_sum for one in by_team)
    replies = conn.execute(select(c.first_reply_at - c.assigned_at).where(
        c.created_at >= since, c.first_reply_at >= c.assigned_at, seen)
        .order_by(c.id.desc()).limit(MOST_TIMED)).scalars()
    return Day(opened, int(resolved), int(by_bot or 0), rated, total, sorted(replies), by_team)


def _by_team(conn: Connection, since: int, seen: ColumnElement[bool]) -> list[TeamRating]:
    """By name, those of no team last. What was asked and not answered counts for nothing."""
    c = conversations.c
    rows = conn.execute(
        select(c.team_id, teams.c.name, func.count(), func.sum(ratings.c.score))
        .select_from(ratings).join(conversations, c.id == ratings.c.conversation_id)
        .outerjoin(teams, teams.c.id == c.team_id)
        .where(ratings.c.created_at >= since, ratings.c.score != ASKED, seen)
        .group_by(c.team_id, teams.c.name))
    found = [TeamRating(row[0] or 0, row[1] or "", int(row[2]), int(row[3])) for row in rows]
    return sorted(found, key=lambda one: (not one.name, one.name, one.team_id))


def _count(conn: Connection, where: ColumnElement[bool]) -> int:
    return int(conn.execute(select(func.count()).select_from(conversations).where(where)).scalar_one())
