"""The index over one bot's articles: which ones does a question ask for?

In memory, plain Python (decision 0004 has the measurements against tantivy and numpy). A document
is an article, reached by its *phrasings* (question and variants) and by the words of its answer;
both languages lie in one index. Five steps, the later ones only where the earlier left doubt:

1. word for word: the question, without politeness, with synonyms made one, is a stored phrasing → found;
2. what the knowledge does not know is put right (``mend``: slips, pinyin), then step 1 again;
3. posting lists of the question's rarest terms bring candidates;
4. the best candidates are compared with the question, article and nearest phrasing;
5. if none is like the question, the long texts are asked too (``prose``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import log, sqrt
from typing import NamedTuple

import msgspec

from zhike.search.codes import Codes
from zhike.search.mend import mender
from zhike.search.prose import SILENT, Prose, Told, prose_terms
from zhike.search.synonyms import Synonyms
from zhike.search.terms import prior, runs, strip_politeness, terms
from zhike.search.text import normalise

UNKNOWN_WEIGHT = 0.7
"""A term the knowledge has never seen, beside its rarest term at 1."""
ANSWER_WEIGHT = 0.4
"""A term in an article's answer, beside one in all its phrasings at 1 (measured: .2 to .7 alike)."""
UNKNOWN_NAME = 2.6
"""A Latin word or number nobody knows in a Chinese question, beside an unknown pair at 1: as much as
an unknown word of two characters with its pair, for it mostly is the subject ("1+1等于几")."""
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

LONG_TERMS = 90
"""A phrasing of more terms (45 Chinese characters, 90 words) is no question but a text: step 5 finds it.
If most articles have such a title, all of them are texts (a table of passages without questions)."""
DOUBT = 0.62
"""Step 5 is taken if no phrasing is as like as this (a cosine)."""
PROSE_WEIGHT = 1.0
"""A long text that says all of the question at its beginning, beside likeness and coverage at 1."""
TEXTS = 12
"""Candidates that step 5 brings."""
CODE_NAMED, CODE_OTHER = 1.0, -1.0
"""Score of an article that names the code asked for (CH326), and of one that is about another code."""


class Document(msgspec.Struct, frozen=True):
    """What is indexed of one article: its phrasings (title first) and its answer."""

    phrasings: tuple[str, ...]
    answer: str = ""


class Match(NamedTuple):
    """One article found. ``coverage``: the share of the question that the whole article speaks
    of, more for what more of its phrasings say (up to 1 + ANSWER_WEIGHT); ``spoken``: the share
    it mentions at all, 0..1; ``likeness``: cosine with its nearest phrasing, 0..1; ``text``: how
    well its long text answers (0..1, 0 if not looked at); ``score``: their sum, which orders matches."""

    document: int
    phrasing: int
    score: float
    likeness: float
    coverage: float
    spoken: float
    text: float = 0.0


class Found(NamedTuple):
    """The articles for one question, best first. ``known``: share of the question's weight that
    the knowledge has seen anywhere; ``heft``: how much is asked, in terms as rare as can be;
    ``exact``: asked word for word, up to politeness and slips; ``slips``: 1 if slips of typing were
    put right; ``told``: what the long texts say, if they were asked."""

    matches: list[Match]
    known: float
    heft: float
    exact: bool
    slips: int = 0
    told: Told = SILENT


NOTHING = Found([], 0.0, 0.0, False)
_Bag = tuple[int, ...]
_Rows = tuple[float, tuple[int, ...]]


