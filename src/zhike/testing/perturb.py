"""Five ways a visitor may write what the knowledge says in other letters: measures, not tests of taste.

Each way changes the whole of a text by one habit (a slip, characters that sound alike, pinyin instead of
characters, another word of the same meaning, traditional characters) and returns it unchanged where
the habit cannot show: a text without Chinese has no homophones.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import cache

from zhike.search.sound import readings
from zhike.search.synonyms import BUILT_IN
from zhike.testing.kb import _mistype, _to_traditional

Groups = Sequence[Sequence[str]]

_PINYIN_SHARE = 0.5
"""Of the Chinese texts typed in pinyin, so many are typed so altogether, the others one word."""


def _han(char: str) -> bool:
    return "一" <= char <= "鿿"


def typo(text: str, rng: random.Random, groups: Groups = ()) -> str:
    """One slip of the keyboard."""
    return _mistype(text, rng, any(map(_han, text)))


@cache
def _alike() -> dict[str, list[str]]:
    """Sound with its tone dropped → common characters (the first plane of GB 2312)."""
    found: dict[str, list[str]] = {}
    for high in range(0xB0, 0xD8):
        for low in range(0xA1, 0xFF):
            try:
                char = bytes((high, low)).decode("gb2312")
            except UnicodeDecodeError:
                continue
            for sound in readings(char)[:1]:
                found.setdefault(sound, []).append(char)
    return found


def homophone(text: str, rng: random.Random, groups: Groups = ()) -> str:
    """One or two characters become others of the same sound."""
    places = [i for i, char in enumerate(text) if _han(char) and len(_same(char)) > 0]
    for place in rng.sample(places, min(len(places), rng.choice((1, 1, 2)))):
        text = text[:place] + rng.choice(_same(text[place])) + text[place + 1:]
    return text


def _same(char: str) -> list[str]:
    return [other for sound in readings(char)[:1] for other in _alike().get(sound, ()) if other != char]


def pinyin(text: str, rng: random.Random, groups: Groups = ()) -> str:
    """Letters for characters: the whole question, spaced by word or syllable or not at all, or a part."""
    from pypinyin import lazy_pinyin

    if not any(map(_han, text)):
        return text
    whole = rng.random() < _PINYIN_SHARE
    spaced = rng.choice((" ", " ", ""))
    out: list[str] = []
    for run in _runs(text):
        if not _han(run[0]):
            out.append(run.strip("，。？！、,?! ") if whole else run)
            continue
        typed = lazy_pinyin(run)
        if whole:
            out.append(spaced.join(typed))
        else:
            start = rng.randrange(len(run))
            end = min(len(run), start + 2)
            out.append(run[:start] + "".join(typed[start:end]) + run[end:])
    return " ".join(part for part in out if part) if whole else "".join(out)


def _runs(text: str) -> list[str]:
    runs: list[str] = []
    for char in text:
        if runs and _han(runs[-1][0]) == _han(char):
            runs[-1] += char
        else:
            runs.append(char)
    return runs


def synonym(text: str, rng: random.Random, groups: Groups = ()) -> str:
    """A word of a group becomes another of it (the shop's own groups first)."""
    for group in (*rng.sample(list(groups), len(groups)), *rng.sample(BUILT_IN, len(BUILT_IN))):
        for word in sorted(group, key=len, reverse=True):
            place = _find(text, word)
            if place >= 0:
                other = rng.choice([one for one in group if one != word] or [word])
                return text[:place] + other + text[place + len(word):]
    return text


def _find(text: str, word: str) -> int:
    """Where ``word`` stands (a Latin one as a whole word), -1 if it does not."""
    place = text.lower().find(word.lower())
    if place >= 0 and word.isascii():
        around = text[place - 1:place] + text[place + len(word):place + len(word) + 1]
        if any(char.isascii() and char.isalnum() for char in around):
            return -1
    return place


def traditional(text: str, rng: random.Random, groups: Groups = ()) -> str:
    """Traditional characters."""
    return str(_to_traditional().convert(text))


WAYS: dict[str, Callable[[str, random.Random, Groups], str]] = {
    "typo": typo, "homophone": homophone, "pinyin": pinyin, "synonym": synonym, "traditional": traditional,
}
