"""The socket is open, and a visitor's hello answered, before anything heavy is loaded."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from zhike.ops.bench.server import HOST, Server, limits_off
from zhike.testing.restclient import Api
from zhike.testing.wsclient import Visitor

HEAVY = ("sqlalchemy", "litestar", "uvicorn", "yaml", "argon2", "tantivy", "prometheus_client", "alembic",
         "asyncpg", "pymysql", "re2", "opencc", "rjieba", "pypinyin", "httptools", "httpx", "httpx2", "redis",
         "cryptography", "jinja2")
"""None of these may be loaded on the way to the open socket. Each costs 10 to 300 ms."""

SERVE_UNTIL_OPEN = """
import json, os, sys
from zhike.gateway.frontdoor import FrontDoor
real = FrontDoor.open
async def opened(self, sock):
    await real(self, sock)
    print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), flush=True)
    os._exit(0)
FrontDoor.open = opened
from zhike.cli import main
sys.exit(main(["serve", "--port", "0", "--data", sys.argv[1]]))
"""


def test_nothing_heavy_is_loaded_before_the_socket_is_open(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SERVE_UNTIL_OPEN, str(tmp_path / "data")], cwd=tmp_path,
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout))
    assert {"zhike", "uvloop", "picows", "msgspec"} <= loaded, "this looked at something else"
    assert sorted(loaded & set(HEAVY)) == []
    assert not (tmp_path / "data").exists(), "the store was touched before the socket was open"


def test_the_tables_bring_no_dialect_but_sqlites() -> None:
    """An option like ``mysql_engine=`` on a table makes SQLAlchemy import that dialect at every start."""
    done = subprocess.run(
        [sys.executable, "-c", "import sys, zhike.app.core\n"
         "print(*[n for n in sys.modules if n.startswith(('sqlalchemy.dialects.mysql', 'opencc',"
         " 'sqlalchemy.dialects.postgresql')) or n == 'zhike.store.tables'])"],
        capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["zhike.store.tables"]


async def test_a_hello_before_the_store_is_open_is_held_and_then_welcomed(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", limits_off(10))
    api = Api(server.port)
    try:
        await asyncio.to_thread(server.start)
        assert await asyncio.to_thread(server.stop) == 0
        with closing(sqlite3.connect(server.database, isolation_level=None)) as lock:
            lock.execute("BEGIN IMMEDIATE")  # so that the store cannot open
            server.exec()
            async with asyncio.timeout(30):
                visitor = await _listening(server)
                waiting = asyncio.ensure_future(api("GET", "/health/live"))
                # what does not wait for its welcome is refused and not kept
                visitor.transmit({"type": "message", "client_msg_id": "early", "text": "退货"})
                assert (await visitor.error())["code"] == "starting"
                assert visitor.errors[0]["client_msg_id"] == "early"
                assert not visitor.welcome
                assert not waiting.done()
                lock.execute("ROLLBACK")
                await visitor.until(lambda: bool(visitor.welcome), "welcome")
                assert [frame["type"] for frame in visitor.frames[:3]] == ["starting", "error", "welcome"]
                await visitor.answered(visitor.say("退货"))
                assert (await waiting).status == 200
                visitor.check_order()
                assert len(visitor.rows()) == 2, "what came before the welcome was kept after all"
                await visitor.leave()
        assert await asyncio.to_thread(server.stop) == 0
    finally:
        server.kill()


async def _listening(server: Server) -> Visitor:
    """A visitor whose hello is held."""
    visitor = Visitor(f"ws://{HOST}:{server.port}/ws", stay=True)
    visitor.start()
    await visitor.until(lambda: bool(visitor.of("starting")), "starting")
    return visitor


async def test_an_interrupted_start_ends_cleanly(tmp_path: Path) -> None:
    """SIGTERM while the store is still closed: those who wait are told, and the exit code is 0."""
    server = Server(tmp_path / "data", limits_off(10))
    try:
        await asyncio.to_thread(server.start)
        assert await asyncio.to_thread(server.stop) == 0
        with closing(sqlite3.connect(server.database, isolation_level=None)) as lock:
            lock.execute("BEGIN IMMEDIATE")
            server.exec()
            visitor = await _listening(server)
            visitor.stay = False
            stopping = asyncio.ensure_future(asyncio.to_thread(server.stop))
            assert (await visitor.error())["code"] == "going_away"
            await visitor.until(lambda: visitor.gone, "the end")
            assert visitor.closes == [4003]
            lock.execute("ROLLBACK")
            assert await stopping == 0, server.last_words()
    finally:
        server.kill()


@pytest.mark.parametrize("inbox", ["shop", "no-such-inbox"])
async def test_nobody_joins_before_the_inbox_was_looked_up(tmp_path: Path, inbox: str) -> None:
    """On an empty folder, too: the first hello waits for tables, sample shop and index."""
    server = Server(tmp_path / "data", limits_off(10))
    try:
        server.exec()
        visitor = Visitor(f"ws://{HOST}:{server.port}/ws", stay=True, inbox=inbox)
        visitor.start()
        if inbox == "shop":
            await visitor.answered(visitor.say("退货"))
            visitor.check_order()
        else:
            assert (await visitor.error())["code"] == "inbox_not_found"
            await visitor.until(lambda: visitor.gone, "the end")
            assert visitor.closes == [4505]
        await visitor.leave()
    finally:
        server.kill()
