"""Measures the unit of work on MariaDB or MySQL: PyMySQL in the writer thread against asyncmy.

    pip install asyncmy
    python docs/decisions/measure_mysql.py mysql://root@127.0.0.1/mysql

Makes a database of its own and removes it. Prints CPU and wall time of this process per question; two
rows are stored for each (the message and its answer), on conversations that exist.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from hashlib import blake2b
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from zhike.domain.message import Reply
from zhike.domain.unit import Incoming
from zhike.store import tables
from zhike.store.dialect import insert_rows
from zhike.store.engine import open_store
from zhike.store.unit import commit_unit

SENDERS = 1000
BATCHES = (500, 20, 8, 1)
SECONDS = 3.0
REPLY = Reply("签收后 7 天内可以无理由退货。Seven days, no questions asked.")
Commit = Callable[[list[Incoming]], Awaitable[object]]
numbers = itertools.count()


def unit(size: int) -> list[Incoming]:
    """One batch of new questions with sure answers."""
    entries = []
    for _ in range(size):
        number = next(numbers)
        sender = f"v:{number % SENDERS:026d}"
        key = blake2b(f"1\0{sender}\0{number}".encode(), digest_size=16).digest()
        entries.append(Incoming(1, sender, f"s.{number}", key, "支持七天无理由退货吗？", 1_790_000_000_000,
                                lang="zh", reply=REPLY, look_up=False))
    return entries


async def measure(name: str, commit: Commit) -> None:
    """Prints one line per batch size."""
    for _ in range(SENDERS // 500):
        await commit(unit(500))
    for size in BATCHES:
        count = 0
        cpu, wall = time.process_time(), time.monotonic()
        while time.monotonic() - wall < SECONDS:
            await commit(unit(size))
            count += size
        cpu, wall = time.process_time() - cpu, time.monotonic() - wall
        print(f"{name:28} batch {size:3}: CPU {cpu / count * 1e6:7.1f} µs, wall {wall / count * 1e6:8.1f} µs "
              f"a question, {count / wall:7.0f} questions/s", flush=True)


async def main(server: str) -> None:
    """Measures both drivers on the same server, one after the other, twice."""
    url = make_url(server)
    name = f"zhike_measure_{secrets.token_hex(4)}"
    admin = create_engine(url.set(drivername="mysql+pymysql"))
    with admin.begin() as conn:
        conn.execute(text(f"CREATE DATABASE {name}"))
    try:
        mine = url.set(database=name)
        store = open_store(mine.render_as_string(hide_password=False), Path(tempfile.gettempdir()))
        await store.open()
        await store.write(lambda conn: insert_rows(conn, tables.inboxes, [{
            "id": 1, "key": "shop", "name": "shop", "channel": "web", "bot_id": None, "secret": "",
            "settings": "{}", "created_at": 0, "updated_at": 0}]))
        engine = create_async_engine(mine.set(drivername="mysql+asyncmy", query={"charset": "utf8mb4"}),
                                     isolation_level="READ COMMITTED")

        async def by_thread(entries: list[Incoming]) -> object:
            return await store.write(commit_unit, entries, {})

        async def by_loop(entries: list[Incoming]) -> object:
            async with engine.begin() as conn:
                return await conn.run_sync(commit_unit, entries, {})

        for _ in range(2):
            await measure("PyMySQL, writer thread", by_thread)
            await measure("asyncmy, event loop", by_loop)
        await engine.dispose()
        await store.close()
    finally:
        with admin.begin() as conn:
            conn.execute(text(f"DROP DATABASE {name}"))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "mysql://root@127.0.0.1/mysql"))
