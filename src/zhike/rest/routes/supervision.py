"""Supervision: the desk as it is now, for a wall and for whoever leads a team.

A supervisor joins a conversation by looking at it, whispers by a private note (with ``mentions``), and takes
it like everybody else.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from zhike.access.rights import REPORT
from zhike.clock import to_datetime, to_ms
from zhike.domain.team import Availability, Presence
from zhike.rest.table import Call, Route
from zhike.rest.views import ConversationView, conversation_view
from zhike.store import people, supervision

_DAY_MS = 86_400_000


class SupervisionQuery(Struct, forbid_unknown_fields=True):
    """``since``: when the day began where you are (default: 24 hours ago). ``late_after_s``: a visitor who
    has waited longer for an agent's reply is late."""

    since: datetime | None = None
    late_after_s: Annotated[int, Meta(ge=1, le=86_400)] = 120


class AgentNow(Struct):
    """One agent. ``open_count``: open conversations held; ``owing_count``: of these, the visitor wrote last;
    ``owing_since``: the longest of them has waited since."""

    agent_id: int
    name: str
    availability: Availability
    presence: Presence
    capacity: int
    open_count: int
    owing_count: int
    owing_since: datetime | None


class TeamRatings(Struct):
    """What visitors said of a team. ``team_id`` null: of conversations that stand with no team."""

    team_id: int | None
    name: str
    ratings_count: int
    rating_mean: float


class DayView(Struct):
    """Since ``since``. ``by_bot_count``: resolved without a person. ``first_reply_p50_s``: from taking a
    conversation to the first word, half were quicker; null: there was none."""

    since: datetime
    opened_count: int
    resolved_count: int
    by_bot_count: int
    first_reply_p50_s: float | None
    first_reply_p90_s: float | None
    ratings_count: int
    rating_mean: float | None
    ratings_by_team: list[TeamRatings]


class SupervisionView(Struct):
    """``waiting`` and ``late``: at most 50, longest wait first; the counts are of all."""

    at: datetime
    waiting_count: int
    waiting: list[ConversationView]
    late_count: int
    late: list[ConversationView]
    agents: list[AgentNow]
    day: DayView


def _quantile_s(rising_ms: list[int], share: float) -> float | None:
    if not rising_ms:
        return None
    return rising_ms[min(len(rising_ms) - 1, int(share * len(rising_ms)))] / 1000


async def supervise(call: Call) -> SupervisionView:
    """Who waits, who is late, what everybody holds, and how the day goes."""
    query: SupervisionQuery = call.query
    since = call.now - _DAY_MS if query.since is None else max(0, to_ms(query.since))
    scope = call.principal.scope
    now = await call.to.store.read(supervision.now, call.now - query.late_after_s * 1000, scope)
    day = await call.to.store.read(supervision.day, since, scope)
    nobody = supervision.Held(0, 0, None)
    agents = []
    for one in await call.to.store.read(people.enabled, call.now):
        held = now.held.get(one.agent.id, nobody)
        agents.append(AgentNow(
            one.agent.id, one.agent.name, one.agent.availability, one.seen.presence, one.agent.capacity,
            held.open_count, held.owing_count, to_datetime(held.since) if held.since else None))
    return SupervisionView(
        to_datetime(call.now), now.waiting_count, [conversation_view(row) for row in now.waiting],
        now.late_count, [conversation_view(row) for row in now.late], agents,
        DayView(to_datetime(since), day.opened_count, day.resolved_count, day.by_bot_count,
                _quantile_s(day.first_reply_ms, 0.5), _quantile_s(day.first_reply_ms, 0.9),
                day.ratings_count, day.ratings_sum / day.ratings_count if day.ratings_count else None,
                [TeamRatings(one.team_id or None, one.name, one.ratings_count,
                             one.ratings_sum / one.ratings_count) for one in day.by_team]))


ROUTES = [
    Route(
        "GET",
        "/api/v1/supervision",
        supervise,
        REPORT,
        ("The desk as it is now", "现场总览"),
        answer=SupervisionView,
        query=SupervisionQuery,
    ),
]
