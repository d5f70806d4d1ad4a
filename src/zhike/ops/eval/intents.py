"""``zhike eval intents``: one article per label, the training texts as its phrasings."""

from __future__ import annotations

import random
from collections.abc import Sequence

from zhike.domain.knowledge import Article, Bot
from zhike.ops.eval.ask import Tick, ask_all
from zhike.ops.eval.folds import key_folds, phrasing_folds, without_phrasings
from zhike.ops.eval.probe import Probe
from zhike.ops.eval.result import Note, Result
from zhike.ops.eval.rows import Text
from zhike.ops.eval.score import Guess, best_threshold, keeping_threshold
from zhike.search.learn.model import RIGHT, UNKNOWN, Model
from zhike.search.text import detect_lang, normalise
from zhike.testing.kb import asks

GIVEN_UP = 0.01
"""Of what would be answered right, so much may be silenced to reject what is out of scope: one right
answer in a hundred."""
GIVEN_UP_UNTOLD = 0.002
"""The same where the training texts name nothing that is out of scope: whoever measures such data expects
answers, and what lies outside can only be guessed at."""
FIT_TEXTS = 2_000
"""Training texts, at most, that the threshold is chosen with: enough for a share within a point."""


def few(train: Sequence[Text], shots: int, seed: int) -> list[Text]:
    """At most ``shots`` texts of each label, chosen by ``seed``; all that are out of scope."""
    rng = random.Random(seed)
    by_label: dict[str | None, list[Text]] = {}
    for row in train:
        by_label.setdefault(row.label, []).append(row)
    chosen = [row for label, rows in by_label.items()
              for row in (rows if label is None else rng.sample(rows, min(shots, len(rows))))]
    return sorted(chosen, key=lambda row: row.line)


def make_articles(train: Sequence[Text]) -> list[Article]:
    """One article per label, in the order of the file; the first text is its question."""
    texts: dict[str, dict[str, str]] = {}
    for row in train:
        if row.label is not None:
            texts.setdefault(row.label, {}).setdefault(row.text, row.lang)
    articles = []
    for number, (label, found) in enumerate(texts.items(), 1):
        question, *variants = found
        articles.append(Article(id=number, bot_id=1, key=label, question=question, answer="",
                                variants=tuple(variants),
                                lang=found[question] or detect_lang(normalise(question))))
    return articles


def fit(bot: Bot, articles: Sequence[Article], train: Sequence[Text], tick: Tick,
        seed: int = 0) -> tuple[float, Note]:
    """The threshold, from training texts alone, and how it was found.

    A sample of the training texts is asked as if they had not been written. What must be rejected
    are the out-of-scope training texts; if there are none, the sample again, asked as if its
    labels had not been written.
    """
    rng = random.Random(seed)
    guesses: list[Guess] = []
    folds = phrasing_folds(articles, rng)
    share = min(1.0, FIT_TEXTS / max(1, sum(map(len, folds))))
    outside = [row.text for row in train if row.label is None]
    outside = rng.sample(outside, min(FIT_TEXTS, len(outside)))
    for fold in folds:
        probe = Probe(bot, without_phrasings(articles, fold))
        for phrasing in rng.sample(fold, round(len(fold) * share)):
            ranked = probe.rank(phrasing.text)
            guesses.append(Guess(ranked.confidence, ranked.documents[:1] == (phrasing.article,)))
            tick()
    inside = len(guesses)
    if outside:
        probe = Probe(bot, articles)
        for text in outside:
            guesses.append(Guess(probe.rank(text).confidence, False, False))
            tick()
    else:
        for keys in key_folds(articles, rng):
            probe = Probe(bot, [article for article in articles if article.key not in keys])
            texts = [text for article in articles if article.key in keys for text in asks(article)]
            for text in rng.sample(texts, round(len(texts) * share)):
                guesses.append(Guess(probe.rank(text).confidence, False, False))
                tick()
    zh, en = (f"{len(outside)} 条范围之外的训练文字", f"{len(outside)} out-of-scope training texts") \
        if outside else ("整类留出的训练文字（训练数据没有范围之外的）",
                         "texts of labels left out whole (no training text is out of scope)")
    said: Note = (f"阈值只用训练数据选定：{inside} 条训练文字留出来问；应拒绝的是{zh}。",
                  f"Threshold from training data alone: {inside} training texts, left out and asked; "
                  f"to be rejected: {en}.")
    return best_threshold(guesses), said


def choose(model: Model, told: bool) -> tuple[float, Note]:
    """The threshold, from what the model's own training left out and asked; ``told``: some of the texts
    were out of scope."""
    given_up = GIVEN_UP if told else GIVEN_UP_UNTOLD
    held = model.held_out()
    guesses = [Guess(said, kind == RIGHT, kind != UNKNOWN) for said, kind in held]
    unknown = sum(kind == UNKNOWN for _, kind in held)
    return keeping_threshold(guesses, given_up), (
        f"阈值只用训练数据选定：{len(held) - unknown} 条训练文字留出来问，"
        f"为了拒绝范围之外的，最多舍弃其中答对的 {given_up:.2%}。",
        f"Threshold from training data alone: {len(held) - unknown} training texts, left out and asked; at "
        f"most {given_up:.2%} of those answered right are given up to reject what is out of scope.")


def fit_count(train: Sequence[Text]) -> int:
    """About how often :func:`fit` will tick."""
    outside = sum(row.label is None for row in train)
    inside = min(FIT_TEXTS, len(train) - outside)
    return inside + (min(FIT_TEXTS, outside) or inside)


def evaluate(train: Sequence[Text], test: Sequence[Text], threshold: float | None, tick: Tick,
             result: Result) -> None:
    """Fits the threshold unless it is given, then asks every test text."""
    outside = [row.text for row in train if row.label is None]
    bot = Bot(id=1, key="eval", name="eval", settings={"out_of_scope": outside})
    articles = make_articles(train)
    model = Probe(bot, articles).learn()
    if threshold is None:
        threshold, note = fit(bot, articles, train, tick) if model is None else choose(model, bool(outside))
        result.notes.append(note)
    bot.settings["answer_threshold"] = threshold
    probe = Probe(bot, articles)
    probe.judge_by(model)
    result.figures |= {"articles": len(articles), "train_rows": len(train)}
    ask_all(probe, test, result, tick)
    result.close(probe.took, len(test), model is not None)
