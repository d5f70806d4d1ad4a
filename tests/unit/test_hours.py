"""Work hours: time zones, public holidays with the days that are worked, days of one's own."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from zhike.desk.holidays import by_date, years
from zhike.desk.hours import Hours, OfficeHours
from zhike.domain.knowledge import Inbox
from zhike.store.checkinbox import check_inbox

WEEKDAYS = {day: [["09:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
CHINA: dict[str, Any] = {"timezone": "Asia/Shanghai", "week": WEEKDAYS, "holidays": "cn"}


def ms(text: str, zone: str = "Asia/Shanghai") -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def is_open(setting: dict[str, Any], text: str, zone: str = "Asia/Shanghai") -> bool:
    return Hours(setting).state(ms(text, zone)).open


def test_open_from_the_first_minute_to_before_the_last() -> None:
    clocks = ("08:59:59", "09:00", "17:59:59", "18:00")
    assert [is_open(CHINA, f"2026-11-26 {clock}") for clock in clocks] == [False, True, True, False]
    state = Hours(CHINA).state(ms("2026-11-27 18:00"))  # a Friday
    monday = ms("2026-11-30 09:00")
    assert (state.open, state.opens_at, state.until) == (False, monday, monday)
    assert Hours(CHINA).state(ms("2026-11-27 10:00")).until == ms("2026-11-27 18:00")


def test_a_holiday_is_off_and_the_weekend_day_that_is_worked_for_it_has_mondays_hours() -> None:
    assert not is_open(CHINA, "2026-02-17 10:00")  # Spring Festival, a Tuesday
    assert is_open(CHINA, "2026-02-14 10:00")
    assert is_open(CHINA, "2026-02-28 10:00")
    assert not is_open(CHINA, "2026-02-21 10:00")
    assert is_open(CHINA, "2025-10-11 17:00")
    assert not is_open(CHINA, "2025-10-08 17:00")
    assert Hours(CHINA).state(ms("2026-02-14 18:00")).opens_at == ms("2026-02-24 09:00")
    assert is_open({**CHINA, "holidays": "none"}, "2026-02-17 10:00")
    assert not is_open({**CHINA, "holidays": "none"}, "2026-02-14 10:00")


def test_a_worked_saturday_that_has_hours_of_its_own_keeps_them() -> None:
    week = {**WEEKDAYS, "sat": [["10:00", "12:00"]]}
    assert not is_open({**CHINA, "week": week}, "2026-02-14 15:00")
    assert is_open({**CHINA, "week": week}, "2026-02-14 11:00")


def test_the_owners_days_count_more_than_the_holidays() -> None:
    own = {**CHINA, "open": ["2026-10-03"], "closed": ["2026-12-31", "2026-10-10"]}
    assert is_open(own, "2026-10-03 10:00")  # a Saturday in the National Day week
    assert not is_open(own, "2026-12-31 10:00")
    assert not is_open(own, "2026-10-10 10:00")  # worked elsewhere


def test_hours_over_midnight_belong_to_the_day_they_begin_on() -> None:
    late = {"timezone": "Asia/Shanghai", "week": {"fri": [["20:00", "02:00"]]}}
    assert is_open(late, "2026-11-27 23:00")
    assert is_open(late, "2026-11-28 01:59")
    assert not is_open(late, "2026-11-28 02:00")
    assert not is_open(late, "2026-11-27 01:00")
    all_day = {"timezone": "Asia/Shanghai", "week": {"mon": [["00:00", "24:00"]]}}
    assert is_open(all_day, "2026-11-30 00:00")
    assert is_open(all_day, "2026-11-30 23:59")
    assert not is_open(all_day, "2026-12-01 00:00")


def test_hours_are_those_of_the_inbox_not_of_the_server_also_when_the_clock_is_set() -> None:
    berlin = {"timezone": "Europe/Berlin", "week": {"sun": [["01:00", "05:00"]], "mon": [["09:00", "17:00"]]}}
    assert is_open(berlin, "2026-11-30 09:00", "Europe/Berlin")
    assert not is_open(berlin, "2026-11-30 09:00", "Asia/Shanghai")
    spring = Hours(berlin).state(ms("2026-03-29 01:30", "Europe/Berlin"))
    assert spring.until - ms("2026-03-29 01:00", "Europe/Berlin") == 3 * 3_600_000  # one hour is missing
    autumn = Hours(berlin).state(ms("2026-10-25 01:30", "Europe/Berlin"))
    assert autumn.until - ms("2026-10-25 01:00", "Europe/Berlin") == 5 * 3_600_000


def test_an_inbox_that_never_opens_says_nothing_about_when() -> None:
    state = Hours({"timezone": "Asia/Shanghai", "week": {}}).state(ms("2026-11-26 10:00"))
    assert not state.open
    assert state.opens_at is None


def test_the_notices_are_complete_and_touch_weekends_where_they_say_so() -> None:
    assert [year.year for year in years()] == [2025, 2026]
    for year in years():
        off = [day.date for day in year.days if day.kind == "off"]
        work = [day.date for day in year.days if day.kind == "work"]
        assert year.source.startswith(f"国务院办公厅关于{year.year}年部分节假日安排的通知")
        assert all(day.weekday() >= 5 for day in work), "only weekend days are worked instead"
        assert not set(off) & set(work)
        # thirteen days a year are free by law; every other weekday that is off is worked on a weekend
        assert len([day for day in off if day.weekday() < 5]) - len(work) == 13
    assert by_date()[dt.date(2026, 1, 4)] == "work"


def test_what_was_worked_out_is_kept_only_while_it_holds() -> None:
    kept = OfficeHours()
    settings = {"hours": CHINA}
    assert kept.state(1, settings, ms("2026-11-26 10:00")).open  # type: ignore[union-attr]
    assert not kept.state(1, settings, ms("2026-11-26 18:00")).open  # type: ignore[union-attr]
    assert kept.state(1, {"hours": {**CHINA, "week": {}}}, ms("2026-11-26 10:00")) is not None
    assert not kept.state(1, {"hours": {**CHINA, "week": {}}}, ms("2026-11-26 10:00")).open  # type: ignore[union-attr]
    assert kept.state(1, settings, ms("2026-11-26 09:30")).open  # type: ignore[union-attr]  # clock set back
    assert kept.state(1, {}, 0) is None


@pytest.mark.parametrize(("hours", "field"), [
    ({"timezone": "Mars/Olympus"}, "settings.hours.timezone"),
    ({"timezone": "../etc/passwd"}, "settings.hours.timezone"),
    ({"timezone": ""}, "settings.hours.timezone"),
    ({"timezone": "Asia/Shanghai", "week": {"mo": []}}, "settings.hours.week.mo"),
    ({"timezone": "Asia/Shanghai", "week": {"mon": [["9:00", "18:00"]]}}, "settings.hours.week.mon"),
    ({"timezone": "Asia/Shanghai", "week": {"mon": [["09:00", "09:00"]]}}, "settings.hours.week.mon"),
    ({"timezone": "Asia/Shanghai", "closed": ["2026-02-30"]}, "settings.hours.closed"),
    ({"timezone": "Asia/Shanghai", "holidays": "us"}, "settings.hours.holidays"),
    ({"timezone": "Asia/Shanghai", "weeks": {}}, "settings.hours.weeks"),
    ("9-18", "settings.hours"),
])
def test_hours_that_would_not_work_are_refused_where_they_are_wrong(hours: Any, field: str) -> None:
    faults = list(check_inbox(Inbox(0, "shop", "Shop", "web", settings={"hours": hours})))
    assert [fault.field for fault in faults] == [field]


def test_the_other_settings_of_the_human_desk_are_checked_too() -> None:
    good = {"team_id": 3, "hours": CHINA, "out_of_office": {"zh": "下班了"}, "wrap_ups": ["退货", "物流"],
            "offline_form": {"enabled": True, "fields": ["name", "phone"]},
            "csat": {"enabled": True, "question": {"en": "How was it?"}}, "auto_resolve_after_s": 3600}
    assert not list(check_inbox(Inbox(0, "shop", "Shop", "web", settings=good)))
    bad = {"team_id": "3", "out_of_office": "x", "wrap_ups": [1], "offline_form": {"fields": ["age"]},
           "csat": {"on": True}, "auto_resolve_after_s": 1}
    faults = list(check_inbox(Inbox(0, "shop", "Shop", "web", settings=bad)))
    assert {fault.field for fault in faults} == {
        "settings.team_id", "settings.out_of_office", "settings.wrap_ups", "settings.offline_form.fields",
        "settings.csat.on", "settings.auto_resolve_after_s"}
