"""Fixtures for everybody: the three databases, and what a missing one means.

``ZHIKE_TEST_POSTGRESQL_URL`` and ``ZHIKE_TEST_MYSQL_URL`` name servers where databases may be
created (``postgresql://user@host/postgres``). Without one its tests are skipped, loudly; with
``CI`` set a missing service is a failure.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url

from zhike.store import tables
from zhike.store.engine import Store, open_store

SERVERS = {"postgresql": "ZHIKE_TEST_POSTGRESQL_URL", "mysql": "ZHIKE_TEST_MYSQL_URL"}


def missing(what: str) -> None:
    """A loud skip on a laptop, a failure in CI."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and this is CI")
    pytest.skip(f"{what} is missing: these tests did not run")


def _admin(kind: str, url: URL, sql: str) -> None:
    if kind == "postgresql":
        import asyncio

        from sqlalchemy.ext.asyncio import create_async_engine

        async def run() -> None:
            engine = create_async_engine(url.set(drivername="postgresql+asyncpg"),
                                         isolation_level="AUTOCOMMIT")
            async with engine.connect() as conn:
                await conn.execute(text(sql))
            await engine.dispose()

        asyncio.run(run())
        return
    engine = create_engine(url.set(drivername="mysql+pymysql"))
    with engine.begin() as conn:
        conn.execute(text(sql))
    engine.dispose()


@pytest.fixture(scope="session", params=["sqlite", "postgresql", "mysql"])
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A fresh database of each kind, removed at the end."""
    kind = request.param
    if kind == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('db') / 'zhike.db'}"
        return
    server = os.environ.get(SERVERS[kind])
    if not server:
        missing(SERVERS[kind])
    url = make_url(server or "")
    name = f"zhike_test_{secrets.token_hex(4)}"
    _admin(kind, url, f"CREATE DATABASE {name}")
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        force = " WITH (FORCE)" if kind == "postgresql" else ""
        _admin(kind, url, f"DROP DATABASE {name}{force}")


@pytest_asyncio.fixture
async def store(database_url: str, tmp_path: Path) -> AsyncIterator[Store]:
    """An open, empty store on each database."""
    opened = open_store(database_url, tmp_path)
    await opened.open()
    try:
        yield opened
    finally:
        def empty(conn: object) -> None:
            for table in reversed(tables.metadata.sorted_tables):
                if table.name != "meta":
                    conn.execute(table.delete())  # type: ignore[attr-defined]

        await opened.write(empty)
        await opened.close()
