"""Knowledge: the articles' own words, when it is sure enough which article is meant.

Better silent than wrong: below the bot's threshold there is no answer, only near misses (for "did
you mean"). A message with two questions gets both answers in one reply; if one of them is not
known the reply says so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from time import perf_counter_ns
from typing import NamedTuple

from zhike.answer.confidence import DEFAULT_THRESHOLD, EXACT, SLIP_FACTOR, SUGGEST_FLOOR, Ranked, weigh
from zhike.answer.ports import Said, Snippet
from zhike.answer.words import HUMAN_BUTTON, UNSURE_PART
from zhike.domain.knowledge import Article
from zhike.domain.message import Button, Reply, Source, TraceStep
from zhike.search.learn.artifact import Lesson
from zhike.search.learn.model import Model
from zhike.search.shelf import MemoryShelf, Shelf
from zhike.search.split import Clause, clauses
from zhike.search.text import Question

MAX_NEAR_MISSES = 3
_ALONE = 0.9
"""A question beside a sentence nobody understood ("我在澳洲。几天到？") is answered on its own only
from this confidence: the rest may change what is asked."""


_PART = DEFAULT_THRESHOLD
"""A part of a message is answered on its own from this confidence at least: where a bot's threshold is
lower, two halves of one question would otherwise bring two answers."""


class Answered(Reply, frozen=True, omit_defaults=True, dict=True):
    """A reply of one :class:`Knowledge`; only that knowledge's cache may keep it."""

    generation: int = 0


class Outcome(NamedTuple):
    """What the knowledge says to a question: a reply, or the near misses, best first."""

    reply: Answered | None
    near: tuple[Article, ...]
    steps: tuple[TraceStep, ...]


class _Hit(NamedTuple):
    article: Article
    score: float
    phrasing: str


