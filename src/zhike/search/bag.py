"""What an index on disk keeps of an article for the exact comparison, so that no text is read twice.

The numbers are those of :class:`zhike.search.index.Index`: the same question gets the same likeness
and coverage whether its articles lie in memory or on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from math import log, sqrt
from typing import NamedTuple

import msgspec

from zhike.domain.knowledge import Article
from zhike.search.index import ANSWER_WEIGHT, Match
from zhike.search.terms import runs, strip_politeness, terms
from zhike.search.text import normalise


class Bag(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One article. ``where``: term → its phrasings; ``answer``: terms of the answer; ``rows``: how
    many phrasings there are."""

    where: dict[str, tuple[int, ...]]
    answer: frozenset[str]
    rows: int


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Bag).decode
encode_article = msgspec.msgpack.Encoder().encode
decode_article = msgspec.msgpack.Decoder(Article).decode


def phrasings(article: Article) -> tuple[str, ...]:
    """Its ways of being asked, the title first."""
    return (article.question, *article.variants)


def bare(phrasing: str) -> str:
    """A phrasing as it is compared: normalised, without politeness."""
    return strip_politeness(normalise(phrasing))


def token(*parts: str) -> str:
    """A key of any characters as one word of the index: 64 bits, so that among a million the chance
    of any two colliding is 3e-8."""
    return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def bag_of(article: Article) -> tuple[Bag, list[str], set[str]]:
    """The article's bag, the tokens of its bare phrasings, and the Latin words in them."""
    where: dict[str, list[int]] = {}
    exact: list[str] = []
    words: set[str] = set()
    for row, phrasing in enumerate(phrasings(article)):
        text = bare(phrasing)
        exact.append(token(text))
        for term in set(terms(text)):
            where.setdefault(term, []).append(row)
        words.update(run for run in runs(text) if run.isascii())
    answer = frozenset(terms(normalise(article.answer)))
    return Bag({term: tuple(rows) for term, rows in where.items()}, answer, len(exact)), exact, words


def row_total(bag: Bag, row: int, weigh: Callable[[str], float]) -> float:
    """The weight of all terms of one phrasing."""
    return sum([weigh(term) for term, rows in bag.where.items() if row in rows]) or 1.0


class Spoken(NamedTuple):
    """The cheap half of a comparison. ``sums``: what each phrasing shares with the question;
    ``most``: the highest score the article can reach."""

    coverage: float
    spoken: float
    sums: list[float]
    most: float


def speak(bag: Bag, asked: Mapping[str, float], weight: float) -> Spoken:
    """What of the question the article speaks of.

    Args:
        asked: the question's known terms with their weights.
        weight: of the whole question, the unknown included.
    """
    top = log(1 + bag.rows)
    sums = [0.0] * bag.rows
    coverage = spoken = 0.0
    where, answer = bag.where, bag.answer
    for term, gain in asked.items():
        rows = where.get(term)
        level = 0.0
        if rows is not None:
            level = log(1 + len(rows)) / top
            for row in rows:
                sums[row] += gain
        if term in answer:
            level += ANSWER_WEIGHT
        if level:
            coverage += gain * level
            spoken += gain
    coverage /= weight
    # a phrasing is at least as heavy as what it shares, so likeness² <= shared / weight
    return Spoken(coverage, spoken / weight, sums, coverage + sqrt(max(sums) / weight))


def match(document: int, bag: Bag, said: Spoken, weight: float, weigh: Callable[[str], float]) -> Match:
    """How well the article answers: as :meth:`zhike.search.index.Index.find` would say.

    Args:
        weigh: the weight of any known term.
    """
    totals = {row: 0.0 for row, shared in enumerate(said.sums) if shared}
    if totals:
        for term, rows in bag.where.items():
            heavy = weigh(term)
            for row in rows:
                if row in totals:
                    totals[row] += heavy
    best, like = 0, 0.0
    for row, total in totals.items():
        value = said.sums[row] * said.sums[row] / (total or 1.0)
        if value > like:
            best, like = row, value
    likeness = sqrt(like / weight)
    return Match(document, best, likeness + said.coverage, likeness, said.coverage, said.spoken)
