"""``zhike eval kb``: the desk's own knowledge, asked in words it has not been told.

Three ways, because each answers another question of the owner:

- every phrasing asked of a bot that was not told it: does the bot understand new words for what it knows?
- every phrasing asked of a bot without its article: is the bot silent about what it does not know?
- every phrasing as a hurried visitor types it, nothing left out: does it find what it was told?
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from zhike.domain.knowledge import Article, Bot, Rule
from zhike.ops.eval.ask import Tick
from zhike.ops.eval.folds import key_folds, phrasing_folds, without_phrasings
from zhike.ops.eval.probe import Probe, key_of
from zhike.ops.eval.result import Mistake, Result
from zhike.ops.eval.score import Guess, auroc
from zhike.search.learn.model import Model
from zhike.testing.kb import asks, perturb


def evaluate(bot: Bot, articles: Sequence[Article], rules: Sequence[Rule], threshold: float | None,
             tick: Tick, result: Result, seed: int = 0) -> None:
    """Fills ``result``; ``threshold`` None: the bot's own. Ticks three times per phrasing, about."""
    if threshold is not None:
        bot.settings["answer_threshold"] = threshold
    probe = Probe(bot, articles, rules)
    model = probe.learn()
    result.figures |= {"bot": bot.key, "articles": len(probe.articles), "threshold": probe.threshold}
    rng = random.Random(seed)
    held = _held_out(bot, probe.articles, model, rng, tick, result)
    gone, silent = _left_out(bot, probe.articles, model, rng, tick)
    if gone:
        result.figures["oos_recall"] = silent / len(gone)
    if held and gone:
        result.figures["oos_auroc"] = auroc([guess.confidence for guess in held],
                                            [guess.confidence for guess in gone])
    typed = _Typed(probe, rng)
    for article in probe.articles:
        for text in asks(article):
            typed.ask(article, text)
            tick()
    result.figures |= typed.figures()
    result.judge(held)
    result.close(probe.took, typed.rows, model is not None)


def _held_out(bot: Bot, articles: Sequence[Article], model: Model | None, rng: random.Random, tick: Tick,
              result: Result) -> list[Guess]:
    """Asks every phrasing of a bot that was not told it."""
    held: list[Guess] = []
    mistakes: list[Mistake] = []
    top5 = right = wrong = 0
    for fold in phrasing_folds(articles, rng):
        probe = Probe(bot, without_phrasings(articles, fold))
        if model is not None:
            probe.learn(like=model)
        for phrasing in fold:
            meant = articles[phrasing.article]
            said = key_of(probe.ask(phrasing.text, meant.lang))
            ranked = probe.rank(phrasing.text)
            keys = [articles[number].key for number in ranked.documents]
            held.append(Guess(ranked.confidence, keys[:1] == [meant.key]))
            top5 += meant.key in keys
            right += said == meant.key
            aloud = bool(said) and said != meant.key
            wrong += aloud
            if keys and keys[0] != meant.key:
                found = articles[ranked.documents[0]]
                mistakes.append(Mistake(title(meant), title(found), phrasing.text, ranked.confidence, aloud))
            tick()
    if rows := len(held):
        result.figures |= {"top1": sum(guess.right for guess in held) / rows, "top5": top5 / rows,
                           "right": right / rows, "wrong": wrong / rows,
                           "silent": 1 - (right + wrong) / rows}
    result.confuse(mistakes)
    if alone := sum(not article.variants for article in articles):
        result.notes.append((
            f"{alone} 个条目只有一个问法，没法留出来测；给它们加上别的问法。",
            f"{alone} articles have a single phrasing, which cannot be left out; give them variants."))
    return held


def _left_out(bot: Bot, articles: Sequence[Article], model: Model | None, rng: random.Random,
              tick: Tick) -> tuple[list[Guess], int]:
    """Asks for articles of a bot that has none of them; how often it was silent, as it should."""
    gone: list[Guess] = []
    silent = 0
    for keys in key_folds(articles, rng):
        probe = Probe(bot, [article for article in articles if article.key not in keys])
        if model is not None:
            probe.learn(like=model)
        for article in articles:
            for text in asks(article) if article.key in keys else ():
                silent += probe.ask(text, article.lang) is None
                gone.append(Guess(probe.rank(text).confidence, False, False))
                tick()
    return gone, silent


class _Typed:
    """Phrasings typed in a hurry and asked of the whole ladder: rules, then knowledge."""

    def __init__(self, probe: Probe, rng: random.Random) -> None:
        self.probe, self.rng = probe, rng
        self.rows = self.right = self.wrong = self.rule = 0

    def ask(self, article: Article, text: str) -> None:
        """One perturbed text."""
        self.rows += 1
        hurried = perturb(text, self.rng)
        if self.probe.rule(hurried, article.lang) is not None:
            self.rule += 1
            return
        said = key_of(self.probe.ask(hurried, article.lang))
        self.right += said == article.key
        self.wrong += bool(said) and said != article.key

    def figures(self) -> dict[str, float]:
        """Shares of all texts; they add up to 1."""
        rows = self.rows
        silent = rows - self.right - self.wrong - self.rule
        return {"perturbed_right": self.right / rows, "perturbed_wrong": self.wrong / rows,
                "perturbed_silent": silent / rows, "perturbed_by_rule": self.rule / rows}


def title(article: Article) -> str:
    """An article as its owner knows it."""
    return f"{article.question} [{article.key}]"
