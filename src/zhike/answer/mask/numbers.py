"""Numbers that belong to a person: phones, identity cards, bank cards, passports, plates.

What only looks like one (order and tracking numbers, amounts, dates, codes) is left alone: a check digit or a
prefix must fit, or a word before the number must say what it is; and a word that says "order" wins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple


class Span(NamedTuple):
    """``text[start:end]`` is personal; ``kind`` is one of :data:`zhike.answer.mask.KINDS`."""

    start: int
    end: int
    kind: str


_EDGE = r"(?<![0-9A-Za-z_.#])(?<![0-9][-/])"
_STOP = r"(?![0-9A-Za-z_])(?![-/.:][0-9])"
CONTEXT_CHARS = 24
"""How far before a number a word may say what it is."""

_not_personal = re.compile(
    r"(?i)(?:订单|单号|运单|快递|物流|包裹|编号|货号|款号|型号|流水|批号|批次|条码|序列号|工单|发票|税号|"
    r"合同|凭证|交易|版本|取件码|验证码|券码|积分|"
    r"sku|imei|isbn|ean|upc|asin|order|tracking|waybill|shipment|parcel|invoice|receipt|ticket|case|"
    r"reference|ref|serial|model|part|item|product|transaction|txn|batch|lot|version|build|code|"
    r"coupon|voucher|vat|tax|po)"
    r"(?:的?(?:号码?|编号|id|ids|no|nr|number|num|nums|numbers|code))?(?:[ .]*(?:是|为|叫|is|was|no|"
    r"number|num|id|nr|"
    r"#))?"
    r"[\s.:：#＃'\"“（(,，=-]*$"
).search
_says_phone = re.compile(
    r"(?i)(?:手机|电话|座机|固话|联系方式|号码|打给我|[就请可]打|拨打?|来电|致电|tel|phone|mobile|cell|"
    r"call|ring|fax|text me|whatsapp|"
    r"reach me|contact)"
    r"[^0-9。！？!?\n]{0,14}$"
).search
_says_id = re.compile(
    r"(?i)(?:身份证|证件|身份号|id card|identity card|national id|identity number|ssn|social security)"
    r"[^0-9。！？!?\n]{0,14}$"
).search
_says_card = re.compile(
    r"(?i)(?:银行卡|卡号|信用卡|储蓄卡|借记卡|账户|账号|尾号|开户行|[工农中建交招浦]商?行|card|iban|"
    r"account|visa|mastercard|amex)"
    r"[^0-9。！？!?\n]{0,14}$"
).search
_says_passport = re.compile(
    r"(?i)(?:护照|通行证|台胞证|回乡证|passport|travel document)[^0-9。！？!?\n]{0,14}$"
).search

_mobile = re.compile(
    rf"{_EDGE}(?:(?:\+|00)?86[ -]?)?1[3-9][0-9](?:[ -]?[0-9]{{4}}[ -]?[0-9]{{4}}|[ -]?[0-9]{{3}}[ "
    rf"-]?[0-9]{{3}}[ -]?[0-9]{{2}}|\.[0-9]{{4}}\.[0-9]{{4}}){_STOP}"
).finditer
_spoken = re.compile(
    "[一幺][三四五六七八九][零〇一二两三四五六七八九幺]{9}(?![零〇一二两三四五六七八九十百千万幺])"
).finditer
_landline = re.compile(
    rf"{_EDGE}(?:\(0[1-9][0-9]{{1,2}}\)|（0[1-9][0-9]{{1,2}}）|(?:\+86[ -]?)?0(?:10|2[0-9]|"
    rf"[3-9][0-9]{{2}}))[ "
    rf"-]?"
    rf"[2-8][0-9]{{2,3}}[ -]?[0-9]{{4}}(?:(?:转|-|ext\.?|x)\s?[0-9]{{1,6}}(?![0-9]))?{_STOP}"
).finditer
_foreign = re.compile(
    rf"(?<![0-9A-Za-z_])(?:\+|00)[1-9][0-9]{{0,2}}(?:[ .-]?\(0?[0-9]{{1,4}}\))?(?:[ "
    rf".-]?[0-9]{{1,5}}){{2,5}}{_STOP}"
).finditer
_american = re.compile(
    rf"{_EDGE}(?:1[ .-])?(?:\([2-9][0-9]{{2}}\) ?|[2-9][0-9]{{2}}[ .-])[2-9][0-9]{{2}}[ .-][0-9]{{4}}"
    rf"(?:\s?(?:ext\.?|x)\s?[0-9]{{1,5}})?{_STOP}"
).finditer
_national = re.compile(
    rf"{_EDGE}0(?:7[0-9]{{3}}[ -]?[0-9]{{3}}[ -]?[0-9]{{3}}|[12][0-9]{{2,3}}[ -][0-9]{{3,4}}[ "
    rf"-]?[0-9]{{3,4}}|9[0-9]{{2}}[ -]?[0-9]{{3}}[ -]?[0-9]{{3}}|4[0-9]{{2}}[ -][0-9]{{3}}[ "
    rf"-][0-9]{{3}}){_STOP}"
).finditer
_local = re.compile(rf"{_EDGE}(?!400|800)[2-9][0-9]{{2,3}}[ -]?[0-9]{{4}}{_STOP}").finditer
_id18 = re.compile(
    rf"{_EDGE}([1-9][0-9]{{5}})[ -]?((?:18|19|20)[0-9]{{2}}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]))[ "
    rf"-]?([0-9]{{3}}[0-9Xx×]){_STOP}"
).finditer
_id15 = re.compile(
    rf"{_EDGE}[1-9][0-9]{{7}}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{{3}}{_STOP}"
).finditer
_ssn = re.compile(rf"{_EDGE}(?!000|666|9)[0-9]{{3}}-(?!00)[0-9]{{2}}-(?!0000)[0-9]{{4}}{_STOP}").finditer
_card = re.compile(
    rf"{_EDGE}[2-6][0-9]{{3}}(?:[ -]?[0-9]{{4}}){{2}}[ -]?[0-9]{{3,4}}(?:[ -]?[0-9]{{1,3}})?{_STOP}|"
    rf"{_EDGE}3[47][0-9]{{2}}[ -]?[0-9]{{6}}[ -]?[0-9]{{5}}{_STOP}"
).finditer
_passport = re.compile(r"(?<![0-9A-Za-z])(?:[A-Za-z]{1,2}[0-9]{7,8}|[0-9]{9})(?![0-9A-Za-z])").finditer
_plate = re.compile(
    "[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-HJ-NP-Za-hj-np-z][·. -]?"
    "(?=[A-Za-z0-9]{0,5}[0-9])[A-HJ-NP-Za-hj-np-z0-9]{4}(?:[A-HJ-NP-Za-hj-np-z0-9]{1,2}|"
    "[挂学警港澳])(?![A-Za-z0-9])"
).finditer

_PROVINCES = frozenset(
    [
        "11",
        "12",
        "13",
        "14",
        "15",
        "21",
        "22",
        "23",
        "31",
        "32",
        "33",
        "34",
        "35",
        "36",
        "37",
        "41",
        "42",
        "43",
        "44",
        "45",
        "46",
        "50",
        "51",
        "52",
        "53",
        "54",
        "61",
        "62",
        "63",
        "64",
        "65",
        "71",
        "81",
        "82",
        "83",
    ]
)
_hotline = re.compile(r"(?:1[ .-])?[(]?(?:[48]00|888|877|866|855|844|833)[) .-]").match
"""Free numbers are a company's, not a person's."""
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def digits_of(text: str) -> str:
    """The digits (and a last X) of ``text``, nothing else."""
    return "".join([c for c in text.upper() if c.isdigit() or c == "X"])


def valid_id18(digits: str) -> bool:
    """The check digit of a Chinese identity number (GB 11643-1999)."""
    total = sum(int(d) * w for d, w in zip(digits[:17], _ID_WEIGHTS, strict=True))
    return "10X98765432"[total % 11] == digits[17]


def luhn(digits: str) -> bool:
    """The check digit of a bank card (ISO/IEC 7812-1)."""
    doubled = [int(d) * 2 for d in digits[-2::-2]]
    return (sum(int(d) for d in digits[-1::-2]) + sum(d - 9 if d > 9 else d for d in doubled)) % 10 == 0


def card_prefix(digits: str) -> bool:
    """Is this how a card of that length begins (UnionPay, Visa, Mastercard, Amex, JCB, Discover)?"""
    size = len(digits)
    if digits[:2] == "62":
        return 16 <= size <= 19
    if digits[0] == "4":
        return size in (16, 19)
    if "51" <= digits[:2] <= "55" or "2221" <= digits[:4] <= "2720":
        return size == 16
    if digits[:2] in ("34", "37"):
        return size == 15
    return size == 16 and (digits[:2] in ("35", "65") or digits[:4] == "6011")


def numbers(text: str) -> Iterator[Span]:
    """Spans of personal numbers; they may overlap, better ones first."""
    for match in _id18(text):
        before = _before(text, match.start())
        digits = digits_of(match.group().replace("×", "X"))
        if (
            digits[:2] in _PROVINCES
            and (_says_id(before) or valid_id18(digits))
            and not _not_personal(before)
        ):
            yield Span(*match.span(), "id")
    for match in _id15(text):
        before = _before(text, match.start())
        digits = match.group()
        if _says_id(before) and digits[:2] in _PROVINCES:
            yield Span(*match.span(), "id")
    for match in _ssn(text):
        if not _not_personal(_before(text, match.start())):
            yield Span(*match.span(), "id")
    for match in _card(text):
        before = _before(text, match.start())
        digits = digits_of(match.group())
        if _not_personal(before):
            continue
        if _says_card(before) or (card_prefix(digits) and luhn(digits)):
            yield Span(*match.span(), "card")
    for match in _plate(text):
        yield Span(*match.span(), "plate")
    for match in _passport(text):
        if _says_passport(_before(text, match.start())) or "护照" in text[match.end() : match.end() + 6]:
            yield Span(*match.span(), "passport")
    yield from _phones(text)


def _phones(text: str) -> Iterator[Span]:
    for find in (_mobile, _landline, _foreign, _american, _national):
        for match in find(text):
            digits = len(digits_of(match.group()))
            if (
                7 <= digits <= 18
                and not _hotline(match.group())
                and not _not_personal(_before(text, match.start()))
            ):
                yield Span(*match.span(), "phone")
    for match in _spoken(text):
        yield Span(*match.span(), "phone")
    for match in _local(text):
        before = _before(text, match.start())
        if _says_phone(before) and not _hotline(match.group()) and not _not_personal(before):
            yield Span(*match.span(), "phone")


def _before(text: str, start: int) -> str:
    return text[max(0, start - CONTEXT_CHARS) : start]