class Index:
    """Immutable once built, so any thread may search it."""

    def __init__(self, documents: Sequence[Document], synonyms: Sequence[Sequence[str]] = ()) -> None:
        self.size = len(documents)
        self._synonyms = Synonyms(synonyms)
        self._codes = Codes((document.phrasings, document.answer) for document in documents)
        bags, words = self._read(documents)
        self._weights = self._weigh_terms(bags)
        rare = max(self._weights, default=0.0)
        known = dict.fromkeys(self._other, rare) | dict(zip(self._ids, self._weights, strict=True))
        self._mender = mender(known, words, self._exact)
        del self._other
        self._rarest = log(1 + max(self.size, 1))
        self._unknown = self._rarest * UNKNOWN_WEIGHT
        self._file(bags, [document.answer for document in documents])

    # ---- building ------------------------------------------------------------------------------

    def _read(self, documents: Sequence[Document]) -> tuple[list[list[_Bag]], set[str]]:
        """Number the terms, note exact phrasings; the bag of term numbers of every phrasing."""
        self._ids: dict[str, int] = {}
        self._exact: dict[str, tuple[int, int]] = {}
        self._long: set[tuple[int, int]] = set()
        self._other: set[str] = set()  # as it was written, before synonyms were made one: to mend with
        texts: list[tuple[int, str]] = []
        ids, clashes, words = self._ids, set[str](), set[str]()
        most = 0 if 2 * sum(_is_long(d.phrasings[0]) for d in documents) > len(documents) else LONG_TERMS
        bags = []
        for number, document in enumerate(documents):
            rows: list[_Bag] = []
            said: list[str] = []
            for row, phrasing in enumerate(document.phrasings):
                plain = strip_politeness(normalise(phrasing))
                bare = self._bare(plain)
                for wording in {plain, bare}:
                    if self._exact.setdefault(wording, (number, row))[0] != number:
                        clashes.add(wording)
                found = terms(bare)
                if len(found) > most:
                    self._long.add((number, row))
                    said.append(bare)
                    found = []
                else:
                    words.update(run for run in runs(bare) if run.isascii())
                    if plain != bare:
                        words.update(run for run in runs(plain) if run.isascii())
                        self._other.update(terms(plain))
                rows.append(tuple({ids.setdefault(term, len(ids)) for term in found}))
            bags.append(rows)
            answer = self._bare(strip_politeness(normalise(document.answer)))
            if answer and answer not in said:  # a table of passages may hold each as question and as answer
                said.append(answer)
            if said:
                texts.append((number, " ".join(said)))
        self._prose = Prose(texts)
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
            for said in map(self._ids.get, set(terms(self._bare(normalise(answer))))):
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
        bare = self._bare(bare)
        if without is None and bare in self._exact:
            return self._whole(bare, 0)
        slips = 0
        if (corrected := self._mender.mend(bare)) != bare:
            slips = 1
            bare = self._bare(corrected)
            if without is None and bare in self._exact:
                return self._whole(bare, slips)
        asked, unknown = self._weigh(bare)
        if without is not None:
            unknown += self._forget(asked, *without)
        known = sum(asked.values())
        weight = known + unknown * self._unknown or 1.0
        codes = self._codes.find(bare)
        candidates = self._candidates(asked, known, without) if asked else []
        if codes:
            candidates = self._with_named(candidates, codes, weight, without)
        matches = self._compare(asked, weight, candidates, limit, without) if candidates else []
        if codes:
            matches = self._by_code(matches, codes)
        told = SILENT
        if self._prose.size and (not matches or matches[0].likeness < DOUBT):
            told = self._prose.ask(prose_terms(bare), TEXTS)
            matches = self._by_text(matches, told, asked, weight, codes, limit, without)
        if not matches:
            return NOTHING
        return Found(matches, known / weight, weight / self._rarest, False, slips, told)

    def _bare(self, norm: str) -> str:
        """``norm`` with synonyms made one and codes joined."""
        return self._codes.join(self._synonyms.canonical(norm))

    def _with_named(self, candidates: list[tuple[float, int]], codes: list[str], weight: float,
                    without: tuple[int, int] | None) -> list[tuple[float, int]]:
        """The articles that name a code are looked at, whatever else they share."""
        held = {document for _, document in candidates}
        named = {document for code in codes for document in self._codes.named.get(code, ())} - held
        if without is not None:
            named.discard(without[0])
        return [*((weight, document) for document in sorted(named)[:_CHECKED]), *candidates]

    def _by_code(self, matches: list[Match], codes: list[str]) -> list[Match]:
        """Articles that name the code first; those about another code last, and no longer alike."""
        asked = frozenset(codes)
        naming = {document for code in codes for document in self._codes.named.get(code, ())}
        ordered = []
        for match in matches:
            about = self._codes.asked[match.document]
            if match.document in naming:
                match = match._replace(score=match.score + CODE_NAMED)
            elif about and not about & asked:
                match = match._replace(score=match.score + CODE_OTHER, likeness=match.likeness * 0.3)
            ordered.append(match)
        ordered.sort(key=_by_score, reverse=True)
        return ordered

    def _by_text(self, matches: list[Match], told: Told, asked: dict[int, float], weight: float,
                 codes: list[str], limit: int, without: tuple[int, int] | None) -> list[Match]:
        """The matches together with what the long texts say."""
        texts = dict(told.texts)
        if without is not None and without[0] in texts and (without[1] < 0 or without in self._long):
            del texts[without[0]]
        held = {match.document for match in matches}
        new = [(weight, document) for document in texts if document not in held]
        others = self._compare(asked, weight, new, len(new) + 1, without) if new else []
        if codes:
            others = self._by_code(others, codes)
        found = [match._replace(text=texts[match.document],
                                score=match.score + PROSE_WEIGHT * texts[match.document])
                 if match.document in texts else match for match in (*matches, *others)]
        found.sort(key=_by_score, reverse=True)
        return found[:limit]

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

    def _forget(self, asked: dict[int, float], document: int, row: int) -> int:
        """Drop the terms that only this phrasing (-1: only this document) brought in; how many: they
        are not known then."""
        held = self._terms[document]
        gone = [term for term in asked
                if self._postings[term] == (document,) and (row < 0 or held[term][1] in ((row,), ()))]
        for term in gone:
            del asked[term]
        return len(gone)

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
            if not rest and answer < 1e-9:
                continue  # said nowhere else
            held[term] = (answer + log(1 + len(rest)) / less, rest)
        return held


def _is_long(phrasing: str) -> bool:
    """True if a title is a text rather than a question."""
    return len(phrasing) > LONG_TERMS // 2 and len(terms(normalise(phrasing))) > LONG_TERMS


def _by_score(match: Match) -> float:
    return match.score
