"""What an index on disk keeps of an article for the exact comparison, so that no text is read twice.

The numbers are those of :class:`zhike.search.index.Index`: the same question gets the same likeness
and coverage whether its articles lie in memory or on disk.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from math import log, sqrt
from struct import Struct
from typing import NamedTuple

import msgspec

from zhike.domain.knowledge import Article
from zhike.search.codes import Codes
from zhike.search.index import ANSWER_WEIGHT, LONG_TERMS, Match
from zhike.search.prose import Measured, measure
from zhike.search.synonyms import Synonyms
from zhike.search.terms import runs, strip_politeness, terms
from zhike.search.text import normalise


class Bag(NamedTuple):
    """One article. ``rows``: the terms of each phrasing, none of one that is a text; ``answer``: the terms of
    its answer; ``codes``: the codes its phrasings name; ``named``: those, and the ones its answer names."""

    rows: list[frozenset[str]]
    answer: frozenset[str]
    codes: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()


def encode(bag: Bag) -> bytes:
    """A line of terms per phrasing, and one each for the rest. Terms hold no spaces; splitting lines is
    five times as fast as decoding MessagePack into sets."""
    return "\n".join([" ".join(row) for row in (*bag.rows, bag.answer, bag.codes, bag.named)]).encode()


def decode(data: bytes) -> Bag:
    """See :func:`encode`."""
    *rows, answer, codes, named = [frozenset(line.split(" ")) if line else _NONE
                                   for line in data.decode().split("\n")]
    return Bag(rows, answer, codes, named)


_NONE: frozenset[str] = frozenset()
encode_article = msgspec.msgpack.Encoder().encode
decode_article = msgspec.msgpack.Decoder(Article).decode


def encode_text(text: Measured) -> bytes:
    """Its length, its terms, and what each counts in eighths, a byte each: more than 31 says no more."""
    counts = bytes([min(255, round(count * _STEPS)) for count in text.sums.values()])
    return _length.pack(text.length) + " ".join(text.sums).encode() + b"\n" + counts


def decode_text(data: bytes) -> tuple[float, dict[str, int], int]:
    """The length of the text, its terms with what they count, and how many steps make 1."""
    words, _, counts = data[_length.size:].partition(b"\n")
    return _length.unpack_from(data)[0], dict(zip(words.decode().split(" "), counts, strict=True)), _STEPS


_length = Struct("<f")
_STEPS = 8


def phrasings(article: Article) -> tuple[str, ...]:
    """Its ways of being asked, the title first."""
    return (article.question, *article.variants)


def token(*parts: str) -> str:
    """A key of any characters as one word of the index: 64 bits, so that among a million the chance
    of any two colliding is 3e-8."""
    return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


class Read(NamedTuple):
    """What is indexed of one article. ``exact``: tokens of its phrasings; ``words``: the Latin words in them;
    ``others``: their terms before synonyms were made one; ``text``: its answer and the phrasings that are
    texts themselves, ``head``: the terms these begin with."""

    bag: Bag
    exact: list[str]
    words: set[str]
    others: set[str]
    text: Measured
    head: set[str]


def read(article: Article, synonyms: Synonyms) -> Read:
    """As :meth:`zhike.search.index.Index` reads its documents; codes that the article writes apart ("ch 326")
    are joined if it, not another one, names them in one piece."""
    asked = phrasings(article)
    book = Codes([(asked, article.answer)])
    rows: list[frozenset[str]] = []
    exact: dict[str, None] = {}
    words: set[str] = set()
    others: set[str] = set()
    texts: list[str] = []
    for phrasing in asked:
        plain = strip_politeness(normalise(phrasing))
        bare = book.join(synonyms.canonical(plain))
        exact[token(plain)] = exact[token(bare)] = None
        found = terms(bare)
        if len(found) > LONG_TERMS:
            texts.append(bare)
            found = []
        else:
            words.update(run for run in runs(bare) if run.isascii())
            if plain != bare:
                words.update(run for run in runs(plain) if run.isascii())
                others.update(terms(plain))
        rows.append(frozenset(found))
    answer = normalise(article.answer)
    said = book.join(synonyms.canonical(strip_politeness(answer)))
    if said and said not in texts:
        texts.append(said)
    text = measure(" ".join(texts))
    spoken = frozenset(terms(book.join(synonyms.canonical(answer))))
    bag = Bag(rows, spoken, book.asked[0], frozenset(book.named))
    head = set(measure(" ".join(texts)[:HEAD_CHARS]).sums)
    return Read(bag, list(exact), words, others, text, head)


HEAD_CHARS = 40
"""What stands at the beginning of a text counts the most (see :mod:`zhike.search.prose`)."""


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
