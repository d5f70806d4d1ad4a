"""Two rankings as one: what the words say and what the vectors say.

Reciprocal-rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009): their scores have nothing in common,
their orders do. It needs no training, and a ranking that is missing changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

SMOOTH = 10
"""The paper's 60 is for lists of a thousand; ours hold a few articles."""


def fuse(lexical: Sequence[tuple[int, float]], vector: Sequence[tuple[int, float]], *,
         vector_weight: float = 1.0) -> list[tuple[int, float]]:
    """One ranking of (article id, score), best first.

    Args:
        lexical: (article id, confidence), best first.
        vector: (article id, cosine), best first; may be empty.
        vector_weight: of the vectors beside the words at 1.

    Returns:
        Every article of either ranking; scores are 0..1, 1 = first in both (or in the only one).
    """
    if not vector or not vector_weight:
        parts = [(lexical, 1.0)]
    elif not lexical:
        parts = [(vector, 1.0)]
    else:
        parts = [(lexical, 1.0), (vector, vector_weight)]
    whole = sum(weight for _, weight in parts) / (SMOOTH + 1)
    scores: dict[int, float] = {}
    for ranking, weight in parts:
        seen: set[int] = set()
        for article_id, _ in ranking:
            if article_id not in seen:
                seen.add(article_id)
                scores[article_id] = scores.get(article_id, 0.0) + weight / (SMOOTH + len(seen))
    return sorted([(article_id, score / whole) for article_id, score in scores.items()],
                  key=lambda pair: (-pair[1], pair[0]))
