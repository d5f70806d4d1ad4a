"""Cuts a turn into pieces: what is said (names, numbers, things) and the words around it.

One compiled pattern reads a turn once; Chinese function words are looked for as a trie of patterns.
Traditional characters are compared as their simplified ones.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from zhike.answer.compress.lexicon import FUNCTION, HARD, JOINS, KEPT, LEADS, NUMBERS, TAILS, TALK
from zhike.answer.tokens import HAN
from zhike.search.text import simplify

THING, WORDS, TALKS, SIGN = "thing", "words", "talk", "sign"
"""Kinds: what is said · function words · talk around it · a separator."""
_STRONG_LINKS = frozenset(("of", "and", "&", "'s", "'", "or"))


_idle = re.compile(
    r"\b(?:anything|something|nothing|everything) (?:else|more)|\b(?:help|assist) (?:you|me)\b|\bthank"
    r"|\bwelcome\b|\bhave an? (?:great|nice|good|wonderful|lovely|pleasant)|\bgood ?bye\b|\benjoy your\b"
    r"|\b(?:glad|happy) (?:to|i|that)\b|\bmy pleasure\b|\bno problem\b|\bare you sure\b"
    r"|\bthat(?: is|'s| 's| will be| 'll be|'ll be)? (?:all|everything|it)\b"
    r"|\ball i (?:need|want)", re.I).search
"""A sentence that says nothing of the matter."""


class Piece:
    """``text[start:end]`` of turn ``turn``. ``score``: how much it is worth keeping; ``cost``: tokens."""

    __slots__ = ("cost", "digits", "end", "han", "key", "kind", "score", "start", "text", "turn")

    def __init__(self, turn: int, start: int, end: int, kind: str, text: str) -> None:
        self.turn = turn
        self.start = start
        self.end = end
        self.kind = kind
        self.text = text
        self.score = 0.0
        self.cost = 0.0
        self.key = ""
        self.han = False
        self.digits = False


class Sentence:
    """Pieces in order, with what is known of the sentence as a whole."""

    __slots__ = ("asks", "idle", "pieces")

    def __init__(self, pieces: list[Piece], asks: bool, idle: bool) -> None:
        self.pieces = pieces
        self.asks = asks
        self.idle = idle


def _trie(words: list[str]) -> str:
    """A pattern for the longest of ``words``, sharing their beginnings."""
    root: dict[str, Any] = {}
    for word in words:
        node = root
        for char in word:
            node = node.setdefault(char, {})
        node[""] = None

    def build(node: dict[str, Any]) -> str:
        ends = "" in node
        singles = [re.escape(c) for c, sub in node.items() if c and sub.keys() == {""}]
        longer = [re.escape(c) + build(sub) for c, sub in node.items() if c and sub.keys() != {""}]
        if singles:
            longer.append(f"[{''.join(singles)}]")
        return f"(?:{'|'.join(longer)})" + ("?" if ends else "")

    # the set is looked up at once, the branches one after the other: most characters begin none
    return f"(?=[{''.join(map(re.escape, root))}]){build(root)}"


_asking_zh = re.compile("吗|么|哪|什么|多少|多久|几点|怎么|如何|能不能|可不可以|有没有|啥|谁|呢").search


@lru_cache(1)
def _pattern() -> re.Pattern[str]:
    """Compiled at the first call (some 30 ms): see :func:`warm`."""
    kept, hard = _trie(KEPT), _trie(HARD)
    return re.compile(
        rf"""
