"""Where one bot's articles lie and are found: in memory for small bots, on disk for large ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from zhike.domain.knowledge import Article
from zhike.search.index import Document, Found, Index

PHRASING_BYTES = 560
CHAR_BYTES = 13
"""What an article costs in memory …"""


def estimate_bytes(articles: Sequence[Article]) -> int:
    """What an index over them takes, from their texts: 0.9 to 1.2 times what was measured on generated
    shops of 10 to 10,000 articles. Small ones cost more each, for they share fewer words."""
    each = sum(PHRASING_BYTES * (1 + len(a.variants))
               + CHAR_BYTES * (len(a.answer) + sum(map(len, a.variants))) for a in articles)
    return int(each * (0.9 + 1.6 / (1 + len(articles) / 200)))


class Limits(NamedTuple):
    """``some``: some articles are for some inboxes, or for some time, only. ``turns_ms``: when articles begin
    or end to be valid (ms since 1970 UTC, ascending); None = not known."""

    some: bool
    turns_ms: tuple[int, ...] | None


def limits_of(articles: Iterable[Article]) -> Limits:
    """The limits of ``articles`` together."""
    some = False
    turns: set[int] = set()
    for article in articles:
        some = some or bool(article.inboxes)
        turns.update(at for at in (article.valid_from, article.valid_until) if at is not None)
    return Limits(some or bool(turns), tuple(sorted(turns)))


def synonyms_of(settings: Mapping[str, Any]) -> Sequence[Sequence[str]]:
    """``synonyms`` of a bot's settings; () where there are none."""
    value = settings.get("synonyms")
    return value if isinstance(value, list) else ()


class Shelf(Protocol):
    """Articles that can be searched; immutable, used from any thread."""

    @property
    def limits(self) -> Limits:
        """Who may see what."""

    def __len__(self) -> int:
        """How many articles there are."""

    def find(self, norm: str, limit: int = 3) -> Found:
        """The articles for a normalised question, best first (see :class:`zhike.search.index.Index`)."""

    def find_without(self, norm: str, limit: int, number: int) -> Found:
        """As :meth:`find`, as if the article of this ``Match.document`` were not there."""

    def article(self, number: int) -> Article | None:
        """The article of a ``Match.document``; None if it cannot be read (a damaged disk)."""

    def by_id(self, article_id: int) -> Article | None:
        """The article with that id, None if it is gone or disabled."""

    def twin(self, key: str, lang: str) -> Article | None:
        """The article of that key in another language."""


class MemoryShelf:
    """A small bot's enabled articles. ``bytes_estimate``: what it takes, near enough to bound many."""

    def __init__(self, articles: Sequence[Article], synonyms: Sequence[Sequence[str]] = ()) -> None:
        self.articles = [a for a in articles if a.enabled]
        self.documents = tuple([Document((a.question, *a.variants), a.answer) for a in self.articles])
        self.index = Index(self.documents, synonyms)
        self.limits = limits_of(self.articles)
        self._by_id = {a.id: a for a in self.articles}
        self._by_key = {(a.key, a.lang): a for a in self.articles if a.key}
        self.bytes_estimate = estimate_bytes(self.articles)

    def __len__(self) -> int:
        return len(self.articles)

    def find(self, norm: str, limit: int = 3) -> Found:
        """See :class:`Shelf`."""
        return self.index.find(norm, limit)

    def find_without(self, norm: str, limit: int, number: int) -> Found:
        """See :class:`Shelf`."""
        return self.index.find(norm, limit, (number, -1))

    def article(self, number: int) -> Article | None:
        """See :class:`Shelf`."""
        return self.articles[number]

    def by_id(self, article_id: int) -> Article | None:
        """See :class:`Shelf`."""
        return self._by_id.get(article_id)

    def twin(self, key: str, lang: str) -> Article | None:
        """See :class:`Shelf`."""
        return self._by_key.get((key, lang))
