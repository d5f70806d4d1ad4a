"""Opens a database and runs plain functions of a Core ``Connection`` on it.

Three databases, one interface::

    await store.write(fn, *args)   # fn(conn, *args) in one transaction
    await store.read(fn, *args)    # the same, for reading, beside the writer

SQLite and MariaDB/MySQL run in threads: one writer thread with the only writing connection, a few
reader threads with their own. PostgreSQL runs on the event loop through asyncpg and ``run_sync``.
A function may be run again when the database asks for it (deadlock, serialisation), so it must
not keep results of a run that failed.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Concatenate, NamedTuple, ParamSpec, Protocol, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import NullPool

from zhike.errors import ZhikeError

P = ParamSpec("P")
T = TypeVar("T")
Fn = Callable[Concatenate[Connection, P], T]

WRITE_ATTEMPTS = 4
"""A deadlock victim is run again at once; four in a row means something else is wrong."""
READERS = 2
CONNECTIONS = 8
BUSY_TIMEOUT_MS = 10_000
CACHE_KIB = 48 * 1024
"""Pages a SQLite connection may keep, used only as far as a busy desk needs them: each message lands
in the page of its conversation, so thousands of conversations touch thousands of pages."""
CHECKPOINT_PAGES = 8_000
"""32 MB of log before its pages are copied into the file: the same page is then copied once for many
commits, and reading the log after a crash still takes a tenth of a second."""


class Store(Protocol):
    """What the rest of zhike knows of the database."""

    url: URL

    async def open(self) -> str:
        """Connects; creates what is missing; returns the instance secret (hex).

        Raises:
            ZhikeError: store_unavailable, config_error (another version's database).
        """

    async def close(self) -> None:
        """Finishes what was taken, then closes every connection."""

    async def write(self, fn: Fn[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs ``fn`` in one transaction; returns after the commit."""

    async def read(self, fn: Fn[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs ``fn`` in a read transaction that sees everything committed before."""


def open_store(url: str, data: Path, *, readers: int = READERS, connections: int = CONNECTIONS) -> Store:
    """The store for ``url`` ("" = SQLite in ``data``/zhike.db).

    Args:
        readers: reading threads (SQLite, MySQL).
        connections: most connections (PostgreSQL).

    Raises:
        ZhikeError: ``config_error`` if the URL names a database zhike does not speak.
    """
    parsed = make_url(url or f"sqlite:///{data / 'zhike.db'}")
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return ThreadStore(parsed.set(drivername="sqlite+pysqlite"), readers)
    if backend in ("mysql", "mariadb"):
        query = {"charset": "utf8mb4", **parsed.query}
        return ThreadStore(parsed.set(drivername="mysql+pymysql", query=query), readers)
    if backend == "postgresql":
        return AsyncStore(parsed.set(drivername="postgresql+asyncpg"), connections)
    raise ZhikeError("config_error", f"database.url: {backend!r} is not sqlite, postgresql or mysql.")


def sqlite_synchronous() -> str:
    """FULL, always; the power-loss test proves its worth by switching it off."""
    value = os.environ.get("ZHIKE_TEST_SQLITE_SYNCHRONOUS", "FULL").upper()
    return value if value in ("FULL", "NORMAL", "EXTRA") else "FULL"


def use_wal(dbapi: Any) -> None:
    """Switches a SQLite connection to WAL.

    The first switch of a new file needs the file alone, and SQLite does not wait for that however
    long ``busy_timeout`` is: two processes that start at once take turns here.
    """
    end_s = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            dbapi.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end_s:
                raise
            time.sleep(0.02)  # in a thread of the store, never on the event loop
        else:
            return


def _sqlite_engine(url: URL) -> Engine:
    # parameters hold people's words: they stay out of errors and so out of the log
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True,
                           connect_args={"check_same_thread": False, "cached_statements": 512})

    @event.listens_for(engine, "connect")
    def on_connect(dbapi: Any, _record: object) -> None:
        dbapi.isolation_level = None  # transactions are begun by us, not guessed by the driver
        cursor = dbapi.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        use_wal(dbapi)
        for pragma in (f"synchronous={sqlite_synchronous()}", "foreign_keys=ON",
                       f"cache_size=-{CACHE_KIB}", f"wal_autocheckpoint={CHECKPOINT_PAGES}",
                       "temp_store=MEMORY"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(conn: Connection) -> None:
        # a writer takes the lock at once: upgrading a read lock later could fail with "busy"
        conn.exec_driver_sql("BEGIN" if conn.get_execution_options().get("reads") else "BEGIN IMMEDIATE")

    return engine


def _mysql_engine(url: URL, readers: int) -> Engine:
    return create_engine(url, pool_size=readers + 1, pool_pre_ping=True, hide_parameters=True,
                         isolation_level="READ COMMITTED")


def _again(error: BaseException) -> bool:
    """True if the database rolled back and asks to run the transaction again."""
    if not isinstance(error, DBAPIError) or error.orig is None:
        return False
    state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
    if state in ("40001", "40P01"):
        return True
    args: tuple[Any, ...] = getattr(error.orig, "args", ())
    return bool(args) and args[0] in (1205, 1213, 1020)  # MariaDB: lock wait, deadlock, changed row


def _run(conn: Connection, fn: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    for attempt in range(1, WRITE_ATTEMPTS + 1):
        try:
            with conn.begin():
                return fn(conn, *args, **kwargs)
        except DBAPIError as error:
            if attempt == WRITE_ATTEMPTS or not _again(error):
                raise
    raise AssertionError("unreachable")




class _Task(NamedTuple):
    fn: Callable[..., Any]
    args: Any
    kwargs: Any
    future: asyncio.Future[Any]




class _Worker(threading.Thread):
    """One thread with one connection, running functions in the order they came."""

    def __init__(self, name: str, engine: Engine, tasks: queue.SimpleQueue[_Task | None], *,
                 reads: bool) -> None:
        super().__init__(name=name, daemon=True)
        self.engine = engine
        self.tasks = tasks
        self.reads = reads

    def run(self) -> None:
        conn: Connection | None = None
        while (task := self.tasks.get()) is not None:
            try:
                if conn is None or conn.closed or conn.invalidated:
                    conn = self.engine.connect().execution_options(reads=self.reads)
                result = _run(conn, task.fn, task.args, task.kwargs)
            except BaseException as error:
                if isinstance(error, DBAPIError) and error.connection_invalidated and conn is not None:
                    conn.close()
                    conn = None
                _post(task.future, None, error)
            else:
                _post(task.future, result, None)
            del task  # do not keep a batch alive while waiting
        if conn is not None:
            conn.close()


def _post(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    def settle() -> None:
        if future.cancelled():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(_border(error))

    try:
        future.get_loop().call_soon_threadsafe(settle)
    except RuntimeError:  # the loop is closed: nobody waits any more
        return


def _border(error: BaseException) -> BaseException:
    """A lost database becomes our own error; everything else stays what it is."""
    if isinstance(error, OperationalError | ConnectionError | OSError):
        wrapped = ZhikeError("store_unavailable", retry_after_s=1.0)
        wrapped.__cause__ = error
        return wrapped
    return error


async def _first(opening: Awaitable[str]) -> str:
    """The first use of a database: whatever the driver says, it cannot be used."""
    try:
        return await opening
    except DBAPIError as error:
        raise ZhikeError("store_unavailable", str(error.orig)[:300]) from error


class ThreadStore:
    """SQLite and MariaDB/MySQL: a writer thread and some reader threads."""

    def __init__(self, url: URL, readers: int = READERS) -> None:
        self.url = url
        self._readers = readers
        sqlite = url.get_backend_name() == "sqlite"
        self._engine = _sqlite_engine(url) if sqlite else _mysql_engine(url, readers)
        self._writes: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._reads: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._threads: list[_Worker] = []

    async def open(self) -> str:
        from zhike.store.schema import prepare

        if self.url.get_backend_name() == "sqlite" and self.url.database:
            Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
        self._threads = [_Worker("zhike-writer", self._engine, self._writes, reads=False)]
        self._threads += [_Worker(f"zhike-reader-{n}", self._engine, self._reads, reads=True)
                          for n in range(self._readers)]
        for thread in self._threads:
            thread.start()
        return await _first(self.write(prepare))

    async def close(self) -> None:
        self._writes.put(None)
        for _ in range(self._readers):
            self._reads.put(None)
        loop = asyncio.get_running_loop()
        for thread in self._threads:
            await loop.run_in_executor(None, thread.join)
        self._threads = []
        self._engine.dispose()

    async def write(self, fn: Fn[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._put(self._writes, fn, args, kwargs)

    async def read(self, fn: Fn[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._put(self._reads, fn, args, kwargs)

    async def _put(self, tasks: queue.SimpleQueue[_Task | None], fn: Callable[..., T],
                   args: Any, kwargs: dict[str, Any]) -> T:
        if not self._threads:
            raise ZhikeError("store_unavailable", "The store is closed.")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        tasks.put(_Task(fn, args, kwargs, future))
        return await future


class AsyncStore:
    """PostgreSQL: asyncpg on the event loop; the same functions through ``run_sync``."""

    def __init__(self, url: URL, connections: int = CONNECTIONS) -> None:
        self.url = url
        self._connections = connections
        self._engine: Any = None

    async def open(self) -> str:
        from sqlalchemy.ext.asyncio import create_async_engine

        from zhike.store.schema import prepare

        self._engine = create_async_engine(self.url, pool_size=self._connections, max_overflow=0,
                                           pool_pre_ping=True, hide_parameters=True,
                                           isolation_level="READ COMMITTED")
        return await _first(self.write(prepare))

    async def close(self) -> None:
        if self._engine is not None:
            await self._engine.dispose()
            self._engine = None

    async def write(self, fn: Fn[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._engine is None:
            raise ZhikeError("store_unavailable", "The store is closed.")
        for attempt in range(1, WRITE_ATTEMPTS + 1):
            try:
                async with self._engine.begin() as conn:
                    result: T = await conn.run_sync(fn, *args, **kwargs)
                return result
            except BaseException as error:
                if attempt == WRITE_ATTEMPTS or not _again(error):
                    raise _border(error) from error
        raise AssertionError("unreachable")

    read = write
