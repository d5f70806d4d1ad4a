"""What changed in a bot's articles since a version: how an index follows without reading everything.

Every change of articles raises the bot's ``knowledge_version`` and stands under the new number: on
the row, or in ``removals`` when the row is gone. The bot's row is locked from there to the commit,
so numbers become visible in their order. Clocks play no part: not their skew between machines,
not two changes in one millisecond.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, delete, func, select

from zhike.store import tables
from zhike.store.dialect import insert_many, upsert

_articles, _removals, _meta = tables.articles, tables.removals, tables.meta

KEPT_REMOVALS = 200_000
"""Removals remembered per bot (some 10 MB): an index that missed more is cheaper made anew."""


class Changes(NamedTuple):
    """One page of changes. ``version``: the bot's; ``ids``: (version, id) of articles added or changed,
    in that order; ``removed``: ids that are gone; ``known``: False if removals since the version asked
    for have been forgotten, so that only a new index helps."""

    version: int
    ids: list[tuple[int, int]]
    removed: list[int]
    known: bool


def note_removals(conn: Connection, bot_id: int, ids: Sequence[int], version: int) -> None:
    """Remembers that those articles went with ``version``; forgets the oldest beyond the bound."""
    insert_many(conn, "removals", ("article_id", "bot_id", "version"),
                [(article_id, bot_id, version) for article_id in ids])
    mine = _removals.c.bot_id == bot_id
    count = int(conn.execute(select(func.count()).select_from(_removals).where(mine)).scalar_one())
    if count > KEPT_REMOVALS:
        oldest = select(_removals.c.version).where(mine).order_by(_removals.c.version.desc())
        upto = int(conn.execute(oldest.offset(KEPT_REMOVALS // 2).limit(1)).scalar_one())
        conn.execute(delete(_removals).where(mine, _removals.c.version <= upto))
        upsert(conn, _meta, [{"name": f"removals.{bot_id}", "value": str(upto)}], ["name"], ["value"])


def changes_since(conn: Connection, bot_id: int, version: int, after_id: int = 0, limit: int = 1000, *,
                  removed: bool = True) -> Changes | None:
    """Articles changed after the place (``version``, ``after_id``); None if there is no such bot.

    After ``version`` -1 it is all of them. ``removed``: also what was removed since; not needed for the
    second page on. Read in this order, so that what is committed in between is seen again next time,
    never missed.
    """
    now = conn.execute(select(tables.bots.c.knowledge_version).where(tables.bots.c.id == bot_id)).scalar()
    if now is None:
        return None
    mine = _articles.c.bot_id == bot_id
    pairs = select(_articles.c.version, _articles.c.id).order_by(_articles.c.version, _articles.c.id)
    ids: list[tuple[int, int]] = []
    # two ranges of one index instead of an OR, for which MariaDB would sort everything
    if after_id:
        rest = pairs.where(mine, _articles.c.version == version, _articles.c.id > after_id)
        ids += _pairs(conn, rest, limit)
    if len(ids) < limit:
        ids += _pairs(conn, pairs.where(mine, _articles.c.version > version), limit - len(ids))
    if not removed:
        return Changes(int(now), ids, [], True)
    since = version - 1 if after_id else version
    forgotten = conn.execute(select(_meta.c.value).where(_meta.c.name == f"removals.{bot_id}")).scalar()
    gone = conn.execute(select(_removals.c.article_id).where(
        _removals.c.bot_id == bot_id, _removals.c.version > since))
    return Changes(int(now), ids, [int(row.article_id) for row in gone],
                   forgotten is None or since >= int(forgotten))


def _pairs(conn: Connection, query: Select[Any], limit: int) -> list[tuple[int, int]]:
    return [(int(version), int(article_id)) for version, article_id in conn.execute(query.limit(limit))]
