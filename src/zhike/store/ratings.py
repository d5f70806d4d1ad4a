"""What visitors say of a conversation that is over. One row each: asked (score 0), then answered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, select, update

from zhike.store import happenings
from zhike.store.dialect import upsert
from zhike.store.tables import ratings

ASKED = 0
"""Stands in ``score`` until the visitor answers: nobody is asked twice, also not after a reopening."""


class Rating(NamedTuple):
    """``score`` 1 (bad) to 5 (good)."""

    score: int
    comment: str


def ask(conn: Connection, conversation_ids: Iterable[int], now: int) -> list[int]:
    """Notes that these are asked now; returns those that had not been."""
    wanted = sorted(set(conversation_ids))
    known = set(conn.execute(select(ratings.c.conversation_id).where(
        ratings.c.conversation_id.in_(wanted))).scalars())
    fresh = [one for one in wanted if one not in known]
    upsert(conn, ratings, [{"conversation_id": one, "score": ASKED, "comment": "", "created_at": now}
                           for one in fresh], ["conversation_id"], [])
    return fresh


def waits(conn: Connection, conversation_id: int) -> bool:
    """True if it was asked about, and not answered."""
    score = conn.execute(select(ratings.c.score).where(ratings.c.conversation_id == conversation_id)).scalar()
    return score == ASKED and score is not None


def rate(conn: Connection, conversation_id: int, rating: Rating, now: int) -> Rating | None:
    """Stores the answer to a question that was asked; returns what stands there then: the same rating, an
    earlier one (it counts), or None: nobody asked."""
    done = conn.execute(
        update(ratings).where(ratings.c.conversation_id == conversation_id, ratings.c.score == ASKED)
        .values(score=rating.score, comment=rating.comment, created_at=now))
    if done.rowcount:
        happenings.conversation(conn, "rating.created", [conversation_id], now)
    return of(conn, [conversation_id]).get(conversation_id)


def of(conn: Connection, conversation_ids: Iterable[int]) -> dict[int, Rating]:
    """The ratings of those that were rated."""
    rows = conn.execute(select(ratings).where(ratings.c.conversation_id.in_(sorted(set(conversation_ids))),
                                              ratings.c.score != ASKED))
    return {row.conversation_id: Rating(row.score, row.comment) for row in rows}
