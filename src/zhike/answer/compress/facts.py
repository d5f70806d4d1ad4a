"""The ledger: facts of a dialogue by kind, from what was kept of it."""

from __future__ import annotations

import re

import msgspec

from zhike.answer.compress.pieces import THING, Piece

MAX_FACTS = 200


class Fact(msgspec.Struct, frozen=True):
    """``kind``: phone email link id date time amount quantity address name thing choice promise open.
    ``turn``: index into the dialogue."""

    kind: str
    text: str
    turn: int


_KINDS = (
    ("email", r"[\w.+-]+@[\w-]+\.[\w.-]+"),
    ("link", r"https?://|www\."),
    (
        "amount",
        r"[$￥¥€£]\s?[0-9]|[0-9一二三四五六七八九十百千万两]\s?(?:元|块|美元|港币|欧元|折|dollars?|"
        r"pounds?|gbp|usd|eur|rmb|yuan)|%|"
        r"\bfree\b|免费|包邮",
    ),
    (
        "phone",
        r"(?<![0-9a-zA-Z])(?:\+?[0-9]{1,3}[ -]?)?(?:1[3-9][0-9]{9}|0[0-9]{2,4}[ -]?[0-9]{6,8}|[48]00[ -][0-9 "
        r"-]{6,9})(?![0-9])",
    ),
    (
        "address",
        r"(?:路|街|巷|弄|胡同|大道|村|镇)[^,，]{0,12}?[0-9]+号|[0-9]+[a-z]?\s(?:\w+\s){1,3}(?:street|"
        r"road|avenue|lane|"
        r"way|drive|square)\b",
    ),
    (
        "date",
        r"[0-9一二三四五六七八九十]月(?:[0-9一二三四五六七八九十]+[日号])?|"
        r"[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|(?:周|星期|"
        r"礼拜)[一二三四五六日天末]|\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b"
        r"|\b(?:jan|feb|mar|apr|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?\s[0-9]|今天|明天|后天|昨天|"
        r"\b(?:today|tomorrow|"
        r"yesterday|tonight)\b",
    ),
    ("time", r"[0-9]{1,2}[:：][0-9]{2}|[0-9一二三四五六七八九十两]点|\b[0-9]{1,2}\s?[ap]m\b"),
    ("id", r"(?=[a-z0-9_-]*[0-9])(?=[a-z0-9_-]*[a-z])[a-z0-9_-]{4,}|#\w+|[0-9]{6,}"),
    (
        "quantity",
        r"[0-9]|[一二两三四五六七八九十几]\s?(?:个|件|双|条|台|盒|箱|瓶|人|位|间|天|晚|小时|份|张|只)|"
        r"\b(?:one|two|three|four|five|six|"
        r"seven|eight|nine|ten|dozen)\b",
    ),
)
_kind = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _KINDS), re.I)
_ORDER = {name: rank for rank, (name, _) in enumerate(_KINDS)}
_choice = re.compile(
    r"(?:那就(?!这样|好|行|算|可以)|就要|就去|就选|就定|就买|我选|我要(?!求)|我买|决定|换成|改成)"
    r"|\b(?:i'll take|i will take|"
    r"i'd like the|let's go with|go "
    r"with|i choose|i prefer|please book|book it)\b",
    re.I,
).search
_promise = re.compile(
    r"(?:会|将|马上|立即|稍后|尽快|已经?)(?:帮您|为您|给您|跟您)?(?:处理|退款|退回|发货|补发|联系|回复|"
    r"安排|登记|反馈|转交|核实|寄|通知|预订|预定)|\b(?:we|"
    r"i)(?:'ll| will| have|'ve)\s(?:\w+\s){0,2}(?:send|ship|refund|call|contact|check|arrange|replace|book|"
    r"reserve|email|cancel|credit)\w*",
    re.I,
).search
_asks = re.compile(r"[?？]|吗|呢$|什么|怎么|多久|多少|哪").search
_sentence = re.compile(r"[^。！？!?；;\n]+[。！？!?；;]?").findall
MAX_SENTENCE_CHARS = 120


def facts(said: list[tuple[bool, str]], kept: list[Piece]) -> tuple[Fact, ...]:
    """Facts in the order of the dialogue; what was said twice once.

    Args:
        said: (is it the visitor?, text).
        kept: pieces of :func:`zhike.answer.compress.weigh.weigh` that stand in the text.
    """
    found: list[Fact] = []
    for piece in kept:
        if piece.kind == THING and len(piece.text) > 1:
            found.append(Fact(_kind_of(piece.text), piece.text, piece.turn))
    for turn, (visitor, text) in enumerate(said):
        test, kind = (_choice, "choice") if visitor else (_promise, "promise")
        if test(text):
            found += [
                Fact(kind, sentence.strip()[:MAX_SENTENCE_CHARS], turn)
                for sentence in _sentence(text)
                if test(sentence)
            ]
    if said and said[-1][0]:
        found += [
            Fact("open", sentence.strip()[:MAX_SENTENCE_CHARS], len(said) - 1)
            for sentence in _sentence(said[-1][1])
            if _asks(sentence)
        ]
    found.sort(key=lambda fact: fact.turn)
    return tuple(found[-MAX_FACTS:])


def _kind_of(text: str) -> str:
    """The most telling kind of a piece; a name has a capital or, in Chinese, three characters."""
    best = min((_ORDER[match.lastgroup or "quantity"] for match in _kind.finditer(text)), default=None)
    if best is not None:
        return _KINDS[best][0]
    if text.isascii():
        return "name" if any(word[:1].isupper() for word in text.split()) else "thing"
    return "name" if len(text) >= 3 else "thing"
