"""Several questions in one message: 多久发货？可以开发票吗？ → two clauses."""

from __future__ import annotations

import re

import msgspec

from zhike.search.terms import is_polite
from zhike.search.text import normalise

MAX_CLAUSES = 4
"""More sentences than this are a story, not a list of questions; it is searched as a whole."""

_ENDS = "。？！?!；;\n…"
# A dot inside a number or an address ends nothing, nor does one after a single letter ("g. b. p.").
_sentence = re.compile(f"[^{_ENDS}.]+(?:(?:\\.(?! |$)|(?<=\\b[A-Za-z])\\.)[^{_ENDS}.]*)*[{_ENDS}.]*").findall
_asks_zh = re.compile("吗|嘛|么|呢|怎么|怎样|如何|多久|多少|多大|多长|几|哪|什么|啥|谁|为何|能不能|可不可以|"
                      "可以|是否|是不是|有没有|会不会|要不要|行不行|多钱").search
_asks_en = re.compile(r"(?i)^\W*(?:and |also |but |or |then )*(?:who|what|when|where|which|why|how|can|could|"
                      r"do|does|did|is|are|was|were|will|would|should|may|have|has|any)\b").search
_leans = re.compile("(?:那|这|这是|那我)?(?:该)?(?:怎么回事|怎么办|咋办|为什么|为啥|怎么处理|什么情况|"
                    "什么意思|怎么弄|"
                    "咋整)[啊呀呢]?|"
                    "(?:可以|行|好|是|对|能|能行|真的|可以的|好不好|行不行|可不可以|是不是|对不对)"
                    "[吗吧么嘛呢]?|"
                    "why|how come|what now|why is that|what should i do|what can i do|what do i do|"
                    "is (?:that|this|it) (?:ok|okay|possible|right|normal|true)|ok|okay|right|really|"
                    "can you help|can you help me|what happened|what is going on|whats going on").fullmatch
_comma = re.compile("[，,、]|(?: and also | and )").split
_may_split = re.compile(f"[{_ENDS}.，,、][^{_ENDS}.，,、]|(?: and )").search


class Clause(msgspec.Struct, frozen=True):
    """One part of a message. ``asks``: it is a question; otherwise it tells something. ``leans``:
    a question about what was said beside it ("怎么办？", "is that ok?"), not one of its own."""

    text: str
    norm: str
    asks: bool
    leans: bool


def asks(text: str) -> bool:
    """True if ``text`` reads as a question, with or without its mark."""
    return "?" in text or "？" in text or _asks_zh(text) is not None or _asks_en(text) is not None


def clauses(text: str) -> list[Clause]:
    """The parts of ``text`` that say something; [] when it is one part (or too many).

    Sentences part at their marks; commas and "and" part a sentence only where every piece is a
    question by itself ("多久发货，能开发票吗"). Greetings and thanks are dropped.
    """
    if _may_split(text) is None:
        return []
    pieces: list[str] = []
    for sentence in _sentence(text):
        inner = [p for p in _comma(sentence) if p and p.strip()]
        if len(inner) > 1 and all(asks(p) and len(normalise(p)) > 2 for p in inner):
            pieces += inner
        else:
            pieces.append(sentence)
    found = []
    for piece in pieces:
        norm = normalise(piece)
        if any(map(str.isalnum, norm)) and not is_polite(norm):
            found.append(Clause(piece.strip(f" \t{_ENDS}.，,、"), norm, asks(piece),
                                _leans(norm) is not None))
    dropped = len(found) < len(pieces)
    return found if 1 < len(found) <= MAX_CLAUSES or (found and dropped and len(found) == 1) else []
