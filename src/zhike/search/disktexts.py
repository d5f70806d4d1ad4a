"""The long texts of a large knowledge base, found by what they say (see :mod:`zhike.search.prose`).

tantivy brings the texts that hold most of the question, those that begin with it before the others; they
are measured by what the index keeps of each.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from functools import cached_property
from typing import Any, NamedTuple

from zhike.search.bag import decode_text
from zhike.search.prose import FLOOR, SILENT, Told, rarity, room, strength, told, unknown_weight

_MEASURED = 24
"""Texts that are measured per question."""
_ASKED_TERMS = 32
_POSTINGS = 400_000
"""As for questions (:mod:`zhike.search.snapshot`)."""
_HEAD_BOOST = 1.0
"""For a text that begins with the term, beside one that holds it anywhere at 1."""


class _Sizes(NamedTuple):
    texts: int
    mean: float
    often: float


class DiskTexts:
    """See the module. Any thread.

    Args:
        counted: in how many texts a term stands, by field and term.
        search: a query and how many are wanted → (score, address), best first.
    """

    def __init__(self, searcher: Any, schema: Any, counted: Callable[[str, str], int],
                 search: Callable[[Any, int], list[tuple[float, Any]]]) -> None:
        self._searcher = searcher
        self._schema = schema
        self._counted = counted
        self._search = search

    @cached_property
    def _sizes(self) -> _Sizes:
        import tantivy

        asked = {"length": {"stats": {"field": "length"}}, "terms": {"sum": {"field": "terms"}},
                 "again": {"sum": {"field": "again"}}}
        found = self._searcher.aggregate(tantivy.Query.all_query(), asked)
        if isinstance(found, str):
            found = json.loads(found)
        texts = int(found["length"]["count"])
        return _Sizes(texts, float(found["length"]["sum"] or 0.0) / max(texts, 1) or 1.0,
                      float(found["again"]["value"] or 0.0) / max(float(found["terms"]["value"] or 0.0), 1.0))

    def ask(self, asked: Collection[str], limit: int) -> tuple[Told, dict[int, Any]]:
        """As :meth:`zhike.search.prose.Prose.ask`, by article ids; and the documents of those texts."""
        sizes = self._sizes
        terms = set(asked)
        weights = {term: rarity(term, sizes.texts, holding, self._counted("twice", term), sizes.often)
                   for term in terms if (holding := self._counted("text", term))}
        if not weights:
            return SILENT, {}
        total = sum(weights.values()) + (len(terms) - len(weights)) * unknown_weight(sizes.texts)
        measured: list[tuple[float, int, float, Any]] = []
        for _, address in self._search(self._query(weights), _MEASURED):
            document = self._searcher.doc(address)
            text = document.get_first("prose")
            if text is None:
                continue
            length, counts, steps = decode_text(text)
            needed = room(length, sizes.mean)
            said = held = 0.0
            for term, weight in weights.items():
                count = counts.get(term)
                if count:
                    said += weight * strength(count / steps, needed)
                    held += weight
            measured.append((said, int(document.get_first("number")), held, document))
        if not measured:
            return SILENT, {}
        measured.sort(key=lambda one: (-one[0], one[1]))
        floor = measured[0][0] * FLOOR
        measured = [one for one in measured if one[0] >= floor]
        best = told([(said, number) for said, number, _, _ in measured], measured[0][2], total, sizes.texts,
                    limit)
        return best, {number: document for _, number, _, document in measured[:limit]}

    def _query(self, weights: dict[str, float]) -> Any:
        import tantivy

        query, should = tantivy.Query, tantivy.Occur.Should
        parts: list[tuple[Any, Any]] = []
        left = _POSTINGS
        for term in sorted(weights, key=weights.__getitem__, reverse=True)[:_ASKED_TERMS]:
            left -= self._counted("text", term)
            if parts and left < 0:
                break
            for field, share in (("text", 1.0), ("head", _HEAD_BOOST)):
                if field == "text" or self._counted(field, term):
                    one = query.term_query(self._schema, field, term, "basic")
                    parts.append((should, query.boost_query(query.const_score_query(one, 1.0),
                                                            weights[term] * share)))
        return query.boolean_query(parts)
