"""A question with its slips put right, from what one knowledge base knows (steps: words, pinyin, pairs)."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from functools import cached_property
from operator import ne
from typing import Protocol

from zhike.search.pinyin import Characters, Keyboard
from zhike.search.sound import SYLLABLES
from zhike.search.spell import MOST_STRANGE, PairSpeller, Speller, neighbours
from zhike.search.terms import COMMON, POLITE_WORDS, runs, stem, strip_politeness

_CHANGES = 2
"""Characters that may be put right in a question of up to 16 (a swap changes two, a word counts
two), and one more for each further 16; more only if a whole phrasing comes of it."""
_MAX_GLUED = 60
"""Letters without a space that are taken for words and pinyin at all."""
_MAX_WORD = 24
_ENGLISH = frozenset(word for word in COMMON if word.isascii())


class Known(Protocol):
    """The terms one knowledge base knows."""

    def __contains__(self, term: object, /) -> bool:
        """True if any phrasing holds the term."""

    def get(self, term: str, /) -> float | None:
        """How rare the term is, None if nobody wrote it."""


class Words(Protocol):
    """Its Latin words."""

    def correct(self, word: str) -> list[str]:
        """See :meth:`zhike.search.spell.Speller.correct`."""


class Mender:
    """Immutable; what only slips need is made at the first one.

    Args:
        known: every known term with its rarity.
        words: the Latin words of the phrasings, and those of politeness.
        pairs: the Chinese pairs of the phrasings.
        keyboard: writes with their characters; made when it is needed.
        exact: the whole phrasings.
        chinese: the phrasings hold Chinese, so that letters may be pinyin.
    """

    def __init__(self, known: Known, words: Words, pairs: PairSpeller, keyboard: Callable[[], Keyboard],
                 exact: Container[str], chinese: bool) -> None:
        self._known = known
        self._exact = exact
        self._words = words
        self._pairs = pairs
        self._chinese = chinese
        self._make_keyboard = keyboard

    @cached_property
    def _keyboard(self) -> Keyboard:
        return self._make_keyboard()

    def mend(self, bare: str) -> str:
        """``bare`` put right; as it is if there was too much to do: then it speaks of other things, and
        sounding alike is chance."""
        known = self._known
        corrected = bare
        changes = 0
        parts = runs(bare)
        for run in parts:
            if not run.isascii():
                meant = self._characters(run)
                if meant == run:
                    continue
                changes += sum(map(ne, run, meant)) if len(run) == len(meant) else 1
            elif stem(run) in known or run in POLITE_WORDS:
                continue
            elif self._chinese and self._keyboard.spelt(run) \
                    and (typed := self._from_pinyin(bare, parts)) is not None:
                return strip_politeness(typed)
            elif not (words := self._words.correct(run)):
                if self._chinese and (apart := self._apart(parts)) \
                        and (typed := self._from_pinyin(" ".join(apart), apart)) is not None:
                    return strip_politeness(typed)
                continue
            else:
                changes += 2
                meant = words[0]
                for word in words[1:]:  # the one that makes a whole phrasing, if there is one
                    if strip_politeness(corrected.replace(run, word)) in self._exact:
                        meant = word
            corrected = corrected.replace(run, meant)
        if changes == 0:
            return bare
        corrected = strip_politeness(corrected)
        if changes <= _CHANGES + len(bare) // 16 or corrected in self._exact:
            return corrected
        return bare

    def _characters(self, run: str) -> str:
        """A Chinese run: one slip first, then any characters of the same sound."""
        known = self._known
        meant = self._pairs.correct(run, known)
        strange = [i for i in range(len(meant) - 1) if meant[i:i + 2] not in known]
        if not strange or len(strange) > MOST_STRANGE:
            return meant
        for first, last in reversed(neighbours(strange)):
            meant = self._keyboard.mend(meant, first, min(last + 1, len(meant) - 1))
        return meant

    def _apart(self, parts: list[str]) -> list[str]:
        """``parts`` with pinyin taken from the words it was typed against: "appdenglu" → app denglu; nothing
        if none was."""
        apart: list[str] = []
        for run in parts:
            strange = run.isascii() and run.isalpha() and stem(run) not in self._known
            glued = strange and len(run) <= _MAX_GLUED and not self._keyboard.spelt(run)
            apart += self._pieces(run) or [run] if glued else [run]
        return apart if len(apart) > len(parts) else []

    def _pieces(self, run: str) -> list[str]:
        """``run`` as known words and pinyin, the fewest of them (a word counts like two syllables); nothing
        if there is no such reading. Pinyin side by side is one piece."""
        best: list[tuple[float, list[tuple[str, bool]]] | None] = [(0.0, [])] + [None] * len(run)
        for end in range(1, len(run) + 1):
            for start in range(max(0, end - _MAX_WORD), end):
                before = best[start]
                piece = run[start:end]
                if before is None:
                    continue
                word = end - start > 1 and piece not in _ENGLISH and stem(piece) in self._known
                for typed, cost, fits in ((True, 0.5, piece in SYLLABLES), (False, 1.0, word)):
                    here = best[end]
                    if fits and (here is None or before[0] + cost < here[0]):
                        best[end] = before[0] + cost, [*before[1], (piece, typed)]
        found = best[-1]
        if found is None:
            return []
        pieces: list[str] = []
        was_typed = False
        for piece, typed in found[1]:
            if typed and was_typed:
                pieces[-1] += piece
            else:
                pieces.append(piece)
            was_typed = typed
        return pieces

    def _from_pinyin(self, bare: str, parts: list[str]) -> str | None:
        """What was typed as pinyin; None if nothing was. A word the knowledge knows is that word, unless
        every Latin word of the question is pinyin ("me" in "zen me ban")."""
        latin = [run for run in parts if run.isascii() and run.isalpha()]
        unknown = [run for run in latin if stem(run) not in self._known and stem(run) not in _ENGLISH]
        if not unknown or not any(map(self._keyboard.spelt, unknown)):
            return None
        spelt = [run for run in latin if self._keyboard.spelt(run)]
        if len(spelt) == len(latin):
            found = self._keyboard.write([(run, run in spelt) for run in parts])
            if found is not None or len(unknown) == len(latin):
                return found
        wanted = set(unknown) & set(spelt)
        if bare.isascii() and len(wanted) * 2 < len(latin) and not _ENGLISH.isdisjoint(latin):
            return None  # an English sentence with one strange word
        return self._keyboard.write([(run, run in wanted) for run in parts])


def mender(known: Mapping[str, float], words: set[str], exact: Container[str]) -> Mender:
    """Of a knowledge base in memory: ``known`` its terms with their rarity, ``words`` the Latin ones as they
    are written."""
    pairs = [(w, t) for t, w in known.items() if len(t) == 2 and not t.isascii()]

    def keyboard() -> Keyboard:
        weights = {term: weight for term, weight in known.items() if len(term) < 3 and not term.isascii()}
        return Keyboard(weights, Characters(weights).of)

    return Mender(known, Speller(words | POLITE_WORDS), PairSpeller(pair for _, pair in sorted(pairs)),
                  keyboard, exact, bool(pairs))
