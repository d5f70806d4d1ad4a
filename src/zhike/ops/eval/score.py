"""Counting: right, wrong, silent; how good the confidence is; where to put the threshold.

Pure functions over :class:`Guess`; shares are 0..1.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

MAX_WRONG = 0.02
"""Coverage is reported at this share of wrong ones among the answers given."""
BINS = 10


class Guess(NamedTuple):
    """The best article for one text: its confidence, whether it is the right one, and whether any
    article is (``known`` False: out of scope, so that every answer is wrong)."""

    confidence: float
    right: bool
    known: bool = True


class Point(NamedTuple):
    """At ``threshold``, ``coverage`` of all texts is answered and ``risk`` of the answers wrong."""

    threshold: float
    coverage: float
    risk: float


class Bin(NamedTuple):
    """Guesses of a confidence from ``low`` on: how many, what they said on average, what was right."""

    low: float
    texts: int
    said: float
    right: float


def curve(guesses: Sequence[Guess]) -> list[Point]:
    """Risk and coverage at every confidence that occurs, from the most confident on.

    Texts for which nothing was found (confidence 0) are never answered.
    """
    points: list[Point] = []
    wrong = 0
    ordered = sorted((g for g in guesses if g.confidence > 0), key=lambda g: -g.confidence)
    for count, guess in enumerate(ordered, 1):
        wrong += not guess.right
        point = Point(guess.confidence, count / len(guesses), wrong / count)
        if points and points[-1].threshold == guess.confidence:
            points[-1] = point  # one threshold answers both or neither
        else:
            points.append(point)
    return points


def coverage_at(points: Iterable[Point], max_wrong: float = MAX_WRONG) -> float:
    """The largest share of texts answered with at most ``max_wrong`` of the answers wrong."""
    return max((point.coverage for point in points if point.risk <= max_wrong), default=0.0)


def thinned(points: Sequence[Point], count: int = 400) -> list[Point]:
    """At most about ``count`` of ``points``, the last included: what a plot can show."""
    step = max(1, len(points) // count)
    return [*points[:-1:step], *points[-1:]]


def auroc(inside: Sequence[float], outside: Sequence[float]) -> float:
    """The chance that a text in scope has more confidence than one out of scope; equal counts half."""
    lower = sorted(outside)
    wins = 0.0
    for value in inside:
        wins += (bisect_left(lower, value) + bisect_right(lower, value)) / 2
    return wins / (len(inside) * len(outside))


def calibration(guesses: Iterable[Guess]) -> list[Bin]:
    """Bins of a tenth each; empty ones are left out, as are texts for which nothing was found."""
    bins: list[list[Guess]] = [[] for _ in range(BINS)]
    for guess in guesses:
        if guess.confidence > 0:
            bins[min(int(guess.confidence * BINS), BINS - 1)].append(guess)
    return [Bin(number / BINS, len(found), sum(g.confidence for g in found) / len(found),
                sum(g.right for g in found) / len(found))
            for number, found in enumerate(bins) if found]


def calibration_error(bins: Sequence[Bin]) -> float:
    """Mean distance between what was said and what was right, weighted by how often."""
    total = sum(found.texts for found in bins)
    return sum(found.texts * abs(found.said - found.right) for found in bins) / total if total else 0.0


def keeping_threshold(guesses: Sequence[Guess], given_up: float) -> float:
    """The highest threshold that silences at most a share ``given_up`` (0..1) of what would be answered
    right; 0 if nothing would be."""
    right = sorted(guess.confidence for guess in guesses if guess.right)
    return right[int(given_up * len(right))] if right else 0.0


def best_f1(scores: Sequence[tuple[float, bool]]) -> float:
    """The threshold at which F1 is greatest, over (score, is it so?); 0.5 if nothing is so."""
    total = sum(so for _, so in scores)
    best, at = 0.0, 0.5
    hits = 0
    ordered = sorted(scores, reverse=True)
    for count, (score, so) in enumerate(ordered, 1):
        hits += so
        if count < len(ordered) and ordered[count][0] == score:
            continue
        if total and (found := 2 * hits / (total + count)) > best:
            best, at = found, score
    return at


def best_threshold(guesses: Sequence[Guess]) -> float:
    """Where the share answered right of what is known plus the share rejected of what is not is
    greatest, halfway to the next lower confidence; both weigh alike, however many there are.

    0 if nothing is out of scope: then there is nothing to reject.
    """
    known = sum(guess.known for guess in guesses)
    unknown = len(guesses) - known
    if not known or not unknown:
        return 0.0
    ordered = sorted(guesses, key=lambda g: -g.confidence)
    best, at = 1.0, 0  # silent to all: nothing right, everything unknown rejected
    right = accepted = 0
    for count, guess in enumerate(ordered, 1):
        right += guess.known and guess.right
        accepted += not guess.known
        if count < len(ordered) and ordered[count].confidence == guess.confidence:
            continue
        if (gain := right / known + 1 - accepted / unknown) > best:
            best, at = gain, count
    if at == 0:
        return 1.0
    below = ordered[at].confidence if at < len(ordered) else 0.0
    return (ordered[at - 1].confidence + below) / 2
