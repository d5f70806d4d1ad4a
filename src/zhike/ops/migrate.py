"""``zhike migrate``: brings a database to the schema of this zhike, or says what that would do.

SQLite and PostgreSQL do all of it in one transaction: a migration that is killed never happened.
MariaDB and MySQL commit each change of a table by itself; there every step looks whether it is done
already, and a killed migration is run again to its end. Of two that start at once one waits for the
other. SQLite is copied before anything is changed.

The desk must not run meanwhile; it refuses to start on a schema that is not its own.
"""

from __future__ import annotations

import asyncio
import io
import os
import secrets
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import NullPool

from zhike import clock
from zhike.errors import Lang, ZhikeError
from zhike.store import tables
from zhike.store.dialect import name_of, upsert
from zhike.store.engine import use_wal
from zhike.store.migrations import ROOT, VERSIONS
from zhike.store.schema import get_meta

T = TypeVar("T")
LOCK = 7276540
"""The same advisory lock as a first start takes (:func:`zhike.store.schema.prepare`)."""
LOCK_WAIT_S = 600


class Step(NamedTuple):
    """One revision: its name and what it is for."""

    revision: str
    title: str


class Report(NamedTuple):
    """What was done (``dry_run``: would be). ``before`` "" = an empty database; ``backup``: the copy
    that was made; ``sql``: what would be run, for a dry run."""

    before: str
    after: str
    steps: tuple[Step, ...]
    backup: Path | None
    sql: str

    def lines(self, lang: Lang) -> list[str]:
        """The report as people read it."""
        zh = lang == "zh"
        if not self.steps:
            return [f"数据库是最新的（结构版本 {self.after}）。" if zh
                    else f"The database is up to date (schema {self.after})."]
        before = self.before or ("空" if zh else "empty")
        said = [f"{step.revision}  {step.title}" for step in self.steps]
        if self.backup is not None:
            said.append(f"已备份到 {self.backup}" if zh else f"A copy was made: {self.backup}")
        if self.sql:
            return [self.sql.rstrip(), "", *(f"-- {line}" for line in said)]
        said.append(f"结构版本 {before} → {self.after}" if zh else f"Schema {before} → {self.after}")
        return said


def migrate(url: str, *, to: str = "head", dry_run: bool = False, backup: bool = True,
            now: clock.NowMs = clock.now_ms, versions: Sequence[Path] = ()) -> Report:
    """Brings the database at ``url`` to the revision ``to``. Not to be called on an event loop.

    Args:
        url: as in ``database.url``; SQLite with a path.
        dry_run: change nothing; the report holds the SQL.
        backup: copy an SQLite file first, if there is anything to do.
        versions: more folders with revisions (tests).

    Raises:
        ZhikeError: ``config_error`` if the database is newer than this zhike or ``to`` is unknown or
            older than the database; ``store_unavailable``.
    """
    work = _Work(to, [VERSIONS, *versions])
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database and not dry_run:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    if dry_run and _no_file(parsed):
        return Report("", work.target, tuple(work.steps("")), None, work.sql("sqlite", ""))
    try:
        before = _run(parsed, work.current)
        steps = tuple(work.steps(before))
        if dry_run or not steps:
            sql = _run(parsed, lambda conn: work.sql(name_of(conn), before)) if steps else ""
            return Report(before, work.target, steps, None, sql)
        copy = _backup(parsed, before, now()) if backup and before else None
        _run(parsed, work.upgrade)
    except (OperationalError, ConnectionError, OSError) as error:
        raise ZhikeError("store_unavailable") from error
    except DBAPIError as error:
        if error.connection_invalidated or "InvalidCatalogName" in type(error.orig).__name__:
            raise ZhikeError("store_unavailable") from error
        raise
    return Report(before, work.target, steps, copy, "")


