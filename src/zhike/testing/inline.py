"""A store and an executor without threads, for tests in virtual time and for property tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.pool import StaticPool

from zhike.store.schema import prepare

P = ParamSpec("P")
T = TypeVar("T")


class InlineStore:
    """SQLite in memory, run on the caller's thread. ``fail_next``: raise this at the next write,
    after the function ran and before the commit (as a crash would). ``pause_s``: how long after its commit
    a writer hears of it (virtual seconds): meanwhile the caller goes on, as beside a writer thread."""

    def __init__(self) -> None:
        self.url = make_url("sqlite://")
        self._engine = create_engine(self.url, poolclass=StaticPool,
                                     connect_args={"check_same_thread": False})
        self.fail_next: BaseException | None = None
        self.pause_s: Callable[[], float] | None = None
        self.write_count = 0

        @event.listens_for(self._engine, "connect")
        def on_connect(dbapi: Any, _record: object) -> None:
            dbapi.isolation_level = None
            dbapi.execute("PRAGMA foreign_keys=ON")

        @event.listens_for(self._engine, "begin")
        def on_begin(conn: Connection) -> None:
            conn.exec_driver_sql("BEGIN")

    async def open(self) -> str:
        return self.run(prepare)

    async def close(self) -> None:
        self._engine.dispose()

    def run(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs ``fn`` in one transaction, now."""
        with self._engine.begin() as conn:
            result = fn(conn, *args, **kwargs)
            self.write_count += 1
            if self.fail_next is not None:
                error, self.fail_next = self.fail_next, None
                raise error
            return result

    async def write(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args,
                    **kwargs: P.kwargs) -> T:
        if self.pause_s is None:
            return self.run(fn, *args, **kwargs)
        try:
            return self.run(fn, *args, **kwargs)
        finally:
            await asyncio.sleep(self.pause_s())

    async def read(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args,
                   **kwargs: P.kwargs) -> T:
        with self._engine.begin() as conn:
            return fn(conn, *args, **kwargs)


class InlineExecutor(Executor):
    """Runs everything at once, on the caller's thread."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future
