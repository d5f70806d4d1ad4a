"""Public holidays: the days of the State Council's notices, from ``holidays_cn.toml``."""

from __future__ import annotations

import datetime as dt
import tomllib
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

Kind = Literal["off", "work"]
"""off: nobody works · work: a weekend day that is worked instead."""
_FILE = Path(__file__).with_name("holidays_cn.toml")


class Holiday(NamedTuple):
    """One day of a notice. ``zh``, ``en``: of what; "" for a day that is worked."""

    date: dt.date
    kind: Kind
    zh: str = ""
    en: str = ""


class Year(NamedTuple):
    """One notice. ``source``: its title and date."""

    year: int
    source: str
    days: tuple[Holiday, ...]


@cache
def years() -> tuple[Year, ...]:
    """Every year that is known, in order."""
    found: list[Year] = []
    for number, table in sorted(tomllib.loads(_FILE.read_text(encoding="utf-8")).items()):
        days = [Holiday(dt.date.fromisoformat(day), "work") for day in table["work"]]
        for first, last, zh, en in table["off"]:
            begin, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
            days += [Holiday(begin + dt.timedelta(days=n), "off", zh, en)
                     for n in range((end - begin).days + 1)]
        found.append(Year(int(number), table["source"], tuple(sorted(days))))
    return tuple(found)


@cache
def by_date() -> dict[dt.date, Kind]:
    """What is special about a day, for the days that are."""
    return {day.date: day.kind for year in years() for day in year.days}
