"""What an index on disk keeps of an article for the exact comparison, so that no text is read twice.

The numbers are those of :class:`zhike.search.index.Index`: the same question gets the same likeness
and coverage whether its articles lie in memory or on disk.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from math import log, sqrt
from typing import NamedTuple

import msgspec

from zhike.domain.knowledge import Article
from zhike.search.index import ANSWER_WEIGHT, Match
from zhike.search.synonyms import GENERAL
from zhike.search.terms import runs, strip_politeness, terms
from zhike.search.text import normalise


class Bag(NamedTuple):
    """One article. ``rows``: the terms of each phrasing; ``answer``: the terms of its answer."""

    rows: list[frozenset[str]]
    answer: frozenset[str]


def encode(bag: Bag) -> bytes:
    """A line of terms per phrasing, and one for the answer. Terms hold no spaces; splitting lines is
    five times as fast as decoding MessagePack into sets."""
    return "\n".join([" ".join(row) for row in (*bag.rows, bag.answer)]).encode()


def decode(data: bytes) -> Bag:
    """See :func:`encode`."""
    lines = data.decode().split("\n")
    return Bag([frozenset(line.split(" ")) for line in lines[:-1]], frozenset(lines[-1].split(" ")))


encode_article = msgspec.msgpack.Encoder().encode
decode_article = msgspec.msgpack.Decoder(Article).decode


def phrasings(article: Article) -> tuple[str, ...]:
    """Its ways of being asked, the title first."""
    return (article.question, *article.variants)


def bare(phrasing: str) -> str:
    """A phrasing as it is compared: normalised, without politeness."""
    return GENERAL.canonical(strip_politeness(normalise(phrasing)))


def token(*parts: str) -> str:
    """A key of any characters as one word of the index: 64 bits, so that among a million the chance
    of any two colliding is 3e-8."""
    return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def bag_of(article: Article) -> tuple[Bag, list[str], set[str]]:
    """The article's bag, the tokens of its bare phrasings, and the Latin words in them."""
    rows: list[frozenset[str]] = []
    exact: list[str] = []
    words: set[str] = set()
    for phrasing in phrasings(article):
        text = bare(phrasing)
        exact.append(token(text))
        rows.append(frozenset(terms(text)))
        words.update(run for run in runs(text) if run.isascii())
    return Bag(rows, frozenset(terms(GENERAL.canonical(normalise(article.answer))))), exact, words


class Weights(dict[str, float]):
    """Term → weight, worked out when it is first asked for."""

    def __init__(self, weigh: Callable[[str], float], most: int) -> None:
        super().__init__()
        self._weigh = weigh
        self._most = most

    def __missing__(self, term: str) -> float:
        weight = self._weigh(term)
        if len(self) < self._most:
            self[term] = weight
        return weight


def row_total(row: frozenset[str], weights: Weights) -> float:
    """The weight of all terms of one phrasing."""
    return sum(map(weights.__getitem__, row)) or 1.0


class Spoken(NamedTuple):
    """The cheap half of a comparison. ``sums``: what each phrasing shares with the question;
    ``most``: the highest score the article can reach."""

    coverage: float
    spoken: float
    sums: list[float]
    most: float


def speak(bag: Bag, asked: dict[str, float], weight: float) -> Spoken:
    """What of the question the article speaks of.

    Args:
        asked: the question's known terms with their weights.
        weight: of the whole question, the unknown included.
    """
    keys = asked.keys()
    counts: dict[str, int] = {}
    sums = []
    for row in bag.rows:
        shared = 0.0
        for term in keys & row:
            shared += asked[term]
            counts[term] = counts.get(term, 0) + 1
        sums.append(shared)
    top = log(1 + len(bag.rows))
    coverage = spoken = 0.0
    for term, count in counts.items():
        coverage += asked[term] * log(1 + count) / top
        spoken += asked[term]
    for term in keys & bag.answer:
        coverage += asked[term] * ANSWER_WEIGHT
        if term not in counts:
            spoken += asked[term]
    coverage /= weight
    # a phrasing is at least as heavy as what it shares, so likeness² <= shared / weight
    return Spoken(coverage, spoken / weight, sums, coverage + sqrt(max(sums) / weight))


def match(document: int, bag: Bag, said: Spoken, weight: float, weights: Weights) -> Match:
    """How well the article answers: as :meth:`zhike.search.index.Index.find` would say."""
    best, like = 0, 0.0
    sums = said.sums
    for row in sorted(range(len(sums)), key=sums.__getitem__, reverse=True):
        shared = sums[row]
        if shared < like or not shared:
            break  # what a phrasing shares is the most that shared² / total can be
        value = shared * shared / row_total(bag.rows[row], weights)
        if value > like or (value == like and row < best):
            best, like = row, value
    likeness = sqrt(like / weight)
    return Match(document, best, likeness + said.coverage, likeness, said.coverage, said.spoken)
