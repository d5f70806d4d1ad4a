"""What the learned model sees of a text: five families of features.

A text is one point per family: a feature is there or not, weighed by how rare it is, the family
brought to length 1, and then to its share (``SHARES``). What was tried and left out is in decision
0009. Pure Python; the trainer and the server use these same functions.
"""

from __future__ import annotations

from functools import lru_cache

from zhike.search.learn.concepts import of_run, of_word
from zhike.search.terms import runs, stem

SHARES = (1.0, 0.7, 1.0, 0.9, 0.6)
"""Weight of: stems and pairs of neighbours · any two stems · letters within words · groups of words
· any two groups. Measured by halves and doubles; they are flat."""
MAX_PAIRED = 20
"""Pairs are made of so many different stems (groups) at most: 190 pairs; more is a story."""
MAX_CHARS = 400
"""Of longer texts only the beginning is looked at, so that a page of text costs no more than this."""
_SIZES = (2, 3, 4, 5)

Families = tuple[set[str], set[str], set[str], set[str], set[str]]


_MAX_KEPT_CHARS = 24
"""Longer runs are looked at anew each time: what a visitor can make us remember stays small."""


def _of_run(run: str) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    return _kept(run) if len(run) <= _MAX_KEPT_CHARS else _look_at(run)


def _look_at(run: str) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """A run's units (stem, or Chinese characters), its letter sequences, its groups."""
    edged = f" {run} "
    grams = tuple(dict.fromkeys([edged[i:i + size] for size in _SIZES
                                 for i in range(len(edged) - size + 1)]))
    if run.isascii():
        return (stem(run),), grams, of_word(run)
    return tuple(run), grams, tuple(of_run(run))


_kept = lru_cache(4_000)(_look_at)  # words come again: half of the time of a text


def families(norm: str) -> Families:
    """The features of a normalised text, distinct, by family."""
    units = ["<"]
    grams: set[str] = set()
    groups: set[str] = set()
    for run in runs(norm[:MAX_CHARS]):
        own, letters, named = _of_run(run)
        units += own
        grams.update(letters)
        groups.update(named)
    units.append(">")
    stems = set(units[1:-1])
    words = stems.union(map(_join, units, units[1:]))
    return words, _pairs(stems), grams, groups, _pairs(groups)


def _join(left: str, right: str) -> str:
    return f"{left} {right}"


def _pairs(things: set[str]) -> set[str]:
    """Every two, in the order of the alphabet."""
    ordered = sorted(things)[:MAX_PAIRED]
    return {f"{a}&{b}" for i, a in enumerate(ordered, 1) for b in ordered[i:]}
