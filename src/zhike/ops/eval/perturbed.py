"""Recall under five perturbations: does a visitor's way of writing hide an article?"""

from __future__ import annotations

import random
from collections import defaultdict

from zhike.domain.knowledge import Article
from zhike.ops.eval.ask import Tick
from zhike.ops.eval.probe import Probe
from zhike.ops.eval.result import Result
from zhike.testing.kb import asks
from zhike.testing.perturb import WAYS, Groups

MAX_TEXTS = 2_000
"""Phrasings asked per way, at most: enough for a share within a point."""


def evaluate(probe: Probe, groups: Groups, tick: Tick, result: Result, seed: int = 0) -> None:
    """Fills ``recall1_clean recall1_<way>`` and, of the texts a way really changed, their share.

    ``recall1``: the article (or its translation) is first, whatever the confidence. Texts that a way
    leaves as they are (no synonym in it) are not counted for that way. ``recall1_clean_<way>``: the same
    texts, unperturbed.
    """
    rng = random.Random(seed)
    texts = [(article, text) for article in probe.articles for text in asks(article)]
    if len(texts) > MAX_TEXTS:
        texts = rng.sample(texts, MAX_TEXTS)
    right: defaultdict[str, int] = defaultdict(int)
    clean: defaultdict[str, int] = defaultdict(int)
    asked: defaultdict[str, int] = defaultdict(int)
    for article, text in texts:
        known = _first(probe, article, text)
        right["clean"] += known
        for way, change in WAYS.items():
            other = change(text, rng, groups)
            if other == text:
                continue
            asked[way] += 1
            clean[way] += known
            right[way] += _first(probe, article, other)
        tick()
    figures = result.figures
    figures["recall1_clean"] = right["clean"] / len(texts)
    for way in WAYS:
        if asked[way]:
            figures[f"recall1_{way}"] = right[way] / asked[way]
    figures["recall1_lost"] = max((clean[way] - right[way]) / asked[way] for way in WAYS if asked[way])
    figures["perturbed_rows"] = sum(asked.values())


def _first(probe: Probe, article: Article, text: str) -> bool:
    """A question word for word in two articles is right with either."""
    ranked = probe.rank(text)
    return bool(ranked.documents) and probe.articles[ranked.documents[0]].key == article.key
