"""Long texts (answers, imported passages) found by what they say, the beginning first.

A question is compared with a phrasing of its own length by likeness (``index``). A text of hundreds
of characters needs another measure: BM25 (Robertson & Zaragoza 2009), in which a term counts the more
the nearer it stands to the beginning, for an answer mostly begins by naming what it answers.
What a text is about it names again: a term that comes twice wherever it comes says more than one that
is dropped in passing, however rare (the adaptation of Church, 2000). And a text that says a term at all
gets a share of it whatever its length (BM25+, Lv & Zhai 2011). Decision 0004 has what each of these changes
on five sets.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from math import exp, log
from typing import NamedTuple

from zhike.search.terms import COMMON, han_terms, runs, stem

_HEAD = 6.0
"""A term at the very beginning counts 1 + this …"""
_HEAD_CHARS = 20
"""… falling by e every so many characters (a Latin word is three)."""
_BODY_CHARS = 250
_TAIL = 0.5
"""After so many characters a term counts half: a long text speaks of many things."""
_SATURATION, _LENGTH = 3.0, 0.75
"""k1 and b of BM25; k1 is above the usual 1.2 because a term at the beginning counts 7 times."""
_SAID = 0.2
"""A text that holds a term gets so much of it, wherever it stands and however long the text is."""
_AGAIN = 0.3
"""Power of a term's adaptation: how much oftener than others it comes twice in a text that holds it."""
_DOUBT = 3.0
"""A term is taken for an ordinary one until it was seen in more texts than this."""
_COMMON = 0.35
_UNKNOWN = 0.5
"""A term that no text holds, beside one that a single text holds at 1."""
_READ = 2_000
"""Posting entries read per question, rarest terms first; the rest of its terms …"""
_FLOOR, _FINISHED = 0.3, 40
"""… is looked up only for texts with this share of the best's score, and so many at most. (Measured:
reading everything costs five times the time and finds the same.)"""

_Postings = tuple["array[int]", "array[float]"]
"""The texts that hold a term, ascending, and how strongly each says it."""
_WEIGHTS = [1 + _HEAD * exp(-i / _HEAD_CHARS) for i in range(_BODY_CHARS)]


def _places(norm: str) -> tuple[list[str], list[float]]:
    """The terms of a text in their order, repeats included; what each counts where it stands."""
    found: list[str] = []
    counts: list[float] = []
    place = 0
    for run in runs(norm):
        if run.isascii():
            found.append(stem(run))
            counts.append(_WEIGHTS[place] if place < _BODY_CHARS else _TAIL)
            place += 3
            continue
        size = len(run)
        weights = _WEIGHTS[place:place + size]
        if len(weights) < size:
            weights += [_TAIL] * (size - len(weights))
        found += han_terms(run)
        counts += weights
        counts += weights[:-1]
        place += size
    return found, counts


class Told(NamedTuple):
    """What the texts say to a question. ``texts``: (document, how well it answers, 0..1), best first;
    ``lead``: of the first over the second, 0..1; ``held``: the share of the question that the first speaks
    of, 0..1; ``heft``: how much is asked, in terms that a single text would hold."""

    texts: list[tuple[int, float]]
    lead: float
    held: float
    heft: float


SILENT = Told([], 0.0, 0.0, 0.0)


class Prose:
    """The long texts of one knowledge base; immutable.

    Args:
        texts: (document, normalised text); a document stands here once at most.
    """

    def __init__(self, texts: Sequence[tuple[int, str]]) -> None:
        self.size = len(texts)
        again: Counter[str] = Counter()
        held: list[dict[str, float]] = []
        lengths: list[float] = []
        for _, text in texts:
            found, counts = _places(text)
            sums: dict[str, float] = {}
            get = sums.get
            for term, count in zip(found, counts, strict=True):
                sums[term] = get(term, 0.0) + count
            if len(sums) < len(found):
                again.update([term for term, times in Counter(found).items() if times > 1])
            held.append(sums)
            lengths.append(sum(counts))
        mean = sum(lengths) / max(1, len(lengths)) or 1.0
        code = "H" if max((number for number, _ in texts), default=0) < 1 << 16 else "I"
        self._postings: dict[str, _Postings] = {}
        postings = self._postings
        for (number, _), sums, length in zip(texts, held, lengths, strict=True):
            room = _SATURATION * (1 - _LENGTH + _LENGTH * length / mean)
            for term, count in sums.items():
                found_in = postings.get(term)
                if found_in is None:
                    postings[term] = found_in = (array(code), array("f"))
                found_in[0].append(number)
                found_in[1].append(count / (count + room) + _SAID)
        self._again = dict(again)
        self._often = again.total() / max(1, sum(map(len, held)))

    def weight(self, term: str) -> float:
        """How much ``term`` says here, 0 if no text holds it."""
        found = self._postings.get(term)
        if found is None:
            return 0.0
        count = len(found[0])
        rarity = log(1 + (self.size - count + 0.5) / (count + 0.5))
        if self._often:
            again = self._again.get(term, 0) / self._often
            rarity *= ((again + _DOUBT) / (count + _DOUBT)) ** _AGAIN
        return rarity * _COMMON if term in COMMON else rarity

    def ask(self, asked: Collection[str], limit: int) -> Told:
        """The texts that say most of the terms ``asked``, at most ``limit`` (>= 2)."""
        terms = set(asked)
        weights = sorted(((self.weight(term), term) for term in terms), reverse=True)
        weights = [pair for pair in weights if pair[0] > 0]
        unknown = (len(terms) - len(weights)) * log(1 + self.size) * _UNKNOWN
        total = sum(weight for weight, _ in weights) + unknown
        reached: defaultdict[int, float] = defaultdict(float)
        read = 0
        rest: list[tuple[float, _Postings]] = []
        for weight, term in weights:
            documents, impacts = self._postings[term]
            if reached and read + len(documents) > _READ:
                rest.append((weight, (documents, impacts)))
                continue
            read += len(documents)
            for number, impact in zip(documents, impacts, strict=True):
                reached[number] += weight * impact
        if not reached:
            return SILENT
        floor = max(reached.values()) * _FLOOR
        found = [(score, number) for number, score in reached.items() if score >= floor]
        found.sort(reverse=True)
        if rest:
            found = [(self._finish(number, score, rest), number) for score, number in found[:_FINISHED]]
            found.sort(reverse=True)
        best, number = found[0]
        lead = 1.0 - (found[1][0] / best if len(found) > 1 else 0.0)
        held = sum(weight for weight, term in weights if self._holds(term, number)) / total
        most = total * (1 + _SAID)
        return Told([(number, score / most) for score, number in found[:limit]], lead, held,
                    total / log(1 + self.size))

    def _finish(self, number: int, score: float, rest: list[tuple[float, _Postings]]) -> float:
        for weight, (documents, impacts) in rest:
            place = bisect_left(documents, number)
            if place < len(documents) and documents[place] == number:
                score += weight * impacts[place]
        return score

    def _holds(self, term: str, number: int) -> bool:
        documents = self._postings[term][0]
        place = bisect_left(documents, number)
        return place < len(documents) and documents[place] == number


def prose_terms(norm: str) -> list[str]:
    """The terms of a question, as they are looked for in long texts."""
    found: list[str] = []
    for run in runs(norm):
        if run.isascii():
            found.append(stem(run))
        else:
            found += han_terms(run)
    return found
