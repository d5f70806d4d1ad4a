"""The index over one bot's articles: which ones does a question ask for?

In memory, plain Python (decision 0004 has the measurements against tantivy and numpy). A document
is an article, reached by its *phrasings* (question and variants) and by the words of its answer;
both languages lie in one index. Four steps, the later ones only where the earlier left doubt:

1. word for word: the question, without politeness, is a stored phrasing → found;
2. Latin words the knowledge does not know are corrected for one slip, then step 1 again;
3. posting lists of the question's rarest terms bring candidates;
4. the best candidates are compared with the question, article and nearest phrasing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import log, sqrt
from operator import ne
from typing import NamedTuple

import msgspec

from zhike.search.spell import PairSpeller, Speller
from zhike.search.terms import POLITE_WORDS, prior, runs, stem, strip_politeness, terms
from zhike.search.text import normalise

UNKNOWN_WEIGHT = 0.7
"""A term the knowledge has never seen, beside its rarest term at 1."""
ANSWER_WEIGHT = 0.4
"""A term in an article's answer, beside one in all its phrasings at 1 (measured: .2 to .7 alike)."""
UNKNOWN_NAME = 2.6
"""A Latin word or number nobody knows in a Chinese question, beside an unknown pair at 1: as much as
an unknown word of two characters with its pair, for it mostly is the subject ("1+1等于几")."""
_CHANGES = 2
"""Characters that may be put right in a question of up to 16 (a swap changes two, a word counts
two), and one more for each further 16."""
_LONG = 48
"""A posting list is long above this …"""
_ENOUGH = 0.5
"""… and is skipped once rarer terms have spoken for this share of what is known: it can hardly
bring a better candidate, and step 4 looks at every term anyway."""
_EVERYWHERE = 0.2
"""A long list that holds this share of all articles is skipped as soon as any candidate is there."""
_FLOOR = 0.6
"""Candidates share at least this much of what the best candidate shares of the rarest terms …"""
_CHECKED = 20
"""… and at most so many are compared (measured: lower floors and more candidates cost twice the
time and change top-1 by less than half a point)."""


class Document(msgspec.Struct, frozen=True):
    """What is indexed of one article: its phrasings (title first) and its answer."""

    phrasings: tuple[str, ...]
    answer: str = ""


class Match(NamedTuple):
    """One article found. ``coverage``: the share of the question that the whole article speaks
    of, more for what more of its phrasings say (up to 1 + ANSWER_WEIGHT); ``spoken``: the share
    it mentions at all, 0..1; ``likeness``: cosine with its nearest phrasing, 0..1; ``score``:
    their sum, which orders matches."""

    document: int
    phrasing: int
    score: float
    likeness: float
    coverage: float
    spoken: float


class Found(NamedTuple):
    """The articles for one question, best first. ``known``: share of the question's weight that
    the knowledge has seen anywhere; ``heft``: how much is asked, in terms as rare as can be;
    ``exact``: asked word for word, up to politeness and slips; ``slips``: 1 if slips of typing were
    put right."""

    matches: list[Match]
    known: float
    heft: float
    exact: bool
    slips: int = 0


NOTHING = Found([], 0.0, 0.0, False)
_Bag = tuple[int, ...]
_Rows = tuple[float, tuple[int, ...]]


