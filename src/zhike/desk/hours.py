"""Work hours of an inbox: open now? when next? In its own time zone, with public holidays.

Which hours a day has, first match: ``closed`` (none) · ``open`` (those of a work day) · a public
holiday (none) or a weekend day that is worked instead (those of a work day) · the weekday's. A work
day's hours are the weekday's own, or else those of the first weekday that has any: the Saturday that
is worked for a long holiday has Monday's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, NamedTuple

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LOOK_AHEAD_DAYS = 370
"""An inbox that does not open within a year says nothing about when."""
Minutes = tuple[int, int]
"""From … to, in minutes of the day that it begins on; to may lie beyond 1440, after midnight."""


class State(NamedTuple):
    """``opens_at``: ms, None while it is open, or if that is not in sight. ``until``: ms; what is said here
    holds until then."""

    open: bool
    opens_at: int | None
    until: int


class Hours:
    """The hours of one inbox, from its setting ``hours`` (checked when it was stored)."""

    def __init__(self, setting: Mapping[str, Any]) -> None:
        from zoneinfo import ZoneInfo  # only where an inbox has hours

        from zhike.desk.holidays import by_date

        self._zone = ZoneInfo(setting["timezone"])
        week = setting.get("week") or {}
        self._week = [[_minutes(*pair) for pair in week.get(day) or ()] for day in DAYS]
        self._workday = next((day for day in self._week if day), [])
        self._holidays = by_date() if setting.get("holidays") == "cn" else {}
        self._closed = {dt.date.fromisoformat(day) for day in setting.get("closed") or ()}
        self._open = {dt.date.fromisoformat(day) for day in setting.get("open") or ()}

    def of(self, day: dt.date) -> list[Minutes]:
        """When it is open on this day."""
        if day in self._closed:
            return []
        own = self._week[day.weekday()]
        if day in self._open:
            return own or self._workday
        special = self._holidays.get(day)
        if special == "off":
            return []
        return own or self._workday if special == "work" else own

    def _spans(self, day: dt.date) -> list[tuple[int, int]]:
        """The same in ms since 1970 UTC; where the clock is set, its own hours count."""
        midnight = dt.datetime.combine(day, dt.time())
        return [(self._ms(midnight, begin), self._ms(midnight, end)) for begin, end in self.of(day)]

    def _ms(self, midnight: dt.datetime, minutes: int) -> int:
        local = midnight + dt.timedelta(minutes=minutes)  # without a zone: hours as a wall clock shows them
        return int(local.replace(tzinfo=self._zone).timestamp() * 1000)

    def state(self, now: int) -> State:
        """How it is at ``now`` (ms)."""
        today = dt.datetime.fromtimestamp(now / 1000, self._zone).date()
        for ahead in range(-1, LOOK_AHEAD_DAYS):  # yesterday's hours may reach into today
            for begin, end in sorted(self._spans(today + dt.timedelta(days=ahead))):
                if begin <= now < end:
                    return State(True, None, end)
                if begin > now:
                    return State(False, begin, begin)
        return State(False, None, now + 3_600_000)


def _minutes(begin: str, end: str) -> Minutes:
    first, last = _minute(begin), _minute(end)
    return first, last if last > first else last + 1440


def _minute(clock: str) -> int:
    hour, _, minute = clock.partition(":")
    return int(hour) * 60 + int(minute)


class OfficeHours:
    """Whether inboxes are open, with what was worked out kept for as long as it holds."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, int, State]] = {}

    def state(self, inbox_id: int, settings: Mapping[str, Any], now: int) -> State | None:
        """The state of an inbox; None: it has no hours, it never closes."""
        setting = settings.get("hours")
        if not setting:
            return None
        known = self._known.get(inbox_id)
        # (an edit brings other settings, and a clock may be set back)
        if known is not None and known[0] is setting and known[1] <= now < known[2].until:
            return known[2]
        found = Hours(setting).state(now)
        self._known[inbox_id] = (setting, now, found)
        return found
