"""Who changed what: one row per change that a person or a key made. Rows are only ever added.

Each row carries a digest over the digest before it and its own content, so that nobody who can write to the
database changes, removes or slips in a row without it showing (:func:`verify`). Who rewrites the whole end of
the chain is found by comparing it with what left the house: an export, or the syslog server.
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, Select, insert, or_, select

from zhike.store import dialect
from zhike.store.tables import audit, id_blocks

COUNTER = "audit"


class Entry(msgspec.Struct):
    """``actor``: ``agent:3 Li Na``; ``action``: ``article.updated``; ``target``: ``article:17``. ``digest``:
    hex SHA-256, "" if it was written before there were any."""

    id: int
    at: int
    actor: str
    action: str
    target: str
    detail: dict[str, Any]
    digest: str = ""


class Filter(NamedTuple):
    """What to show; every part that is given must hold. ``actor``: ``agent:3``, with or without the name.
    ``since``, ``until``: ms, the first included and the second not."""

    action: str = ""
    target: str = ""
    actor: str = ""
    since: int | None = None
    until: int | None = None


ALL = Filter()


class Checked(NamedTuple):
    """How far a chain was followed: up to ``last_id`` with ``digest``, over ``rows`` entries. ``broken_at``:
    the first id that does not fit, and 0 if all do."""

    last_id: int
    digest: str
    rows: int
    broken_at: int


def chained(before: str, number: int, at: int, actor: str, action: str, target: str, detail: str) -> str:
    """The digest of a row: SHA-256 over the JSON list of the digest before and the columns as they are
    stored. An exported line holds all of them, so the chain can be followed without the database."""
    row = msgspec.json.encode([before, number, at, actor, action, target, detail])
    return hashlib.sha256(row).hexdigest()


def add(conn: Connection, now: int, actor: str, action: str, target: str,
        detail: dict[str, Any] | None = None) -> None:
    """Writes an entry in the running transaction: neither exists without the other.

    The counter's row is locked until the commit, so entries are chained in one order whoever writes them, and
    the row before is committed when this one is made.
    """
    text = msgspec.json.encode(detail or {}).decode()
    actor, target = actor[:200], target[:200]
    number = dialect.next_ids(conn, COUNTER, 1)[0]
    before = conn.execute(select(audit.c.digest).where(audit.c.id == number - 1)).scalar() or ""
    conn.execute(insert(audit).values(
        id=number, at=now, actor=actor, action=action, target=target, detail=text,
        digest=chained(before, number, now, actor, action, target, text)))


def _narrowed(query: Select[Any], wanted: Filter) -> Select[Any]:
    if wanted.action:
        query = query.where(audit.c.action == wanted.action)
    if wanted.target:
        query = query.where(audit.c.target == wanted.target)
    if wanted.actor:
        query = query.where(or_(audit.c.actor == wanted.actor,
                                audit.c.actor.startswith(f"{wanted.actor} ", autoescape=True)))
    if wanted.since is not None:
        query = query.where(audit.c.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(audit.c.at < wanted.until)
    return query


def page(conn: Connection, before_id: int | None, limit: int, wanted: Filter = ALL) -> list[Entry]:
    """Entries, newest first, with an id below ``before_id``."""
    query = _narrowed(select(audit), wanted).order_by(audit.c.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(audit.c.id < before_id)
    return [_entry(row) for row in conn.execute(query)]


def after(conn: Connection, after_id: int, limit: int) -> list[Entry]:
    """Entries with an id above ``after_id``, in their order."""
    return [_entry(row) for row in conn.execute(
        select(audit).where(audit.c.id > after_id).order_by(audit.c.id).limit(limit))]


def raw(conn: Connection, after_id: int, limit: int) -> list[dict[str, Any]]:
    """The same as they are stored, for exports: the columns by name, ``detail`` as JSON text."""
    return [dict(row) for row in conn.execute(
        select(audit).where(audit.c.id > after_id).order_by(audit.c.id).limit(limit)).mappings()]


def newest(conn: Connection) -> int:
    """The id of the last entry that was ever written, as the counter knows it."""
    found = conn.execute(select(id_blocks.c.next_id).where(id_blocks.c.name == COUNTER)).scalar()
    return int(found) - 1 if found is not None else 0


def verify(conn: Connection, so_far: Checked, until: int, limit: int) -> Checked:
    """Follows the chain over up to ``limit`` more rows, to the id ``until`` (:func:`newest`) at most.

    Broken is: a digest that does not fit its row, a row without one after rows with one, an id that is
    missing in the middle or at the end. Call it again with the result until ``last_id`` is ``until``.
    """
    last_id, digest, count = so_far.last_id, so_far.digest, so_far.rows
    rows = conn.execute(select(audit).where(audit.c.id > last_id, audit.c.id <= until)
                        .order_by(audit.c.id).limit(limit)).all()
    for row in rows:
        if row.digest or digest:  # (else: from before there were digests)
            if last_id and row.id != last_id + 1:
                return Checked(last_id, digest, count, last_id + 1)
            wanted = chained(digest, row.id, row.at, row.actor, row.action, row.target, row.detail)
            if row.digest != wanted:
                return Checked(last_id, digest, count, row.id)
        last_id, digest, count = row.id, row.digest, count + 1
    if len(rows) < limit and last_id < until:
        return Checked(last_id, digest, count, last_id + 1)
    return Checked(last_id, digest, count, 0)


def _entry(row: Row[Any]) -> Entry:
    value = msgspec.json.decode(row.detail) if row.detail else {}
    detail = value if isinstance(value, dict) else {"value": value}
    return Entry(row.id, row.at, row.actor, row.action, row.target, detail, row.digest)
