"""How sure is it that the best article answers the question? One number, 0..1.

A logistic curve over three features of :class:`zhike.search.index.Found`. Its constants were fitted
(logistic regression, every set weighted alike) on questions whose phrasing, or whose whole
article, had been left out of the index, so that wrong and unknown are in it: the sample shop, the
generated shop of 2,000 articles, and public intent sets in both languages. Decision 0004 has the
sets and what each threshold answers right, wrong and not at all. Once a model has been learned from
the shop's own phrasings, its order and its probability, fitted on what was left out of it, take the
place of these constants (decision 0009), except for what was asked word for word.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log, sqrt
from typing import NamedTuple

from zhike.search.index import NOTHING, Found
from zhike.search.learn.model import CANDIDATES, Model

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
_TEXT_BIAS, _TEXT_LEAD, _TEXT_HEFT = -3.4, 5.7, 0.67
"""Of a long text. Fitted on the sample shop's phrasings and its answers alone, in both languages, and on the
documentation of Python packages (first sentence → the rest), whole and in sets of twelve texts; as often
with the text that answers as without it. Not on the set that decision 0004 tries it on."""


def confidence(found: Found) -> float:
    """The confidence in ``found.matches[0]``; 0 when nothing was found.

    nearness: likeness to the nearest phrasing × lead over the second article (both are needed);
    spoken: share of the question the article mentions, squared (an unexplained rest weighs
    heavily); heft: a question of several rare terms is found by chance less often. Where no phrasing is
    like the question, the article's long text may be surer (see :func:`told`).
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
    return slips * max(1.0 / (1.0 + exp(-z)), told(found))


def told(found: Found) -> float:
    """The confidence that the long text of ``found.matches[0]`` answers; 0 if it is not the text that
    says most of the question.

    lead: how far the next text is behind, as a share, × the share of the question that the text speaks of
    (both are needed: a text that alone says one common word leads, too); heft: how much is asked.
    """
    said = found.told
    if not said.texts or not found.matches or said.texts[0][0] != found.matches[0].document:
        return 0.0
    z = _TEXT_BIAS + _TEXT_LEAD * sqrt(said.lead) * said.held + _TEXT_HEFT * log(max(said.heft, 0.05))
    return 1.0 / (1.0 + exp(-z))


class Ranked(NamedTuple):
    """One article for a question. ``phrasing``: the one most like it; ``confidence``: for the first,
    the probability that it answers the question; for the others, what is left of that."""

    document: int
    phrasing: int
    confidence: float


def weigh(find: Callable[[str, int], Found], learned: Model | None, norm: str, limit: int) -> list[Ranked]:
    """The best articles for a normalised question, best first, at most ``limit`` (>= 2).

    Args:
        find: of the index over the articles that ``learned`` was trained on.
    """
    found = find(norm, limit if learned is None else max(limit, CANDIDATES))
    if learned is not None and not found.exact and not (
            found.matches and found.matches[0].likeness >= learned.sure):
        return _by_model(learned, norm, found, limit)
    sure = confidence(found)
    best = found.matches[0].score if found.matches else 1.0
    return [Ranked(match.document, match.phrasing, sure if not place else sure * match.score / best)
            for place, match in enumerate(found.matches[:limit])]


def _by_model(learned: Model, norm: str, found: Found, limit: int) -> list[Ranked]:
    if found == NOTHING and len(norm) < 2:
        return []  # a sign or a lone character that nobody wrote asks for nothing
    judged = learned.judge(norm, found, limit)
    phrasings = {match.document: match.phrasing for match in found.matches}
    slips = SLIP_FACTOR if found.slips else 1.0
    sure = judged.probability * slips
    best = judged.documents[0][1] if judged.documents else 0.0
    return [Ranked(document, phrasings.get(document, 0), sure * exp(min(score - best, 0.0)))
            for document, score in judged.documents]
