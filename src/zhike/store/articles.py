"""Articles: questions with variants and their answers. Every edit raises the bot's version."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, RowMapping, delete, func, or_, select

from zhike.domain.knowledge import Article
from zhike.domain.message import Button, Card
from zhike.errors import ZhikeError
from zhike.store.bots import bump_knowledge_version, get_bot
from zhike.store.checks import check_article, refuse
from zhike.store.dialect import next_ids, upsert
from zhike.store.tables import articles as _articles

_encode = msgspec.json.Encoder().encode
_texts = msgspec.json.Decoder(tuple[str, ...]).decode
_buttons = msgspec.json.Decoder(tuple[Button, ...]).decode
_cards = msgspec.json.Decoder(tuple[Card, ...]).decode
_CHANGED = ("category", "question", "answer", "variants", "buttons", "enabled", "inboxes", "valid_from",
            "valid_until", "cards", "source", "position", "updated_at")
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


def _row(article: Article) -> dict[str, Any]:
    return {**{name: getattr(article, name) for name in article.__struct_fields__},
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
    upsert(conn, _articles, [_row(new)], ["bot_id", "key", "lang"], [])
    bump_knowledge_version(conn, article.bot_id, now)
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
    row = _row(new)
    conn.execute(_articles.update().where(_articles.c.id == article.id)
                 .values({name: row[name] for name in _CHANGED}))
    bump_knowledge_version(conn, old.bot_id, now)
    return new


def get_article(conn: Connection, article_id: int) -> Article | None:
    """One article, or None."""
    row = conn.execute(select(_articles).where(_articles.c.id == article_id)).mappings().first()
    return None if row is None else _read(row)


def get_article_by_key(conn: Connection, bot_id: int, key: str, lang: str) -> Article | None:
    """One article, or None."""
    row = conn.execute(select(_articles).where(
        _articles.c.bot_id == bot_id, _articles.c.key == key, _articles.c.lang == lang)).mappings().first()
    return None if row is None else _read(row)


def list_articles(conn: Connection, *, bot_id: int | None = None, lang: str = "", category: str = "",
                  enabled: bool | None = None, text: str = "", after_id: int = 0,
                  limit: int = 50) -> list[Article]:
    """A page in the order of ids, from the id after ``after_id``.

    ``text`` finds it anywhere in key, question, answer or variants.
    """
    query = select(_articles).where(_articles.c.id > after_id)
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
    rows = conn.execute(select(_articles).where(_articles.c.bot_id == bot_id).order_by(_articles.c.id))
    return [_read(row) for row in rows.mappings()]


def ids_of_source(conn: Connection, bot_id: int, source: str) -> list[tuple[int, str]]:
    """(id, key) of every article that was imported from ``source``."""
    rows = conn.execute(select(_articles.c.id, _articles.c.key).where(
        _articles.c.bot_id == bot_id, _articles.c.source == source[:500]))
    return [(row[0], row[1]) for row in rows]


def count_articles(conn: Connection, bot_id: int) -> int:
    """How many articles the bot has."""
    return int(conn.execute(select(func.count()).select_from(_articles)
                            .where(_articles.c.bot_id == bot_id)).scalar_one())


def delete_article(conn: Connection, article_id: int, now: int) -> bool:
    """Removes one article; False if there is none."""
    old = get_article(conn, article_id)
    return old is not None and delete_articles(conn, old.bot_id, [article_id], now) > 0


def delete_articles(conn: Connection, bot_id: int, ids: Sequence[int], now: int) -> int:
    """Removes those articles of one bot; returns how many there were."""
    gone = sum(conn.execute(delete(_articles).where(
        _articles.c.bot_id == bot_id,
        _articles.c.id.in_(ids[start:start + MAX_KEYS_PER_QUERY]))).rowcount
        for start in range(0, len(ids), MAX_KEYS_PER_QUERY))
    if gone:
        bump_knowledge_version(conn, bot_id, now)
    return gone


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
        rows = conn.execute(select(_articles).where(
            _articles.c.bot_id == bot_id, _articles.c.key.in_(keys[start:start + MAX_KEYS_PER_QUERY])))
        found.update({(row["key"], row["lang"]): _read(row) for row in rows.mappings()})
    fresh = [article for place, article in wanted.items() if place not in found]
    ids = iter(next_ids(conn, "article", len(fresh))) if fresh else iter(())
    new = [_row(msgspec.structs.replace(article, id=next(ids), bot_id=bot_id, created_at=now, updated_at=now))
           for article in fresh]
    changed = []
    for place, article in wanted.items():
        old = found.get(place)
        if old is None:
            continue
        kept = msgspec.structs.replace(article, id=old.id, bot_id=bot_id, created_at=old.created_at,
                                       updated_at=old.updated_at)
        if kept != old:
            changed.append(_row(msgspec.structs.replace(kept, updated_at=now)))
    upsert(conn, _articles, new + changed, ["bot_id", "key", "lang"], _CHANGED)
    if new or changed:
        bump_knowledge_version(conn, bot_id, now)
    return Counts(len(new), len(changed), len(wanted) - len(new) - len(changed))
