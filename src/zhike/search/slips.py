"""Slips of typing in a large knowledge base, put right from the dictionary of the index on disk.

The same rules as :mod:`zhike.search.spell`; only nothing is kept in memory: what may have been meant
is made from the word that was typed, and looked up (2 µs each).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cache

from zhike.search.pinyin import MAX_CANDIDATES, Weighed
from zhike.search.sound import readings, sounds
from zhike.search.spell import MIN_WORD_CHARS, PairSpeller, Speller, one_slip_apart
from zhike.search.terms import POLITE_WORDS

_HEAD = 3
"""Slips in the first letters are tried out one by one; the others share these letters with the word
that was meant, and the dictionary is in the order of the alphabet."""
_MAX_WORD_CHARS = 24
_MOST = 500
"""Words read from the dictionary per slip: more than share any three letters, bar codes."""
_LETTERS = "abcdefghijklmnopqrstuvwxyz"

Count = Callable[[str], int]
"""In how many articles a word or term stands."""


class DiskWords:
    """Latin words: the known word one slip away.

    Args:
        count: of Latin words; starting: the known words with these first letters, at most so many.
    """

    def __init__(self, count: Count, starting: Callable[[str, int], Sequence[str]]) -> None:
        self._count = count
        self._starting = starting
        self._polite = Speller(POLITE_WORDS)

    def correct(self, word: str) -> list[str]:
        """See :meth:`zhike.search.spell.Speller.correct`."""
        if not MIN_WORD_CHARS - 1 <= len(word) <= _MAX_WORD_CHARS or not word.isascii() \
                or not word.isalpha():
            return []
        near = {known for known in self._starting(word[:_HEAD], _MOST) if one_slip_apart(word, known)}
        near.update(self._polite.correct(word))
        near.update(form for form in set(_early_slips(word)) if form != word and self._count(form))
        found = [known for known in near if MIN_WORD_CHARS <= len(known) <= _MAX_WORD_CHARS
                 and known.isalpha() and known.isascii()]
        return sorted(found, key=lambda k: (len(k) != len(word), k[0] != word[0], k))


def _early_slips(word: str) -> Iterator[str]:
    """``word`` with one slip among its first letters taken back."""
    for i in range(_HEAD):
        yield word[:i] + word[i + 1:]
        yield word[:i] + word[i + 1:i + 2] + word[i] + word[i + 2:]
        for letter in _LETTERS:
            yield word[:i] + letter + word[i + 1:]
            yield word[:i] + letter + word[i:]


class DiskPairs(PairSpeller):
    """Chinese pairs: the known pair of the same sound that shares a character."""

    def __init__(self, count: Count) -> None:
        super().__init__(())
        self._count = count
        self._chars: dict[str, list[str]] = {}

    def alike(self, pair: str) -> Sequence[str]:
        """Known pairs that sound like ``pair`` and share a character with it, commonest first."""
        known = sounds()
        found = []
        for i, char in enumerate(pair):
            for other in self._known(known.get(char, char)):
                if other != char and (count := self._count(meant := pair[:i] + other + pair[i + 1:])):
                    found.append((-count, meant))
        return [meant for _, meant in sorted(found)]

    def _known(self, sound: str) -> list[str]:
        """The characters of a sound that stand anywhere: most homophones do not."""
        found = self._chars.get(sound)
        if found is None:
            found = [char for char in _homophones().get(sound, "") if self._count(char)]
            self._chars[sound] = found
        return found


class DiskCharacters:
    """Its characters by their sound, looked up when the sound is typed.

    Args:
        weights: of known characters.
    """

    def __init__(self, weights: Weighed) -> None:
        self._weights = weights
        self._found: dict[str, tuple[str, ...]] = {}

    def of(self, sound: str) -> tuple[str, ...]:
        """See :meth:`zhike.search.pinyin.Characters.of`."""
        found = self._found.get(sound)
        if found is None:
            rows = [(weight + place, char) for char, place in _spoken().get(sound, ())
                    if (weight := self._weights.get(char)) is not None]
            found = self._found[sound] = tuple(char for _, char in sorted(rows)[:MAX_CANDIDATES])
        return found


@cache
def _spoken() -> dict[str, list[tuple[str, int]]]:
    """Sound → the characters that have it as one of their readings, and which (0 = the commonest)."""
    by_sound: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for char in sounds():
        for place, sound in enumerate(readings(char)):
            by_sound[sound].append((char, place))
    return dict(by_sound)


@cache
def _homophones() -> dict[str, str]:
    """Sound → the characters of that sound."""
    by_sound: defaultdict[str, list[str]] = defaultdict(list)
    for char, sound in sounds().items():
        by_sound[sound].append(char)
    return {sound: "".join(chars) for sound, chars in by_sound.items()}
