"""Postal addresses: in Chinese a chain of places that ends in a number, in English a street with one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from zhike.answer.mask.numbers import Span
from zhike.answer.wordfile import sections

_HAN = "\u4e00-\u9fff"
_PROVINCE = (
    "北京|上海|天津|重庆|广东|广西|江苏|江西|浙江|山东|山西|河南|河北|湖南|湖北|四川|陕西|福建|安徽|辽宁|"
    "吉林|黑龙江|海南|贵州|云南|甘肃|青海|台湾|内蒙古|宁夏|新疆|西藏|香港|澳门"
)
_PLACE = (
    rf"(?:(?![在到去往寄送是为给住我你您他她们的请把就]|地址|公司|老家|家里|改成|换成|搬去|发往|发去|"
    rf"邮往)[{_HAN}])"
)
"""A character of a place's name: words that lead to an address are never part of it."""
_NUM = "(?:[A-Za-z]?[0-9]{1,5}|[A-Za-z]|[一二三四五六七八九十百零]{1,5})(?:[-—－][0-9A-Za-z]{1,4})*"
_TAIL = (
    rf"(?:(?:[#＃]?{_NUM}|[A-Za-z]?[甲乙丙丁东西南北])\s?(?:号楼|号院|号|栋|幢|座|塔|楼|单元|层|室|户|门|"
    rf"弄|区|组|队|房|铺|#)"
    rf"|{_PLACE}{{1,12}}?(?:小区|花园|花苑|公寓|大厦|广场|家园|新村|新城|中心|园区|工业园|科技园|产业园|"
    rf"雅苑|公馆|宿舍|大院|苑|庄园|城|府|湾|里|村|园|大学|学院|中学|小学|医院|校区)"
    rf"|[0-9]{{1,4}}(?:-[0-9]{{1,4}}){{1,3}}|[0-9]{{3,4}}(?![0-9元块个件天]))"
)
_STREET = (
    rf"(?:{_PLACE}{{1,10}}?(?:街道|路|大街|街|大道|道|巷|胡同|弄|村|镇|乡|屯|小区|花园|新村|家园|公寓|"
    rf"大厦|广场|苑|园|里|庄村?|环)(?:[东西南北中]段|[一二三四五六七八九十东西南北中]路)?)"
)
_chinese = re.compile(
    rf"(?={_PLACE})(?:(?:{_PROVINCE})(?:省|市|自治区|壮族自治区|回族自治区|维吾尔自治区|特别行政区)?\s?)?"
    rf"(?:{_PLACE}{{2,7}}?(?:市|自治州|地区|盟)\s?)?(?:{_PLACE}{{1,7}}?(?:区|县|旗|市|新区|开发区)\s?){{0,2}}"
    rf"(?:{_STREET}\s?){{0,4}}(?:{_TAIL}[\s,，]?){{0,6}}"
).finditer
_lead = re.compile("(?:老家|家里|地址|住址|公司|单位|[改换搬送寄发放]成?)(?:了|的|是|在|为|到)?").match
"""May be left of the words before: their second half looks like a place."""
_specific = re.compile(
    r"(?:[0-9]|[一二三四五六七八九十百零]{1,5}|[A-Za-z甲乙丙])\s?(?:号楼|号院|号|栋|幢|座|塔|单元|层|室|"
    r"户|弄|楼|组|队|房|铺|#)|[0-9]{1,4}(?:-[0-9]{1,4}){1,3}"
).search
_route = re.compile(
    "路|街|道|巷|弄|胡同|村|镇|乡|小区|花园|公寓|大厦|广场|家园|新村|苑|园|里|栋|幢|号院|庄|单元|宿舍|"
    "大学|学院|中心|城|府|湾"
).search
_place = re.compile("[省市区县州旗]").search
_says = re.compile(
    r"(?:地址|住址|住在|寄到|寄往|送到|发到|发往|配送到|收货地|家在|搬到|邮寄)[^。！？!?\n]{0,8}$"
).search
_not_address = re.compile(
    "哪|多少|什么|怎么|几|吗|能不能|可以|有没有|坐|地铁|公交|门店|专柜|机场|火车站"
).search