class Index:
    """Immutable once built, so any thread may search it."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.size = len(documents)
        bags, words = self._read(documents)
        self._words = Speller(words | POLITE_WORDS)
        self._weights = self._weigh_terms(bags)
        pairs = [(w, t) for w, t in zip(self._weights, self._ids, strict=True)
                 if len(t) == 2 and not t.isascii()]
        self._pairs = PairSpeller(pair for _, pair in sorted(pairs))
        self._rarest = log(1 + max(self.size, 1))
        self._unknown = self._rarest * UNKNOWN_WEIGHT
        self._file(bags, [document.answer for document in documents])

    # ---- building ------------------------------------------------------------------------------

    def _read(self, documents: Sequence[Document]) -> tuple[list[list[_Bag]], set[str]]:
        """Number the terms, note exact phrasings; the bag of term numbers of every phrasing."""
        self._ids: dict[str, int] = {}
        self._exact: dict[str, tuple[int, int]] = {}
        ids, clashes, words = self._ids, set[str](), set[str]()
        bags = []
        for number, document in enumerate(documents):
            rows = []
            for row, phrasing in enumerate(document.phrasings):
                bare = strip_politeness(normalise(phrasing))
                if self._exact.setdefault(bare, (number, row))[0] != number:
                    clashes.add(bare)
                words.update(run for run in runs(bare) if run.isascii())
                rows.append(tuple({ids.setdefault(term, len(ids)) for term in terms(bare)}))
            bags.append(rows)
        for bare in clashes:  # two articles claim it: the comparison must decide
            del self._exact[bare]
        return bags, words

    def _weigh_terms(self, bags: list[list[_Bag]]) -> list[float]:
        """Inverse document frequency, by article, times what the term says by itself."""
        seen = [0] * len(self._ids)
        for rows in bags:
            for number in set().union(*rows):
                seen[number] += 1
        size = max(self.size, 1)
        return [log(1 + size / n) * prior(term)
                for term, n in zip(self._ids, seen, strict=True)]

    def _file(self, bags: list[list[_Bag]], answers: list[str]) -> None:
        """Posting lists, and per document: term → (how strongly it speaks of it, which phrasings)."""
        postings: list[list[int]] = [[] for _ in self._ids]
        shared: dict[_Rows, _Rows] = {}  # the same few values come again and again
        self._terms: list[dict[int, _Rows]] = []
        self._totals: list[tuple[float, ...]] = []
        weights = self._weights
        for number, (rows, answer) in enumerate(zip(bags, answers, strict=True)):
            where: defaultdict[int, list[int]] = defaultdict(list)
            for row, bag in enumerate(rows):
                for term in bag:
                    where[term].append(row)
            top = log(1 + len(rows))
            levels = {term: log(1 + len(found)) / top for term, found in where.items()}
            for said in map(self._ids.get, set(terms(normalise(answer)))):
                if said is not None:
                    levels[said] = levels.get(said, 0.0) + ANSWER_WEIGHT
            held = {}
            for term, level in levels.items():
                value = (level, tuple(where.get(term, ())))
                held[term] = shared.setdefault(value, value)
                postings[term].append(number)
            self._terms.append(held)
            self._totals.append(tuple(sum(map(weights.__getitem__, bag)) or 1.0 for bag in rows))
        self._postings = [tuple(numbers) for numbers in postings]

    # ---- searching -----------------------------------------------------------------------------

    def find(self, norm: str, limit: int = 3, without: tuple[int, int] | None = None) -> Found:
        """The best articles for a normalised question, best first, at most ``limit`` (>= 2).

        ``without`` (document, phrasing) searches as if that phrasing did not exist, phrasing -1:
        the whole document. Only measuring needs it: what would be found if this had not been
        written?
        """
        bare = strip_politeness(norm)
        if without is None and bare in self._exact:
            return self._whole(bare, 0)
        asked, unknown = self._weigh(bare)
        slips = 0
        if unknown and (corrected := self._correct(bare)) != bare:
            slips = 1
            if without is None and corrected in self._exact:
                return self._whole(corrected, slips)
            asked, unknown = self._weigh(corrected)
        if without is not None:
            self._forget(asked, *without)
        if not asked:
            return NOTHING
        known = sum(asked.values())
        weight = known + unknown * self._unknown
        candidates = self._candidates(asked, known, without)
        return Found(self._compare(asked, weight, candidates, limit, without), known / weight,
                     weight / self._rarest, False, slips)

    def _whole(self, bare: str, slips: int) -> Found:
        """Found word for word."""
        document, row = self._exact[bare]
        return Found([Match(document, row, 2.0, 1.0, 1.0, 1.0)], 1.0,
                     self._totals[document][row] / self._rarest, True, slips)

    def _weigh(self, bare: str) -> tuple[dict[int, float], float]:
        """The question's known terms with their weights; how many are not known."""
        ids, weights = self._ids, self._weights
        asked: dict[int, float] = {}
        unknown = 0.0
        for term in terms(bare):
            number = ids.get(term)
            if number is not None:
                asked[number] = weights[number]
            elif bare.isascii() or not term.isascii():
                unknown += prior(term)
            else:
                unknown += UNKNOWN_NAME
        return asked, unknown

    def _correct(self, bare: str) -> str:
        """The question with its slips of typing put right; as it is if there were too many: then
        it speaks of other things, and sounding alike is chance."""
        ids = self._ids
        corrected = bare
        changes = 0
        for run in runs(bare):
            if not run.isascii():
                meant = self._pairs.correct(run, ids)
                changes += sum(map(ne, run, meant)) if len(run) == len(meant) else 1
            elif stem(run) in ids or run in POLITE_WORDS or not (words := self._words.correct(run)):
                continue
            else:
                changes += 2
                meant = words[0]
                for word in words[1:]:  # the one that makes a whole phrasing, if there is one
                    if strip_politeness(corrected.replace(run, word)) in self._exact:
                        meant = word
            corrected = corrected.replace(run, meant)
        return strip_politeness(corrected) if changes <= _CHANGES + len(bare) // 16 else bare

    def _candidates(self, asked: dict[int, float], known: float,
                    without: tuple[int, int] | None) -> list[tuple[float, int]]:
        """Articles that share the question's rarest terms, with the most they can share, best first."""
        reached: dict[int, float] = {}
        get = reached.get
        rest = known
        enough = known * _ENOUGH
        postings = self._postings
        everywhere = self.size * _EVERYWHERE
        for number in sorted(asked, key=asked.__getitem__, reverse=True):
            documents = postings[number]
            weight = asked[number]
            if reached and len(documents) > _LONG and (rest < enough or len(documents) > everywhere):
                continue
            rest -= weight
            for document in documents:
                reached[document] = get(document, 0.0) + weight
        if without is not None:
            self._unreach(reached, asked, *without)
            if not reached:
                return []
        best = max(reached.values())
        floor = best * _FLOOR
        found = [(share + rest, document) for document, share in reached.items() if share >= floor]
        found.sort(reverse=True)
        return found[:_CHECKED]

    def _compare(self, asked: dict[int, float], weight: float, candidates: list[tuple[float, int]],
                 limit: int, without: tuple[int, int] | None) -> list[Match]:
        matches: list[Match] = []
        items = list(asked.items())
        bar = 0.0  # what a further candidate must be able to reach
        for most, document in candidates:
            share = most / weight
            if share + sqrt(share) < bar:
                break
            get = self._terms[document].get
            totals = self._totals[document]
            if without is not None and without[0] == document:
                get = self._terms_without(*without).get
            sums = [0.0] * len(totals)
            coverage = spoken = 0.0
            for number, gain in items:
                held = get(number)
                if held is not None:
                    coverage += gain * held[0]
                    spoken += gain
                    for row in held[1]:
                        sums[row] += gain
            coverage /= weight
            likes = [s * s / total for s, total in zip(sums, totals, strict=True)]
            like = max(likes)
            likeness = sqrt(like / weight)
            matches.append(Match(document, likes.index(like), likeness + coverage, likeness, coverage,
                                 spoken / weight))
            if len(matches) == limit:
                bar = min([m.score for m in matches])
        matches.sort(key=_by_score, reverse=True)
        return matches[:limit]

    def _forget(self, asked: dict[int, float], document: int, row: int) -> None:
        """Drop the terms that only this phrasing (-1: only this document) brought in."""
        held = self._terms[document]
        for term in list(asked):
            if self._postings[term] == (document,) and (row < 0 or held[term][1] in ((row,), ())):
                del asked[term]

    def _unreach(self, reached: dict[int, float], asked: dict[int, float], document: int,
                 row: int) -> None:
        """Take back what the document was credited with for the left-out phrasing alone."""
        credit = reached.pop(document, 0.0)
        if row >= 0:
            held = self._terms_without(document, row)
            credit = sum(w for term, w in asked.items() if held.get(term, (0.0,))[0] > 1e-9)
            if credit:
                reached[document] = credit

    def _terms_without(self, document: int, row: int) -> dict[int, _Rows]:
        """The document's terms as if phrasing ``row`` had never been written."""
        count = len(self._totals[document])
        top, less = log(1 + count), log(count) or 1.0
        held: dict[int, _Rows] = {}
        for term, (level, found) in self._terms[document].items():
            rest = tuple([r for r in found if r != row])
            answer = level - log(1 + len(found)) / top
            held[term] = (answer + log(1 + len(rest)) / less, rest)
        return held


def _by_score(match: Match) -> float:
    return match.score
