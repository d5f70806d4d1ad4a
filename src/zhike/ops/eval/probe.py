"""The engine under measurement: asked as a visitor asks, and looked into where it would not say.

This is the only file that knows the engine from inside: its ``search`` tells an answer or nothing,
while a curve needs the confidence below the threshold, and five places instead of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter_ns
from typing import NamedTuple

import msgspec

from zhike.answer.engine import Engine, answer_threshold
from zhike.answer.ports import Said, Snippet
from zhike.domain.knowledge import Article, Bot, Rule
from zhike.domain.message import Reply
from zhike.ops.bench.hist import Histogram
from zhike.search.learn.artifact import read
from zhike.search.learn.model import Model
from zhike.search.learn.trainer import run_child
from zhike.search.text import normalise, understand

PLACES = 5


class Ranked(NamedTuple):
    """Articles for one text, best first, as numbers into ``Probe.articles``; the confidence in the
    first, before any threshold."""

    documents: tuple[int, ...]
    confidence: float


class Probe:
    """One bot, loaded into an engine of its own.

    Args:
        bot: ``settings["answer_threshold"]`` decides what is said.
        articles: disabled ones are left out, as the product does.
    """

    def __init__(self, bot: Bot, articles: Sequence[Article], rules: Sequence[Rule] = ()) -> None:
        self.articles = [article for article in articles if article.enabled]
        self.threshold = answer_threshold(bot.settings)
        self.took = Histogram()
        self._bot = bot
        self._engine = Engine()
        self._engine.load_bot(bot, self.articles, rules)
        knowledge = self._engine.knowledge(bot.id)
        assert knowledge is not None  # it was just loaded
        self._knowledge = knowledge

    def learn(self, like: Model | None = None) -> Model | None:
        """Trains as the server does, in the same child process, and judges by the model from now on.

        Args:
            like: a model of more of the same knowledge, whose curve is used instead of fitting one, in
                this process: leaving out twenty times over would take an hour otherwise.

        Returns:
            None if there was too little to learn from.

        Raises:
            RuntimeError: the child failed.
        """
        lesson = self._knowledge.lesson()
        if like is not None:
            w = like.weights
            from zhike.search.learn.fit import fit

            weights = fit(msgspec.structs.replace(lesson, given=(w.blend, w.sure, w.curve)))
            model = None if weights is None else Model(weights)
            self.judge_by(model)
            return model
        with TemporaryDirectory() as folder:
            path = Path(folder) / "model"
            run_child(lesson, path, lambda: False, nice=0)
            weights = read(path, lesson.digest())
        model = None if weights is None else Model(weights)
        self.judge_by(model)
        return model

    def judge_by(self, model: Model | None) -> None:
        """Judges by a model of this very knowledge from now on."""
        self._knowledge.learn(model)

    def ask(self, text: str, lang: str = "") -> Reply | None:
        """What the knowledge says at the bot's threshold; the time of the search is recorded."""
        question = understand(text, lang)
        started = perf_counter_ns()
        reply = self._engine.search(self._bot.id, (question,))[0]
        self.took.record((perf_counter_ns() - started) // 1000)
        return reply

    def follow(self, text: str, lang: str, history: Sequence[Said]) -> Reply | None:
        """What the knowledge says to ``text`` after ``history``, as the job of a leaning question does."""
        return self._engine._bots[self._bot.id].knowledge.follow(understand(text, lang), history).reply

    def rule(self, text: str, lang: str = "") -> Reply | None:
        """What a rule says, which comes before any knowledge."""
        return self._engine.quick(self._bot.id, understand(text, lang))

    def snippets(self, text: str, lang: str = "", limit: int = PLACES) -> list[Snippet]:
        """What a model would be given for ``text``, best first."""
        question = understand(text, lang)
        found = list(self._engine.snippets(self._bot.id, question, limit))
        if not found:  # the engine has none for what it answers itself
            ranked = self.rank(text)
            for place, number in enumerate(ranked.documents[:limit]):
                article = self.articles[number]
                found.append(Snippet(article.key, article.question, article.answer,
                                     round(ranked.confidence * 0.9 ** place, 4), article.id))
        return found

    def rank(self, text: str) -> Ranked:
        """The best articles for ``text`` as one question."""
        ranked = self._knowledge.rank(normalise(text), PLACES)
        return Ranked(tuple([one.document for one in ranked]), ranked[0].confidence if ranked else 0.0)


def key_of(reply: Reply | None) -> str:
    """The article a reply comes from, "" for none. A reply that joins two articles has a key that
    is neither's: who asked one thing and got two answers was not answered right."""
    return reply.source.key if reply is not None and reply.source is not None else ""
