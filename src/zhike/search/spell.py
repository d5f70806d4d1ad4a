"""Slips of typing, put right from what the knowledge knows.

Latin words: the known word one slip away (inserted, dropped, replaced, swapped). Every known word
is filed under itself with one letter deleted; a word with a slip shares one of those forms with
the word that was meant (the symmetric-delete idea of Garbe's SymSpell). Words under five letters
stay as they are: too many real words are one letter apart.

Chinese: a pair of characters that nobody wrote, but sounds like a known pair that shares one of its
characters, is that pair (the pinyin keyboard's slip: 发或 → 发货).
"""

from __future__ import annotations

from collections.abc import Container, Iterable

from zhike.search.sound import sounds

MIN_WORD_CHARS = 5
_MAX_WORD_CHARS = 24
_EMPTY = frozenset("的一了是在个这那啊吧么就也都呢嘛嗯")
"""Characters that may slip in without changing what is asked. No 不 没 别: they turn it around."""


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

    def correct(self, word: str) -> str:
        """The known word that ``word`` (not itself known) was meant to be, or ""."""
        if not MIN_WORD_CHARS - 1 <= len(word) <= _MAX_WORD_CHARS or not word.isascii() \
                or not word.isalpha():
            return ""
        found = {known for form in (word, *_shortened(word)) if form in self._by_form
                 for known in self._by_form[form] if one_slip_apart(word, known)}
        if len(found) > 1:
            # Nearest in shape: same length, then same first letter, then the alphabet (so that the
            # choice does not depend on hashing).
            return min(found, key=lambda k: (len(k) != len(word), k[0] != word[0], k))
        return next(iter(found), "")


class PairSpeller:
    """Knows the Chinese pairs of one knowledge base by their sound.

    Args:
        pairs: known pairs, commonest first: where several sound alike, the first wins.
    """

    def __init__(self, pairs: Iterable[str]) -> None:
        self._by_sound: dict[str, list[str]] = {}
        self._sounds: dict[str, str] = {}
        for pair in pairs:
            if not self._sounds:
                self._sounds = sounds()
            self._by_sound.setdefault(self._sound(pair), []).append(pair)

    def _sound(self, pair: str) -> str:
        get = self._sounds.get
        return f"{get(pair[0], pair[0])} {get(pair[1], pair[1])}"

    def correct(self, run: str, known: Container[str]) -> str:
        """The run with its slips put right; the same run if nothing is to be done.

        ``known``: every term the knowledge has seen.
        """
        chars = list(run)
        i = 0
        while i < len(chars) - 1:
            pair = chars[i] + chars[i + 1]
            if pair not in known and not self._swap(chars, i, known):
                if self._slipped_in(chars, i, known):
                    continue  # look at this place again
                self._sounds_like(chars, i, known)
            i += 1
        return "".join(chars)

    def _swap(self, chars: list[str], i: int, known: Container[str]) -> bool:
        """少多 → 多少."""
        if chars[i + 1] + chars[i] not in known or chars[i] == chars[i + 1]:
            return False
        chars[i], chars[i + 1] = chars[i + 1], chars[i]
        return True

    def _slipped_in(self, chars: list[str], i: int, known: Container[str]) -> bool:
        """发发货 → 发货, 耳的机 → 耳机; only for characters that carry no meaning of their own."""
        for place in (i, i + 1):
            around = chars[max(place - 1, 0)] + chars[place + 1] if place + 1 < len(chars) else ""
            twice = place > 0 and chars[place] == chars[place - 1]
            if (twice or chars[place] in _EMPTY) and (around in known or (twice and not around)):
                del chars[place]
                return True
        return False

    def _sounds_like(self, chars: list[str], i: int, known: Container[str]) -> None:
        """发或 → 发货, unless the wrong character fits its other neighbour as typed."""
        first, second = chars[i], chars[i + 1]
        for meant in self._by_sound.get(self._sound(first + second), ()):
            if meant[1] == second and meant[0] != first:
                typed = chars[i - 1] + first if i else ""
            elif meant[0] == first and meant[1] != second:
                typed = second + chars[i + 2] if i + 2 < len(chars) else ""
            else:
                continue
            if typed not in known:
                chars[i:i + 2] = meant
                return
