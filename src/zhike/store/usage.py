"""What models were asked and cost: one row for each UTC day, bot and model."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, and_, func, select, update

from zhike.store.dialect import upsert
from zhike.store.tables import model_usage as _t

COUNTS = ("requests", "prompt_tokens", "completion_tokens", "cost_micros")


class Usage(msgspec.Struct, kw_only=True):
    """Counts of one day ("2026-01-31", UTC), bot and model. ``cost_micros``: millionths of the currency
    in which the prices of the settings are."""

    day: str
    bot_id: int
    model: str
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_micros: int = 0


def add_usage(conn: Connection, rows: Sequence[Usage]) -> None:
    """Adds counts to what is there. In the order of keys, so that two instances cannot deadlock."""
    ordered = sorted(rows, key=lambda row: (row.day, row.bot_id, row.model))
    upsert(conn, _t, [{"day": row.day, "bot_id": row.bot_id, "model": row.model, **dict.fromkeys(COUNTS, 0)}
                      for row in ordered], ["day", "bot_id", "model"], [])
    for row in ordered:
        conn.execute(update(_t).where(and_(
            _t.c.day == row.day, _t.c.bot_id == row.bot_id, _t.c.model == row.model)).values(
                {_t.c[name]: _t.c[name] + getattr(row, name) for name in COUNTS}))


def spent_micros(conn: Connection, day: str) -> dict[str, int]:
    """What each model has cost on ``day``, all bots and instances together."""
    stmt = select(_t.c.model, func.sum(_t.c.cost_micros)).where(_t.c.day == day).group_by(_t.c.model)
    return {model: int(cost) for model, cost in conn.execute(stmt)}


def list_usage(conn: Connection, from_day: str, to_day: str, bot_id: int = 0, *,
               limit: int = 10_000) -> list[Usage]:
    """Rows of the days ``from_day`` … ``to_day``, both included; newest day first. ``bot_id`` 0: all."""
    where = [_t.c.day >= from_day, _t.c.day <= to_day]
    if bot_id:
        where.append(_t.c.bot_id == bot_id)
    stmt = select(_t).where(*where).order_by(_t.c.day.desc(), _t.c.bot_id, _t.c.model).limit(limit)
    return [Usage(**row) for row in conn.execute(stmt).mappings()]
