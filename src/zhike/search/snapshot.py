"""One state of a large bot's index on disk, to be searched from any thread.

The same five steps as :class:`zhike.search.index.Index`, with the same numbers; only which articles and
texts are looked at (steps 3 and 5) is tantivy's, which lets go of the interpreter lock meanwhile. What is
needed of the articles found is read from the index.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from zhike.domain.knowledge import Article
from zhike.search.bag import (
    Bag,
    decode,
    decode_article,
    match,
    phrasings,
    row_total,
    speak,
    token,
)
from zhike.search.disktexts import DiskTexts
from zhike.search.index import (
    CODE_NAMED,
    CODE_OTHER,
    DOUBT,
    NOTHING,
    PROSE_WEIGHT,
    TEXTS,
    Found,
    Match,
)
from zhike.search.lexicon import Lexicon
from zhike.search.prose import SILENT, prose_terms
from zhike.search.shelf import Limits
from zhike.search.synonyms import Synonyms
from zhike.search.terms import prior, strip_politeness
from zhike.search.text import normalise

T = TypeVar("T")

CHECKED = 20
"""Candidates that are compared exactly."""
ASKED_TERMS = 48
"""Most terms of a question that look for candidates, the weightiest first; all are compared."""
POSTINGS = 400_000
"""… and only as many as have so many postings together (measured at 1,000,000 chunks: beyond it a
question takes twice the time and finds no more)."""
ANSWER_BOOST = 0.4
KEPT_ARTICLES = 256


class Snapshot:
    """See the module. ``version``: the bot's knowledge version it shows; ``size``: its articles; ``make``:
    what index it is of.

    Args:
        synonyms: those that the index was made with.
        broken: told when the index turns out to be damaged; the question then finds nothing.
    """

    def __init__(self, searcher: Any, schema: Any, version: int, size: int, make: str, synonyms: Synonyms,
                 broken: Callable[[BaseException], None]) -> None:
        self.version = version
        self.size = size
        self.make = make
        self._searcher = searcher
        self._schema = schema
        self._broken = broken
        self._words = Lexicon(searcher, size, synonyms)
        self._texts = DiskTexts(searcher, schema, self._words.counted, self._search)
        self._articles: OrderedDict[int, Article] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def limits(self) -> Limits:
        """Not known without reading every article: each one found is looked at."""
        return Limits(True, None)

    def find_without(self, norm: str, limit: int, number: int) -> Found:
        """Who may not see the article that says it word for word gets none."""
        return NOTHING

    # ---- what an answer needs of the articles --------------------------------------------------

    def __len__(self) -> int:
        return self.size

    def article(self, number: int) -> Article | None:
        """The article with this id, or None."""
        with self._lock:
            found = self._articles.get(number)
        return found if found is not None else self._guarded(None, self._read_one, "id", str(number))

    def by_id(self, article_id: int) -> Article | None:
        """As :meth:`article`: documents are named by their ids here."""
        return self.article(article_id)

    def twin(self, key: str, lang: str) -> Article | None:
        """The article with this key in another language, or None."""
        return self._guarded(None, self._read_one, "twin", token(key, lang))

    def _read_one(self, field: str, value: str) -> Article | None:
        found = self._search(self._term(field, value), 1)
        return self._keep(self._searcher.doc(found[0][1])) if found else None

    def _keep(self, document: Any) -> Article:
        article = decode_article(document.get_first("article"))
        with self._lock:
            self._articles[article.id] = article
            if len(self._articles) > KEPT_ARTICLES:
                self._articles.popitem(last=False)
        return article

    # ---- searching -----------------------------------------------------------------------------

    def find(self, norm: str, limit: int = 3) -> Found:
        """See :meth:`zhike.search.index.Index.find`; ``Match.document`` is the article's id."""
        return self._guarded(NOTHING, self._find, norm, limit)

    def _guarded(self, otherwise: T, fn: Callable[..., T], *args: Any) -> T:
        """Damaged files show as any error, or as a panic, which is no ``Exception``."""
        try:
            return fn(*args)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            self._broken(error)
            return otherwise

    def _find(self, norm: str, limit: int) -> Found:
        words = self._words
        text = strip_politeness(norm)
        if (whole := self._whole(text, 0)) is not None:
            return whole
        bare = words.bare(text)
        if bare != text and (whole := self._whole(bare, 0)) is not None:
            return whole
        slips = 0
        if (corrected := words.mend(bare)) != bare:
            slips = 1
            bare = words.bare(corrected)
            if (whole := self._whole(bare, slips)) is not None:
                return whole
        asked, unknown = words.weigh(bare)
        known = sum(asked.values())
        weight = known + unknown or 1.0
        codes = words.codes(bare)
        candidates = self._candidates(asked) if asked else {}
        if codes:
            candidates = self._naming(codes) | candidates
        matches = self._compare(candidates, asked, weight, limit)
        if codes:
            matches = _by_code(matches, codes)
        told = SILENT
        if not matches or matches[0].match.likeness < DOUBT:
            told, documents = self._texts.ask(prose_terms(bare), TEXTS)
            matches = self._by_text(matches, dict(told.texts), documents, asked, weight, codes)[:limit]
        if not matches:
            return NOTHING
        for one in matches:
            self._keep(one.document)
        found = [one.match for one in matches]
        return Found(found, known / weight, weight / words.rarest, False, slips, told)

    def _whole(self, text: str, slips: int) -> Found | None:
        """Found word for word, unless two articles claim it: then the comparison must decide."""
        found = self._search(self._term("exact", token(text)), 2)
        if len(found) != 1:
            return None
        document = self._searcher.doc(found[0][1])
        article = self._keep(document)
        row = next((n for n, said in enumerate(phrasings(article)) if text in self._said(said)), -1)
        if row < 0:
            return None
        words = self._words
        heft = row_total(decode(document.get_first("bag")).rows[row], words.weights) / words.rarest
        return Found([Match(article.id, row, 2.0, 1.0, 1.0, 1.0)], 1.0, heft, True, slips)

    def _said(self, phrasing: str) -> tuple[str, str]:
        plain = strip_politeness(normalise(phrasing))
        return plain, self._words.bare(plain)

    def _compare(self, candidates: dict[int, tuple[Any, Bag]], asked: dict[str, float], weight: float,
                 limit: int) -> list[_One]:
        weights = self._words.weights
        found = [(speak(bag, asked, weight), number, bag, document)
                 for number, (document, bag) in candidates.items()]
        found.sort(key=lambda one: one[0].most, reverse=True)
        matches: list[_One] = []
        bar = 0.0  # what a further candidate must be able to reach
        for said, number, bag, document in found:
            if said.most < bar:
                break
            matches.append(_One(match(number, bag, said, weight, weights), bag, document))
            if len(matches) >= limit:
                bar = sorted([one.match.score for one in matches], reverse=True)[limit - 1]
        matches.sort(key=_by_score)
        return matches[:limit]

    def _by_text(self, matches: list[_One], texts: dict[int, float], documents: dict[int, Any],
                 asked: dict[str, float], weight: float, codes: list[str]) -> list[_One]:
        """The matches together with what the long texts say, best first."""
        held = {one.match.document for one in matches}
        new = {number: (document, decode(document.get_first("bag")))
               for number, document in documents.items() if number not in held}
        others = self._compare(new, asked, weight, len(new) + 1)
        if codes:
            others = _by_code(others, codes)
        found = []
        for one in (*matches, *others):
            text = texts.get(one.match.document)
            if text is not None:
                one = one._replace(match=one.match._replace(
                    text=text, score=one.match.score + PROSE_WEIGHT * text))
            found.append(one)
        found.sort(key=_by_score)
        return found

    def _candidates(self, asked: dict[str, float]) -> dict[int, tuple[Any, Bag]]:
        """The articles that share most of the question's terms, with their bags."""
        import tantivy

        query, should = tantivy.Query, tantivy.Occur.Should
        parts: list[tuple[Any, Any]] = []
        left = POSTINGS
        for term in sorted(asked, key=asked.__getitem__, reverse=True)[:ASKED_TERMS]:
            said = self._words.counted("text", term)
            left -= self._words.count(term) + said
            if parts and left < 0:
                continue
            share = prior(term)
            parts.append((should, query.boost_query(self._term("asked", term), share)))
            if said:
                parts.append((should, query.boost_query(self._term("text", term), share * ANSWER_BOOST)))
        return self._read(query.boolean_query(parts), CHECKED)

    def _naming(self, codes: list[str]) -> dict[int, tuple[Any, Bag]]:
        """The articles that name a code are looked at, whatever else they share."""
        import tantivy

        parts = [(tantivy.Occur.Should, self._term("code", code)) for code in codes]
        return self._read(tantivy.Query.boolean_query(parts), CHECKED)

    def _read(self, query: Any, limit: int) -> dict[int, tuple[Any, Bag]]:
        """What a query finds, by article ids."""
        found = {}
        for _, address in self._search(query, limit):
            document = self._searcher.doc(address)
            found[int(document.get_first("number"))] = (document, decode(document.get_first("bag")))
        return found

    # ---- the index -----------------------------------------------------------------------------

    def _term(self, field: str, value: str) -> Any:
        import tantivy

        return tantivy.Query.term_query(self._schema, field, value, "basic")

    def _search(self, query: Any, limit: int) -> list[tuple[float, Any]]:
        found: list[tuple[float, Any]] = self._searcher.search(query, limit, count=False).hits
        return found


class _One(NamedTuple):
    match: Match
    bag: Bag
    document: Any


def _by_score(one: _One) -> tuple[float, int]:
    return -one.match.score, one.match.document


def _by_code(matches: list[_One], codes: list[str]) -> list[_One]:
    """Articles that name the code first; those about another code last, and no longer alike."""
    asked = frozenset(codes)
    ordered = []
    for one in matches:
        score = one.match.score
        if one.bag.named & asked:
            one = one._replace(match=one.match._replace(score=score + CODE_NAMED))
        elif one.bag.codes and not one.bag.codes & asked:
            one = one._replace(match=one.match._replace(
                score=score + CODE_OTHER, likeness=one.match.likeness * 0.3))
        ordered.append(one)
    ordered.sort(key=_by_score)
    return ordered