def differences(conn: Connection) -> list[str]:
    """How the database differs from what this zhike wants; empty when all is well."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    context = MigrationContext.configure(conn, opts={"compare_type": True, "compare_server_default": True})
    return [str(one) for one in compare_metadata(context, tables.metadata)]


class _Work:
    """The way from where a database is to ``to``."""

    def __init__(self, to: str, folders: Sequence[Path]) -> None:
        from alembic.config import Config
        from alembic.script import ScriptDirectory
        from alembic.util.exc import CommandError

        self._folders = folders
        self._config = Config
        self.scripts = ScriptDirectory.from_config(self._make())
        try:
            found = self.scripts.get_revision(to)
        except CommandError as error:
            raise ZhikeError("config_error", f"there is no schema revision {to!r}.") from error
        self.target = str(found.revision) if found is not None else ""

    def _make(self, **attributes: Any) -> Any:
        config = self._config()
        config.set_main_option("script_location", str(ROOT).replace("%", "%%"))
        config.set_main_option("path_separator", "newline")
        config.set_main_option("version_locations", "\n".join(map(str, self._folders)).replace("%", "%%"))
        config.attributes.update(attributes)
        return config

    def current(self, conn: Connection) -> str:
        """The revision the database is at; "" = none of our tables."""
        from alembic.migration import MigrationContext

        marked = MigrationContext.configure(conn).get_current_revision()
        if marked is None and inspect(conn).has_table("meta"):
            marked = get_meta(conn, "schema_version")  # made by create_all, never migrated
        return marked or ""

    def steps(self, current: str) -> list[Step]:
        """What lies between ``current`` and the target, in order."""
        known = {script.revision for script in self.scripts.walk_revisions()}
        if current and current not in known:
            raise ZhikeError("config_error", f"the database is at schema {current}, which this zhike does "
                             "not know: it was made by a newer one.")
        behind = {script.revision for script in self.scripts.iterate_revisions(current or "base", "base")}
        if current and self.target in behind - {current}:
            raise ZhikeError("config_error", f"the database is at schema {current}; there is no way back to "
                             f"{self.target}.")
        ahead = [script for script in self.scripts.iterate_revisions(self.target, "base")
                 if script.revision not in behind]
        return [Step(script.revision, str(script.doc)) for script in reversed(ahead)]

    def sql(self, dialect: str, current: str) -> str:
        """The statements, for people to read."""
        from alembic import command

        buffer = io.StringIO()
        config = self._make(dialect=dialect)
        config.output_buffer = buffer
        command.upgrade(config, f"{current}:{self.target}" if current else self.target, sql=True)
        return buffer.getvalue()

    def upgrade(self, conn: Connection) -> None:
        """All steps, on a connection whose transaction belongs to the caller."""
        from alembic import command
        from alembic.migration import MigrationContext

        _lock(conn)
        context = MigrationContext.configure(conn)
        if context.get_current_revision() is None and (current := self.current(conn)):
            context.stamp(self.scripts, current)
        command.upgrade(self._make(connection=conn), self.target)
        # a database that never saw a start has no secret yet; an empty one would sign for everybody
        upsert(conn, tables.meta, [{"name": "secret", "value": secrets.token_hex(32)}], ["name"], [])


# ---- connections -----------------------------------------------------------------------------

def _run(url: URL, fn: Callable[[Connection], T]) -> T:
    """``fn(conn)`` in one transaction, on a connection of its own."""
    if url.get_backend_name() == "postgresql":
        return asyncio.run(_run_postgresql(url, fn))
    engine = _sqlite(url) if url.get_backend_name() == "sqlite" else create_engine(
        url.set(drivername="mysql+pymysql", query={"charset": "utf8mb4", **url.query}), poolclass=NullPool)
    try:
        with engine.begin() as conn:
            return fn(conn)
    finally:
        engine.dispose()


async def _run_postgresql(url: URL, fn: Callable[[Connection], T]) -> T:
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(url.set(drivername="postgresql+asyncpg"), poolclass=NullPool)
    try:
        async with engine.begin() as conn:
            return await conn.run_sync(fn)
    finally:
        await engine.dispose()


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url.set(drivername="sqlite+pysqlite"), poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def on_connect(dbapi: Any, _record: object) -> None:
        dbapi.isolation_level = None
        # foreign keys stay off: a rebuilt table is dropped and renamed while others point to it
        dbapi.execute("PRAGMA busy_timeout=10000")
        use_wal(dbapi)
        for pragma in ("synchronous=FULL", "foreign_keys=OFF"):
            dbapi.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def on_begin(conn: Connection) -> None:
        conn.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _lock(conn: Connection) -> None:
    """One migration at a time (SQLite: the transaction holds the write lock already)."""
    if name_of(conn) == "postgresql":
        conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
    elif name_of(conn) == "mysql":  # ends with the connection
        got = conn.exec_driver_sql(f"SELECT GET_LOCK('zhike_migrate', {LOCK_WAIT_S})").scalar()
        if got != 1:
            raise ZhikeError("store_unavailable", "another migration is running.", retry_after_s=60.0)


def _no_file(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file()


def _backup(url: URL, before: str, now_ms: int) -> Path | None:
    """A copy of the SQLite file beside it, complete or not there at all."""
    if url.get_backend_name() != "sqlite" or _no_file(url):
        return None
    source = Path(url.database or "")
    stamp = clock.to_datetime(now_ms).strftime("%Y%m%dT%H%M%SZ")
    target = source.with_name(f"{source.name}.{before}-{stamp}.bak")
    part = target.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")  # two may copy at once
    part.unlink(missing_ok=True)
    engine = _sqlite(url)
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            raw: Any = conn.connection.driver_connection
            raw.execute("VACUUM INTO ?", (str(part),))  # (VACUUM cannot run in a transaction)
    finally:
        engine.dispose()
    with part.open("rb") as copy:
        os.fsync(copy.fileno())
    part.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return target
