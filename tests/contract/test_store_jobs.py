"""Durable timers on every database: one key, one run at a time, nothing lost with its process."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from zhike.store import jobs, tables
from zhike.store.engine import Store, open_store
from zhike.store.jobs import Job

T = 1_790_000_000_000
LEASES = {"mail": 60_000, "sweep": 60_000}


def _row(conn: Connection, key: str) -> tuple[str, int, int, str]:
    row = conn.execute(select(tables.jobs).where(tables.jobs.c.key == key)).one()
    return (row.state, row.due_at, row.attempts, row.last_error)


async def take(store: Store, now: int, limit: int = 10, leases: dict[str, int] | None = None) -> list[Job]:
    claimed, _ = await store.write(jobs.claim, now, leases or LEASES, limit)
    return claimed


async def test_a_job_is_claimed_when_it_is_due_and_not_before(store: Store) -> None:
    await store.write(jobs.schedule, "mail", "m:1", T + 10, T, payload='{"a":1}')
    assert await store.read(jobs.next_due, LEASES) == T + 10
    assert await take(store, T + 9) == []
    [job] = await take(store, T + 10)
    assert (job.kind, job.key, job.payload, job.due_at, job.attempts) == ("mail", "m:1", '{"a":1}', T + 10, 1)
    assert await take(store, T + 11) == []
    assert await store.write(jobs.finish, job, T + 20)
    assert await store.read(_row, "m:1") == ("done", T + 20, 1, "")
    assert await store.read(jobs.next_due, LEASES) is None


async def test_the_earliest_come_first_and_unknown_kinds_stay(store: Store) -> None:
    for number, late in enumerate((30, 10, 20)):
        await store.write(jobs.schedule, "mail", f"m:{number}", T + late, T)
    await store.write(jobs.schedule, "of a newer zhike", "n", T, T)
    assert [job.key for job in await take(store, T + 100, limit=2)] == ["m:1", "m:2"]
    assert [job.key for job in await take(store, T + 100)] == ["m:0"]
    assert await store.read(jobs.counts) == {("mail", "running"): 3, ("of a newer zhike", "due"): 1}


async def test_the_same_key_moves_or_stays(store: Store) -> None:
    assert await store.write(jobs.schedule, "mail", "m:1", T + 10, T)
    assert not await store.write(jobs.schedule, "mail", "m:1", T + 99, T, again="leave")
    assert await store.read(_row, "m:1") == ("due", T + 10, 0, "")
    assert await store.write(jobs.schedule, "mail", "m:1", T + 50, T, payload="2")
    assert await take(store, T + 49) == []
    [job] = await take(store, T + 50)
    assert job.payload == "2"
    await store.write(jobs.finish, job, T + 51)
    assert not await store.write(jobs.schedule, "mail", "m:1", T, T, again="leave")  # once means once
    assert await take(store, T + 60) == []
    assert await store.write(jobs.schedule, "mail", "m:1", T + 60, T)
    [job] = await take(store, T + 60)
    assert job.attempts == 1


async def test_what_is_scheduled_while_it_runs_runs_once_more_and_never_beside_it(store: Store) -> None:
    await store.write(jobs.schedule, "mail", "m:1", T, T)
    [job] = await take(store, T)
    await store.write(jobs.schedule, "mail", "m:1", T + 5, T, payload="later")
    assert await take(store, T + 10) == []
    assert await store.write(jobs.finish, job, T + 11)
    [again] = await take(store, T + 12)
    assert (again.payload, again.attempts) == ("later", 1)
    assert await store.write(jobs.finish, again, T + 13)
    assert (await store.read(_row, "m:1"))[0] == "done"


async def test_a_lease_that_ended_is_claimed_again_and_the_late_one_can_write_nothing(store: Store) -> None:
    await store.write(jobs.schedule, "mail", "m:1", T, T)
    [dead] = await take(store, T)
    assert await store.read(jobs.next_due, LEASES) == T + 60_000
    assert await take(store, T + 59_999) == []
    [alive] = await take(store, T + 60_000)
    assert alive.attempts == 2
    assert not await store.write(jobs.finish, dead, T + 60_001)
    assert not await store.write(jobs.retry, dead, "late", T + 60_001, T + 60_001)
    assert not await store.write(jobs.release, dead, T)
    assert (await store.read(_row, "m:1"))[0] == "running"
    assert await store.write(jobs.finish, alive, T + 60_002)


async def test_a_crash_keeps_the_later_time_that_was_asked_for(store: Store) -> None:
    await store.write(jobs.schedule, "mail", "m:1", T, T)
    await take(store, T)
    await store.write(jobs.schedule, "mail", "m:1", T + 900_000, T)
    [again] = await take(store, T + 60_000)
    assert await store.write(jobs.finish, again, T + 60_001)
    assert await store.read(_row, "m:1") == ("due", T + 900_000, 0, "")


async def test_failing_backs_off_and_ends(store: Store) -> None:
    await store.write(jobs.schedule, "mail", "m:1", T, T, max_attempts=2)
    [job] = await take(store, T)
    assert await store.write(jobs.retry, job, "no route", T + 500, T + 1)
    assert await store.read(_row, "m:1") == ("due", T + 500, 1, "no route")
    assert await take(store, T + 499) == []
    [job] = await take(store, T + 500)
    assert await store.write(jobs.retry, job, "x" * 5000, T + 900, T + 501)
    state, ended, attempts, error = await store.read(_row, "m:1")
    assert (state, ended, attempts, len(error)) == ("failed", T + 501, 2, jobs.MAX_ERROR_CHARS)
    assert await take(store, T + 10_000) == []


async def test_a_recurring_job_goes_on_after_its_last_attempt(store: Store) -> None:
    await store.write(jobs.schedule, "sweep", "s", T, T, max_attempts=1)
    [job] = await take(store, T)
    assert await store.write(jobs.retry, job, "broken", T + 5, T + 1, again_at=T + 300)
    assert await store.read(_row, "s") == ("due", T + 300, 0, "broken")
    [job] = await take(store, T + 300)
    assert await store.write(jobs.finish, job, T + 301, again_at=T + 600)
    assert await store.read(_row, "s") == ("due", T + 600, 0, "")


async def test_a_job_that_kills_the_process_is_given_up(store: Store) -> None:
    await store.write(jobs.schedule, "mail", "m:1", T, T, max_attempts=2)
    now = T
    for _ in range(2):
        assert len(await take(store, now)) == 1
        now += 60_000
    claimed, given_up = await store.write(jobs.claim, now, LEASES, 10)
    assert (claimed, [job.key for job in given_up]) == ([], ["m:1"])
    assert await store.read(_row, "m:1") == ("failed", now, 2, jobs.LEASE_ENDED)


async def test_released_and_cancelled(store: Store) -> None:
    await store.write(jobs.schedule, "mail", "m:1", T, T)
    [job] = await take(store, T)
    assert await store.write(jobs.release, job, T + 3)
    assert await store.read(_row, "m:1") == ("due", T + 3, 0, "")
    assert await store.write(jobs.cancel, "m:1")
    assert not await store.write(jobs.cancel, "m:1")
    await store.write(jobs.schedule, "mail", "m:2", T, T)
    [job] = await take(store, T)
    assert not await store.write(jobs.cancel, "m:2")  # it runs: too late
    await store.write(jobs.schedule, "mail", "m:2", T + 9, T)
    assert await store.write(jobs.cancel, "m:2")
    await store.write(jobs.finish, job, T + 1)
    assert (await store.read(_row, "m:2"))[0] == "done"


async def test_ended_jobs_are_forgotten_in_time(store: Store) -> None:
    for key in ("a", "b", "c"):
        await store.write(jobs.schedule, "mail", key, T, T, max_attempts=1)
    first, second, _ = await take(store, T)
    await store.write(jobs.finish, first, T + 1)
    await store.write(jobs.retry, second, "no", T + 5, T + 2)
    assert await store.write(jobs.prune, T + 1, T + 1) == 0
    assert await store.write(jobs.prune, T + 100, T + 2) == 1
    assert await store.write(jobs.prune, T + 100, T + 100) == 1
    assert await store.read(jobs.counts) == {("mail", "running"): 1}


async def test_what_rolls_back_schedules_nothing(store: Store) -> None:
    def cause(conn: Connection) -> None:
        jobs.schedule(conn, "mail", "m:1", T, T)
        raise ValueError("the cause could not be stored")

    with pytest.raises(ValueError, match="cause"):
        await store.write(cause)
    assert await take(store, T) == []


async def test_two_instances_never_have_the_same_job(store: Store, database_url: str, tmp_path: Path) -> None:
    def many(conn: Connection) -> None:
        for number in range(40):
            jobs.schedule(conn, "mail", f"m:{number}", T, T)

    await store.write(many)
    other = open_store(database_url, tmp_path)
    await other.open()
    try:
        seen: list[str] = []

        async def work(mine: Store) -> None:
            misses = 0
            while misses < 3:  # a row that the other one is claiming may be passed over
                got = await take(mine, T, limit=3)
                misses = misses + 1 if not got else 0
                seen.extend(job.key for job in got)

        await asyncio.gather(work(store), work(other), work(store), work(other))
    finally:
        await other.close()
    assert sorted(seen) == sorted(f"m:{number}" for number in range(40))


async def test_two_instances_scheduling_one_key_make_one_job(store: Store, database_url: str,
                                                             tmp_path: Path) -> None:
    other = open_store(database_url, tmp_path)
    await other.open()
    try:
        await asyncio.gather(*(mine.write(jobs.schedule, "sweep", "s", T, T, again="leave")
                               for mine in (store, other) * 5))
    finally:
        await other.close()
    assert len(await take(store, T)) == 1
