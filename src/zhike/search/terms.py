"""What of a question the index compares: Chinese characters and pairs, stems of Latin words.

Measured (decision 0004): segmented words (rjieba) beside characters and pairs changed retrieval by
less than its noise and cost 33 MB and 110 ms, so they are left out. Politeness is left out too:
it says nothing about the subject, and "请问…谢谢" must not make a known question look unknown.
"""

from __future__ import annotations

import re
from functools import lru_cache

_HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_find_runs = re.compile(f"[{_HAN}]+|[^ {_HAN}]+").findall

_POLITE_START = ("请问一下|请问|你好|您好|麻烦问一下|麻烦问下|麻烦|问一下|问下|想问一下|想问下|想问|"
                 "我想知道|想知道|想咨询一下|想咨询|咨询一下|打扰一下|打扰|亲爱的|亲|在吗|在么|在不在|谢谢|哈喽|嗨|"
                 "老板|店家|客服|掌柜")
_POLITE_END = "谢谢你|谢谢您|谢谢啦|谢谢了|谢谢|多谢|感谢|麻烦了|麻烦您了|麻烦你了|拜托了|谢了|辛苦了"
_POLITE_WORDS = ("hi there|hello there|hey there|hi|hello|hey|please|pls|plz|excuse me|thanks a lot|"
                 "thanks|thx|thank you so much|thank you very much|thank you|good morning|good afternoon|"
                 "good evening|quick question|just wondering|i was wondering|sorry to bother you")
_strip_zh = re.compile(f"^(?:{_POLITE_START})+|(?:{_POLITE_END})+$").sub
_strip_en = re.compile(f"^(?:(?:{_POLITE_WORDS})(?: |$))+|(?:(?:^| )(?:{_POLITE_WORDS}))+$").sub


def strip_politeness(norm: str) -> str:
    """``norm`` without greeting and thanks at its ends; unchanged if nothing else were left."""
    bare = _strip_en("", norm) if norm.isascii() else _strip_zh("", norm)
    return bare.strip() or norm


_polite_zh = re.compile(f"(?:{_POLITE_START}|{_POLITE_END}|的|啊|呀|哦|嗯|好)+").fullmatch
_polite_en = re.compile(f"(?:(?:{_POLITE_WORDS})(?: |$))+").fullmatch


POLITE_WORDS = frozenset(re.findall("[a-z]+", _POLITE_WORDS))
"""Single words of English politeness: they are typed in a hurry, too."""


def is_polite(norm: str) -> bool:
    """True if nothing but greeting or thanks is said."""
    return (_polite_en if norm.isascii() else _polite_zh)(norm) is not None


def runs(norm: str) -> list[str]:
    """Chinese runs and Latin words (also numbers and codes), in order."""
    return _find_runs(norm)


def han_terms(run: str) -> list[str]:
    """Characters and pairs of a Chinese run: 多久发 → 多 久 发 多久 久发."""
    return [*run, *map(str.__add__, run, run[1:])]


def terms(norm: str) -> list[str]:
    """The terms of a normalised text, with repeats: Chinese characters and pairs, Latin stems."""
    out: list[str] = []
    for run in _find_runs(norm):
        if run.isascii():
            out.append(stem(run))
        else:
            out += han_terms(run)
    return out


def is_single(term: str) -> bool:
    """A lone Chinese character: weaker evidence than a pair or a word."""
    return len(term) == 1 and not term.isascii()


def prior(term: str) -> float:
    """How much a term says before any article is read: 1, less for a lone character, less for
    the words questions are made of ("可以", "how")."""
    return (SINGLE_WEIGHT if is_single(term) else 1.0) * (COMMON_WEIGHT if term in COMMON else 1.0)


SINGLE_WEIGHT = 0.8
"""A lone character beside a pair or word at 1: measured best of 0, .2, .4, .7, .8, 1."""
COMMON_WEIGHT = 0.5
"""Document frequency finds common words by itself in a large knowledge base, not in one of ten
articles; measured on held-out phrasings: .3 to .7 alike, 1 two points worse."""

_ENDINGS = (("ies", "y"), ("sses", "ss"), ("ing", ""), ("ed", ""), ("es", ""), ("s", ""))
_has_vowel = re.compile("[aeiouy]").search


@lru_cache(20_000)
def stem(word: str) -> str:
    """A light English stem: shipped, shipping, ships → ship. Codes and short words stay.

    Cuts only inflection, so that different things ("return", "returnable") stay apart.
    """
    if len(word) < 4 or not word.isalpha():
        return word
    for ending, put in _ENDINGS:
        if not word.endswith(ending):
            continue
        if ending == "s" and word.endswith(("ss", "us", "is")):
            break
        base = word[: -len(ending)] + put
        if len(base) < 3 or not _has_vowel(base):
            break
        if ending in ("ing", "ed") and len(base) > 3 and base[-1] == base[-2] and base[-1] not in "lsz":
            base = base[:-1]
        return base.rstrip("e") if len(base) > 3 else base
    return word.rstrip("e") if len(word) > 4 else word


_COMMON_PAIRS = ("可以 怎么 什么 多少 为什 么样 怎样 是否 能不 不能 可不 有没 没有 我的 你们 我们 以吗 了吗 "
                 "的吗 我想 想要 是不 不是 一下 这个 那个 请问 如何 哪里 为何 会不 能否")
_COMMON_WORDS = ("the a an is are was were am be do does did i you we he she it they my your our me us to of "
                 "in on at for with from by and or but if this that these those there here what when where "
                 "which who why how can could will would should may might have has had not no any some as so "
                 "than then too very just get got")
COMMON = frozenset([
    *"的了吗呢吧啊呀哦么嘛是有在我你您他们这那个要能会可以就都也还和与跟把被给让到去来说想请问怎什为如何多少几哪谁好不很",
    *_COMMON_PAIRS.split(), *map(stem, _COMMON_WORDS.split()),
])
"""Words that questions are made of, whatever they are about."""
