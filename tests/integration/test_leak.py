"""A thousand sessions come, ask and go: nothing of them stays."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from pathlib import Path
from typing import Any

import pytest
import uvloop

from zhike.app.process import Process, limits_of
from zhike.gateway.connection import Connection
from zhike.gateway.session import Session
from zhike.ops.bench.proc import rss_bytes
from zhike.ops.bench.server import Server, limits_off
from zhike.pipeline.batch import Item
from zhike.pipeline.turns import Turn
from zhike.testing.instance import Instance, quiet_settings, running
from zhike.testing.wsclient import Visitor

SESSIONS = 1000
AT_ONCE = 100
FIRST_ROUND = 200
BYTES_PER_SESSION = 4096
"""What may stay of each at most: its id among the recent ones, its token bucket, its answer in the
cache. A session with its connection takes three times as much."""


async def come_and_go(url: str, count: int) -> None:
    """``count`` visitors, so many at a time; each joins, asks, is answered and leaves, half of them
    without a word."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with gate, Visitor(url) as visitor:
            # half are answered at once; the others wait for the rest of their thought first
            await visitor.answered(visitor.say("退货" if number % 2 else f"火星 {number}"))
            if number % 4 < 2:
                assert visitor.ws is not None
                visitor.ws.transport.abort()

    await asyncio.gather(*map(one, range(count)))


def state(instance: Instance[Process]) -> dict[str, Any]:
    """Everything that a session could have left behind."""
    gateway, core = instance.gateway, instance.process.core
    assert core is not None
    queue, admission = core.line.queue, gateway.admission
    gc.collect()
    kinds = (Session, Connection, Item, Turn, Visitor)
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "tasks": sorted(task.get_name() for task in asyncio.all_tasks() - {asyncio.current_task()}),
        "gateway": (len(gateway.sessions), len(gateway.connections), len(gateway.joins), len(gateway._tasks)),
        "hub": gateway.hub.sizes(), "wheel": len(gateway.wheel), "dirty": len(gateway.writer.dirty),
        "budgets": [(budget.open, budget.addresses())
                    for budget in (admission.sockets, admission.websockets, admission.http)],
        "gauges": (gateway.counters.ws_open, gateway.counters.joined, gateway.counters.http_open),
        "queue": (len(queue.turns), len(queue.replies), len(queue.held), queue.held_count, len(queue._waits)),
        "receive": (len(core.line.receive.waiting), core.line.receive.waiting_bytes),
        "objects": {kind.__name__: sum(type(thing) is kind for thing in gc.get_objects()) for kind in kinds},
    }


pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc to count with")


def test_a_thousand_sessions_leave_nothing_behind(tmp_path: Path) -> None:
    async def main() -> None:
        settings = quiet_settings(tmp_path)
        async with running(Process, settings, limits_of(settings)) as instance:
            await come_and_go(instance.url, 20)  # threads and caches that come with the first use
            await every_reader(instance, settings.database.readers)
            before = await quiet(instance)
            await come_and_go(instance.url, SESSIONS)
            assert instance.gateway.counters.joined_total == SESSIONS + 20
            assert await quiet(instance) == before

    async def quiet(instance: Instance[Process]) -> dict[str, Any]:
        """The state once the ends of all sockets have been noticed: when it changes no more."""
        core = instance.process.core
        assert core is not None
        async with asyncio.timeout(30):
            await core.line.settle()
            last: dict[str, Any] = {}
            while True:
                now = state(instance)
                if now == last and not instance.gateway.connections:
                    return now
                last = now
                await asyncio.sleep(0.3)  # a tick of the wheel; nothing announces "gone"

    uvloop.run(main())


async def every_reader(instance: Instance[Process], count: int) -> None:
    """Each reader of the store opens its files when it is first used; which one that is, is chance."""
    core = instance.process.core
    assert core is not None
    meeting = threading.Barrier(count)
    await asyncio.gather(*(core.store.read(lambda _: meeting.wait(30)) for _ in range(count)))


async def test_memory_does_not_grow_with_sessions_that_have_gone(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", {**limits_off(500), "ZHIKE_PIPELINE__FRAGMENT_WAIT": "50ms"})
    try:
        await asyncio.to_thread(server.start)
        url = f"ws://127.0.0.1:{server.port}/ws"
        tasks = Path(f"/proc/{server.pid}/task")
        await come_and_go(url, FIRST_ROUND)
        await come_and_go(url, SESSIONS)
        memory, threads = rss_bytes(server.pid), len(os.listdir(tasks))
        await come_and_go(url, SESSIONS)
        grown = rss_bytes(server.pid) - memory
        assert grown < SESSIONS * BYTES_PER_SESSION, f"{grown / SESSIONS:.0f} bytes stay of each session"
        assert len(os.listdir(tasks)) <= threads
        assert await asyncio.to_thread(server.stop) == 0
    finally:
        server.kill()
