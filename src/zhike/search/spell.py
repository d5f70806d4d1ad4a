"""Slips of typing, put right from what the knowledge knows.

Latin words: the known word one slip away (inserted, dropped, replaced, swapped). Every known word
is filed under itself with one letter deleted; a word with a slip shares one of those forms with
the word that was meant (the symmetric-delete idea of Garbe's SymSpell). Words under five letters
stay as they are: too many real words are one letter apart.

Chinese: a pair of characters that nobody wrote, but sounds like a known pair that shares one of its
characters, is that pair (the pinyin keyboard's slip: 发或 → 发货).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from functools import cached_property

from zhike.search.sound import sounds

MIN_WORD_CHARS = 5
_MAX_WORD_CHARS = 24
_EMPTY = frozenset("的一了是在个这那啊吧么就也都呢嘛嗯")
"""Characters that may slip in without changing what is asked. No 不 没 别: they turn it around."""
MOST_STRANGE = 6
"""Two slips leave six strange pairs at most; more means that something else is spoken of."""


def _shortened(word: str) -> list[str]:
    return [word[:i] + word[i + 1:] for i in range(len(word))]


def one_slip_apart(a: str, b: str) -> bool:
    """True if ``b`` is ``a`` with one letter inserted, dropped, replaced or two swapped."""
    if a == b or abs(len(a) - len(b)) > 1:
        return False
    i = 0
    shorter = min(len(a), len(b))
    while i < shorter and a[i] == b[i]:
        i += 1
    if len(a) == len(b):
        return a[i + 1:] == b[i + 1:] or (a[i:i + 2] == b[i:i + 2][::-1] and a[i + 2:] == b[i + 2:])
    return a[i + 1:] == b[i:] if len(a) > len(b) else a[i:] == b[i + 1:]


class Speller:
    """Knows the words of one knowledge base."""

    def __init__(self, words: Iterable[str]) -> None:
        self._by_form: dict[str, tuple[str, ...]] = {}
        for word in words:
            if MIN_WORD_CHARS <= len(word) <= _MAX_WORD_CHARS and word.isalpha() and word.isascii():
                for form in {word, *_shortened(word)}:
                    self._by_form[form] = (*self._by_form.get(form, ()), word)

    def correct(self, word: str) -> list[str]:
        """The known words that ``word`` (not itself known) may have been meant for, likeliest first."""
        if not MIN_WORD_CHARS - 1 <= len(word) <= _MAX_WORD_CHARS or not word.isascii() \
                or not word.isalpha():
            return []
        found = {known for form in (word, *_shortened(word)) if form in self._by_form
                 for known in self._by_form[form] if one_slip_apart(word, known)}
        # Nearest in shape: same length, then same first letter, then the alphabet (so that the
        # choice does not depend on hashing).
        return sorted(found, key=lambda k: (len(k) != len(word), k[0] != word[0], k))


class PairSpeller:
    """Knows the Chinese pairs of one knowledge base by their sound.

    Args:
        pairs: known pairs, commonest first: where several sound alike, the first wins.
    """

    def __init__(self, pairs: Iterable[str]) -> None:
        self._pairs = tuple(pairs)

    @cached_property
    def _by_sound(self) -> dict[str, list[str]]:
        """Made when it is first asked for, so that a start does not wait for it. Two threads may
        make it at once; both make the same."""
        found: dict[str, list[str]] = {}
        for pair in self._pairs:
            found.setdefault(_sound(pair), []).append(pair)
        return found

    def alike(self, pair: str) -> Sequence[str]:
        """Known pairs that sound like ``pair``, commonest first."""
        return self._by_sound.get(_sound(pair), ())

    def correct(self, run: str, known: Container[str]) -> str:
        """The run with its slips put right; the same run if nothing is to be done.

        A slip leaves one to three neighbouring pairs that nobody knows. It is put right only by a
        single change after which every pair there is known.

        Args:
            known: every term the knowledge has seen.
        """
        strange = [i for i in range(len(run) - 1) if run[i:i + 2] not in known]
        if not strange or len(strange) > MOST_STRANGE:
            return run
        for first, last in reversed(neighbours(strange)):
            if last - first < 3:
                low, high = max(first - 1, 0), min(last + 3, len(run))
                for meant in self._ways(run[low:high], run[first:last + 2], first - low):
                    around = run[max(low - 1, 0):low] + meant + run[high:high + 1]
                    if all(around[i:i + 2] in known for i in range(len(around) - 1)):
                        run = run[:low] + meant + run[high:]
                        break
        return run

    def _ways(self, part: str, strange: str, offset: int) -> Iterator[str]:
        """What may have been meant by ``part``, in which ``strange`` stands at ``offset``."""
        for i in range(len(part) - 1):  # 少多 → 多少
            if part[i] != part[i + 1]:
                yield part[:i] + part[i + 1] + part[i] + part[i + 2:]
        for i, char in enumerate(part):  # 发发货 → 发货, 耳的机 → 耳机
            if char in _EMPTY or part[i - 1:i] == char:
                yield part[:i] + part[i + 1:]
        for i in range(len(strange) - 1):  # 发或 → 发货
            pair = strange[i:i + 2]
            for meant in self.alike(pair):
                if (meant[0] == pair[0]) != (meant[1] == pair[1]):
                    yield part[:offset + i] + meant + part[offset + i + 2:]


def _sound(pair: str) -> str:
    get = sounds().get
    return f"{get(pair[0], pair[0])} {get(pair[1], pair[1])}"


def neighbours(places: list[int]) -> list[tuple[int, int]]:
    """[2, 3, 7] → [(2, 3), (7, 7)]."""
    groups: list[tuple[int, int]] = []
    for place in places:
        if groups and groups[-1][1] == place - 1:
            groups[-1] = (groups[-1][0], place)
        else:
            groups.append((place, place))
    return groups
