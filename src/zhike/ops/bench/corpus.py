"""The knowledge base of a run and the questions put to it; both depend on the seed alone."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from zhike.domain.knowledge import Article
from zhike.ops.bench.load import NEW, REPEATED
from zhike.search.text import normalise
from zhike.testing.kb import asks, make_kb, perturb

ARTICLES = 2_000
REPEAT_POOL = 500
"""Distinct texts among the questions that repeat: a shop's frequent questions."""


class Corpus:
    """``articles`` articles and questions about them.

    Repeated questions are ``REPEAT_POOL`` stored ways of asking, put again and again. A new question
    is a stored one perturbed (typos, politeness, case, traditional characters …) whose *normalised*
    spelling neither stands in the knowledge base nor was asked before: no cache can know it.
    """

    def __init__(self, articles: int = ARTICLES, seed: int = 0) -> None:
        self.articles: Sequence[Article] = make_kb(articles, seed)
        self._rng = random.Random(seed * 1_000_003 + 17)
        self._used = {normalise(text) for article in self.articles for text in asks(article)}

    def repeated(self) -> list[tuple[str, str]]:
        """``(article key, text)`` of the questions that repeat."""
        pairs = [(article.key, text) for article in self.articles for text in asks(article)]
        return self._rng.sample(pairs, min(REPEAT_POOL, len(pairs)))

    def new(self, count: int) -> Iterator[tuple[str, str]]:
        """``count`` pairs ``(article key, text)`` never asked before (fewer when no more are found)."""
        rng, misses = self._rng, 0
        while count > 0 and misses < 1_000:
            article = rng.choice(self.articles)
            text = perturb(rng.choice(asks(article)), rng)
            norm = normalise(text)
            if norm in self._used:
                misses += 1
                continue
            self._used.add(norm)
            misses = 0
            count -= 1
            yield article.key, text

    def write_kb(self, path: Path) -> None:
        """The articles as ``zhike kb import`` reads them: one JSON object per line."""
        with path.open("w", encoding="utf-8") as file:
            for a in self.articles:
                file.write(json.dumps({"key": a.key, "lang": a.lang, "question": a.question,
                                       "variants": list(a.variants), "answer": a.answer,
                                       "category": a.category}, ensure_ascii=False) + "\n")

    def write_questions(self, path: Path, new_count: int) -> int:
        """The questions for the client processes; returns how many new ones were made."""
        made = 0
        with path.open("w", encoding="utf-8") as file:
            for key, text in self.repeated():
                file.write(json.dumps([REPEATED, key, text], ensure_ascii=False) + "\n")
            for key, text in self.new(new_count):
                file.write(json.dumps([NEW, key, text], ensure_ascii=False) + "\n")
                made += 1
        return made
