"""Leaving out what is asked: the knowledge without a tenth of itself, ten times over.

The index is built anew for every fold, so that nothing of the left-out texts can shine through:
neither their words nor their weights. (``Index.find(without=…)`` is quicker, but words that only
the left-out phrasing brought stay known to it: it flatters.)
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from typing import NamedTuple

import msgspec

from zhike.domain.knowledge import Article
from zhike.testing.kb import asks

FOLDS = 10


class Phrasing(NamedTuple):
    """``row`` 0 is the article's question, the others its variants."""

    article: int
    row: int
    text: str


def phrasing_folds(articles: Sequence[Article], rng: random.Random) -> list[list[Phrasing]]:
    """Every phrasing in exactly one fold; an article of up to ten loses at most one at a time.

    Articles with a single phrasing are in none: without it there would be no article.
    """
    folds: list[list[Phrasing]] = [[] for _ in range(FOLDS)]
    for number, article in enumerate(articles):
        texts = [Phrasing(number, row, text) for row, text in enumerate(asks(article))]
        if len(texts) > 1:
            rng.shuffle(texts)
            first = rng.randrange(FOLDS)
            for place, phrasing in enumerate(texts, first):
                folds[place % FOLDS].append(phrasing)
    return [fold for fold in folds if fold]


def without_phrasings(articles: Sequence[Article], left_out: Collection[Phrasing]) -> list[Article]:
    """The articles as if those phrasings had not been written; a variant takes a question's place."""
    gone: dict[int, set[int]] = {}
    for phrasing in left_out:
        gone.setdefault(phrasing.article, set()).add(phrasing.row)
    kept = list(articles)
    for number, rows in gone.items():
        rest = [text for row, text in enumerate(asks(articles[number])) if row not in rows]
        kept[number] = msgspec.structs.replace(articles[number], question=rest[0], variants=tuple(rest[1:]))
    return kept


def key_folds(articles: Sequence[Article], rng: random.Random) -> list[set[str]]:
    """The articles' keys in ten parts: an article goes together with its translation."""
    keys = sorted({article.key for article in articles})
    rng.shuffle(keys)
    return [set(fold) for start in range(FOLDS) if (fold := keys[start::FOLDS])]