_SUFFIX = (
    r"(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Boulevard|Blvd|Way|Court|Ct|Place|Pl|Square|Sq|"
    r"Terrace|Ter|Crescent|Close|Highway|Hwy|Parkway|Pkwy|"
    r"Circle|Cir|Row|Walk|Gardens|Mews|Broadway|Trail|Quay|Alley)"
)
_UNIT = (
    r"(?:,?\s*(?:(?i:apartment|apt|suite|ste|unit|flat|floor|fl|room|rm|building|bldg|block)"
    r"\.?\s*#?\s*[0-9A-Za-z-]{1,6}|#\s?[0-9A-Za-z-]{1,6}))?"
)
_TOWN = (
    r"(?:,?\s+(?:[A-Z][A-Za-z.'-]+(?: (?:upon|on|of|the|[A-Z][A-Za-z.'-]+)){0,2})(?=,|\s+[A-Z]{1,2}[0-9]|"
    r"\s+[A-Z]{2}\b|\s+[0-9]{4,5}\b|[.!?]|$|\n|\s*$))?"
    r"(?:,?\s+[A-Z]{2,3}\b(?![0-9]))?(?:,?\s+(?:[0-9]{5}(?:-[0-9]{4})?|"
    r"[A-Z]{1,2}[0-9][0-9A-Z]?\s?[0-9][A-Z]{2}|[0-9]{4})\b)?"
)
_english = re.compile(
    rf"(?:(?i:flat|unit|apartment|apt|suite|room)\.? [0-9A-Za-z-]{{1,5}},? )?(?<![\w$€£¥.#-])"
    rf"[0-9]{{1,5}}[A-Za-z]?(?:[-/][0-9]{{1,5}})?,?\s+(?:(?:N|S|E|W|NE|NW|SE|SW|North|South|East|West)"
    rf"\.?\s+)?"
    rf"(?:[A-Z][A-Za-z'’.-]*\s+|[0-9]{{1,3}}(?:st|nd|rd|th)\s+){{1,4}}?{_SUFFIX}\b\.?(?:\s(?:N|S|E|W|NE|"
    rf"NW|SE|SW|North|South|East|West)\b\.?)?{_UNIT}{_TOWN}"
).finditer
_lower = re.compile(
    r"(?<![\w$€£¥.#-])[0-9]{1,5}[a-z]?\s+(?:[a-z'’]+\s+){1,3}?(?:street|road|avenue|lane|boulevard|rd|"
    r"ave|blvd|st)\b\.?(?:,?\s*(?:apt|apartment|suite|unit|flat|floor)\.?\s*#?[0-9a-z-]{1,5}\b)?"
).finditer
_box = re.compile(r"\b[Pp]\.?\s?[Oo]\.?\s?[Bb]ox\s?[0-9]{1,6}").finditer
_QUANTITY = frozenset(sections(Path(__file__).with_name("words.txt"))["quantities"])


def addresses(text: str) -> Iterator[Span]:
    """Spans of addresses; they may overlap."""
    if not text.isascii():
        yield from _in_chinese(text)
    if any(map(str.isdigit, text)):
        for match in _english(text):
            yield Span(match.start(), match.start() + len(match.group().rstrip(" ,.")), "address")
        for match in _lower(text):
            if not _QUANTITY & set(match.group().split()[1:-1]):
                yield Span(match.start(), match.start() + len(match.group().rstrip(" ,.")), "address")
        for match in _box(text):
            yield Span(*match.span(), "address")


def _in_chinese(text: str) -> Iterator[Span]:
    for match in _chinese(text):
        start, found = match.start(), match.group()
        if len(found) < 5:
            continue
        lead = _lead(text[max(0, start - 1) : start + len(found)])
        if lead is not None:
            cut = lead.end() - (start > 0)
            start += cut
            found = found[cut:]
        found = found.rstrip(" ,，")
        specific = _specific(found)
        if len(found) < 5 or not _route(found):
            continue
        if _not_address(found):
            continue
        if specific is None and not (_place(found) and _says(text[max(0, start - 16) : start])):
            continue
        yield Span(start, start + len(found), "address")
