"""Training, in the child: features → rivals' linear SVMs → blend and probability by cross-validation.

One-vs-rest, but each label is told apart from its *rivals* only (texts for which it is among the
nearest by centroid) and a tenth of the rest: as good as all the rest, in a fifth of the time
(decision 0009). scikit-learn, scipy: never import this in the server.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize
from sklearn.svm import LinearSVC

from zhike.search.index import Document, Found, Index
from zhike.search.learn.artifact import Lesson
from zhike.search.learn.features import SHARES, families
from zhike.search.learn.model import (
    CANDIDATES,
    EVIDENCE,
    RIGHT,
    UNKNOWN,
    WIDE,
    WRONG,
    Weights,
    evidence,
    probability,
    rank,
)
from zhike.search.text import normalise

MAX_CELLS = 16_000_000
"""Features x labels kept at most, the commonest first: 16 MB of a server's
memory for the largest, and their names."""
MAX_LABELS, MAX_TEXTS = 4_000, 60_000
"""Beyond, training takes more than minutes; the index and its curve do without."""
MIN_ASKED = 40
"""Texts that can be left out and asked, at least: fewer say nothing about how often it is right."""
PENALTY = 2.0
"""C of the SVMs; .5 to 8 differ by less than a point on every set."""
RIVALS = 12
OTHERS = 0.1
OUTSIDE_SHARE = 0.2
"""Of the questions that the probability is fitted on, so many are about nothing in the knowledge."""
BLENDS = (0.2, 0.1, 0.4, 0.0)
"""Tried in this order, the first of the best is taken."""
SURE_RIGHT = 0.995
"""From the likeness at which the index alone is right so often, the model is not asked."""
_LARGE = 3_000
"""Texts from which on four folds do instead of five, and pairs must occur twice."""

Matrix = Any  # scipy publishes no types


class Asked(NamedTuple):
    """A text asked of a model that was not told it. ``meant``: document, -1 none."""

    meant: int
    scores: Any
    only: list[int] | None
    outside: float
    found: Found


class Space:
    """Feature presence of all texts, by family; folds weigh it anew."""

    def __init__(self, norms: Sequence[str], labels: int) -> None:
        counts: list[Counter[str]] = [Counter() for _ in SHARES]
        seen = [families(norm) for norm in norms]
        for found in seen:
            for counter, said in zip(counts, found, strict=True):
                counter.update(said)
        least = (1, 2, 1, 1, 2) if len(norms) > _LARGE else (1, 1, 1, 1, 1)
        ordered = sorted(((-n, family, name) for family, counter in enumerate(counts)
                          for name, n in counter.items() if n >= least[family]))
        kept = ordered[:MAX_CELLS // (labels + 1)]
        self.vocabulary: tuple[list[str], ...] = tuple([] for _ in SHARES)
        for _, family, name in kept:
            self.vocabulary[family].append(name)
        self.parts: list[Matrix] = []
        for family, names in enumerate(self.vocabulary):
            ids = {name: number for number, name in enumerate(names)}
            rows = [sorted(ids[name] for name in found[family] if name in ids) for found in seen]
            ends = np.cumsum([0, *map(len, rows)])
            columns = np.fromiter((n for row in rows for n in row), np.int32, int(ends[-1]))
            self.parts.append(sp.csr_matrix((np.ones(len(columns)), columns, ends),
                                            shape=(len(norms), len(names))))

    def weigh(self, told: Any) -> tuple[Matrix, Any]:
        """All texts as points, in the eyes of who was told only the texts ``told``; and the rarities."""
        shares, rarities = [], []
        for part, share in zip(self.parts, SHARES, strict=True):
            seen = np.asarray(part[told].sum(0)).ravel()
            rarity = (np.log((1 + len(told)) / (1 + seen)) + 1) * (seen > 0)
            shares.append(normalize(part @ sp.diags(rarity)) * share)
            rarities.append(rarity)
        return normalize(sp.hstack(shares).tocsr()), np.concatenate(rarities)


def svms(points: Matrix, labels: Any, count: int, seed: int = 0) -> tuple[Any, Any]:
    """One hyperplane per label 0..count-1: (count x features, count). Labels without texts get none."""
    rng = np.random.default_rng(seed)
    owns = sp.csr_matrix((np.ones(len(labels)), (np.arange(len(labels)), labels)), shape=(len(labels), count))
    centres = normalize((points.T @ owns).T.tocsr())
    likeness = np.asarray((points @ centres.T).todense(), np.float32)
    rivals = min(RIVALS, count - 1)
    near = np.argpartition(-likeness, rivals, 1)[:, :rivals + 1]
    weights = np.zeros((count, points.shape[1]), np.float32)
    bias = np.full(count, -1.0, np.float32)
    for label in range(count):
        own = labels == label
        if not own.any() or own.all():
            continue
        chosen = np.flatnonzero(own | (near == label).any(1) | (rng.random(len(labels)) < OTHERS)
                                | (labels == count - 1) | (rng.permutation(len(labels)) < 20))
        if own[chosen].all():
            chosen = np.arange(len(labels))
        made = LinearSVC(C=PENALTY, random_state=0, tol=1e-2, max_iter=200).fit(points[chosen], own[chosen])
        weights[label], bias[label] = made.coef_[0], made.intercept_[0]
    return weights, bias


class Trainer:
    """One training run over a lesson."""

    def __init__(self, lesson: Lesson) -> None:
        self.lesson = lesson
        self.count = len(lesson.documents)
        texts, labels, rows = [], [], []
        for number, document in enumerate(lesson.documents):
            for row, phrasing in enumerate(document.phrasings):
                texts.append(normalise(phrasing))
                labels.append(number)
                rows.append(row)
            if name := normalise(lesson.names[number]):
                texts.append(name)
                labels.append(number)
                rows.append(-1)
        for text in lesson.outside:
            texts.append(normalise(text))
            labels.append(self.count)
            rows.append(0)
        self.texts, self.labels, self.rows = texts, np.array(labels), np.array(rows)
        self.space = Space(texts, self.count)

    def planes(self, told: Any) -> tuple[Matrix, Any, Any, Any]:
        """points of all texts, weights, bias, rarities, trained on the texts ``told``."""
        points, rarity = self.space.weigh(told)
        weights, bias = svms(points[told], self.labels[told], self.count + 1)
        return points, weights, bias, rarity

    def ask(self, told: Any, texts: Any) -> list[Asked]:
        """Asks ``texts`` of a model and an index that were told only ``told``."""
        points, weights, bias, _ = self.planes(told)
        scores = np.asarray(points[texts] @ weights.T) + bias
        kept: dict[int, list[str]] = {}
        for number in told:
            label, row = int(self.labels[number]), int(self.rows[number])
            if label < self.count and row >= 0:
                kept.setdefault(label, []).append(self.lesson.documents[label].phrasings[row])
        known = list(kept)
        index = Index([Document(tuple(kept[label]), self.lesson.documents[label].answer) for label in known])
        asked = []
        for number, line in zip(texts, scores, strict=True):
            found = index.find(self.texts[number], CANDIDATES)
            matches = [match._replace(document=known[match.document]) for match in found.matches]
            found = found._replace(matches=matches)
            outside = float(line[-1]) if self.lesson.outside else -1.0
            meant = int(self.labels[number])
            only = None
            line = line[:-1]
            if self.count > WIDE:
                only = [match.document for match in matches]
                line = line[only]
            elif meant not in kept:  # left out whole: nothing may be known of it
                line = np.where(np.isin(np.arange(self.count), known), line, -9.0)
            asked.append(Asked(meant if meant in kept else -1, line, only, outside, found))
        return asked

    def folds(self) -> list[tuple[Any, Any]]:
        """(told, asked): some phrasings of each label left out, and some labels whole, at once."""
        rng = np.random.default_rng(0)
        count = 4 if len(self.texts) > _LARGE else 5
        part = np.full(len(self.texts), -1)
        for label in range(self.count + 1):
            own = np.flatnonzero((self.labels == label) & (self.rows >= 0))
            if len(own) > 1:
                part[rng.permutation(own)] = (np.arange(len(own)) + rng.integers(count)) % count
        group = rng.permutation(self.count + 1) % count
        group[self.count] = -1
        every = np.arange(len(self.texts))
        made = []
        for n in range(count):
            gone = group[self.labels] == n
            told = every[~gone & (part != n)]
            asked = every[(gone | (part == n)) & (self.rows >= 0)]
            if len(asked) and len(set(self.labels[told].tolist()) - {self.count}) > 1:
                made.append((told, asked))
        return made

    def run(self) -> Weights | None:
        """The model; None if there is too little to learn from, or too much."""
        many = Counter(self.labels[self.rows >= 0].tolist())
        can_ask = sum(n for label, n in many.items() if n > 1 and label < self.count)
        given = self.lesson.given
        if self.count < 2 or (can_ask < MIN_ASKED and given is None) or self.count > MAX_LABELS \
                or len(self.texts) > MAX_TEXTS:
            return None
        held = kinds = b""
        if given is not None:
            blend, sure, curve = given
        else:
            asked = [one for told, texts in self.folds() for one in self.ask(told, texts)]
            blend, sure = best_blend(asked), sure_likeness(asked)
            curve, held, kinds = fit_curve(asked, blend)
        _, weights, bias, rarity = self.planes(np.arange(len(self.texts)))
        keep = slice(None) if self.lesson.outside else slice(0, self.count)
        planes = weights[keep].T * rarity[:, None]
        scale = np.maximum(np.abs(planes).max(1), 1e-9).astype("<f4") / 127
        matrix = np.rint(planes / scale[:, None]).astype("i1")
        return Weights(self.count, bool(self.lesson.outside), self.space.vocabulary,
                       rarity.astype("<f4").tobytes(), matrix.tobytes(), scale.tobytes(),
                       bias[keep].astype("<f4").tobytes(),
                       blend, curve, sure, held, kinds)


def _joint(one: Asked, blend: float) -> list[tuple[int, float]]:
    return rank(np, one.scores, one.only, one.found, blend, 2) if len(one.scores) else []


def best_blend(asked: Sequence[Asked]) -> float:
    """The weight of the index beside the model that puts the right article first most often."""
    inside = [one for one in asked if one.meant >= 0 and len(one.scores)]

    def right(blend: float) -> int:
        return sum(_joint(one, blend)[0][0] == one.meant for one in inside)

    return max(BLENDS, key=right)


def fit_curve(asked: Sequence[Asked], blend: float) -> tuple[tuple[float, ...], bytes, bytes]:
    """Weights of EVIDENCE for the probability of being right; what it says to each text asked, and
    what it should have said (see :class:`zhike.search.learn.model.Weights`)."""
    facts, right, known = [], [], []
    for one in asked:
        ranked = _joint(one, blend)
        if ranked and not one.found.exact:
            facts.append(evidence(ranked, one.outside, one.found))
            right.append(ranked[0][0] == one.meant)
            known.append(one.meant >= 0)
    curve = _logistic(np.array(facts), np.array(right), np.array(known))
    held = np.array([probability(curve, fact) for fact in facts], "<f4")
    kinds = np.where(known, np.where(right, RIGHT, WRONG), UNKNOWN).astype("u1")
    return curve, held.tobytes(), kinds.tobytes()


def _logistic(facts: Any, y: Any, inside: Any) -> tuple[float, ...]:
    if not len(y) or y.all() or not y.any():
        return (3.0 if len(y) and y.all() else -3.0, *[0.0] * (len(EVIDENCE) - 1))
    x = facts[:, 1:]
    share = np.where(inside, 1 - OUTSIDE_SHARE, OUTSIDE_SHARE)
    weight = share / np.where(inside, max(inside.sum(), 1), max((~inside).sum(), 1)) * len(y)
    middle, spread = x.mean(0), x.std(0) + 1e-9
    spread[spread < 1e-6] = 1e9  # says nothing here
    made = LogisticRegression(C=10.0, max_iter=500).fit((x - middle) / spread, y, sample_weight=weight)
    weights = made.coef_[0] / spread
    bias = float(made.intercept_[0] - weights @ middle)
    return (bias, *map(float, weights))


def sure_likeness(asked: Sequence[Asked]) -> float:
    """From which likeness on the index by itself is right SURE_RIGHT of the time; 2 = never."""
    seen = sorted(((one.found.matches[0].likeness, one.found.matches[0].document == one.meant)
                   for one in asked if one.found.matches), reverse=True)
    sure, wrong = 2.0, 0
    for count, (likeness, right) in enumerate(seen, 1):
        wrong += not right
        if count >= MIN_ASKED and wrong <= (1 - SURE_RIGHT) * count:
            sure = likeness
    return sure


def fit(lesson: Lesson) -> Weights | None:
    """Trains; deterministic. None: too little to learn from, or too much."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an SVM that stops early is good enough
        return Trainer(lesson).run()


