"""Finds what a flow asks for in what a visitor writes.

``asked``: the bot has just asked for it, so a bare "0105" is the tail of a phone. Without that a value
counts only where it cannot be anything else: a number of the shop's form, "尾号 0105", an e-mail address.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, timedelta

import re2

from zhike.domain.flow import FlowBody, Step
from zhike.search.text import normalise

MAX_VALUE_CHARS = 120
"""A state of at most 2,000 characters holds twelve of these, as far as they are ever all so long."""
ANY_ORDER = r"[A-Z]{0,6}[ -]?\d{8,24}"
SURE_ORDER = r"[A-Z]{1,6}[ -]?\d{6,24}|\d{12,24}"
"""Where a flow has no pattern of its own: what an answer is, and what cannot be a phone."""

_TAIL_CUE = re.compile(
    r"(?:尾号|后四位|后4位|末四位|末4位|末尾四位|last four|last 4|end(?:s|ing)?(?: in| with)?|"
                       r"tail)"
    r"[^\d]{0,12}(?<!\d)(\d{4})(?!\d)|(?<!\d)(\d{4})(?!\d)(?:结尾|收尾)"
)
_MOBILE = re.compile(r"(?<!\d)1\d{2}[ -]?\d{4}[ -]?(\d{4})(?!\d)")
_DIGITS = re.compile(r"(?<!\d)\d[\d -]*\d(?!\d)|(?<!\d)\d(?!\d)")
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*\.[A-Za-z]{2,24}")
_HAN_DIGITS = str.maketrans("零〇一二三四五六七八九幺", "001234567891")
_DATE = re.compile(r"(?<!\d)(?:(\d{4})\s*[-/.年]\s*)?(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*[日号]?(?!\d)")
_DAYS = {"大前天": -3, "前天": -2, "昨天": -1, "今天": 0, "明天": 1, "后天": 2, "大后天": 3,
         "day before yesterday": -2, "day after tomorrow": 2, "yesterday": -1, "today": 0, "tomorrow": 1}
_COUNT_ZH = "一二三四五六七八九十"
_COUNT_EN = ("first", "second", "third", "fourth", "fifth", "sixth")
_YES = re.compile(r"(是|对|好|可以|行|嗯|要|需要|确认|没错|同意)(的|啊|呀|吧|哦|呢|嗯)?$|"
                  r"(yes|y|yeah|yep|ok|okay|sure|correct|right|confirm|please|of course|thats right)"
                  r"( please)?$")
_NO = re.compile(r"不|没有|没$|别|否|(no|n|nope|not|dont|wrong)( |$)")
_NOT = re.compile(
    r"不对|不是|错了|写错|打错|说错|发错|更正|应该是|改成|wrong|mistake|i mean|i meant|sorry|actually|not "
)


def find(step: Step, flow: FlowBody, text: str, today: date, *, asked: bool) -> str | None:
    """The value of ``step``'s slot in ``text``, or None."""
    flat = unicodedata.normalize("NFKC", text).strip()
    match step.kind:
        case "order_number":
            value = _order(step.pattern or (ANY_ORDER if asked else SURE_ORDER), flat)
        case "phone_tail":
            value = _tail(flow, flat, asked)
        case "email":
            found = _EMAIL.search(flat)
            value = found[0] if found else None
        case "date":
            value = _date(flat, today)
        case "choice":
            value = _choice(step, text, asked)
        case "yes_no":
            value = _yes_no(normalise(text)) if asked else None
        case _:
            value = _text(step.pattern, flat) if asked else None
    return value[:MAX_VALUE_CHARS] if value else None


def _order(pattern: str, text: str) -> str | None:
    found = list(re2.finditer(f"(?i){pattern}", text))
    if not found:
        return None
    # "not ZK1, it's ZK2": the last one is meant; of several in a row the first
    chosen = found[-1] if len(found) > 1 and _NOT.search(text.lower()) else found[0]
    return re.sub(r"[\s-]", "", str(chosen[0])).upper()


def _tail(flow: FlowBody, text: str, asked: bool) -> str | None:
    for step in flow.steps:
        if step.kind == "order_number" and step.ask:
            text = str(re2.sub(f"(?i){step.pattern or SURE_ORDER}", " ", text))
    lower = text.lower()
    if cue := _TAIL_CUE.search(lower):
        return cue[1] or cue[2]
    if mobile := _MOBILE.search(lower):
        return mobile[1]
    groups = [re.sub(r"[ -]", "", group) for group in _DIGITS.findall(lower)]
    if not asked:
        alone = not any(map(str.isalpha, re.sub(r"\d", "", lower)))  # "ZK20261101005 0105", nothing else
        return groups[0] if alone and len(groups) == 1 and len(groups[0]) == 4 else None
    if not groups:
        spoken = re.sub(r"[^\d]", "", lower.translate(_HAN_DIGITS))
        groups = [spoken] if spoken else []
    fits = [group for group in groups if len(group) == 4] or [
        group for group in groups if 7 <= len(group) <= 15]
    return fits[-1][-4:] if len(fits) == 1 or (fits and _NOT.search(lower)) else None


def _date(text: str, today: date) -> str | None:
    lower = text.lower()
    for word in sorted(_DAYS, key=len, reverse=True):
        if word in lower:
            return (today + timedelta(days=_DAYS[word])).isoformat()
    found = _DATE.search(text)
    if found is None:
        return None
    try:
        return date(int(found[1] or today.year), int(found[2]), int(found[3])).isoformat()
    except ValueError:
        return None


def _choice(step: Step, text: str, asked: bool) -> str | None:
    norm = normalise(text)
    words = {choice.value: {normalise(word) for word in (choice.label.zh, choice.label.en, choice.value,
                                                         *choice.words) if word} for choice in step.choices}
    for value, known in words.items():
        if norm in known:
            return value
    if asked and (number := _ordinal(norm)) and number <= len(step.choices):
        return step.choices[number - 1].value
    inside = [value for value, known in words.items()
              if any(len(word) > 1 and word in norm for word in known)]
    return inside[0] if len(inside) == 1 else None


def _ordinal(norm: str) -> int:
    if found := re.fullmatch(r"(?:第|选|选第)?([1-9一二三四五六七八九十])(?:个|项|种|条)?", norm):
        return int(found[1]) if found[1].isdigit() else _COUNT_ZH.index(found[1]) + 1
    words = norm.removeprefix("the ").removesuffix(" one")
    return _COUNT_EN.index(words) + 1 if words in _COUNT_EN else 0


def _yes_no(norm: str) -> str | None:
    if norm.startswith("没错"):
        return "yes"
    if _NO.match(norm):
        return "no"
    return "yes" if _YES.match(norm) else None


def _text(pattern: str, text: str) -> str | None:
    text = re.sub(r"^(不对|不是|错了|说错了|更正)[，,:：\s]*(应该)?是?\s*", "", text) or text
    if not pattern:
        return text
    found = re2.search(f"(?i){pattern}", text)
    return str(found[0]) if found is not None else None
