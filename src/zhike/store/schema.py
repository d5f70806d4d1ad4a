"""Creates the tables on first start, without importing Alembic (it is not on the way to *ready*)."""

from __future__ import annotations

import secrets

from sqlalchemy import Connection, inspect, select

from zhike.errors import ZhikeError
from zhike.store import tables
from zhike.store.dialect import name_of, upsert

SCHEMA_VERSION = "0004"
"""Name of the newest migration; a fresh database starts there."""


def get_meta(conn: Connection, name: str) -> str | None:
    """The value of one row of ``meta``."""
    return conn.execute(select(tables.meta.c.value).where(tables.meta.c.name == name)).scalar()


def set_meta(conn: Connection, name: str, value: str) -> None:
    """Writes one row of ``meta``."""
    upsert(conn, tables.meta, [{"name": name, "value": value}], ["name"], ["value"])


def prepare(conn: Connection) -> str:
    """Creates every table if the database is empty; returns the instance secret (hex).

    Raises:
        ZhikeError: ``config_error`` if the database belongs to another version of zhike.
    """
    if name_of(conn) == "postgresql":
        # two instances that start at once on an empty database take turns
        conn.exec_driver_sql("SELECT pg_advisory_xact_lock(7276540)")
    fresh = not inspect(conn).has_table("meta")
    if fresh or name_of(conn) == "mysql":
        tables.metadata.create_all(conn, checkfirst=True)
    version = get_meta(conn, "schema_version")
    if version is None:
        upsert(conn, tables.meta, [{"name": "schema_version", "value": SCHEMA_VERSION},
                                   {"name": "secret", "value": secrets.token_hex(32)}], ["name"], [])
    elif version != SCHEMA_VERSION:
        raise ZhikeError("config_error", f"the database is at schema {version}, this zhike needs "
                         f"{SCHEMA_VERSION}: run `zhike migrate`.")
    secret = get_meta(conn, "secret")
    if not secret:
        raise ZhikeError("config_error", "the database has no row `secret` in its table meta: "
                         "restore it from a backup, or visitors lose their identity.")
    return secret
