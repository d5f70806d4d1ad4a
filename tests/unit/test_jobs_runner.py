"""The runner in virtual time: on time, once, back-off, leases, shutdown."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import Connection, select

from zhike.jobs.feed import POLL_S
from zhike.jobs.runner import Runner, StoreHandler, retry_after_s
from zhike.store import jobs, tables
from zhike.store.dialect import insert_rows
from zhike.store.jobs import Job
from zhike.testing.inline import InlineStore
from zhike.testing.loop import VirtualLoop, run_virtual


def play(main: Callable[[VirtualLoop, InlineStore, Runner], Awaitable[None]], *,
         concurrency: int = 4) -> None:
    async def run(loop: VirtualLoop) -> None:
        store = InlineStore()
        await store.open()
        await main(loop, store, Runner(store, loop.now_ms, concurrency=concurrency))
        await store.close()

    run_virtual(run)


def state(conn: Connection, key: str) -> tuple[str, int, str]:
    row = conn.execute(select(tables.jobs).where(tables.jobs.c.key == key)).one()
    return row.state, row.attempts, row.last_error


def write_audit(conn: Connection, job: Job, now: int) -> None:
    """An effect that would be visible twice."""
    number = len(conn.execute(select(tables.audit.c.id)).all()) + 1
    insert_rows(conn, tables.audit, [{"id": number, "at": now, "actor": "job", "action": job.kind,
                                      "target": job.key, "detail": job.payload}])


def effects(conn: Connection) -> list[str]:
    return list(conn.execute(select(tables.audit.c.target).order_by(tables.audit.c.id)).scalars())


def test_jobs_run_at_their_time() -> None:
    async def main(loop: VirtualLoop, store: InlineStore, runner: Runner) -> None:
        ran: list[tuple[str, int]] = []

        async def handler(job: Job) -> None:
            ran.append((job.key, loop.now_ms() - began))

        runner.on_async("say", handler)
        await runner.start()
        began = loop.now_ms()
        await runner.schedule("say", "late", began + 40_000)
        await runner.schedule("say", "soon", began + 2_000)
        await asyncio.sleep(1.999)
        assert ran == []
        await asyncio.sleep(60)
        assert ran == [("soon", 2_000), ("late", 40_000)]
        assert runner.counts == {("say", "done"): 2}

    play(main)


def test_a_job_of_another_instance_is_noticed() -> None:
    async def main(loop: VirtualLoop, store: InlineStore, runner: Runner) -> None:
        runner.on_store("note", write_audit)
        await runner.start()
        await asyncio.sleep(1)
        store.run(jobs.schedule, "note", "n:1", loop.now_ms(), loop.now_ms())  # nobody pokes
        await asyncio.sleep(POLL_S + 0.1)
        assert store.run(effects) == ["n:1"]

    play(main)


def test_effect_and_mark_are_one_transaction() -> None:
    async def main(loop: VirtualLoop, store: InlineStore, runner: Runner) -> None:
        calls = 0

        def handler(conn: Connection, job: Job, now: int) -> None:
            nonlocal calls
            calls += 1
            write_audit(conn, job, now)
            if calls == 1:
                store.fail_next = OSError("the disk is gone")  # after the effect, before the commit

        runner.on_store("note", handler)
        await runner.start()
        await runner.schedule("note", "n:1", loop.now_ms())
        await asyncio.sleep(1)
        assert store.run(effects) == []
        assert store.run(state, "n:1") == ("due", 1, "OSError: the disk is gone")
        await asyncio.sleep(retry_after_s("n:1", 1))
        assert store.run(effects) == ["n:1"]
        assert calls == 2

    play(main)


def test_after_a_kill_the_job_runs_again_and_the_effect_is_there_once() -> None:
    async def main(loop: VirtualLoop, store: InlineStore, runner: Runner) -> None:
        runner.on_store("note", write_audit, timeout_s=30)
        # a process that died between claim and commit
        store.run(jobs.schedule, "note", "n:1", loop.now_ms(), loop.now_ms())
        store.run(jobs.claim, loop.now_ms(), {"note": 45_000}, 10)
        await runner.start()
        await asyncio.sleep(44.9)
        assert store.run(effects) == []
        await asyncio.sleep(0.2)
        assert store.run(effects) == ["n:1"]
        assert store.run(state, "n:1")[:2] == ("done", 2)

    play(main)


def test_a_lease_that_was_lost_stores_nothing() -> None:
    async def main(loop: VirtualLoop, store: InlineStore, runner: Runner) -> None:
        async def handler(job: Job) -> StoreHandler:
            other = store.run(jobs.claim, loop.now_ms() + 10**9, {"call": 45_000}, 10)[0]
            assert [taken.key for taken in other] == ["c:1"]
            return write_audit

        runner.on_async("call", handler)
        await runner.start()
        await runner.schedule("call", "c:1", loop.now_ms())
        await asyncio.sleep(1)
        assert store.run(effects) == []
        assert runner.counts == {("call", "lost"): 1}

    play(main)


def test_what_a_coroutine_returns_is_stored_with_the_mark() -> None:
    async def main(loop: VirtualLoop, store: InlineStore, runner: Runner) -> None:
        async def handler(job: Job) -> StoreHandler:
            await asyncio.sleep(3)
            return write_audit

        runner.on_async("call", handler)
        await runner.start()
        await runner.schedule("call", "c:1", loop.now_ms())
        await asyncio.sleep(5)
        assert store.run(effects) == ["c:1"]
        assert store.run(state, "c:1") == ("done", 1, "")

    play(main)


def test_failures_back_off_and_end() -> None:
    async def main(loop: VirtualLoop, store: InlineStore, runner: Runner) -> None:
        times: list[float] = []

        async def handler(job: Job) -> None:
            times.append(loop.time())
            raise ValueError("no route")

        runner.on_async("call", handler, max_attempts=3)
        await runner.start()
        await runner.schedule("call", "c:1", loop.now_ms())
        await asyncio.sleep(120)
        waits = [round(b - a, 2) for a, b in itertools.pairwise(times)]
        assert waits == pytest.approx([retry_after_s("c:1", 1), retry_after_s("c:1", 2)], abs=0.01)
        assert store.run(state, "c:1") == ("failed", 3, "ValueError: no route")
        assert runner.counts == {("call", "retried"): 2, ("call", "failed"): 1}

    play(main)


def test_pauses_grow_to_an_hour_and_differ_by_key() -> None:
    assert 5 <= retry_after_s("a", 1) < 6.25
    assert 20 <= retry_after_s("a", 3) < 25
    assert 3600 <= retry_after_s("a", 99) < 4500
    assert retry_after_s("a", 1) != retry_after_s("b", 1)


def test_a_handler_that_takes_too_long_is_cancelled() -> None:
    async def main(loop: VirtualLoop, store: InlineStore, runner: Runner) -> None:
        async def handler(job: Job) -> None:
            await asyncio.sleep(3600)

        runner.on_async("call", handler, timeout_s=10)
        await runner.start()
        await runner.schedule("call", "c:1", loop.now_ms())
        await asyncio.sleep(9.999)
        assert store.run(state, "c:1")[0] == "running"
        await asyncio.sleep(0.002)
        assert store.run(state, "c:1")[:2] == ("due", 1)

    play(main)


def test_recurring_jobs_come_again_also_after_failing() -> None:
    async def main(loop: VirtualLoop, store: InlineStore, runner: Runner) -> None:
        ran: list[float] = []

        async def handler(job: Job) -> None:
            ran.append(loop.time() - began)
            if len(ran) == 2:
                raise ValueError("once")

        runner.on_async("sweep", handler, every_s=300, max_attempts=1)
        began = loop.time()
        await runner.start()
        second = Runner(store, loop.now_ms)  # another instance on the same database
        second.on_async("sweep", handler, every_s=300, max_attempts=1)
        await second.start()
        await asyncio.sleep(1000)
        assert [round(at) for at in ran] == [0, 300, 600, 900]

    play(main)


def test_only_so_many_at_once() -> None:
    async def main(loop: VirtualLoop, store: InlineStore, runner: Runner) -> None:
        most = 0

        async def handler(job: Job) -> None:
            nonlocal most
            most = max(most, runner.running_count)
            await asyncio.sleep(1)

        runner.on_async("call", handler)
        await runner.start()
        for number in range(9):
            await runner.schedule("call", f"c:{number}", loop.now_ms())
        await asyncio.sleep(2.9)
        assert runner.counts["call", "done"] == 6
        await asyncio.sleep(0.2)
        assert runner.counts["call", "done"] == 9
        assert most == 3

    play(main, concurrency=3)


def test_stopping_gives_back_what_does_not_end() -> None:
    async def main(loop: VirtualLoop, store: InlineStore, runner: Runner) -> None:
        async def handler(job: Job) -> None:
            await asyncio.sleep(2 if job.key == "short" else 50)

        runner.on_async("call", handler)
        await runner.start()
        await runner.schedule("call", "short", loop.now_ms())
        await runner.schedule("call", "long", loop.now_ms())
        await asyncio.sleep(0.5)
        assert not await runner.stop(timeout_s=5)
        assert store.run(state, "short")[0] == "done"
        assert store.run(state, "long")[:2] == ("due", 0)
        await runner.schedule("call", "after", loop.now_ms())
        await asyncio.sleep(60)
        assert store.run(state, "after")[0] == "due"

    play(main)


def test_a_database_that_is_away_is_asked_again() -> None:
    async def main(loop: VirtualLoop, store: InlineStore, runner: Runner) -> None:
        runner.on_store("note", write_audit)
        await runner.start()
        await asyncio.sleep(1)
        store.fail_next = OSError("away")
        with pytest.raises(OSError, match="away"):
            await runner.schedule("note", "n:0", loop.now_ms())
        store.run(jobs.schedule, "note", "n:1", loop.now_ms(), loop.now_ms())
        store.fail_next = OSError("away")  # the claim fails
        runner.poke()
        await asyncio.sleep(3)
        assert store.run(effects) == ["n:1"]

    play(main)


def test_two_handlers_for_one_kind_are_a_mistake() -> None:
    async def main(loop: VirtualLoop, store: InlineStore, runner: Runner) -> None:
        runner.on_store("note", write_audit)
        with pytest.raises(ValueError, match="note"):
            runner.on_store("note", write_audit)

    play(main)
