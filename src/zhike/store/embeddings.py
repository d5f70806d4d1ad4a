"""Vectors of articles, and how far a model has come with a bot's knowledge.

``digest`` is of the text a vector was made from: a restart, an import of the same texts or an edit of
a category computes nothing again. Progress is kept by the bot's knowledge version (see
:mod:`zhike.store.changes`), so that looking for work does not read every article.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, delete, select

from zhike.store import tables
from zhike.store.dialect import upsert
from zhike.store.schema import get_meta, set_meta

_rows, _articles, _meta = tables.embeddings, tables.articles, tables.meta

MAX_KEYS_PER_QUERY = 500


class Vector(NamedTuple):
    """One article's vector: float32, little endian; ``digest`` of its text (16 bytes)."""

    article_id: int
    digest: bytes
    vector: bytes


class Place(msgspec.Struct, array_like=True, frozen=True):
    """Everything up to this (version, article id) has been looked at."""

    version: int = -1
    article_id: int = 0


def _name(bot_id: int, model: str) -> str:
    from hashlib import blake2b

    return f"embedded.{bot_id}.{blake2b(model.encode(), digest_size=8).hexdigest()}"


def embedded_upto(conn: Connection, bot_id: int, model: str) -> Place:
    """How far the model has come with the bot."""
    value = get_meta(conn, _name(bot_id, model))
    return Place() if value is None else msgspec.json.decode(value, type=Place)


def digests(conn: Connection, model: str, ids: Sequence[int]) -> dict[int, bytes]:
    """What the vectors of those articles were made from; an article without one is absent."""
    found: dict[int, bytes] = {}
    for start in range(0, len(ids), MAX_KEYS_PER_QUERY):
        rows = conn.execute(select(_rows.c.article_id, _rows.c.digest).where(
            _rows.c.model == model, _rows.c.article_id.in_(ids[start:start + MAX_KEYS_PER_QUERY])))
        found.update({int(row.article_id): bytes(row.digest) for row in rows})
    return found


def put_vectors(conn: Connection, bot_id: int, model: str, vectors: Sequence[Vector], place: Place) -> None:
    """Stores vectors and how far the model has come, in one transaction. An article that was deleted
    meanwhile gets none."""
    ids = [vector.article_id for vector in vectors]
    here: set[int] = set()
    for start in range(0, len(ids), MAX_KEYS_PER_QUERY):
        here.update(conn.execute(select(_articles.c.id).where(
            _articles.c.id.in_(ids[start:start + MAX_KEYS_PER_QUERY])).with_for_update()).scalars())
    upsert(conn, _rows, [{"article_id": v.article_id, "model": model, "digest": v.digest, "vector": v.vector}
                         for v in vectors if v.article_id in here],
           ["article_id", "model"], ["digest", "vector"])
    set_meta(conn, _name(bot_id, model), msgspec.json.encode(place).decode())


def read_vectors(conn: Connection, bot_id: int, model: str, after_id: int = 0,
                 limit: int = 2_000) -> list[tuple[int, bytes]]:
    """A page of the bot's vectors, (article id, float32 LE), in the order of ids."""
    rows = conn.execute(
        select(_rows.c.article_id, _rows.c.vector)
        .join(_articles, _articles.c.id == _rows.c.article_id)
        .where(_articles.c.bot_id == bot_id, _articles.c.enabled.is_(True), _rows.c.model == model,
               _rows.c.article_id > after_id)
        .order_by(_rows.c.article_id).limit(limit))
    return [(int(row.article_id), bytes(row.vector)) for row in rows]


def vectors_of(conn: Connection, model: str, ids: Sequence[int]) -> list[tuple[int, bytes]]:
    """The vectors of those articles, where they are enabled and have one."""
    found: list[tuple[int, bytes]] = []
    for start in range(0, len(ids), MAX_KEYS_PER_QUERY):
        rows = conn.execute(
            select(_rows.c.article_id, _rows.c.vector)
            .join(_articles, _articles.c.id == _rows.c.article_id)
            .where(_rows.c.model == model, _articles.c.enabled.is_(True),
                   _rows.c.article_id.in_(ids[start:start + MAX_KEYS_PER_QUERY])))
        found += [(int(row.article_id), bytes(row.vector)) for row in rows]
    return found


def vector_bytes(conn: Connection, model: str) -> int:
    """The size of one of the model's vectors; 0 if there is none yet."""
    found = conn.execute(select(_rows.c.vector).where(_rows.c.model == model).limit(1)).scalar()
    return 0 if found is None else len(found)


def forget_model(conn: Connection, model: str, bot_ids: Sequence[int]) -> None:
    """Drops all vectors of a model: it gives vectors of another size now."""
    conn.execute(delete(_rows).where(_rows.c.model == model))
    names = [_name(bot_id, model) for bot_id in bot_ids]
    for start in range(0, len(names), MAX_KEYS_PER_QUERY):
        conn.execute(delete(_meta).where(_meta.c.name.in_(names[start:start + MAX_KEYS_PER_QUERY])))
