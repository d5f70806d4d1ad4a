"""Knowledge: the articles' own words, when it is sure enough which article is meant.

Better silent than wrong: below the bot's threshold there is no answer, only near misses (for "did
you mean"). A message with two questions gets both answers in one reply; if one of them is not
known the reply says so.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from time import perf_counter_ns
from typing import NamedTuple

from msgspec.structs import replace

from zhike.answer.carried import Spoken, fuse
from zhike.answer.confidence import (
    DEFAULT_THRESHOLD,
    EXACT,
    SLIP_FACTOR,
    SUGGEST_FLOOR,
    Ranked,
    weigh,
)
from zhike.answer.ports import Said, Snippet
from zhike.answer.words import HUMAN_BUTTON, UNSURE_PART
from zhike.clock import NowMs, now_ms
from zhike.domain.knowledge import Article
from zhike.domain.message import Button, Reply, Source, TraceStep
from zhike.search.followup import carry, leans
from zhike.search.index import NOTHING, Found
from zhike.search.learn.artifact import Lesson
from zhike.search.learn.model import Model
from zhike.search.shelf import MemoryShelf, Shelf
from zhike.search.split import Clause, clauses
from zhike.search.text import Question

MAX_NEAR_MISSES = 3
_WORD_FOR_WORD = 0.969
"""The confidence of what was asked word for word, slips put right (rounded as in a source)."""
_SIFTED = 16
"""Articles looked at where some may not be seen by whoever asks."""
_UNKNOWN_TURN_MS = 60_000
"""How long an answer may be kept where nobody knows when the next article begins or ends to be valid."""
_CARRIED = 12
"""Articles looked at per text that carries a topic."""
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
        synonyms: the shop's own groups of words.
        inbox_key: inbox id → key; asked only if some articles are for some inboxes.
        now: ms since 1970 UTC; asked only if some articles begin or end to be valid.
    """

    def __init__(self, articles: Sequence[Article] | Shelf, threshold: float = DEFAULT_THRESHOLD,
                 generation: int = 0, outside: Sequence[str] = (), *,
                 synonyms: Sequence[Sequence[str]] = (),
                 inbox_key: Callable[[int], str] = lambda _: "", now: NowMs = now_ms) -> None:
        self.shelf: Shelf = MemoryShelf(articles, synonyms) if isinstance(articles, Sequence) else articles
        self._threshold = threshold
        self.generation = generation
        self._outside = tuple(outside)
        self._inbox_key = inbox_key
        self._now = now
        self.learned: Model | None = None
        self.digest = b""

    def __len__(self) -> int:
        return len(self.shelf)

    def rank(self, norm: str, limit: int) -> list[Ranked]:
        """The best articles for a normalised question, as numbers on the shelf, best first, whoever asks."""
        return weigh(self.shelf.find, self.learned, norm, limit)

    def _rank(self, norm: str, question: Question, limit: int) -> list[Ranked]:
        """As :meth:`rank`, without what this visitor may not see."""
        if not self.shelf.limits.some:
            return weigh(self.shelf.find, self.learned, norm, limit)
        ranked = weigh(lambda text, most: self._sift(text, question, most), self.learned, norm,
                       max(limit, _SIFTED))
        return [one for one in ranked if not self._unseen(one.document, question)][:limit]

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

    def audience(self, inbox_id: int) -> str:
        """Who sees the same articles now: "" if everybody does. Part of the key of cached answers."""
        limits = self.shelf.limits
        if not limits.some:
            return ""
        now = self._now()
        passed = now // _UNKNOWN_TURN_MS if limits.turns_ms is None else bisect_right(limits.turns_ms, now)
        return f"{passed}:{self._inbox_key(inbox_id)}"

    def answer(self, question: Question) -> Outcome:
        """Search for ``question``; tens of microseconds.

        An answer to a question that leans on what was said before ("那运费呢？") is marked ``leans`` and not
        sure, unless a phrasing says just that: :meth:`follow` may know better.
        """
        started = perf_counter_ns()
        parts = clauses(question.text)
        if not parts:
            hits = self._find(question.norm, question)
            outcome = self._whole(question, hits, started)
        else:
            outcome = self._parts(question, parts, started)
        reply = outcome.reply
        if reply is not None and reply.source is not None and reply.source.score < _WORD_FOR_WORD \
                and leans(question.norm):
            return outcome._replace(reply=replace(reply, leans=True, sure=False, cacheable=False))
        return outcome

    def follow(self, question: Question, history: Sequence[Said]) -> Outcome:
        """Search for a leaning ``question`` with the topic carried over.

        The topic is the article of the bot's last answer from the knowledge; without one, or if the
        question alone is surer, this is :meth:`answer`. The trace says what was carried.
        """
        started = perf_counter_ns()
        topic = next((article for said in reversed(history) if said.topic
                      if (article := self._topic(said.topic, question)) is not None), None)
        alone = self.answer(question)
        if topic is None or (alone.reply is not None and (
                not alone.reply.leans
                or (alone.reply.source is not None and alone.reply.source.score >= _ALONE))):
            return alone
        asked = [said.text for said in history if said.role == "visitor"]
        texts = [text for text in carry(question.norm, topic.question, asked) if text]
        seen: dict[str, Article] = {}
        spoken = [self._spoken(text, question, seen) for text in texts]
        ranked = fuse(spoken, topic.key, {key: article.category for key, article in seen.items()})
        step = TraceStep(step="followup", outcome="hit", detail=f"{topic.key} + {texts[0]}",
                         took_us=_since(started))
        hits = [_Hit(seen[key], score, seen[key].question) for key, score in ranked[:MAX_NEAR_MISSES]]
        if not hits or hits[0].score < self._threshold:
            if alone.reply is not None:
                return alone
            missed = self._miss(question, hits, started)
            return missed._replace(steps=(replace(step, outcome="low"), *missed.steps))
        reply = self._reply(hits[:1], [], question, started)
        return Outcome(replace(reply, trace=(step, *reply.trace), leans=True, cacheable=False), (), ())

    def _spoken(self, text: str, question: Question, seen: dict[str, Article]) -> Spoken:
        """What the articles say to one text, by their keys; ``seen`` gets the articles."""
        found = self._sift(text, question, _CARRIED)
        scores: dict[str, float] = {}
        for match in found.matches:
            article = self.shelf.article(match.document)
            if article is not None:
                seen.setdefault(article.key, self._in_language(article, question))
                scores[article.key] = max(scores.get(article.key, 0.0), match.score)
        return Spoken(found.heft, scores)

    def snippets(self, question: Question, limit: int = 4) -> tuple[Snippet, ...]:
        """What a model may rest on, best first, also below the threshold; nothing that the one who
        asks may not see."""
        snippets: dict[int, Snippet] = {}
        for document, _, score in self._rank(question.norm, question, max(2, limit))[:limit]:
            article = self.shelf.article(document)
            if article is None:
                break
            article = self._in_language(article, question)
            snippets.setdefault(article.id, Snippet(article.key, article.question, article.answer.strip(),
                                                    round(score, 3), article.id))
        return tuple(snippets.values())

    def _topic(self, key: str, question: Question) -> Article | None:
        """The article of an earlier answer, in the language of the question if it is there."""
        key = key.split("+", 1)[0]
        return next((article for lang in (question.lang, "zh", "en")
                     if (article := self.shelf.twin(key, lang)) is not None), None)

    def _in_language(self, article: Article, question: Question) -> Article:
        """The article, or its translation if that is what the visitor reads and may see."""
        if article.lang == question.lang:
            return article
        other = self.shelf.twin(article.key, question.lang)
        return article if other is None or self._hidden(other, question) else other

    def _hidden(self, article: Article, question: Question) -> bool:
        """True if whoever asks may not see ``article`` here and now."""
        if article.inboxes and self._inbox_key(question.inbox_id) not in article.inboxes:
            return True
        if article.valid_from is None and article.valid_until is None:
            return False
        now = self._now()
        return (article.valid_from is not None and now < article.valid_from) \
            or (article.valid_until is not None and now >= article.valid_until)

    def _sift(self, norm: str, question: Question, limit: int) -> Found:
        """What the index finds, without the articles that may not be seen."""
        if not self.shelf.limits.some:
            return self.shelf.find(norm, limit)
        found = self.shelf.find(norm, max(limit, _SIFTED))
        if found.exact and self._unseen(found.matches[0].document, question):
            found = self.shelf.find_without(norm, max(limit, _SIFTED), found.matches[0].document)
        seen = [match for match in found.matches if not self._unseen(match.document, question)]
        return found._replace(matches=seen[:limit]) if seen else NOTHING

    def _unseen(self, document: int, question: Question) -> bool:
        article = self.shelf.article(document)
        return article is None or self._hidden(article, question)

    def _find(self, norm: str, question: Question) -> list[_Hit]:
        """The best articles in the visitor's language where there is one; the first with its
        confidence, the others with what is left of it."""
        hits: list[_Hit] = []
        for document, row, sure in self._rank(norm, question, MAX_NEAR_MISSES):
            article = self.shelf.article(document)
            if article is None:  # its file is damaged; the index is being made anew
                break
            phrasing = (article.question, *article.variants)[row]
            hits.append(_Hit(self._in_language(article, question), sure, phrasing))
        return hits

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
        whole = self._find(question.norm, question)
        if len(parts) == 1:  # the rest was politeness
            alone = self._find(parts[0].norm, question)
            return self._whole(question, max(whole, alone, key=_top), started)
        found = [[] if part.leans else self._find(part.norm, question) for part in parts]
        enough = max(self._threshold, _PART)
        known = [hits[0] for hits in found if _top(hits) >= enough]
        unknown = [part for part, hits in zip(parts, found, strict=True)
                   if _top(hits) < enough and not part.leans]
        asked = [part for part in unknown if part.asks]
        told = [part for part in unknown if not part.asks]
        ids = {hit.article.id for hit in known}
        surer = len(ids) > 1 and _top(whole) >= min([hit.score for hit in known])
        if _top(whole) >= self._threshold and (len(ids) < 2 or asked or surer) \
                and not (asked and whole[0].article.id in ids and whole[0].score < EXACT * SLIP_FACTOR):
            return self._whole(question, whole, started)
        if not known or (told and max(hit.score for hit in known) < _ALONE):
            return self._whole(question, whole or max(found, key=_top), started)
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