class Knowledge:
    """One bot's enabled articles, indexed; immutable but for a model that comes later. Any thread.

    Args:
        articles: of both languages; an article and its translation share their ``key``. Or the shelf on
            which they lie already.
        threshold: answers are given from this confidence (0..1) on.
        generation: stamped on every reply.
        outside: questions that none of the articles answers; only a learned model makes use of them.
    """

    def __init__(self, articles: Sequence[Article] | Shelf, threshold: float = DEFAULT_THRESHOLD,
                 generation: int = 0, outside: Sequence[str] = ()) -> None:
        self.shelf: Shelf = MemoryShelf(articles) if isinstance(articles, Sequence) else articles
        self._threshold = threshold
        self.generation = generation
        self._outside = tuple(outside)
        self.learned: Model | None = None
        self.digest = b""

    def __len__(self) -> int:
        return len(self.shelf)

    def rank(self, norm: str, limit: int) -> list[Ranked]:
        """The best articles for a normalised question, as numbers on the shelf, best first."""
        return weigh(self.shelf.find, self.learned, norm, limit)

    @property
    def teachable(self) -> bool:
        """Whether a model of it can be learned at all: what lies on disk is too much for that."""
        return isinstance(self.shelf, MemoryShelf) and len(self.shelf) > 1

    def lesson(self) -> Lesson:
        """What a model of this knowledge is trained on; its digest stays known as ``digest``. Some
        milliseconds: not for the event loop."""
        assert isinstance(self.shelf, MemoryShelf)
        articles = self.shelf.articles
        lesson = Lesson(self.shelf.documents, tuple([_words_of(a.key) for a in articles]), self._outside)
        self.digest = lesson.digest()
        return lesson

    def learn(self, model: Model | None) -> None:
        """From now on judges by ``model``, trained on this knowledge's :meth:`lesson`. Any thread.

        Raises:
            ValueError: it was trained on other articles.
        """
        if model is not None and model.documents != len(self.shelf):
            raise ValueError("a model of other articles")
        self.learned = model

    def take_over(self, other: Knowledge) -> bool:
        """Takes the model of knowledge that says the same; True if it did, and had one."""
        mine, theirs = self.shelf, other.shelf
        if other.learned is None or not isinstance(mine, MemoryShelf) or not isinstance(theirs, MemoryShelf) \
                or mine.documents != theirs.documents or self._outside != other._outside:
            return False
        self.learned, self.digest = other.learned, other.digest
        return True

    def answer(self, question: Question) -> Outcome:
        """Search for ``question``; tens of microseconds."""
        started = perf_counter_ns()
        parts = clauses(question.text)
        if not parts:
            hits = self._find(question.norm, question.lang)
            return self._whole(question, hits, started)
        return self._parts(question, parts, started)

    def _find(self, norm: str, lang: str) -> list[_Hit]:
        """The best articles in the visitor's language where there is one; the first with its
        confidence, the others with what is left of it."""
        hits: list[_Hit] = []
        for document, row, sure in self.rank(norm, MAX_NEAR_MISSES):
            article = self.shelf.article(document)
            if article is None:  # its file is damaged; the index is being made anew
                break
            phrasing = (article.question, *article.variants)[row]
            if article.lang != lang:
                article = self.shelf.twin(article.key, lang) or article
            hits.append(_Hit(article, sure, phrasing))
        return hits

    def follow(self, question: Question, history: Sequence[Said]) -> Outcome:
        """PLACEHOLDER until the follow-up search lands."""
        return self.answer(question)

    def snippets(self, question: Question, limit: int = 4) -> tuple[Snippet, ...]:
        """PLACEHOLDER until it lands."""
        near = self.answer(question).near[:limit]
        return tuple(Snippet(a.key, a.question, a.answer, 0.5, a.id) for a in near)

    def _whole(self, question: Question, hits: list[_Hit], started: int) -> Outcome:
        if hits and hits[0].score >= self._threshold:
            return Outcome(self._reply([hits[0]], [], question, started), (), ())
        return self._miss(question, hits, started)

    def _miss(self, question: Question, hits: list[_Hit], started: int) -> Outcome:
        best = hits[0] if hits else None
        step = TraceStep(step="knowledge", outcome="low" if best else "miss",
                         detail=f"{best.article.key}: {best.phrasing}" if best else "",
                         score=round(best.score, 3) if best else 0.0, took_us=_since(started))
        near: dict[int, Article] = {}
        for hit in hits:
            if hit.score >= SUGGEST_FLOOR and hit.article.lang == question.lang:
                near.setdefault(hit.article.id, hit.article)
        return Outcome(None, tuple(near.values()), (step,))

    def _parts(self, question: Question, parts: list[Clause], started: int) -> Outcome:
        """Each clause by itself, and the message as a whole; the surer reading wins."""
        whole = self._find(question.norm, question.lang)
        if len(parts) == 1:  # the rest was politeness
            alone = self._find(parts[0].norm, question.lang)
            return self._whole(question, max(whole, alone, key=_top), started)
        found = [[] if part.leans else self._find(part.norm, question.lang) for part in parts]
        enough = max(self._threshold, _PART)
        known = [hits[0] for hits in found if _top(hits) >= enough]
        unknown = [part for part, hits in zip(parts, found, strict=True)
                   if _top(hits) < enough and not part.leans]
        asked = [part for part in unknown if part.asks]
        told = [part for part in unknown if not part.asks]
        ids = {hit.article.id for hit in known}
        if _top(whole) >= self._threshold and (len(ids) < 2 or asked) \
                and not (asked and whole[0].article.id in ids and whole[0].score < EXACT * SLIP_FACTOR):
            return self._whole(question, whole, started)
        if not known or (told and max(hit.score for hit in known) < _ALONE):
            return self._miss(question, whole or max(found, key=_top), started)
        return Outcome(self._reply(known, asked, question, started), (), ())

    def _reply(self, hits: list[_Hit], unsure: list[Clause], question: Question, started: int) -> Answered:
        """One reply with the answers of all ``hits``, saying which part was not understood."""
        articles = list({hit.article.id: hit.article for hit in hits}.values())
        first = articles[0]
        text = "\n\n".join([a.answer.strip() for a in articles])
        buttons: tuple[Button, ...] = first.buttons
        if len(articles) > 1:
            buttons = tuple(dict.fromkeys(button for a in articles for button in a.buttons))
        if unsure:
            said = "、".join([part.text for part in unsure]) if question.lang == "zh" else \
                ", ".join([part.text for part in unsure])
            text += "\n\n" + UNSURE_PART[question.lang].format(said)
            buttons = tuple(dict.fromkeys((*buttons, HUMAN_BUTTON[question.lang])))
        score = round(min([hit.score for hit in hits]), 3)
        took_us = _since(started)
        steps = [TraceStep(step="knowledge", outcome="hit", detail=f"{hit.article.key}: {hit.phrasing}",
                           score=round(hit.score, 3), took_us=took_us if hit is hits[0] else 0)
                 for hit in hits]
        steps += [TraceStep(step="knowledge", outcome="low", detail=part.text) for part in unsure]
        return Answered(
            text=text, buttons=buttons, trace=tuple(steps), sure=not unsure, cacheable=True,
            source=Source(kind="article", id=first.id, key="+".join([a.key for a in articles]),
                          title=" · ".join([a.question for a in articles]), score=score),
            generation=self.generation)


_in_words = re.compile(r"[^\W\d_]{2,}").findall


def _words_of(key: str) -> str:
    """What a key says: card_arrival → card arrival. "" for codes and numbers ("kb-0193")."""
    words = _in_words(key)
    return " ".join(words) if sum(map(len, words)) * 2 > len(key) else ""


def _top(hits: list[_Hit]) -> float:
    return hits[0].score if hits else 0.0


def _since(started_ns: int) -> int:
    """Whole microseconds, at least 1: 0 would read as "not measured"."""
    return max(1, (perf_counter_ns() - started_ns) // 1000)
