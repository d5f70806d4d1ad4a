"""What a sentence claims that can be checked: amounts, durations, dates, numbers, contacts, policies.

A claim is a kind with a value in one spelling: 七天 = 7天 = 7 days = 168小时, ￥99 = 99元 = 99.00,
八折 = 8折 = 20% off.
What needs no source is no claim: numbering of a list, 一个, 两种方式, placeholders of masked values.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from zhike.answer.guard.patterns import CLAIM, CURRENCY, EN_NUMBERS, MINUTES, MONTHS
from zhike.answer.guard.policies import policies

_ZH_DIGITS = {c: n for n, c in enumerate("零一二三四五六七八九")}
_ZH_DIGITS |= {"〇": 0, "两": 2, "兩": 2, "壹": 1, "贰": 2, "叁": 3}
_ZH_TENS = {"十": 10, "百": 100, "千": 1000}
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = {"一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "日": 7, "天": 7, "末": 67}
_EN_WEEKDAYS = {"mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6, "sun": 7}


class Claim(NamedTuple):
    """``kind``: money share off workdays span months date year month weekday clock clock12 soon number code
    contact policy. ``value`` in one spelling; ``text`` as it stands."""

    kind: str
    value: str
    text: str


def number(text: str) -> float:
    """12 · 1,299.00 · 七 · 十五 · 一百二十 · 两万 · half."""
    text = text.strip().lower()
    if text[0].isdigit():
        return float(text.replace(",", ""))
    if text in EN_NUMBERS:
        return float(EN_NUMBERS[text])
    whole, _, after = text.partition("点")
    if whole == "半":
        return 0.5
    if not any(c in _ZH_TENS or c == "万" for c in whole):
        half = whole.endswith("半") and len(whole) > 1
        value = 0.0
        for char in whole:
            value = value * 10 + _ZH_DIGITS.get(char, 0) if char != "半" else value
        value += 0.5 if half else 0
    else:
        total, section, digit = 0.0, 0.0, 0.0
        for char in whole:
            if char == "万":
                total, section, digit = (total + section + (digit or (0 if section else 1))) * 10000, 0.0, 0.0
            elif char in _ZH_TENS:
                section += (digit or 1) * _ZH_TENS[char]
                digit = 0.0
            elif char == "半":
                digit += 0.5
            else:
                digit = float(_ZH_DIGITS.get(char, 0))
        value = total + section + digit
    for place, char in enumerate(after, 1):
        value += _ZH_DIGITS.get(char, 0) / 10**place
    return value


def spelled(value: float) -> str:
    """One spelling of a number: 7, 0.5, 1299."""
    return f"{value:.4f}".rstrip("0").rstrip(".")


@lru_cache(512)
def claims(text: str) -> tuple[Claim, ...]:
    """The claims of a text, in order: 2 ms for 1,000 characters, once (snippets come again and again)."""
    found: list[Claim] = []
    for match in CLAIM.finditer(text):
        for kind, value in _MAKERS[match.lastgroup or "mark"](match):  # the outermost group closes last
            found.append(Claim(kind, value, match.group().strip()))
    found += [Claim("policy", value, words) for value, words in policies(text)]
    return tuple(found)


_Pairs = list[tuple[str, str]]
_Match = re.Match[str]


def _nothing(_: _Match) -> _Pairs:
    return []


def _sum(match: _Match) -> _Pairs:
    """A number, or two, with its unit."""
    values = _ends(match.group("a"), match.group("b"))
    if match.group("share"):
        kind = "off" if match.group("off") else "share"
        return [(kind, spelled(value)) for value in values]
    if match.group("zhe"):
        return [("off", spelled(100 - value * (10 if value < 10 else 1))) for value in values]
    if match.group("work"):
        return [("workdays", spelled(value)) for value in values]
    if currency := match.group("cur"):
        return [("money", f"{spelled(value)} {CURRENCY[currency.lower()]}") for value in values]
    if months := match.group("mon"):
        return [("months", spelled(value * MONTHS[months.lower()])) for value in values]
    return [("span", spelled(value * MINUTES[match.group("span").lower()])) for value in values]


def _ends(first: str, last: str | None) -> list[float]:
    if len(first) == 2 and first[0] in "一二两三四五六七八" and first[1] in _ZH_DIGITS:
        low, high = (float(_ZH_DIGITS[char]) for char in first)
        if high == low + 1:  # 两三天: two or three
            return [low, high]
    return [number(first)] if last is None else [number(first), number(last)]


def _before_money(match: _Match) -> _Pairs:
    factor = {"万": 10000, "k": 1000, "千": 1000}.get((match.group("pw") or "").lower(), 1)
    currency = CURRENCY[match.group("pre").lower()]
    return [
        ("money", f"{spelled(value * factor)} {currency}")
        for value in _ends(match.group("pa"), match.group("pb"))
    ]


def _date(year: str | None, month: float, day: float) -> _Pairs:
    return [("date", f"{int(month)}-{int(day)}"), *([("year", year)] if year else [])]


def _iso(match: _Match) -> _Pairs:
    return _date(match.group("iy"), float(match.group("im")), float(match.group("id")))


def _month_day(match: _Match) -> _Pairs:
    day = match.group("dd")
    month = int(number(match.group("mm")))
    return _date(None, month, number(day)) if day else [("month", str(month))]


def _english_date(match: _Match) -> _Pairs:
    name, day, year = (
        (match.group("e1"), match.group("ed"), match.group("ey"))
        if match.group("e1")
        else (match.group("f1"), match.group("fd"), match.group("fy"))
    )
    return _date(year, _MONTH_NAMES.index(name[:3].lower()) + 1, float(day))


def _clock(match: _Match) -> _Pairs:
    """``clock``, or ``clock12`` where morning or evening is not said (6点)."""
    half = (match.group("cap") or match.group("ap") or "").lower()
    if match.group("ch"):
        hour, minute = int(match.group("ch")), int(match.group("cm"))
    elif match.group("hap"):
        hour, minute = int(match.group("hap")), 0
    else:
        hour = int(number(match.group("zh")))
        said = match.group("zm") or ""
        minute = 30 if said == "半" else 15 if said == "一刻" else int(said.rstrip("分") or 0)
        part = match.group("zap") or ""
        if not part and hour <= 12:
            return [("clock12", f"{hour % 12}:{minute:02}")]
        half = "p" if part in ("下午", "傍晚", "晚上", "夜里") else ""
    if half == "p" and hour < 12:
        hour += 12
    elif half == "a" and hour == 12:
        hour = 0
    return [("clock", f"{hour % 24}:{minute:02}")]


def _weekday(match: _Match) -> _Pairs:
    zh = match.group("wd")
    return [("weekday", str(_WEEKDAYS[zh] if zh else _EN_WEEKDAYS[match.group("we")[:3].lower()]))]


_SOON = {
    "今日": "0",
    "今天": "0",
    "今晚": "0",
    "当天": "0",
    "当日": "0",
    "today": "0",
    "tonight": "0",
    "same day": "0",
    "same-day": "0",
    "明天": "1",
    "明日": "1",
    "次日": "1",
    "隔日": "1",
    "tomorrow": "1",
    "next day": "1",
    "overnight": "1",
    "后天": "2",
    "大后天": "3",
    "下周": "week",
    "next week": "week",
    "本周": "this week",
    "下个月": "month",
    "next month": "month",
}
_acts = re.compile(
    r"发货|送达|到货|送到|寄出|发出|到账|退款|退回|处理完|安装|上门|补发|赔|arriv|deliver|ship|refund|"
    r"dispatch|sent|receive|credited|"
    r"install|replac",
    re.I,
).search


def _soon(match: _Match) -> _Pairs:
    """今天 and the like are claims where something is to be done by then."""
    return [("soon", _SOON.get(match.group("soon").lower(), "now"))] if _acts(match.string) else []


def _url(match: _Match) -> _Pairs:
    bare = re.sub(r"^(?:https?://)?(?:www\.)?", "", match.group("url").lower())
    return [("contact", bare.rstrip("./"))]


_MAKERS: dict[str, Callable[[_Match], _Pairs]] = {
    "mark": _nothing,
    "item": _nothing,
    "sum": _sum,
    "price": _before_money,
    "clock": _clock,
    "week": _weekday,
    "soon": _soon,
    "md": _month_day,
    "iso": _iso,
    "en": _english_date,
    "url": _url,
    "num": lambda m: [("number", spelled(number(m.group("num"))))],
    "code": lambda m: [("code", m.group("code").lower())],
    "half": lambda m: [("off", "50")],
    "mail": lambda m: [("contact", m.group("mail").lower())],
    "phone": lambda m: [("contact", "".join(filter(str.isdigit, m.group("phone")))[-11:])],
}
