"""The only place where databases differ.

Everything else in ``store`` is written once, for SQLite, PostgreSQL and MariaDB/MySQL. Cold
functions use SQLAlchemy Core; the hot ones (the unit of work) go to the driver's cursor with the
helpers below, because Core's own work per statement would be most of the cost of a small batch.

The helpers send **one statement for many rows**: several rows per ``VALUES`` list, several keys
per ``IN``. This saves round trips on server databases, and on SQLite it means that the driver
lets go of the interpreter lock once per statement instead of once per row: the event loop runs
on while SQLite works. Row counts are rounded to powers of two so that few statement texts exist
and the drivers' statement caches hit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, insert, select, update
from sqlalchemy.exc import DBAPIError

from zhike.store.tables import id_blocks

Params = Sequence[Any]
MAX_PARAMS = 16_000
"""Values bound in one statement: half of the smallest limit (PostgreSQL 32,767)."""

_decode_rows = msgspec.json.Decoder(list[tuple[Any, ...]]).decode


def name_of(conn: Connection) -> str:
    """``sqlite`` | ``postgresql`` | ``mysql`` (MariaDB included)."""
    name = conn.dialect.name
    return "mysql" if name == "mariadb" else name


@lru_cache(maxsize=4096)
def _style(sql: str, paramstyle: str) -> str:
    """``?`` marks in the driver's style. Our hot statements hold no literal question marks."""
    if paramstyle == "qmark":
        return sql
    if paramstyle in ("format", "pyformat"):
        return sql.replace("%", "%%").replace("?", "%s")
    parts = sql.split("?")
    return parts[0] + "".join(f"${i}{part}" for i, part in enumerate(parts[1:], start=1))


def _cursor(conn: Connection) -> Any:
    """A driver cursor. SQLite's is kept: its results are always read before the next statement."""
    if conn.dialect.name != "sqlite":
        return conn.connection.cursor()
    kept = conn.info.get("zhike_cursor")
    if kept is None:
        kept = conn.info["zhike_cursor"] = conn.connection.cursor()
    return kept


def run(conn: Connection, sql: str, params: Params = ()) -> Any:
    """Executes ``sql`` (with ``?`` marks) on the driver's own cursor; returns the cursor.

    Raises:
        sqlalchemy.exc.DBAPIError: as Core would (``IntegrityError`` and so on).
    """
    dialect = conn.dialect
    cursor = _cursor(conn)
    try:
        cursor.execute(_style(sql, dialect.paramstyle), tuple(params))
    except Exception as error:
        foreign = dialect.loaded_dbapi.Error
        if isinstance(error, foreign):  # the same exceptions as from Core
            raise DBAPIError.instance(sql, None, error, foreign, dialect=dialect) from error
        raise
    return cursor


def _chunks(count: int, columns: int) -> Iterable[tuple[int, int]]:
    """(start, size) pieces of ``count`` rows; sizes are powers of two."""
    start = 0
    biggest = 1
    while biggest * 2 * columns <= MAX_PARAMS and biggest < 512:
        biggest *= 2
    while start < count:
        size = biggest
        while size > count - start:
            size //= 2
        yield start, size
        start += size


def _quoted(dialect: str, columns: tuple[str, ...]) -> list[str]:
    mark = "`" if dialect == "mysql" else '"'
    return [f"{mark}{name}{mark}" for name in columns]


@lru_cache(maxsize=1024)
def _insert_sql(dialect: str, table: str, columns: tuple[str, ...], rows: int) -> str:
    row = "(" + ",".join("?" * len(columns)) + ")"
    names = ", ".join(_quoted(dialect, columns))
    return f"INSERT INTO {table} ({names}) VALUES {','.join([row] * rows)}"


def insert_many(conn: Connection, table: str, columns: tuple[str, ...], rows: Sequence[Params]) -> None:
    """Inserts ``rows`` (tuples in the order of ``columns``) with few statements."""
    dialect = name_of(conn)
    for start, size in _chunks(len(rows), len(columns)):
        flat = [value for row in rows[start:start + size] for value in row]
        run(conn, _insert_sql(dialect, table, columns, size), flat)


_CASTS = {"i": "BIGINT", "s": "VARCHAR"}


@lru_cache(maxsize=1024)
def _update_sql(dialect: str, table: str, columns: tuple[str, ...], kinds: str, rows: int,
                once: tuple[str, ...]) -> str:
    """UPDATE many rows from a list of values; the first column is the key.

    ``kinds``: "i" whole number or "s" text per column; PostgreSQL needs to be told.
    """
    key, rest = columns[0], columns[1:]

    def value(name: str, new: str) -> str:
        return f"COALESCE({table}.{name}, {new})" if name in once else new

    if dialect == "mysql":
        first = "SELECT " + ", ".join(f"? AS {name}" for name in columns)
        more = "SELECT " + ", ".join("?" for _ in columns)
        source = " UNION ALL ".join([first] + [more] * (rows - 1))
        sets = ", ".join(f"{table}.{name} = {value(name, f'v.{name}')}" for name in rest)
        return f"UPDATE {table} JOIN ({source}) v ON {table}.{key} = v.{key} SET {sets}"
    if dialect == "postgresql":
        row = "(" + ",".join(f"?::{_CASTS[kind]}" for kind in kinds) + ")"
        sets = ", ".join(f"{name} = {value(name, f'v.{name}')}" for name in rest)
        return (f"UPDATE {table} SET {sets} FROM (VALUES {','.join([row] * rows)}) "
                f"AS v ({', '.join(columns)}) WHERE {table}.{key} = v.{key}")
    row = "(" + ",".join("?" * len(columns)) + ")"
    sets = ", ".join(f"{name} = {value(name, f'v.column{i}')}" for i, name in enumerate(rest, start=2))
    return (f"UPDATE {table} SET {sets} FROM (VALUES {','.join([row] * rows)}) AS v "
            f"WHERE {table}.{key} = v.column1")


