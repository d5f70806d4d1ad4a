"""The words of a large knowledge base: how common each is, what may have been meant, which codes there are.

Nothing is read ahead; what was looked up in the dictionary of the index on disk (2 µs) is remembered.
"""

from __future__ import annotations

from math import log
from typing import Any

from zhike.search.bag import Weights, token
from zhike.search.codes import CodeBook
from zhike.search.index import UNKNOWN_NAME, UNKNOWN_WEIGHT
from zhike.search.mend import Mender
from zhike.search.pinyin import Keyboard
from zhike.search.quiet import Breath
from zhike.search.slips import DiskCharacters, DiskPairs, DiskWords
from zhike.search.synonyms import Synonyms
from zhike.search.terms import prior, terms

KEPT_COUNTS = 40_000
"""Counts of terms remembered per state: about 4 MB when full. Letting go of them takes 5 ms, in which nothing
else runs (of 200,000: 30)."""


class Lexicon:
    """See the module. Any thread.

    Args:
        searcher: of the state of the index.
        size: articles in it.
    """

    def __init__(self, searcher: Any, size: int, synonyms: Synonyms) -> None:
        self.size = size
        self._searcher = searcher
        self._synonyms = synonyms
        self._counts: dict[str, int] = {}
        self._others: dict[tuple[str, str], int] = {}
        self._breath = Breath()
        self.weights = Weights(self._weigh, KEPT_COUNTS)
        self.rarest = log(1 + max(size, 1))
        self._codes = CodeBook(_Field(self, "code"), _Field(self, "letters"))
        known = _Known(self)
        words = DiskWords(self._spelt, self._starting)
        self._mender = Mender(known, words, DiskPairs(known.count),
                              lambda: Keyboard(known, DiskCharacters(known).of),
                              _Exact(self), chinese=True)

    # ---- texts ---------------------------------------------------------------------------------

    def bare(self, norm: str) -> str:
        """``norm`` with synonyms made one and codes joined."""
        return self._codes.join(self._synonyms.canonical(norm))

    def mend(self, bare: str) -> str:
        """See :meth:`zhike.search.mend.Mender.mend`."""
        return self._mender.mend(bare)

    def codes(self, bare: str) -> list[str]:
        """The codes asked for."""
        return self._codes.find(bare)

    def weigh(self, bare: str) -> tuple[dict[str, float], float]:
        """The question's known terms with their weights; the weight of those that are not known."""
        asked: dict[str, float] = {}
        unknown = 0.0
        for term in terms(bare):
            if self.count(term):
                asked[term] = self.weights[term]
            elif bare.isascii() or not term.isascii():
                unknown += prior(term)
            else:
                unknown += UNKNOWN_NAME
        return asked, unknown * self.rarest * UNKNOWN_WEIGHT

    # ---- the dictionary ------------------------------------------------------------------------

    def count(self, term: str) -> int:
        """In how many articles' phrasings a term stands."""
        found = self._counts.get(term)
        if found is None:
            if len(self._counts) >= KEPT_COUNTS:
                self._counts = {}
            found = self._counts[term] = int(self._searcher.doc_freq("asked", term))
            self._breath.take()
        return found

    def counted(self, field: str, value: str) -> int:
        """The same of another field."""
        key = (field, value)
        found = self._others.get(key)
        if found is None:
            if len(self._others) >= KEPT_COUNTS:
                self._others = {}
            found = self._others[key] = int(self._searcher.doc_freq(field, value))
            self._breath.take()
        return found

    def _spelt(self, word: str) -> int:
        """Not remembered: a slip asks for 150 words that nobody wrote."""
        self._breath.take()
        return int(self._searcher.doc_freq("word", word))

    def _starting(self, head: str, most: int) -> list[str]:
        return [word for word, _ in self._searcher.terms_with_prefix("word", head, None, most)]

    def _weigh(self, term: str) -> float:
        """Inverse document frequency, by article, times what the term says by itself."""
        return log(1 + max(self.size, 1) / max(self.count(term), 1)) * prior(term)


class _Known:
    """See :class:`zhike.search.mend.Known`: also what was written before synonyms were made one."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon

    def count(self, term: str) -> int:
        return self._lexicon.count(term) or self._lexicon.counted("other", term)

    def __contains__(self, term: object, /) -> bool:
        return self.count(str(term)) > 0

    def get(self, term: str, /) -> float | None:
        if self._lexicon.count(term):
            return self._lexicon.weights[term]
        return self._lexicon.rarest if self._lexicon.counted("other", term) else None


class _Field:
    """The values of one field."""

    def __init__(self, lexicon: Lexicon, name: str) -> None:
        self._lexicon = lexicon
        self._name = name

    def __contains__(self, value: object, /) -> bool:
        return self._lexicon.counted(self._name, str(value)) > 0


class _Exact:
    """The whole phrasings."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon

    def __contains__(self, text: object, /) -> bool:
        return self._lexicon.counted("exact", token(str(text))) > 0
