"""Do two texts ask the same? What speaks for it and against it, as numbers.

The same marks serve for two questions of strangers (``zhike eval pairs``) and for a question beside a
stored phrasing. They are symmetric, need no model and no training. A model over them learns two
things from labelled pairs (:class:`PairModel`): how much each mark counts, never with the wrong sign (what
is shared cannot make two texts less alike, wherever the pairs come from), and which single words
matter when only one of the two says them (男 does, 请 does not).
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from math import exp, log, sqrt

from zhike.search.sound import sounds
from zhike.search.synonyms import GENERAL
from zhike.search.terms import runs, stem, strip_politeness
from zhike.search.text import normalise

Rarity = Callable[[str], float]
"""How rare a term is, 0 or more."""

ASKING = (
    "谁|哪个人|何人|who", "哪里|哪儿|何处|在哪|什么地方|where",
    "什么时候|何时|几点|几号|多久|多长时间|几天|when|how long",
    "为什么|为何|怎么会|怎么回事|原因|why",
    "多少|几个|多大|多高|多重|how many|how much", "怎么(?!会|回)|方法|办法|how to|how do",
    "哪个|哪些|哪种|哪款|哪家|which",
    "什么(?!时候|地方)|what", "吗|是不是|能不能|有没有|会不会|么$|行不行|好不好",
)
"""Kinds of questions: who, where, when, why, how many, how, which, what, whether."""
_asking = [re.compile(kind).search for kind in ASKING]
_both = re.compile("(.)不\\1|有没有|不好意思|不错")
_denies = re.compile("不|没|无法|别|未|"
                     "\\b(?:not|no|never|without|cannot|dont|doesnt|cant|wont|isnt)\\b").findall
_numbers = re.compile(r"\d+|[一二三四五六七八九十百千万两]+(?=[个天月年元块岁次号点分米斤])").findall
_names = re.compile("[a-z]{2,}").findall

MARKS = (
    "characters", "pairs", "terms", "least_shared", "most_shared", "one_side", "both_sides",
    "strange_word", "length", "asking_same", "asking_other", "denied", "numbers", "other_numbers",
    "names", "other_names", "begins_alike", "ends_alike", "sound",
)
SIGNS = (1, 1, 1, 1, 1, -1, -1, -1, 1, 1, -1, -1, -1, -1, -1, -1, 1, 1, 1)
"""Which way each mark may count."""
_BY_HAND = {"characters": 1.2, "terms": 2.4, "least_shared": 1.4, "strange_word": 1.0, "denied": 0.5,
            "numbers": 0.6,
            "other_names": 0.6, "asking_other": 0.3}
_BY_HAND_BIAS = -2.6
_MAX_CROSSED = 6
"""Words only one text says, crossed with those only the other says: so many of each at most."""


class Text:
    """A text, taken apart once."""

    __slots__ = ("asking", "denied", "names", "norm", "numbers", "pairs", "sounds", "tokens", "words")

    def __init__(self, text: str) -> None:
        self.norm = norm = GENERAL.canonical(strip_politeness(normalise(text)))
        tokens: list[str] = []
        for run in runs(norm):
            tokens += (stem(run),) if run.isascii() else run
        self.tokens = tokens
        self.words = frozenset(tokens)
        self.pairs = frozenset(map("".join, pairwise(tokens)))
        self.asking = tuple([kind(norm) is not None for kind in _asking])
        self.denied = len(_denies(_both.sub("", norm)))
        self.numbers = frozenset(_numbers(norm))
        self.names = frozenset(_names(norm))
        known = sounds().get
        self.sounds = frozenset([known(token, token) for token in tokens])


def marks(a: Text, b: Text, rarity: Rarity, pair_rarity: Rarity) -> list[float]:
    """The numbers named in :data:`MARKS`, for two texts in any order."""
    shared = a.words & b.words
    of_a, of_b = sum(map(rarity, a.words)), sum(map(rarity, b.words))
    both = sum(map(rarity, shared))
    pairs_a, pairs_b = sum(map(pair_rarity, a.pairs)), sum(map(pair_rarity, b.pairs))
    pairs = sum(map(pair_rarity, a.pairs & b.pairs))
    only_a = [rarity(word) for word in a.words - shared]
    only_b = [rarity(word) for word in b.words - shared]
    top = sorted((max(only_a, default=0.0), max(only_b, default=0.0)))
    less, more = sorted((len(a.tokens), len(b.tokens)))
    same = sum(x and y for x, y in zip(a.asking, b.asking, strict=True))
    other = sum(x is not y for x, y in zip(a.asking, b.asking, strict=True))
    sounding = 2 * len(a.sounds & b.sounds) / ((len(a.sounds) + len(b.sounds)) or 1)
    return [
        both / (sqrt(of_a * of_b) or 1.0),
        pairs / (sqrt(pairs_a * pairs_b) or 1.0),
        (both + pairs) / (sqrt((of_a + pairs_a) * (of_b + pairs_b)) or 1.0),
        min(both / (of_a or 1.0), both / (of_b or 1.0)),
        max(both / (of_a or 1.0), both / (of_b or 1.0)),
        top[1] / 10, top[0] / 10, (sum(only_a) + sum(only_b)) / ((of_a + of_b) or 1.0),
        less / (more or 1), float(same), float(other),
        float((a.denied > 0) is not (b.denied > 0)),
        float(a.numbers != b.numbers), float(bool(a.numbers and b.numbers and not a.numbers & b.numbers)),
        float(a.names != b.names), float(bool(a.names and b.names and not a.names & b.names)),
        float(a.tokens[:2] == b.tokens[:2]), float(a.tokens[-2:] == b.tokens[-2:]), sounding]


def differences(a: Text, b: Text) -> list[str]:
    """What only one of two texts says, as keys: a word, a pair, a word of one against a word of the other."""
    only_a, only_b = sorted(a.words - b.words), sorted(b.words - a.words)
    keys = [*only_a, *only_b, *("_" + pair for pair in a.pairs ^ b.pairs)]
    if len(only_a) <= _MAX_CROSSED and len(only_b) <= _MAX_CROSSED:
        keys += [f"{min(x, y)}/{max(x, y)}" for x in only_a for y in only_b]
    return keys


def alike(a: Text, b: Text, rarity: Rarity = lambda _: 1.0, pair_rarity: Rarity = lambda _: 1.0) -> float:
    """How likely the two ask the same, 0..1, by weights set by hand: good to order by, not calibrated."""
    found = marks(a, b, rarity, pair_rarity)
    z = _BY_HAND_BIAS
    for name, sign, value in zip(MARKS, SIGNS, found, strict=True):
        z += sign * _BY_HAND.get(name, 0.0) * value
    return 1 / (1 + exp(-2 * z))


class Rarities:
    """Counts in how many texts a word or pair stands: what nobody says is rare."""

    def __init__(self, texts: Iterable[Text]) -> None:
        self.words: Counter[str] = Counter()
        self.pairs: Counter[str] = Counter()
        self.count = 0
        for text in texts:
            self.words.update(text.words)
            self.pairs.update(text.pairs)
            self.count += 1

    def of(self, counts: Counter[str], without: Sequence[Text] = ()) -> Rarity:
        """Rarity by ``counts`` (``words`` or ``pairs``). ``without``: as if these texts were not counted, for
        texts that were: else every word of them has been seen, and a strange one is never met."""
        own: Counter[str] = Counter()
        for text in without:
            own.update(text.words if counts is self.words else text.pairs)
        size, seen = self.count, counts.get

        def rarity(term: str) -> float:
            return log(1 + size / (seen(term, 0) - own.get(term, 0) + 0.5))

        return rarity


class PairModel:
    """A logistic curve over marks and differences, learned from labelled pairs.

    Args:
        pairs: (a, b, same); at least one of each kind.
        epochs: passes over the pairs; a pass over 10,000 takes about a second.
    """

    RARE = 3
    """Differences seen in fewer pairs are not learned: they would be learned by heart."""
    LESSON = 0.12
    HOLD_MARKS, HOLD_WORDS = 1e-4, 5e-4
    """How strongly weights are held at 0 (L2): measured best of 1e-4 to 3e-3 on two public sets."""

    def __init__(self, pairs: Sequence[tuple[Text, Text, bool]], epochs: int = 14, seed: int = 0) -> None:
        self.rarities = Rarities(text for a, b, _ in pairs for text in (a, b))
        rows = []
        counts: Counter[str] = Counter()
        for a, b, _ in pairs:
            found = marks(a, b, self.rarities.of(self.rarities.words, (a, b)),
                          self.rarities.of(self.rarities.pairs, (a, b)))
            keys = differences(a, b)
            counts.update(keys)
            rows.append((found, keys))
        size = len(pairs)
        self._mean = [sum(row[0][i] for row in rows) / size for i in range(len(MARKS))]
        self._scale = [sign / (sqrt(sum((row[0][i] - mean) ** 2 for row in rows) / size) or 1.0)
                       for i, (mean, sign) in enumerate(zip(self._mean, SIGNS, strict=True))]
        self._weights = [0.1] * len(MARKS)
        self._bias = 0.0
        self._words = {key: 0.0 for key, count in counts.items() if count >= self.RARE}
        self._learn([(self._scaled(found), [key for key in keys if key in self._words], float(same))
                     for (found, keys), (_, _, same) in zip(rows, pairs, strict=True)], counts, epochs, seed)

    def _scaled(self, found: Sequence[float]) -> list[float]:
        return [(x - mean) * scale for x, mean, scale in zip(found, self._mean, self._scale, strict=True)]

    def _learn(self, rows: list[tuple[list[float], list[str], float]], counts: Counter[str], epochs: int,
               seed: int) -> None:
        """AdaGrad (Duchi, Hazan, Singer 2011), one pair at a time."""
        rng = random.Random(seed)
        words, weights, size = self._words, self._weights, len(rows)
        hold = {key: 2 * self.HOLD_WORDS * size / counts[key] for key in words}
        past_words = dict.fromkeys(words, 1e-2)
        past = [1.0] * (len(weights) + 1)
        for _ in range(epochs):
            rng.shuffle(rows)
            for found, keys, same in rows:
                z = self._bias + sum(map(float.__mul__, weights, found)) + sum([words[key] for key in keys])
                error = 1 / (1 + exp(-max(-30.0, min(30.0, z)))) - same
                for i, x in enumerate(found):
                    slope = error * x + 2 * self.HOLD_MARKS * weights[i]
                    past[i] += slope * slope
                    weights[i] = max(0.0, weights[i] - self.LESSON * slope / sqrt(past[i]))
                past[-1] += error * error
                self._bias -= self.LESSON * error / sqrt(past[-1])
                for key in keys:
                    slope = error + hold[key] * words[key]
                    past_words[key] += slope * slope
                    words[key] -= self.LESSON * slope / sqrt(past_words[key])

    def probability(self, a: Text, b: Text) -> float:
        """How likely the two ask the same, 0..1."""
        found = self._scaled(marks(a, b, self.rarities.of(self.rarities.words),
                                   self.rarities.of(self.rarities.pairs)))
        get = self._words.get
        z = self._bias + sum(map(float.__mul__, self._weights, found)) \
            + sum([get(key, 0.0) for key in differences(a, b)])
        return 1 / (1 + exp(-max(-30.0, min(30.0, z))))
