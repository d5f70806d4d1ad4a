"""Sentences of a model go out when their claims stand in a source, and never with a forbidden word.

Sources are what the model was given: snippets, tool results, what the shop said before, the template's own
facts. A sentence waits until it is whole, is checked (some 30 µs), and goes out or is withheld with its
reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from zhike.answer.guard.claims import Claim, claims, spelled
from zhike.answer.guard.policies import commits, is_commitment
from zhike.answer.guard.sentences import Splitter
from zhike.search.text import normalise

__all__ = ["Forbidden", "Guard", "Withheld"]

_CONTEXT_CHARS = 24
"""Of the part before, when a long sentence is checked in parts."""
_IDENTITY = frozenset(("number", "code", "contact"))
"""What the visitor said themselves may be said back to them."""


class Withheld(msgspec.Struct, frozen=True):
    """One sentence that was not sent. ``reason``: claim or forbidden; ``what``: the words it is about."""

    sentence: str
    reason: Literal["claim", "forbidden"]
    what: str


class Forbidden:
    """Words a bot must not hear or say. Case, width, script variant, punctuation and blanks between Chinese
    characters make no difference; a word in Latin letters is forbidden as a whole word only."""

    def __init__(self, words: Iterable[str]) -> None:
        known = {norm: word for word in words if (norm := normalise(word))}
        self._latin = [(f" {norm} ", word) for norm, word in known.items() if norm.isascii()]
        self._other = [(norm.replace(" ", ""), word) for norm, word in known.items() if not norm.isascii()]

    def find(self, text: str) -> str | None:
        """The first forbidden word in ``text``, as the bot's settings write it."""
        if not self._latin and not self._other:
            return None
        norm = normalise(text)
        spaced = f" {norm} "
        for word, said in self._latin:
            if word in spaced:
                return said
        close = norm.replace(" ", "")
        return next((said for word, said in self._other if word in close), None)


class Sources:
    """What may be claimed."""

    def __init__(self, texts: Sequence[str], asked: Sequence[str] = ()) -> None:
        self._known: set[tuple[str, str]] = set()
        self._numbers: set[str] = set()
        self._text = "\n".join(texts).lower()
        self._close = re.sub(r"(?<=[a-z]) (?=[0-9])", "", self._text)
        for text in texts:
            for kind, value, _ in claims(text):
                self._known.add((kind, value))
                if kind == "number":
                    self._numbers.add(value)
        self._asked = {
            (kind, value) for text in asked for kind, value, _ in claims(text) if kind in _IDENTITY
        }

    def support(self, claim: Claim) -> bool:
        """Does the claim stand in a source, in whatever spelling?"""
        kind, value, said = claim
        if (kind, value) in self._known or (kind, value) in self._asked:
            return True
        if kind == "money":
            return value.split()[0] in self._numbers
        if kind in ("workdays", "months"):
            return value in self._numbers
        if kind == "span":
            return any(spelled(float(value) / unit) in self._numbers for unit in (1, 60, 1440, 10080))
        if kind in ("share", "off"):
            other = spelled(100 - float(value))
            return (
                ("share", value) in self._known
                or ("off", value) in self._known
                or value in self._numbers
                or (kind == "off" and ("share", other) in self._known)
            )
        if kind == "number":
            return (
                any(value == known.split()[0] for _, known in self._known)
                or said.lower() in self._text.split()
            )
        if kind == "contact":
            return any(known == "contact" and there.startswith(f"{value}/") for known, there in self._known)
        if kind == "code":  # iPhone15 = iPhone 15
            return re.search(rf"(?<![a-z0-9]){re.escape(value)}(?![a-z0-9])", self._close) is not None
        if kind in ("clock", "clock12"):
            hour, minute = int(value.split(":")[0]), value.split(":")[1]
            same = [("clock12", f"{hour % 12}:{minute}")]
            if kind == "clock12":
                same += [("clock", value), ("clock", f"{hour + 12}:{minute}")]
            return not self._known.isdisjoint(same)
        if kind == "month":
            return any(known == "date" and date.split("-")[0] == value for known, date in self._known)
        if kind == "weekday":
            return self._weekdays(int(value))
        return kind == "year" and value in self._text

    def _weekdays(self, day: int) -> bool:
        """Monday to Friday says Wednesday too."""
        days = sorted(int(value) for kind, value in self._known if kind == "weekday")
        if day == 67 or 67 in days:
            return day in days or (day in (6, 7) and 67 in days)
        return bool(days) and days[0] <= day <= days[-1]


class Guard:
    """Checks one answer as it comes.

    Args:
        sources: texts a claim may stand in.
        forbidden: the bot's forbidden words.
        lang: the answer's language (both are understood anyway).
        asked: what the visitor said: their own order number or phone may be repeated, their amounts not.
    """

    def __init__(
        self, sources: Sequence[str], forbidden: Sequence[str] = (), lang: str = "", asked: Sequence[str] = ()
    ) -> None:
        self.withheld: list[Withheld] = []
        self.released_count = 0
        self._sources = Sources(sources, asked)
        self._forbidden = Forbidden(forbidden)
        self._split = Splitter()
        self._before = ""
        self._before_went = True

    @property
    def silenced(self) -> bool:
        """True when sentences were withheld and nothing with words in it went out: there is no answer."""
        return bool(self.withheld) and not self.released_count

    def feed(self, piece: str) -> list[str]:
        """Sentences that may go out now, with the blanks around them, in order."""
        return self._check(self._split.feed(piece))

    def end(self) -> list[str]:
        """The rest, once the answer is over."""
        return self._check(self._split.end())

    def _check(self, sentences: list[str]) -> list[str]:
        passed: list[str] = []
        for sentence in sentences:
            problem = self.problem(sentence)
            went = problem is None
            if problem is not None:
                self.withheld.append(problem)
            else:
                passed.append(sentence)
                self.released_count += any(map(str.isalnum, sentence))
            whole = sentence.rstrip()[-1:] in "。！？!?；;…." or sentence.endswith("\n")
            self._before = "" if whole else sentence[-_CONTEXT_CHARS:]
            self._before_went = went
        return passed

    def problem(self, sentence: str) -> Withheld | None:
        """Why a sentence must not go out; None if it may."""
        text = self._before + sentence
        word = self._forbidden.find(text)
        if word is not None:
            return Withheld(sentence, "forbidden", word)
        committed: bool | None = None
        for claim in claims(text):
            if claim.kind == "policy" and is_commitment(claim.value):
                committed = commits(text) if committed is None else committed
                if not committed:
                    continue
            if not self._sources.support(claim):
                return Withheld(sentence, "claim", claim.text)
        return None
