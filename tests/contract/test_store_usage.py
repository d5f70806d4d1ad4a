"""What models cost, on every database: counts add up, whoever writes them."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Connection

from zhike.answer.llm.usage import UsageBook
from zhike.store.engine import Store
from zhike.store.usage import Usage, add_usage, list_usage, spent_micros

DAY_MS = 86_400_000
JANUARY_31 = 1_769_817_600_000
"""2026-01-31T00:00:00Z."""


def row(day: str, bot_id: int, model: str, cost: int = 1) -> Usage:
    return Usage(day=day, bot_id=bot_id, model=model, requests=1, prompt_tokens=10, completion_tokens=2,
                 cost_micros=cost)


async def test_counts_add_up(store: Store) -> None:
    for _ in range(2):
        await store.write(add_usage, [row("2026-01-31", 1, "a"), row("2026-01-31", 2, "a", 5),
                                      row("2026-02-01", 1, "b", 3 << 40)])
    found = await store.read(list_usage, "2026-01-01", "2026-12-31")
    assert [(one.day, one.bot_id, one.model, one.requests, one.prompt_tokens, one.cost_micros)
            for one in found] == [("2026-02-01", 1, "b", 2, 20, 6 << 40), ("2026-01-31", 1, "a", 2, 20, 2),
                                  ("2026-01-31", 2, "a", 2, 20, 10)]
    assert await store.read(spent_micros, "2026-01-31") == {"a": 12}
    assert await store.read(list_usage, "2026-02-01", "2026-02-01", 2) == []
    assert len(await store.read(list_usage, "2026-01-31", "2026-01-31", 2)) == 1


async def test_nothing_to_add_is_fine(store: Store) -> None:
    await store.write(add_usage, [])
    assert await store.read(spent_micros, "2026-01-31") == {}


async def test_two_instances_see_each_others_spending(store: Store) -> None:
    books = [UsageBook(store, lambda: JANUARY_31) for _ in range(2)]
    for book in books:
        book.add(1, "a", 100, 10, 7)
    await asyncio.gather(*(book.flush() for book in books))
    await books[0].flush()
    assert books[0].spent("a") == 14
    books[0].add(1, "a", 1, 1, 1)
    assert books[0].spent("a") == 15, "counted at once, stored later"
    fresh = UsageBook(store, lambda: JANUARY_31)
    await fresh.flush()
    assert fresh.spent("a") == 14


async def test_a_new_day_begins_at_nothing(store: Store) -> None:
    now = JANUARY_31 + DAY_MS - 1
    book = UsageBook(store, lambda: now)
    book.add(1, "a", 1, 1, 7)
    await book.flush()
    now += 1
    assert book.spent("a") == 0
    book.add(1, "a", 1, 1, 2)
    await book.flush()
    assert [one.day for one in await store.read(list_usage, "2026-01-01", "2026-12-31")] == [
        "2026-02-01", "2026-01-31"]


async def test_counts_outlive_a_database_that_is_away(store: Store) -> None:
    class Away:
        def __init__(self) -> None:
            self.here = False

        async def write(self, fn: object, *args: object) -> object:
            if not self.here:
                raise ConnectionError
            return await store.write(fn, *args)  # type: ignore[arg-type]

        async def read(self, fn: object, *args: object) -> object:
            return await store.read(fn, *args)  # type: ignore[arg-type]

    away = Away()
    book = UsageBook(away, lambda: JANUARY_31)  # type: ignore[arg-type]
    book.add(1, "a", 1, 1, 7)
    with pytest.raises(ConnectionError):
        await book.flush()
    book.add(1, "a", 1, 1, 7)
    away.here = True
    await book.flush()
    assert await store.read(spent_micros, "2026-01-31") == {"a": 14}


async def test_stopping_stores_the_rest(store: Store) -> None:
    book = UsageBook(store, lambda: JANUARY_31)
    await book.start()
    book.add(1, "a", 1, 1, 7)
    await book.stop()

    def count(conn: Connection) -> int:
        return len(list_usage(conn, "2026-01-31", "2026-01-31"))

    assert await store.read(count) == 1
