"""How sure is it that the best article answers the question? One number, 0..1.

A logistic curve over three features of :class:`zhike.search.index.Found`. Its constants were fitted
(logistic regression, every set weighted alike) on questions whose phrasing, or whose whole
article, had been left out of the index, so that wrong and unknown are in it: the sample shop, the
generated shop of 2,000 articles, and public intent sets in both languages. Decision 0004 has the
sets and what each threshold answers right, wrong and not at all. A fit on each shop's own
phrasings is to replace the constants; the interface stays.
"""

from __future__ import annotations

from math import exp, log

from zhike.search.index import Found

DEFAULT_THRESHOLD = 0.7
"""Above: answer. Asked in words nobody wrote down (held-out phrasings of the sample shop), nine in
ten of the answers given are right and most questions get none; known phrasings, perturbed: 99.6 %
answered, none wrong (decision 0004)."""
SUGGEST_FLOOR = 0.15
"""Below this an article is not even worth a "did you mean"."""
EXACT = 0.99
SLIP_FACTOR = 0.98
"""Per question in which slips of typing were put right."""

_BIAS, _NEARNESS, _SPOKEN, _HEFT = -4.9, 8.0, 3.2, 1.0
_MARGIN_CAP = 0.6


def confidence(found: Found) -> float:
    """The confidence in ``found.matches[0]``; 0 when nothing was found.

    nearness: likeness to the nearest phrasing × lead over the second article (both are needed);
    spoken: share of the question the article mentions, squared (an unexplained rest weighs
    heavily); heft: a question of several rare terms is found by chance less often.
    """
    if not found.matches:
        return 0.0
    slips = SLIP_FACTOR if found.slips else 1.0
    if found.exact:
        return EXACT * slips
    best = found.matches[0]
    margin = best.score - (found.matches[1].score if len(found.matches) > 1 else 0.0)
    z = (_BIAS + _NEARNESS * best.likeness * min(margin, _MARGIN_CAP) + _SPOKEN * best.spoken ** 2
         + _HEFT * log(max(found.heft, 0.05)))
    return slips / (1.0 + exp(-z))
