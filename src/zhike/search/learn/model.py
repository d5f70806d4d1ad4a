"""The learned model as the server uses it: one linear score per article, one probability.

numpy is imported when the first model is read, in the trainer's thread: never on the way to *ready*.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from math import exp
from typing import Any, NamedTuple

import msgspec

from zhike.search.index import Found
from zhike.search.learn.features import SHARES, families
from zhike.search.quiet import read_ahead

WIDE = 512
"""Up to so many articles all are scored (0.1 ms); above, only those that the index brings."""
CANDIDATES = 8
"""Articles asked of the index when a model judges."""
_MARGIN_CAP = 1.0
EVIDENCE = ("bias", "best", "lead", "outside", "agreed", "likeness", "nearness", "spoken", "known")
"""What the probability is a logistic curve over; see :func:`evidence`."""


WRONG, RIGHT, UNKNOWN = 0, 1, 2


class Judged(NamedTuple):
    """``documents``: best first, with the score that ordered them. ``probability``: that the first
    one is right, calibrated, 0..1."""

    documents: list[tuple[int, float]]
    probability: float


class Weights(msgspec.Struct, frozen=True):
    """A trained model in plain values, as the artifact stores it.

    ``vocabulary``: per family its features; numbered through, in this order. ``rarity``: inverse
    document frequency of each. ``matrix``: int8, features x labels, row by row; times ``scale``
    (float32, one per feature) it is the weights times rarity. The last label
    is "none of these" if ``outside``. ``blend``: what a point of the
    index's score adds. ``curve``: weights of EVIDENCE. ``sure``: from this likeness on the index
    is right by itself (above 1: never). ``held``: what was left out of training and asked, its
    probabilities (float32), and per text in ``held_kinds`` RIGHT, WRONG or UNKNOWN (no article says it).
    """

    documents: int
    outside: bool
    vocabulary: tuple[list[str], ...]
    rarity: bytes
    matrix: bytes
    scale: bytes
    bias: bytes
    blend: float
    curve: tuple[float, ...]
    sure: float
    held: bytes = b""
    held_kinds: bytes = b""


class Model:
    """Immutable; judged with from any thread."""

    def __init__(self, weights: Weights) -> None:
        """Raises: ValueError: the parts do not fit together."""
        if "numpy" not in sys.modules:
            read_ahead("numpy")
        import numpy

        self._np = numpy
        self.weights = weights
        self.documents = weights.documents
        self.sure = weights.sure
        size = sum(map(len, weights.vocabulary))
        labels = weights.documents + weights.outside
        self._matrix = numpy.frombuffer(weights.matrix, "i1").reshape(size, labels)
        self._bias = numpy.frombuffer(weights.bias, "<f4")
        self._scale = numpy.frombuffer(weights.scale, "<f4")
        rarity = numpy.frombuffer(weights.rarity, "<f4")
        if len(self._bias) != labels or len(rarity) != size or len(self._scale) != size \
                or len(weights.curve) != len(EVIDENCE) or len(weights.vocabulary) != len(SHARES):
            raise ValueError("the parts of the model do not fit together")
        if len(weights.held) != 4 * len(weights.held_kinds):
            raise ValueError("the parts of the model do not fit together")
        self._squares = rarity.astype("f8") ** 2
        self._ids: list[dict[str, int]] = []
        start = 0
        for names in weights.vocabulary:
            self._ids.append(dict(zip(names, range(start, start + len(names)), strict=True)))
            start += len(names)

    def held_out(self) -> list[tuple[float, int]]:
        """(probability, RIGHT, WRONG or UNKNOWN) of every text that was left out of training and asked."""
        said = self._np.frombuffer(self.weights.held, "<f4").tolist()
        return list(zip(said, self.weights.held_kinds, strict=True))

    def scores(self, norm: str, only: Sequence[int] | None = None) -> Any:
        """One number per label (of ``only`` those), float32."""
        numpy = self._np
        rows: list[int] = []
        shares: list[float] = []
        starts: list[int] = []
        total = 0.0
        for share, ids, found in zip(SHARES, self._ids, families(norm), strict=True):
            start = len(rows)
            rows += [ids[name] for name in found if name in ids]
            if len(rows) > start:
                starts.append(start)
                shares.append(share)
                total += share * share
        bias = self._bias if only is None else self._bias[list(only)]
        if not rows:
            return bias
        places = numpy.array(rows)
        lengths = numpy.sqrt(numpy.add.reduceat(self._squares.take(places), starts) * total)
        counts = [end - start for start, end in zip(starts, [*starts[1:], len(rows)], strict=True)]
        gains = (shares / lengths).astype("f4").repeat(counts) * self._scale.take(places)
        part = self._matrix.take(places, 0) if only is None else self._matrix[numpy.ix_(places, list(only))]
        return gains @ part.astype("f4") + bias

    def judge(self, norm: str, found: Found, limit: int = 3) -> Judged:
        """Orders articles by model and index together.

        Args:
            found: what the index says to the same text, CANDIDATES matches.
        """
        documents = self.documents
        if documents <= WIDE:
            only = None
            scores = self.scores(norm)
        else:
            only = [match.document for match in found.matches]
            if not only:
                return Judged([], 0.0)
            labels = [*only, documents] if self.weights.outside else only
            scores = self.scores(norm, labels)
        outside = float(scores[-1]) if self.weights.outside else -1.0
        ranked = rank(self._np, scores[:-1] if self.weights.outside else scores, only, found,
                      self.weights.blend, max(limit, 2))
        facts = evidence(ranked, outside, found)
        return Judged(ranked[:limit], probability(self.weights.curve, facts))


def probability(curve: Sequence[float], facts: Sequence[float]) -> float:
    """Of EVIDENCE, 0..1."""
    z = sum([weight * fact for weight, fact in zip(curve, facts, strict=True)])
    return 1.0 / (1.0 + exp(-max(min(z, 30.0), -30.0)))


def rank(numpy: Any, scores: Any, only: Sequence[int] | None, found: Found, blend: float,
         limit: int) -> list[tuple[int, float]]:
    """The ``limit`` best documents with their joint scores, best first."""
    joint = scores.astype("f8")
    if blend:
        if only is None:
            for match in found.matches:
                joint[match.document] += blend * match.score
        else:
            joint += blend * numpy.array([match.score for match in found.matches])
    ranked: list[tuple[int, float]] = []
    for _ in range(min(limit, len(joint))):  # a few: cheaper than to sort them all
        place = int(joint.argmax())
        ranked.append((place if only is None else only[place], float(joint[place])))
        joint[place] = -numpy.inf
    return ranked


def evidence(ranked: Sequence[tuple[int, float]], outside: float, found: Found) -> tuple[float, ...]:
    """What speaks for and against the first of ``ranked``, in the order of EVIDENCE."""
    best = ranked[0][1]
    lead = min(best - ranked[1][1], _MARGIN_CAP) if len(ranked) > 1 else _MARGIN_CAP
    if not found.matches:
        return 1.0, best, lead, outside, 0.0, 0.0, 0.0, 0.0, found.known
    first = found.matches[0]
    second = found.matches[1].score if len(found.matches) > 1 else 0.0
    return (1.0, best, lead, outside, float(first.document == ranked[0][0]), first.likeness,
            first.likeness * min(first.score - second, _MARGIN_CAP), first.spoken ** 2, found.known)
