"""Articles: questions with variants and their answers. Every edit raises the bot's version."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, RowMapping, delete, func, or_, select

from zhike.domain.card import Card
from zhike.domain.knowledge import Article
from zhike.domain.message import Button
from zhike.errors import ZhikeError
from zhike.store.bots import bump_knowledge_version, get_bot
from zhike.store.changes import Changes, changes_since, note_removals
from zhike.store.checks import check_article, refuse
from zhike.store.dialect import next_ids, upsert
from zhike.store.tables import articles as _articles
from zhike.store.tables import embeddings as _embeddings

_encode = msgspec.json.Encoder().encode
_texts = msgspec.json.Decoder(tuple[str, ...]).decode
_buttons = msgspec.json.Decoder(tuple[Button, ...]).decode
_cards = msgspec.json.Decoder(tuple[Card, ...]).decode
_CHANGED = ("category", "question", "answer", "variants", "buttons", "enabled", "inboxes", "valid_from",
            "valid_until", "cards", "source", "position", "updated_at", "version")
_COLUMNS = tuple(column for column in _articles.c if column.name != "version")
"""What an :class:`Article` is made of; ``version`` only tells indexes what to read again."""
MAX_KEYS_PER_QUERY = 500


class Counts(NamedTuple):
    """What a bulk write did."""

    added: int = 0
    changed: int = 0
    same: int = 0


def _read(row: RowMapping) -> Article:
    return Article(**{**row, "variants": _texts(row["variants"]), "buttons": _buttons(row["buttons"]),
                      "enabled": bool(row["enabled"]), "inboxes": _texts(row["inboxes"] or "[]"),
                      "cards": _cards(row["cards"] or "[]")})


def _row(article: Article, version: int) -> dict[str, Any]:
    return {"version": version, **{name: getattr(article, name) for name in article.__struct_fields__},
            "variants": _encode(article.variants).decode(), "buttons": _encode(article.buttons).decode(),
            "inboxes": _encode(article.inboxes).decode() if article.inboxes else "",
            "cards": _encode(article.cards).decode() if article.cards else None}


def create_article(conn: Connection, article: Article, now: int) -> Article:
    """Stores a new article and returns it with its id; ``article.id`` is not looked at.

    Raises:
        FieldError: a field is not valid.
        ZhikeError: ``conflict`` if (key, lang) is taken, ``not_found`` if there is no such bot.
    """
    refuse(check_article(article))
    if get_bot(conn, article.bot_id) is None:
        raise ZhikeError("not_found", f"bot {article.bot_id}")
    if get_article_by_key(conn, article.bot_id, article.key, article.lang) is not None:
        raise ZhikeError("conflict", f"articles.key = {article.key!r}", field="key")
    new = msgspec.structs.replace(article, id=next_ids(conn, "article", 1)[0], created_at=now, updated_at=now)
    version = bump_knowledge_version(conn, article.bot_id, now)
    upsert(conn, _articles, [_row(new, version)], ["bot_id", "key", "lang"], [])
    stored = get_article_by_key(conn, article.bot_id, article.key, article.lang)
    if stored is None or stored.id != new.id:  # another process was faster by a hair
        raise ZhikeError("conflict", f"articles.key = {article.key!r}", field="key")
    return new


def update_article(conn: Connection, article: Article, now: int) -> Article:
    """Stores what people write of the article with ``article.id``; bot, key and language stay.

    Raises:
        FieldError: a field is not valid.
        ZhikeError: ``not_found``.
    """
    old = get_article(conn, article.id)
    if old is None:
        raise ZhikeError("not_found", f"article {article.id}")
    new = msgspec.structs.replace(article, bot_id=old.bot_id, key=old.key, lang=old.lang,
                                  created_at=old.created_at, updated_at=old.updated_at)
    refuse(check_article(new))
    if new == old:
        return old
    new = msgspec.structs.replace(new, updated_at=now)
    row = _row(new, bump_knowledge_version(conn, old.bot_id, now))
    conn.execute(_articles.update().where(_articles.c.id == article.id)
                 .values({name: row[name] for name in _CHANGED}))
    return new


def get_article(conn: Connection, article_id: int) -> Article | None:
    """One article, or None."""
    row = conn.execute(select(*_COLUMNS).where(_articles.c.id == article_id)).mappings().first()
    return None if row is None else _read(row)


def get_article_by_key(conn: Connection, bot_id: int, key: str, lang: str) -> Article | None:
    """One article, or None."""
    row = conn.execute(select(*_COLUMNS).where(
        _articles.c.bot_id == bot_id, _articles.c.key == key, _articles.c.lang == lang)).mappings().first()
    return None if row is None else _read(row)


def list_articles(conn: Connection, *, bot_id: int | None = None, lang: str = "", category: str = "",
                  enabled: bool | None = None, text: str = "", after_id: int = 0,
                  limit: int = 50) -> list[Article]:
    """A page in the order of ids, from the id after ``after_id``.

    ``text`` finds it anywhere in key, question, answer or variants.
    """
    query = select(*_COLUMNS).where(_articles.c.id > after_id)
    if bot_id is not None:
        query = query.where(_articles.c.bot_id == bot_id)
    if lang:
        query = query.where(_articles.c.lang == lang)
    if category:
        query = query.where(_articles.c.category == category)
    if enabled is not None:
        query = query.where(_articles.c.enabled.is_(enabled))
    if text:
        low = func.lower
        columns = (_articles.c.key, _articles.c.question, _articles.c.answer, _articles.c.variants)
        query = query.where(or_(*(low(column).contains(text.lower(), autoescape=True)
                                  for column in columns)))
    rows = conn.execute(query.order_by(_articles.c.id).limit(limit))
    return [_read(row) for row in rows.mappings()]


def all_for_bot(conn: Connection, bot_id: int) -> list[Article]:
    """Everything the bot knows, in the order of ids (disabled ones too)."""
    rows = conn.execute(select(*_COLUMNS).where(_articles.c.bot_id == bot_id).order_by(_articles.c.id))
    return [_read(row) for row in rows.mappings()]


def ids_of_source(conn: Connection, bot_id: int, source: str) -> list[tuple[int, str]]:
    """(id, key) of every article that was imported from ``source``."""
    rows = conn.execute(select(_articles.c.id, _articles.c.key).where(
        _articles.c.bot_id == bot_id, _articles.c.source == source[:500]))
    return [(row[0], row[1]) for row in rows]


def changed_articles(conn: Connection, bot_id: int, version: int, after_id: int = 0, limit: int = 1000, *,
                     removed: bool = True) -> tuple[Changes, list[Article]] | None:
    """The page of :func:`zhike.store.changes.changes_since`, with the articles themselves."""
    changes = changes_since(conn, bot_id, version, after_id, limit, removed=removed)
    if changes is None:
        return None
    ids = [article_id for _, article_id in changes.ids]
    found: list[Article] = []
    for start in range(0, len(ids), MAX_KEYS_PER_QUERY):
        part = ids[start:start + MAX_KEYS_PER_QUERY]
        rows = conn.execute(select(*_COLUMNS).where(_articles.c.id.in_(part)))
        found += [_read(row) for row in rows.mappings()]
    return changes, found


def count_articles(conn: Connection, bot_id: int, *, enabled: bool | None = None) -> int:
    """How many articles the bot has; ``enabled``: only those, or only the others."""
    query = select(func.count()).select_from(_articles).where(_articles.c.bot_id == bot_id)
    if enabled is not None:
        query = query.where(_articles.c.enabled.is_(enabled))
    return int(conn.execute(query).scalar_one())


def article_counts(conn: Connection) -> dict[int, int]:
    """How many articles each bot has (bots without any are absent)."""
    rows = conn.execute(select(_articles.c.bot_id, func.count()).group_by(_articles.c.bot_id))
    return {int(bot_id): int(count) for bot_id, count in rows}


def delete_article(conn: Connection, article_id: int, now: int) -> bool:
    """Removes one article; False if there is none."""
    old = get_article(conn, article_id)
    return old is not None and delete_articles(conn, old.bot_id, [article_id], now) > 0


def delete_articles(conn: Connection, bot_id: int, ids: Sequence[int], now: int) -> int:
    """Removes those articles of one bot; returns how many there were."""
    gone: list[int] = []
    for start in range(0, len(ids), MAX_KEYS_PER_QUERY):
        part = ids[start:start + MAX_KEYS_PER_QUERY]
        here = [row.id for row in conn.execute(select(_articles.c.id).where(
            _articles.c.bot_id == bot_id, _articles.c.id.in_(part)).with_for_update())]
        if here:
            conn.execute(delete(_embeddings).where(_embeddings.c.article_id.in_(here)))
            conn.execute(delete(_articles).where(_articles.c.id.in_(here)))
            gone += here
    if gone:
        note_removals(conn, bot_id, gone, bump_knowledge_version(conn, bot_id, now))
    return len(gone)


def put_articles(conn: Connection, bot_id: int, articles: Iterable[Article], now: int) -> Counts:
    """Stores many articles by (key, lang): new ones are added, different ones changed, the rest
    left alone. The version rises once, and only if something changed. The last of two with the
    same key counts.

    Raises:
        FieldError: a field is not valid; nothing is stored then.
    """
    wanted = {(article.key, article.lang): article for article in articles}
    for article in wanted.values():
        refuse(check_article(article))
    found: dict[tuple[str, str], Article] = {}
    keys = sorted({key for key, _ in wanted})
    for start in range(0, len(keys), MAX_KEYS_PER_QUERY):
        rows = conn.execute(select(*_COLUMNS).where(
            _articles.c.bot_id == bot_id, _articles.c.key.in_(keys[start:start + MAX_KEYS_PER_QUERY])))
        found.update({(row["key"], row["lang"]): _read(row) for row in rows.mappings()})
    fresh = [article for place, article in wanted.items() if place not in found]
    ids = iter(next_ids(conn, "article", len(fresh))) if fresh else iter(())
    new = [msgspec.structs.replace(article, id=next(ids), bot_id=bot_id, created_at=now, updated_at=now)
           for article in fresh]
    changed = []
    for place, article in wanted.items():
        old = found.get(place)
        if old is None:
            continue
        kept = msgspec.structs.replace(article, id=old.id, bot_id=bot_id, created_at=old.created_at,
                                       updated_at=old.updated_at)
        if kept != old:
            changed.append(msgspec.structs.replace(kept, updated_at=now))
    if new or changed:
        version = bump_knowledge_version(conn, bot_id, now)
        upsert(conn, _articles, [_row(article, version) for article in new + changed],
               ["bot_id", "key", "lang"], _CHANGED)
    return Counts(len(new), len(changed), len(wanted) - len(new) - len(changed))
