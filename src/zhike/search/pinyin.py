"""What was meant by letters or by characters that only sound right: a small pinyin keyboard.

``tuihuo zenme ban`` → 退货怎么办, ``tui货`` → 退货, 推或怎么搬 → 退货怎么办. It knows the characters and
pairs of one knowledge base and nothing else, so it can only write what the knowledge speaks of: each
stretch becomes the characters of that sound whose pairs are known (a Viterbi search; ties go to the
commoner pair). What would need more than a third unknown pairs stays as it was typed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from typing import NamedTuple, Protocol

from zhike.search.sound import SYLLABLES, readings

MAX_LETTERS = 120
MAX_CANDIDATES = 24
"""Characters of one sound that are tried, commonest first."""
_MAX_SYLLABLE_CHARS = 6
_STRANGE_PAIR = -3.0
"""A pair nobody wrote, beside a known one at about −0.5 …"""
_OTHER_CHAR = -1.2
"""… and a character changed for another of the same sound."""
_BEAM = 12
_MAX_STRANGE_SHARE = 1 / 3


@cache
def _row() -> Callable[[str], re.Match[str] | None]:
    """Matches a row of syllables (4 ms to make, at the first unknown Latin word)."""
    return re.compile(f"(?:{'|'.join(sorted(SYLLABLES, key=len, reverse=True))})+").fullmatch


class _Path(NamedTuple):
    score: float
    text: str
    strange: int


class Weighed(Protocol):
    """Known terms with their rarity."""

    def get(self, term: str, /) -> float | None:
        """How rare the term is, None if nobody wrote it."""


class Characters:
    """The characters of one knowledge base in memory, by their sound; made at the first use.

    Args:
        weights: known terms → how rare they are, 0.. ; common ones come first.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        self._weights = weights

    @cached_property
    def _by_sound(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[tuple[float, str]]] = {}
        for term, weight in self._weights.items():
            if len(term) == 1 and not term.isascii():
                for place, sound in enumerate(readings(term)):
                    found.setdefault(sound, []).append((weight + place, term))
        return {sound: tuple(char for _, char in sorted(rows)[:MAX_CANDIDATES])
                for sound, rows in found.items()}

    def of(self, sound: str) -> tuple[str, ...]:
        """The known characters of a coarse sound, commonest first, at most :data:`MAX_CANDIDATES`."""
        return self._by_sound.get(sound, ())


class Keyboard:
    """Writes with the characters of one knowledge base.

    Args:
        weights: known terms (characters and pairs) → how rare they are, 0.. ; common ones win.
        chars: see :meth:`Characters.of`.
    """

    def __init__(self, weights: Weighed, chars: Callable[[str], tuple[str, ...]]) -> None:
        self._weights = weights
        self._chars = chars

    def spelt(self, word: str) -> bool:
        """True if ``word`` (Latin letters) is a row of pinyin syllables."""
        return len(word) <= MAX_LETTERS and _row()(word) is not None

    def write(self, parts: list[tuple[str, bool]]) -> str | None:
        """The text of ``parts`` in characters; None if the knowledge has no such words.

        Args:
            parts: (text, typed): typed parts are pinyin letters, the others stay as they are.
        """
        paths: dict[str, _Path] = {"": _Path(0.0, "", 0)}
        count = 0
        for text, typed in parts:
            if typed:
                paths = self._type(paths, text)
                if not paths:
                    return None
                count += max(len(path.text) for path in paths.values())
            elif text.isascii():  # a word between: no pairs across it
                best = max(paths.values())
                paths = {"": _Path(best.score, f"{best.text} {text} ", best.strange)}
            else:
                for char in text:
                    paths = self._step(paths, (char,), "")
        best = max(paths.values())
        return best.text.strip() if best.strange <= max(count - 1, 1) * _MAX_STRANGE_SHARE else None

    def _type(self, paths: dict[str, _Path], letters: str) -> dict[str, _Path]:
        """Every way to read ``letters``, from every path so far."""
        known = SYLLABLES
        at: list[dict[str, _Path]] = [paths, *({} for _ in letters)]
        for start in range(len(letters)):
            if not at[start]:
                continue
            for end in range(start + 1, min(len(letters), start + _MAX_SYLLABLE_CHARS) + 1):
                sound = known.get(letters[start:end])
                chars = self._chars(sound) if sound is not None else ()
                if chars:
                    self._merge(at[end], self._step(at[start], chars, ""))
        return at[-1]

    def mend(self, run: str, first: int, last: int) -> str:
        """``run`` with its characters ``first`` … ``last`` changed for others of their sound where that
        makes known pairs; the same run if nothing is better."""
        paths: dict[str, _Path] = {"": _Path(0.0, "", 0)}
        before = run[first - 1:first] if first else ""
        if before:
            paths = {before: _Path(0.0, before, 0)}
        for place in range(first, min(last + 2, len(run))):
            char = run[place]
            chars: tuple[str, ...] = (char,)
            if place <= last:
                for sound in readings(char)[:1]:
                    chars += tuple(c for c in self._chars(sound) if c != char)
            paths = self._step(paths, chars, char)
        meant = max(paths.values()).text[len(before):]
        return run[:first] + meant + run[first + len(meant):]

    def _step(self, paths: dict[str, _Path], chars: tuple[str, ...], typed: str) -> dict[str, _Path]:
        """Each path with each of ``chars`` after it; the best path per last character.

        Args:
            typed: the character that stands there already ("" if only its sound is known).
        """
        get = self._weights.get
        starts = sorted(paths.items(), key=lambda item: item[1], reverse=True)[:_BEAM]
        found: dict[str, _Path] = {}
        for char in chars:
            other = _OTHER_CHAR if typed and char != typed else 0.0
            single = get(char)
            own = other - (0.02 * single if single is not None else 2.0)
            best: _Path | None = None
            for last, path in starts:
                if last:
                    weight = get(last + char)
                    strange = weight is None
                    score = path.score + own + (_STRANGE_PAIR if weight is None else -0.1 * weight)
                else:
                    strange, score = False, path.score + own
                if best is None or score > best.score:
                    best = _Path(score, path.text + char, path.strange + strange)
            if best is not None:
                found[char] = best
        return found

    @staticmethod
    def _merge(into: dict[str, _Path], paths: dict[str, _Path]) -> None:
        for char, path in paths.items():
            if char not in into or into[char] < path:
                into[char] = path
