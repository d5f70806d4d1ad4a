"""Who changed what: one row per change that a person or a key made. Rows are only ever added."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select

from zhike.store import dialect
from zhike.store.tables import audit


class Entry(msgspec.Struct):
    """``actor``: ``agent:3 Li Na``; ``action``: ``article.updated``; ``target``: ``article:17``."""

    id: int
    at: int
    actor: str
    action: str
    target: str
    detail: dict[str, Any]


def add(conn: Connection, now: int, actor: str, action: str, target: str,
        detail: dict[str, Any] | None = None) -> None:
    """Writes an entry in the running transaction: neither exists without the other."""
    text = msgspec.json.encode(detail or {}).decode()
    conn.execute(insert(audit).values(id=dialect.next_ids(conn, "audit", 1)[0], at=now, actor=actor[:200],
                                      action=action, target=target[:200], detail=text))


def page(conn: Connection, before_id: int | None, limit: int, action: str = "",
         target: str = "") -> list[Entry]:
    """Entries, newest first, with an id below ``before_id``."""
    query = select(audit).order_by(audit.c.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(audit.c.id < before_id)
    if action:
        query = query.where(audit.c.action == action)
    if target:
        query = query.where(audit.c.target == target)
    return [Entry(row.id, row.at, row.actor, row.action, row.target, _detail(row.detail))
            for row in conn.execute(query)]


def _detail(text: str) -> dict[str, Any]:
    value = msgspec.json.decode(text) if text else {}
    return value if isinstance(value, dict) else {"value": value}
