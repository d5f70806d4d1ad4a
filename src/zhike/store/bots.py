"""Bots, and the version of what they know."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from zhike.domain.knowledge import Bot
from zhike.errors import ZhikeError
from zhike.store import tables
from zhike.store.checks import check_bot, refuse
from zhike.store.dialect import next_ids

_bots = tables.bots
_encode = msgspec.json.Encoder(order="deterministic").encode


def _read(row: RowMapping) -> Bot:
    return Bot(**{**row, "settings": msgspec.json.decode(row["settings"])})


def create_bot(conn: Connection, bot: Bot, now: int) -> Bot:
    """Stores a new bot and returns it with its id; ``bot.id`` is not looked at.

    Raises:
        FieldError: a field is not valid.
        ZhikeError: ``conflict`` if the key is taken.
    """
    refuse(check_bot(bot))
    if get_bot_by_key(conn, bot.key) is not None:
        raise ZhikeError("conflict", f"bots.key = {bot.key!r}", field="key")
    new = msgspec.structs.replace(bot, id=next_ids(conn, "bot", 1)[0], knowledge_version=1,
                                  created_at=now, updated_at=now)
    try:
        conn.execute(insert(_bots).values(**_row(new)))
    except IntegrityError as error:
        raise ZhikeError("conflict", f"bots.key = {bot.key!r}", field="key") from error
    return new


def _row(bot: Bot) -> dict[str, Any]:
    return {"id": bot.id, "key": bot.key, "name": bot.name, "settings": _encode(bot.settings).decode(),
            "knowledge_version": bot.knowledge_version, "created_at": bot.created_at,
            "updated_at": bot.updated_at}


def update_bot(conn: Connection, bot: Bot, now: int) -> Bot:
    """Stores the name and settings of the bot with ``bot.id``; its key never changes.

    Settings such as the threshold change answers, so the version rises too.

    Raises:
        FieldError: a field is not valid.
        ZhikeError: ``not_found``.
    """
    old = get_bot(conn, bot.id)
    if old is None:
        raise ZhikeError("not_found", f"bot {bot.id}")
    new = msgspec.structs.replace(old, name=bot.name, settings=bot.settings)
    refuse(check_bot(new))
    if new == old:
        return old
    conn.execute(update(_bots).where(_bots.c.id == bot.id).values(
        name=new.name, settings=_encode(new.settings).decode(), updated_at=now,
        knowledge_version=_bots.c.knowledge_version + 1))
    return msgspec.structs.replace(new, knowledge_version=old.knowledge_version + 1, updated_at=now)


def get_bot(conn: Connection, bot_id: int) -> Bot | None:
    """One bot, or None."""
    row = conn.execute(select(_bots).where(_bots.c.id == bot_id)).mappings().first()
    return None if row is None else _read(row)


def get_bot_by_key(conn: Connection, key: str) -> Bot | None:
    """One bot, or None."""
    row = conn.execute(select(_bots).where(_bots.c.key == key)).mappings().first()
    return None if row is None else _read(row)


def list_bots(conn: Connection, *, after_id: int = 0, limit: int = 1000) -> list[Bot]:
    """A page in the order of ids, from the id after ``after_id``."""
    rows = conn.execute(select(_bots).where(_bots.c.id > after_id).order_by(_bots.c.id).limit(limit))
    return [_read(row) for row in rows.mappings()]


def delete_bot(conn: Connection, bot_id: int) -> bool:
    """Removes the bot with all that is its own: articles, rules, flows, tools, templates, cases.

    Returns False if there is none.

    Raises:
        ZhikeError: ``conflict`` while an inbox uses it.
    """
    used = conn.execute(select(tables.inboxes.c.key).where(tables.inboxes.c.bot_id == bot_id)).scalar()
    if used is not None:
        raise ZhikeError("conflict", f"inbox {used!r}")
    conn.execute(delete(tables.embeddings).where(tables.embeddings.c.article_id.in_(
        select(tables.articles.c.id).where(tables.articles.c.bot_id == bot_id))))
    for table in (tables.articles, tables.removals, tables.rules, tables.flows, tables.tools, tables.prompts,
                  tables.cases):
        conn.execute(delete(table).where(table.c.bot_id == bot_id))
    return conn.execute(delete(_bots).where(_bots.c.id == bot_id)).rowcount > 0


def bump_knowledge_version(conn: Connection, bot_id: int, now: int) -> int:
    """Says that what the bot knows has changed: caches empty and indexes follow; the new version.

    Call it in the transaction that changes an article, rule, flow, tool or template. The bot's row
    stays locked until the commit, so versions become visible in their order: whoever has seen n has
    seen all below n.
    """
    conn.execute(update(_bots).where(_bots.c.id == bot_id).values(
        knowledge_version=_bots.c.knowledge_version + 1, updated_at=now))
    return int(conn.execute(select(_bots.c.knowledge_version).where(_bots.c.id == bot_id)).scalar() or 0)


def knowledge_versions(conn: Connection) -> dict[int, int]:
    """The version of every bot, to see cheaply which must be loaded again."""
    rows = conn.execute(select(_bots.c.id, _bots.c.knowledge_version))
    return {row.id: row.knowledge_version for row in rows}
