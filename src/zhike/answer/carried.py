"""Which article does a follow-up ask for? What it says alone and what it says with the topic, as one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import exp
from typing import NamedTuple

_ALONE, _TOGETHER = 1.0, 0.6
"""What the follow-up says alone, beside what it says with the topic: the topic is the longer text, and
would win every time."""
_FULL_HEFT = 1.2
"""A follow-up of less content ("多久呢") says less by itself (heft: terms as rare as can be)."""
_MOST_ALONE = 1.6
"""Saying a phrasing word for word counts no more than this: 运费 is one, and after 退货 means another."""
_SAME_TOPIC = -0.6
"""The article talked about is like itself: that says nothing."""
_SAME_CATEGORY = 0.15
_BIAS, _BEST, _LEAD = -2.6, 2.2, 4.0
"""Confidence: a logistic curve over the best article's score and its lead over the next."""
_AGREED, _BOTH = 0.7, 0.8
"""More if the article says so much to the follow-up alone as well as with the topic."""


class Spoken(NamedTuple):
    """What the articles (by key) say to one text: ``heft`` of the text, and their scores."""

    heft: float
    scores: dict[str, float]


def fuse(found: Sequence[Spoken], topic: str, categories: Mapping[str, str]) -> list[tuple[str, float]]:
    """(key, confidence 0..1), best first.

    Args:
        found: for the follow-up alone, then for it with the topic (and with the last question).
        topic: the key of the article that was talked about.
        categories: of every article found.
    """
    scores: defaultdict[str, float] = defaultdict(float)
    alone, *together = found
    weight = _ALONE * min(1.0, alone.heft / _FULL_HEFT)
    for key, score in alone.scores.items():
        scores[key] += weight * min(score, _MOST_ALONE)
    for other in together:
        for key, score in other.scores.items():
            scores[key] += _TOGETHER / len(together) * score
    for key in scores:
        if key == topic:
            scores[key] += _SAME_TOPIC
        elif categories.get(key) and categories.get(key) == categories.get(topic):
            scores[key] += _SAME_CATEGORY
    ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    if not ranked:
        return []
    best = ranked[0][1]
    lead = best - (ranked[1][1] if len(ranked) > 1 else 0.0)
    first = ranked[0][0]
    both = all(other.scores.get(first, 0.0) >= _AGREED for other in found)
    sure = 1 / (1 + exp(-(_BIAS + _BEST * best + _LEAD * min(lead, 0.5) + _BOTH * both)))
    return [(key, sure * (max(0.0, score) / best if best > 0 else 0.0)) for key, score in ranked]
