"""What a sentence claims that can be checked: amounts, shares, durations, dates, times, numbers, contacts, policies.

A claim is a kind with a value in one spelling: 七天 = 7天 = 7 days = 168小时, ￥99 = 99元 = 99.00, 八折 = 8折 = 20% off.
What needs no source is no claim: numbering of a list, 一个, 两种方式, placeholders of masked values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

from zhike.answer.guard.policies import policies

MINUTES = {
    "分钟": 1,
    "分鐘": 1,
    "min": 1,
    "mins": 1,
    "minute": 1,
    "小时": 60,
    "小時": 60,
    "钟头": 60,
    "h": 60,
    "hr": 60,
    "hrs": 60,
    "hour": 60,
    "天": 1440,
    "日": 1440,
    "晚": 1440,
    "day": 1440,
    "d": 1440,
    "周": 10080,
    "星期": 10080,
    "礼拜": 10080,
    "week": 10080,
    "秒": 1 / 60,
    "second": 1 / 60,
    "sec": 1 / 60,
    "secs": 1 / 60,
}
_MONTHS = {"月": 1, "个月": 1, "個月": 1, "month": 1, "季度": 3, "quarter": 3, "年": 12, "year": 12, "yr": 12}
_ZH_DIGITS = {c: n for n, c in enumerate("零一二三四五六七八九")} | {
    "〇": 0,
    "两": 2,
    "兩": 2,
    "壹": 1,
    "贰": 2,
    "叁": 3,
}
_ZH_TENS = {"十": 10, "百": 100, "千": 1000}
_EN_NUMBERS = {
    word: n
    for n, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ]
    )
}
_EN_NUMBERS |= {
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "sixty": 60,
    "seventy": 70,
    "eighty": 80,
    "ninety": 90,
    "hundred": 100,
    "half": 0.5,
    "a dozen": 12,
}
_MONTH_NAMES = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_CURRENCY = {
    "￥": "cny",
    "¥": "cny",
    "元": "cny",
    "块": "cny",
    "块钱": "cny",
    "人民币": "cny",
    "rmb": "cny",
    "cny": "cny",
    "yuan": "cny",
    "圆": "cny",
    "$": "usd",
    "us$": "usd",
    "usd": "usd",
    "dollar": "usd",
    "dollars": "usd",
    "美元": "usd",
    "美金": "usd",
    "刀": "usd",
    "€": "eur",
    "eur": "eur",
    "euro": "eur",
    "euros": "eur",
    "欧元": "eur",
    "£": "gbp",
    "gbp": "gbp",
    "pound": "gbp",
    "pounds": "gbp",
    "英镑": "gbp",
    "hk$": "hkd",
    "hkd": "hkd",
    "港币": "hkd",
    "港元": "hkd",
    "nt$": "twd",
    "台币": "twd",
    "日元": "jpy",
    "jpy": "jpy",
}
_WEEKDAYS = {"一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "日": 7, "天": 7, "末": 67}
_EN_WEEKDAYS = {"mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6, "sun": 7}


class Claim(NamedTuple):
    """``kind``: money share workdays time_span months date weekday clock soon number code contact policy. ``value`` in
    one spelling; ``text`` as it stands."""

    kind: str
    value: str
    text: str


_N = r"[0-9][0-9,]*(?:\.[0-9]+)?"
_ZH_CHARS = "零〇一二两兩三四五六七八九十百千万壹贰叁半"
_ZN = f"[{_ZH_CHARS}]+(?:点[一二三四五六七八九零]+)?"
_EN = "(?:" + "|".join(sorted(_EN_NUMBERS, key=len, reverse=True)) + r")\b"
_ANY = rf"(?:{_N}|{_ZN}|{_EN})"
_TO = r"\s?(?:-|~|–|—|－|～|至|到|to|and|或|or)\s?"


def _longest(words: Iterable[str]) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


_claim = re.compile(
    rf"""(?=[0-9\[（({_ZH_CHARS}第$￥¥€£周星礼今当次隔明后大下本马立即凌早上中晚夜]|(?<![a-z0-9])[a-z])(?:
(?P<mark>\[[A-Z]{{2,8}}_[0-9]{{1,4}}\])
|(?P<item>(?:(?m:^)|(?<=\n\ )|(?<=\n\ \ )|(?<=\n\ \ \ ))(?:[（(]?[0-9]{{1,2}}[)）、]|[0-9]{{1,2}}\.(?=\s|[^\x00-\x7f])|step\s[0-9]|第?[一二三四五六七八九十]、))
|(?P<url>(?:https?://|www\.)[a-z0-9./?&=_%\#:~+@-]+|\b(?:[a-z0-9-]+\.)+(?:com|cn|net|org|io|shop|top|xyz)(?:\.[a-z]{{2}})?\b(?:/[a-z0-9./?&=_%\#:~+-]*)?)
|(?P<mail>[a-z0-9._%+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+)
|(?P<phone>(?<![0-9a-z])(?:\+[0-9]{{1,3}}[ -]?)?(?:1[3-9][0-9][ -]?[0-9]{{4}}[ -]?[0-9]{{4}}|0[0-9]{{2,3}}[ -][0-9]{{7,8}}|[48]00[ -]?[0-9]{{3,4}}[ -]?[0-9]{{3,4}}|\(?[0-9]{{3}}\)?[ -][0-9]{{3}}[ -][0-9]{{4}})(?![0-9]))
|(?P<iso>(?P<iy>20[0-9]{{2}})[-/.年]\s?(?P<im>1[0-2]|0?[1-9])[-/.月]\s?(?P<id>3[01]|[12][0-9]|0?[1-9])日?号?(?![0-9]))
|(?P<md>(?P<mm>1[0-2]|0?[1-9]|十[一二]?|[一二三四五六七八九])月(?:份)?(?:(?P<dd>[0-9]{{1,2}}|[一二三四五六七八九十]{{1,3}})[日号])?)
|(?P<en>\b(?P<e1>jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)[a-z]{{0,6}}\.?\s(?P<ed>[0-9]{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s(?P<ey>20[0-9]{{2}}))?
  |\b(?P<fd>[0-9]{{1,2}})(?:st|nd|rd|th)?\s(?:of\s)?(?P<f1>jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)[a-z]{{0,6}}\b(?:,?\s(?P<fy>20[0-9]{{2}}))?)
|(?P<clock>(?<![0-9:])(?P<ch>[0-9]{{1,2}})[:：](?P<cm>[0-5][0-9])(?::[0-5][0-9])?(?:\s?(?P<cap>[ap])\.?m\b)?
  |(?P<hap>\b[0-9]{{1,2}})\s?(?P<ap>[ap])\.?m\b
  |(?P<zap>凌晨|早上|上午|中午|下午|傍晚|晚上|夜里)?(?P<zh>[0-9]{{1,2}}|[一二两三四五六七八九十]{{1,3}})点(?P<zm>半|一刻|[0-9]{{1,2}}分)?(?!数|击|评|赞|餐|单|心|选|下单|开(?!门|店|始|业|放|会|课|售|抢)|[零一二三四五六七八九]))
|(?P<week>(?:周|星期|礼拜)(?P<wd>[一二三四五六日末]|天(?!内|之内|左右))|\b(?P<we>mon|tues?|wednes|thurs?|fri|satur|sun)days?\b)
|(?P<soon>今天|今日|今晚|当天|当日|次日|隔日|明天|明日|后天|大后天|下周|下个月|本周|马上|立即|立刻|即刻|\b(?:today|tonight|tomorrow|immediately|right\saway|next\s(?:week|month|day)|same[ -]day|overnight)\b)
|(?P<half>五折|5折|半价|half\s(?:price|off))
|(?P<price>(?P<pre>(?:us|hk|nt)?[$]|[￥¥€£])\s?(?P<pa>{_N})(?:{_TO}(?:[$￥¥€£]\s?)?(?P<pb>{_N}))?(?P<pw>万|k\b|千)?)
|(?P<sum>(?P<a>{_ANY})(?:{_TO}(?P<b>{_ANY}))?[\s-]?(?:
  (?P<share>%|％|percent\b|个百分点)(?P<off>\s?off\b|\s?(?:的)?(?:优惠|折扣)|\s?discount)?
  |(?P<zhe>折)(?!扣|叠|合|痕|返|射|断|旧|中)
  |(?P<cur>{_longest(c for c in _CURRENCY if c not in "￥¥$€£")})(?![a-z]|素|旦|件|宵|月)
  |(?P<work>(?:个|個)?\s?(?:工作日|working\sdays?|business\sdays?|work\sdays?|工作天))
  |(?P<mon>{_longest(_MONTHS)})s?(?![a-z]|度|代|初|底|假|货|终|轻|纪|级|检|费)
  |(?:个|個)?(?P<span>{_longest(MINUTES)})s?(?![a-z]|下|空|然|气|猫|生|数字|常|用|期|子|前台|围|边)))
|(?P<code>(?<![a-z0-9])(?=[a-z0-9-]*[0-9])(?=[a-z0-9-]*[a-z])[a-z0-9]+(?:-[a-z0-9]+)*(?![a-z0-9]))
|(?P<num>{_N}))""",
    re.X | re.I,
)


def number(text: str) -> float:
    """12 · 1,299.00 · 七 · 十五 · 一百二十 · 两万 · half."""
    text = text.strip().lower()
    if text[0].isdigit():
        return float(text.replace(",", ""))
    if text in _EN_NUMBERS:
        return float(_EN_NUMBERS[text])
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
    """The claims of a text, in order: some 3 ms for 1,000 characters, once (snippets come again and again)."""
    found: list[Claim] = []
    for match in _claim.finditer(text):
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
        return [("money", f"{spelled(value)} {_CURRENCY[currency.lower()]}") for value in values]
    if months := match.group("mon"):
        return [("months", spelled(value * _MONTHS[months.lower()])) for value in values]
    return [("span", spelled(value * MINUTES[match.group("span").lower()])) for value in values]


def _ends(first: str, last: str | None) -> list[float]:
    if len(first) == 2 and first[0] in "一二两三四五六七八" and first[1] in _ZH_DIGITS:
        low, high = (float(_ZH_DIGITS[char]) for char in first)
        if high == low + 1:  # 两三天: two or three
            return [low, high]
    return [number(first)] if last is None else [number(first), number(last)]


def _before_money(match: _Match) -> _Pairs:
    factor = {"万": 10000, "k": 1000, "千": 1000}.get((match.group("pw") or "").lower(), 1)
    currency = _CURRENCY[match.group("pre").lower()]
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
    r"发货|送达|到货|送到|寄出|发出|到账|退款|退回|处理完|安装|上门|补发|赔|arriv|deliver|ship|refund|dispatch|sent|receive|credited|"
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
