"""``kill -9`` in the middle of the work: after the next start every effect is there exactly once."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from zhike import clock
from zhike.jobs.runner import Runner
from zhike.store import jobs, tables
from zhike.store.dialect import insert_rows, next_ids
from zhike.store.engine import open_store
from zhike.store.jobs import Job

JOBS = 200
CHILD = """
import asyncio, sys
from pathlib import Path
from zhike import clock
from zhike.jobs.runner import Runner
from zhike.store.engine import open_store
sys.path.insert(0, sys.argv[2])
from test_jobs_kill import effect

async def main():
    store = open_store("", Path(sys.argv[1]))
    await store.open()
    runner = Runner(store, clock.now_ms)

    async def handler(job):
        print(job.key, flush=True)
        return effect

    runner.on_async("call", handler)
    runner.on_store("note", effect)
    await runner.start()
    await asyncio.Event().wait()

asyncio.run(main())
"""


def effect(conn: Connection, job: Job, now: int) -> None:
    """Visible if it happens twice."""
    insert_rows(conn, tables.audit, [{"id": next_ids(conn, "audit", 1)[0], "at": now, "actor": "job",
                                      "action": job.kind, "target": job.key, "detail": ""}])


def _fill(conn: Connection, now: int) -> None:
    for number in range(JOBS):
        jobs.schedule(conn, "call" if number % 2 else "note", f"j:{number}", now, now)


def _effects(conn: Connection) -> Counter[str]:
    return Counter(conn.execute(select(tables.audit.c.target)).scalars())


@pytest.mark.parametrize("lines", [1, 30])
async def test_every_effect_is_there_once_after_kill_9(tmp_path: Path, lines: int) -> None:
    store = open_store("", tmp_path)
    await store.open()
    await store.write(_fill, clock.now_ms())
    await store.close()
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", CHILD, str(tmp_path),
                                                 str(Path(__file__).parent), stdout=subprocess.PIPE)
    assert child.stdout is not None
    for _ in range(lines):
        assert await child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    await child.wait()

    store = open_store("", tmp_path)
    await store.open()
    try:
        before = await store.read(_effects)
        assert max(before.values(), default=0) <= 1
        assert len(before) < JOBS  # else nothing was interrupted
        # ten minutes later: what the dead process held is free again
        runner = Runner(store, lambda: clock.now_ms() + 600_000)
        done = asyncio.Event()

        async def handler(job: Job) -> object:
            return effect

        def store_effect(conn: Connection, job: Job, now: int) -> None:
            effect(conn, job, now)

        runner.on_async("call", handler)  # type: ignore[arg-type]
        runner.on_store("note", store_effect)

        async def last(job: Job) -> None:
            if len(await store.read(_effects)) == JOBS:
                done.set()

        runner.on_async("look", last, every_s=0.05)
        await runner.start()
        async with asyncio.timeout(60):
            await done.wait()
        await runner.stop()
        assert await store.read(_effects) == Counter({f"j:{n}": 1 for n in range(JOBS)})
        found = await store.read(jobs.counts)
        assert found["call", "done"] + found["note", "done"] == JOBS
    finally:
        await store.close()