(?P<latin>[a-z]+(?:['’][a-z]+)*(?![\w@]|[.:][\w/]))
|(?P<end>[。！？!?；;\n…]+|\.(?=\s|$))
|(?P<box>[(（《「『【“][^()（）《》「」『』【】“”。！？\n]{{1,30}}[)）》」』】”])
|(?P<num>(?:https?://|www\.)[^\s{HAN}，。；、]+|[a-z0-9._%+-]+@[a-z0-9-]+\.[a-z0-9.-]+
  |[$￥¥€£#]?[a-z0-9_]*[0-9][a-z0-9_]*(?:(?:[.:：/#%+&=_,、-]|--|\s?[-~—–－～至]\s?(?=\d))[a-z0-9_]+)*[%℃°]?)
|(?P<when>(?:周|星期|礼拜)[一二三四五六日天末](?:\s?[至到~-]\s?(?:周|星期|礼拜)?[一二三四五六日天末])?
  |[零一二三四五六七八九十百千万两半]+(?:[至到][一二三四五六七八九十百千万两半]+)?(?:个)?(?:点半?|月|号|日|天|小时|分钟|年|周|元|块|折|人|位|间|晚|层|楼|斤|公斤|米|寸|码|岁|星))
|(?P<word>n't\b|'(?:s|m|d|ll|re|ve)\b|(?:[a-z]\.){{2,}}|[#@]?[a-z]+(?:['’][a-z]+)*|[^\W\d_{HAN}a-z]+)
|(?P<hard>(?:(?!{kept}){hard})+)
|(?P<han>(?:{kept}|(?!{hard}|(?:周|星期|礼拜)[一二三四五六日天末])[{HAN}])+)
|(?P<glue>[·&$￥¥€£@*/'"+–-])
|(?P<sign>[^\s\u200b-\u200f\ufeff])""",
        re.X | re.I,
    )


def warm() -> None:
    """Builds the pattern, e.g. in the warm-up thread."""
    _pattern()


def sentences(turn: int, text: str, whole: str) -> list[Sentence]:
    """The sentences of one turn, every character but blanks in some piece."""
    folded = text if text.isascii() else simplify(text)
    found: list[Sentence] = []
    atoms: list[tuple[str, int, int]] = []
    for match in _pattern().finditer(folded):
        kind = match.lastgroup or ""
        if kind == "word":
            kind = "latin"
        if kind != "end":
            atoms.append((kind, match.start(), match.end()))
        elif atoms:
            mark = match.group()
            found.append(_sentence(turn, text, folded, whole, atoms, "?" in mark or "？" in mark))
            atoms = []
    if atoms:
        found.append(_sentence(turn, text, folded, whole, atoms, False))
    return found


def _sentence(
    turn: int, text: str, folded: str, whole: str, atoms: list[tuple[str, int, int]], asks: bool
) -> Sentence:
    low = folded[atoms[0][1] : atoms[-1][2]]
    if low.isascii():
        is_idle = _idle(low) is not None
    else:
        is_idle = False
        asks = asks or _asking_zh(low) is not None
    return Sentence(_group(turn, text, _classes(folded, whole, atoms)), asks, is_idle)


_AFTER_UNIT = frozenset("去到就也都还可有在和与或吃住玩买")
"""Cut off after a number with its unit (3小时以上 stays)."""

_ALSO = frozenset("和与及跟或到至")
_bound = re.compile("[^，。]{0,3}?(?:以上|以下|以内|之内|左右|上下)").match
"""The end of a quantity: 4分以上 | 门票 …"""

_Part = tuple[str, int, int, str]
"""Kind of piece, start, end, kind of atom."""


def _classes(folded: str, whole: str, atoms: list[tuple[str, int, int]]) -> list[_Part]:
    """What each atom is; runs of Chinese lose their soft edges and part at joins."""
    parts: list[_Part] = []
    before = ""
    last_end = -1
    for index, (kind, start, end) in enumerate(atoms):
        if kind == "han":
            follows = atoms[index + 1] if index + 1 < len(atoms) else ("", -1, -1)
            stuck = before in ("num", "box", "latin", "when") and last_end == start
            _han(
                parts,
                folded,
                whole,
                start,
                end,
                stuck,
                before in ("num", "when") and stuck,
                follows[0] == "box" and follows[1] == end,
            )
        elif kind == "latin":
            word = folded[start:end].lower()
            touches = (last_end == start and before == "han") or (
                index + 1 < len(atoms) and atoms[index + 1][0] == "han" and atoms[index + 1][1] == end
            )
            if word in NUMBERS or touches:
                part = THING
            elif word in FUNCTION:
                part = WORDS
            elif word in TALK:
                part = TALKS
            else:
                part = THING
            parts.append((part, start, end, kind))
        elif kind == "hard":
            parts.append((WORDS, start, end, kind))
        elif kind in ("num", "box", "when"):
            parts.append((THING, start, end, kind))
        else:
            parts.append(("glue" if kind == "glue" else SIGN, start, end, kind))
        before, last_end = kind, end
    return parts


def _han(
    parts: list[_Part],
    folded: str,
    whole: str,
    start: int,
    end: int,
    stuck: bool,
    after_number: bool,
    before_box: bool,
) -> None:
    """One run of Chinese without hard words."""
    low, high = start, end
    if stuck and not after_number and folded[low] in _ALSO and end - low > 2:
        parts.append((WORDS, low, low + 1, "join"))
        start = low = low + 1
    if not stuck:
        while low < high and folded[low] in LEADS:
            low += 1
    if not before_box:
        loose, least = (_AFTER_UNIT, low + 1) if after_number else (TAILS, low)
        while high > least and folded[high - 1] in loose:
            high -= 1
    if low > start:
        parts.append((WORDS, start, low, "soft"))
    begin = low
    if after_number and (bound := _bound(folded, low, high)) is not None:
        parts.append((THING, low, bound.end(), "unit"))
        begin = bound.end()
    for index in range(begin + 2, high - 2):
        if folded[index] in JOINS and index - begin >= 2 and whole.count(folded[index - 2 : index + 3]) < 2:
            parts.append((THING, begin, index, "han"))
            parts.append((WORDS, index, index + 1, "join"))
            begin = index + 1
    if begin < high:
        parts.append((THING, begin, high, "han"))
    if high < end:
        parts.append((WORDS, high, end, "soft"))


def _group(turn: int, text: str, parts: list[_Part]) -> list[Piece]:
    """Joins what belongs together: adjacent things, a number with its unit, words of a name."""
    pieces: list[Piece] = []
    index, count = 0, len(parts)
    while index < count:
        kind, start, end, atom = parts[index]
        index += 1
        if kind == THING or (
            kind == "glue"
            and index < count
            and parts[index][0] == THING
            and parts[index][1] == end
            and text[start] in "$￥¥€£@"
        ):
            digits, han, unit = atom in ("num", "when"), atom in ("han", "box"), atom == "unit"
            word = atom == "latin"
            while index < count:
                other, begin, stop, atom = parts[index]
                if other == THING:
                    if (han and atom == "han" and begin > end) or (unit and atom == "han"):
                        break  # a space between Chinese, or a quantity before: two things
                    index += 1
                elif (other == "glue" and index + 1 < count and parts[index + 1][0] == THING) or (
                    word
                    and other == WORDS
                    and index + 1 < count
                    and parts[index + 1][0] == THING
                    and text[begin:stop].lower() in _STRONG_LINKS
                ):
                    index += 1
                else:
                    break
                end = stop
                digits = digits or atom in ("num", "when")
                if atom in ("han", "unit", "latin", "num", "when", "box"):
                    han, word, unit = atom in ("han", "box"), atom == "latin", atom == "unit"
            piece = Piece(turn, start, end, THING, text[start:end])
            piece.digits = digits
            pieces.append(piece)
        else:
            if kind == "glue":
                kind = SIGN
            soft = atom in ("soft", "join")
            while (
                index < count
                and parts[index][0] == kind
                and not soft
                and parts[index][3] not in ("soft", "join")
            ):
                end = parts[index][2]
                index += 1
            piece = Piece(turn, start, end, kind, text[start:end])
            piece.han = soft
            pieces.append(piece)
    return pieces
