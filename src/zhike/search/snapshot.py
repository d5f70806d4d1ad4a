"""One state of a large bot's index on disk, to be searched from any thread.

The same four steps as :class:`zhike.search.index.Index`, with the same numbers; only step 3 (which
articles share the question's rarest terms) is tantivy's, which lets go of the interpreter lock
meanwhile. What is needed of the articles found is read from the index.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from math import log
from operator import ne
from typing import Any, TypeVar

from zhike.domain.knowledge import Article
from zhike.search.bag import (
    Bag,
    Weights,
    bare,
    decode,
    decode_article,
    match,
    phrasings,
    row_total,
    speak,
    token,
)
from zhike.search.index import NOTHING, UNKNOWN_NAME, UNKNOWN_WEIGHT, Found, Match
from zhike.search.shelf import Limits
from zhike.search.slips import DiskPairs, DiskWords
from zhike.search.synonyms import GENERAL
from zhike.search.terms import POLITE_WORDS, prior, runs, stem, strip_politeness, terms

T = TypeVar("T")

CHECKED = 20
"""Candidates that are compared exactly."""
ASKED_TERMS = 48
"""Most terms of a question that look for candidates, the weightiest first; all are compared."""
POSTINGS = 400_000
"""… and only as many as have so many postings together (measured at 1,000,000 chunks: beyond it a
question takes twice the time and finds no more)."""
ANSWER_BOOST = 0.4
_CHANGES = 2
KEPT_COUNTS = 200_000
"""Counts of terms remembered per state: about 20 MB when full."""
KEPT_ARTICLES = 256


class Snapshot:
    """See the module. ``version``: the bot's knowledge version it shows; ``size``: its articles.

    Args:
        broken: told when the index turns out to be damaged; the question then finds nothing.
    """

    def __init__(self, searcher: Any, schema: Any, version: int, size: int,
                 broken: Callable[[BaseException], None]) -> None:
        self.version = version
        self.size = size
        self._searcher = searcher
        self._schema = schema
        self._broken = broken
        self._counts: dict[str, int] = {}
        self._others: dict[tuple[str, str], int] = {}
        self._weights = Weights(self._weigh, KEPT_COUNTS)
        self._rarest = log(1 + max(size, 1))
        self._unknown = self._rarest * UNKNOWN_WEIGHT
        self._words = DiskWords(self._count_word, self._starting)
        self._pairs = DiskPairs(self._count)
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
        text = GENERAL.canonical(strip_politeness(norm))
        whole = self._whole(text, 0)
        if whole is not None:
            return whole
        asked, unknown = self._weigh_all(text)
        slips = 0
        if unknown and (corrected := self._correct(text)) != text:
            slips = 1
            whole = self._whole(corrected, slips)
            if whole is not None:
                return whole
            asked, unknown = self._weigh_all(corrected)
        if not asked:
            return NOTHING
        known = sum(asked.values())
        weight = known + unknown * self._unknown
        found = [(speak(bag, asked, weight), bag, document) for document, bag in self._candidates(asked)]
        found.sort(key=lambda one: one[0].most, reverse=True)
        matches: list[tuple[Match, Any]] = []
        bar = 0.0  # what a further candidate must be able to reach
        for said, bag, document in found:
            if said.most < bar:
                break
            number = int(document.get_first("number"))
            matches.append((match(number, bag, said, weight, self._weights), document))
            if len(matches) >= limit:
                bar = sorted([pair[0].score for pair in matches], reverse=True)[limit - 1]
        matches.sort(key=lambda pair: (-pair[0].score, pair[0].document))
        for _, document in matches[:limit]:
            self._keep(document)
        return Found([one for one, _ in matches[:limit]], known / weight, weight / self._rarest,
                     False, slips)

    def _whole(self, text: str, slips: int) -> Found | None:
        """Found word for word, unless two articles claim it: then the comparison must decide."""
        found = self._search(self._term("exact", token(text)), 2)
        if len(found) != 1:
            return None
        document = self._searcher.doc(found[0][1])
        article = self._keep(document)
        row = next((n for n, said in enumerate(phrasings(article)) if bare(said) == text), -1)
        if row < 0:
            return None
        heft = row_total(decode(document.get_first("bag")).rows[row], self._weights) / self._rarest
        return Found([Match(article.id, row, 2.0, 1.0, 1.0, 1.0)], 1.0, heft, True, slips)

    def _weigh_all(self, text: str) -> tuple[dict[str, float], float]:
        """The question's known terms with their weights; how many are not known."""
        asked: dict[str, float] = {}
        unknown = 0.0
        for term in terms(text):
            if self._count(term):
                asked[term] = self._weights[term]
            elif text.isascii() or not term.isascii():
                unknown += prior(term)
            else:
                unknown += UNKNOWN_NAME
        return asked, unknown

    def _correct(self, text: str) -> str:
        """See ``Index._correct``."""
        corrected = text
        changes = 0
        for run in runs(text):
            if not run.isascii():
                meant = self._pairs.correct(run, self)
                changes += sum(map(ne, run, meant)) if len(run) == len(meant) else 1
            elif self._count(stem(run)) or run in POLITE_WORDS or not (words := self._words.correct(run)):
                continue
            else:
                changes += 2
                meant = words[0]
                for word in words[1:]:  # the one that makes a whole phrasing, if there is one
                    if self._counted("exact", token(strip_politeness(corrected.replace(run, word)))):
                        meant = word
            corrected = corrected.replace(run, meant)
        return strip_politeness(corrected) if changes <= _CHANGES + len(text) // 16 else text

    def __contains__(self, term: object) -> bool:
        """True if any phrasing holds the term."""
        return self._count(str(term)) > 0

    def _candidates(self, asked: dict[str, float]) -> list[tuple[Any, Bag]]:
        """The articles that share most of the question's terms, with their bags."""
        import tantivy

        query, should = tantivy.Query, tantivy.Occur.Should
        parts: list[tuple[Any, Any]] = []
        left = POSTINGS
        for term in sorted(asked, key=asked.__getitem__, reverse=True)[:ASKED_TERMS]:
            said = self._counted("answer", term)
            left -= self._count(term) + said
            if parts and left < 0:
                continue
            share = prior(term)
            parts.append((should, query.boost_query(self._term("asked", term), share)))
            if said:
                parts.append((should, query.boost_query(self._term("answer", term), share * ANSWER_BOOST)))
        found = self._search(query.boolean_query(parts), CHECKED)
        documents = [self._searcher.doc(address) for _, address in found]
        return [(document, decode(document.get_first("bag"))) for document in documents]

    # ---- the dictionary ------------------------------------------------------------------------

    def _term(self, field: str, value: str) -> Any:
        import tantivy

        return tantivy.Query.term_query(self._schema, field, value, "basic")

    def _search(self, query: Any, limit: int) -> list[tuple[float, Any]]:
        found: list[tuple[float, Any]] = self._searcher.search(query, limit, count=False).hits
        return found

    def _counted(self, field: str, value: str) -> int:
        key = (field, value)
        found = self._others.get(key)
        if found is None:
            if len(self._others) >= KEPT_COUNTS:
                self._others = {}
            found = self._others[key] = int(self._searcher.doc_freq(field, value))
        return found

    def _count(self, term: str) -> int:
        found = self._counts.get(term)
        if found is None:
            if len(self._counts) >= KEPT_COUNTS:
                self._counts = {}
            found = self._counts[term] = int(self._searcher.doc_freq("asked", term))
        return found

    def _count_word(self, word: str) -> int:
        return self._counted("word", word)

    def _starting(self, head: str, most: int) -> list[str]:
        return [word for word, _ in self._searcher.terms_with_prefix("word", head, None, most)]

    def _weigh(self, term: str) -> float:
        """Inverse document frequency, by article, times what the term says by itself."""
        return log(1 + max(self.size, 1) / max(self._count(term), 1)) * prior(term)
