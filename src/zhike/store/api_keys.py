"""API keys, by the digest of their secret."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, insert, select, update

from zhike.errors import ZhikeError
from zhike.store import dialect, scopes
from zhike.store.tables import api_keys


class ApiKey(msgspec.Struct):
    """One key, without its secret. ``role``: analyst, agent or admin. ``inbox_ids`` empty: all of them."""

    id: int
    name: str
    role: str
    created_at: int
    created_by: int | None = None
    last_used_at: int | None = None
    revoked_at: int | None = None
    inbox_ids: tuple[int, ...] = ()


def _key(row: Row[Any]) -> ApiKey:
    kept = tuple(msgspec.json.decode(row.inbox_ids, type=list[int])) if row.inbox_ids else ()
    return ApiKey(id=row.id, name=row.name, role=row.role, created_at=row.created_at,
                  created_by=row.created_by, last_used_at=row.last_used_at, revoked_at=row.revoked_at,
                  inbox_ids=kept)


def create(conn: Connection, name: str, role: str, secret_hash: bytes, created_by: int, now: int,
           inbox_ids: Sequence[int] = ()) -> ApiKey:
    """A new key, kept to ``inbox_ids`` (none: all).

    Raises:
        ZhikeError: ``invalid_field``.
    """
    kept = tuple(scopes.check_inboxes(conn, inbox_ids))
    key_id = dialect.next_ids(conn, "api_keys", 1)[0]
    key = ApiKey(key_id, name, role, now, created_by or None, inbox_ids=kept)
    conn.execute(insert(api_keys).values(id=key.id, name=name, secret_hash=secret_hash, role=role,
                                         created_at=now, created_by=key.created_by,
                                         inbox_ids=msgspec.json.encode(kept).decode() if kept else ""))
    return key


def find(conn: Connection, secret_hash: bytes) -> ApiKey | None:
    """The key with this digest, unless it was revoked."""
    row = conn.execute(select(api_keys).where(api_keys.c.secret_hash == secret_hash,
                                              api_keys.c.revoked_at.is_(None))).one_or_none()
    return None if row is None else _key(row)


def page(conn: Connection, after_id: int, limit: int) -> list[ApiKey]:
    """Keys with an id above ``after_id``, revoked ones included, in id order."""
    return [_key(row) for row in conn.execute(
        select(api_keys).where(api_keys.c.id > after_id).order_by(api_keys.c.id).limit(limit))]


def revoke(conn: Connection, key_id: int, now: int) -> ApiKey:
    """Ends a key for good; revoking again changes nothing.

    Raises:
        ZhikeError: ``not_found``.
    """
    conn.execute(update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
                 .values(revoked_at=now))
    row = conn.execute(select(api_keys).where(api_keys.c.id == key_id)).one_or_none()
    if row is None:
        raise ZhikeError("not_found")
    return _key(row)


def touch(conn: Connection, key_id: int, now: int) -> None:
    """The key was used."""
    conn.execute(update(api_keys).where(api_keys.c.id == key_id).values(last_used_at=now))
