"""Who is here, and what people say of themselves; the public holidays that hours can follow."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from zhike.access.rights import AGENT, AGENT_ONLY
from zhike.clock import to_datetime
from zhike.domain.team import Availability, Presence
from zhike.rest.table import Call, Route
from zhike.rest.write import audited
from zhike.store import people


class PresenceView(Struct):
    """One agent. ``presence`` from open pages: ``online`` somebody sits at one, ``away`` none of them, or the
    last was closed a moment ago, ``offline``. ``load``: open conversations held."""

    agent_id: int
    availability: Availability
    presence: Presence
    load: int
    capacity: int
    last_seen_at: datetime | None


class AvailabilityChange(Struct, forbid_unknown_fields=True):
    """Only who is ``online`` is given conversations."""

    availability: Availability


class HolidayView(Struct):
    """A day that is off, or a weekend day that is worked instead."""

    date: str
    kind: Literal["off", "work"]
    zh: str
    en: str


class HolidayYear(Struct):
    """The State Council's notice for one year; ``source``: its title and date."""

    year: int
    source: str
    days: list[HolidayView]


def _view(one: people.Person) -> PresenceView:
    at = one.seen.last_seen_at
    return PresenceView(
        one.agent.id,
        one.agent.availability,
        one.seen.presence,
        one.load,
        one.agent.capacity,
        to_datetime(at) if at else None,
    )


async def list_presence(call: Call) -> list[PresenceView]:
    """Everybody who can sign in, in the order of ids; changes come as ``presence`` frames."""
    return [_view(one) for one in await call.to.store.read(people.enabled, call.now)]


async def set_availability(call: Call) -> PresenceView:
    """Says whether you are available; what you hold stays with you."""
    body: AvailabilityChange = call.body
    me = call.principal.id
    await audited(
        call,
        "agent.availability_set",
        f"agent:{me}",
        {"availability": body.availability},
        people.set_availability,
        me,
        body.availability,
    )
    call.to.access.sessions.forget(me)
    call.to.desk.people_changed()
    found = await call.to.store.read(people.get, me, call.now)
    assert found is not None
    return _view(found)


async def list_holidays(_call: Call) -> list[HolidayYear]:
    """Public holidays of mainland China with the weekend days that are worked, by year as published."""
    from zhike.desk.holidays import years

    return [
        HolidayYear(
            year.year,
            year.source,
            [HolidayView(day.date.isoformat(), day.kind, day.zh, day.en) for day in year.days],
        )
        for year in years()
    ]


ROUTES = [
    Route(
        "GET",
        "/api/v1/presence",
        list_presence,
        AGENT,
        ("Who is here", "在线状态"),
        answer=list[PresenceView],
    ),
    Route(
        "PUT",
        "/api/v1/me/availability",
        set_availability,
        AGENT_ONLY,
        ("Set your availability", "设置自己的接待状态"),
        answer=PresenceView,
        body=AvailabilityChange,
        example={"availability": "busy"},
    ),
    Route(
        "GET",
        "/api/v1/holidays/cn",
        list_holidays,
        AGENT,
        ("Public holidays of China", "中国法定节假日"),
        answer=list[HolidayYear],
    ),
]
