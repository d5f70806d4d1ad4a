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
SAID = 0.2
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
FLOOR, _FINISHED = 0.3, 40
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


class Measured(NamedTuple):
    """One text. ``sums``: what each of its terms counts, the nearer the beginning the more; ``again``: the
    terms that come more than once; ``length``: what all terms count together."""

    sums: dict[str, float]
    again: list[str]
    length: float


def measure(norm: str) -> Measured:
    """A normalised text, as it is compared with questions."""
    found, counts = _places(norm)
    sums: dict[str, float] = {}
    get = sums.get
    for term, count in zip(found, counts, strict=True):
        sums[term] = get(term, 0.0) + count
    again: list[str] = []
    if len(sums) < len(found):
        again = [term for term, times in Counter(found).items() if times > 1]
    return Measured(sums, again, sum(counts))


def rarity(term: str, texts: int, holding: int, again: int, often: float) -> float:
    """How much ``term`` says.

    Args:
        texts: how many there are; holding: how many hold the term; again: how many of those more than once.
        often: the share of all terms of all texts that come more than once in theirs.
    """
    weight = log(1 + (texts - holding + 0.5) / (holding + 0.5))
    if often:
        weight *= ((again / often + _DOUBT) / (holding + _DOUBT)) ** _AGAIN
    return weight * _COMMON if term in COMMON else weight


def room(length: float, mean: float) -> float:
    """What a term must count in a text of that length to say half of what it can."""
    return _SATURATION * (1 - _LENGTH + _LENGTH * length / mean)


def strength(count: float, room: float) -> float:
    """How strongly a text says a term that counts ``count`` in it, up to 1 + :data:`SAID`."""
    return count / (count + room) + SAID


def unknown_weight(texts: int) -> float:
    """Of a term that no text holds."""
    return log(1 + texts) * _UNKNOWN


def told(found: list[tuple[float, int]], held: float, total: float, texts: int, limit: int) -> Told:
    """What is said of the texts found.

    Args:
        found: (what of the question is said, document), best first; not empty.
        held: the weight of the question's terms that the first text holds; total: of all of them.
    """
    best = found[0][0]
    lead = 1.0 - (found[1][0] / best if len(found) > 1 else 0.0)
    most = total * (1 + SAID)
    return Told([(number, score / most) for score, number in found[:limit]], lead, held / total,
                total / log(1 + texts))


class Prose:
    """The long texts of one knowledge base; immutable.

    Args:
        texts: (document, normalised text); a document stands here once at most.
    """

    def __init__(self, texts: Sequence[tuple[int, str]]) -> None:
        self.size = len(texts)
        again: Counter[str] = Counter()
        measured = [measure(text) for _, text in texts]
        for one in measured:
            again.update(one.again)
        mean = sum(one.length for one in measured) / max(1, len(measured)) or 1.0
        code = "H" if max((number for number, _ in texts), default=0) < 1 << 16 else "I"
        self._postings: dict[str, _Postings] = {}
        postings = self._postings
        for (number, _), (sums, _, length) in zip(texts, measured, strict=True):
            needed = room(length, mean)
            for term, count in sums.items():
                found_in = postings.get(term)
                if found_in is None:
                    postings[term] = found_in = (array(code), array("f"))
                found_in[0].append(number)
                found_in[1].append(count / (count + needed) + SAID)
        self._again = dict(again)
        self._often = again.total() / max(1, sum(len(one.sums) for one in measured))

    def weight(self, term: str) -> float:
        """How much ``term`` says here, 0 if no text holds it."""
        found = self._postings.get(term)
        if found is None:
            return 0.0
        return rarity(term, self.size, len(found[0]), self._again.get(term, 0), self._often)

    def ask(self, asked: Collection[str], limit: int) -> Told:
        """The texts that say most of the terms ``asked``, at most ``limit`` (>= 2)."""
        terms = set(asked)
        weights = sorted(((self.weight(term), term) for term in terms), reverse=True)
        weights = [pair for pair in weights if pair[0] > 0]
        unknown = (len(terms) - len(weights)) * unknown_weight(self.size)
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
        floor = max(reached.values()) * FLOOR
        found = [(score, number) for number, score in reached.items() if score >= floor]
        found.sort(reverse=True)
        if rest:
            found = [(self._finish(number, score, rest), number) for score, number in found[:_FINISHED]]
            found.sort(reverse=True)
        held = sum(weight for weight, term in weights if self._holds(term, found[0][1]))
        return told(found, held, total, self.size, limit)

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