def update_many(conn: Connection, table: str, columns: tuple[str, ...], kinds: str,
                rows: Sequence[Params], *, once: tuple[str, ...] = ()) -> None:
    """Sets ``columns[1:]`` of the rows whose ``columns[0]`` is given, with few statements.

    ``once``: columns whose first value stays: they are set only where they are NULL."""
    dialect = name_of(conn)
    for start, size in _chunks(len(rows), len(columns)):
        flat = [value for row in rows[start:start + size] for value in row]
        run(conn, _update_sql(dialect, table, columns, kinds, size, once), flat)


@lru_cache(maxsize=1024)
def _select_sql(dialect: str, table: str, columns: tuple[str, ...], where: str, keys: int,
                lock: bool) -> str:
    """SELECT by a list of keys; on SQLite the rows come back as one JSON value, in one step."""
    marks = ",".join("?" * keys)
    if dialect == "sqlite":
        shown = ", ".join(f"hex({name})" if name.endswith("_key") and name != "open_key" else name
                          for name in columns)
        return (f"SELECT json_group_array(json_array({shown})) FROM {table} "
                f"WHERE {where} IN ({marks})")
    tail = f" ORDER BY {columns[0]} FOR UPDATE" if lock else ""
    return f"SELECT {', '.join(columns)} FROM {table} WHERE {where} IN ({marks}){tail}"


def select_in(conn: Connection, table: str, columns: tuple[str, ...], where: str, keys: Sequence[Any], *,
              lock: bool = False) -> list[tuple[Any, ...]]:
    """Rows of ``table`` whose column ``where`` is one of ``keys``.

    Digest columns (``…_key`` as bytes) come back as upper-case hex on SQLite and bytes elsewhere:
    use :func:`digest_of`. With ``lock`` rows are locked in the order of the first column
    (SQLite: the whole transaction holds the write lock already).
    """
    dialect = name_of(conn)
    found: list[tuple[Any, ...]] = []
    for start in range(0, len(keys), 512):
        part = list(keys[start:start + 512])
        size = 1 << (len(part) - 1).bit_length()
        part += [part[-1]] * (size - len(part))
        cursor = run(conn, _select_sql(dialect, table, columns, where, size, lock), part)
        rows = cursor.fetchall()
        found += _decode_rows(rows[0][0]) if dialect == "sqlite" else [tuple(row) for row in rows]
    return found


def digest_of(value: bytes | str) -> bytes:
    """A digest column's value, whatever the database returned (SQLite: hex, for JSON holds no bytes)."""
    return bytes.fromhex(value) if isinstance(value, str) else bytes(value)


def next_ids(conn: Connection, name: str, count: int) -> range:
    """Reserves ``count`` whole-number ids of the counter ``name``, in the running transaction.

    A rolled back transaction gives its ids back. Two transactions never get the same: the
    counter's row is locked until commit.
    """
    changed = conn.execute(update(id_blocks).where(id_blocks.c.name == name)
                           .values(next_id=id_blocks.c.next_id + count))
    if changed.rowcount == 0:
        upsert(conn, id_blocks, [{"name": name, "next_id": 1}], ["name"], [])
        conn.execute(update(id_blocks).where(id_blocks.c.name == name)
                     .values(next_id=id_blocks.c.next_id + count))
    end = int(conn.execute(select(id_blocks.c.next_id).where(id_blocks.c.name == name)).scalar_one())
    return range(end - count, end)


def upsert(conn: Connection, table: Table, rows: Sequence[dict[str, Any]], keys: Sequence[str],
           change: Sequence[str]) -> None:
    """Inserts ``rows``; where ``keys`` exist, sets the columns ``change`` (none: leaves the row)."""
    if not rows:
        return
    dialect = name_of(conn)
    # imported here: each dialect costs some 30 ms, and only one is used
    if dialect == "mysql":
        from sqlalchemy.dialects.mysql import insert as mysql_insert

        mysql = mysql_insert(table)
        # "set a key to itself" is how MySQL says: leave the row (INSERT IGNORE hides real errors)
        sets = {name: mysql.inserted[name] for name in change} or {keys[0]: table.c[keys[0]]}
        conn.execute(mysql.on_duplicate_key_update(sets), list(rows))
        return
    stmt: Any
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as pg_insert

        stmt = pg_insert(table)
    else:
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert

        stmt = sqlite_insert(table)
    if change:
        final = stmt.on_conflict_do_update(index_elements=list(keys),
                                           set_={name: stmt.excluded[name] for name in change})
    else:
        final = stmt.on_conflict_do_nothing(index_elements=list(keys))
    conn.execute(final, list(rows))


def insert_rows(conn: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Plain Core insert of some rows (cold paths)."""
    if rows:
        conn.execute(insert(table), list(rows))
