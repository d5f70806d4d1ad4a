"""The chain of the audit, the same on every database: one order whoever writes, no change unseen."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, select, update

from zhike.store import audit
from zhike.store.engine import Store, open_store
from zhike.store.tables import audit as table

NOW = 1_790_000_000_000


async def write(store: Store, count: int, first: int = 0) -> None:
    for n in range(first, first + count):
        await store.write(audit.add, NOW + n, f"agent:{n % 2} 李娜", "article.updated", f"article:{n}",
                          {"n": n, "名": "…"})


async def verdict(store: Store, step: int = 2) -> audit.Checked:
    until = await store.read(audit.newest)
    state = audit.Checked(0, "", 0, 0)
    while state.last_id < until and not state.broken_at:
        state = await store.read(audit.verify, state, until, step)
    return state


async def change(store: Store, statement: Any) -> None:
    await store.write(lambda conn: conn.execute(statement).rowcount)


@pytest.mark.parametrize("step", [1, 2, 5, 100])
async def test_a_whole_chain(store: Store, step: int) -> None:
    assert await verdict(store, step) == audit.Checked(0, "", 0, 0)
    await write(store, 5)
    state = await verdict(store, step)
    assert (state.rows, state.broken_at) == (5, 0)
    newest = (await store.read(audit.page, None, 1))[0]
    assert (state.last_id, state.digest) == (newest.id, newest.digest)


async def test_every_change_by_hand_shows(store: Store) -> None:
    await write(store, 5)
    third = (await store.read(audit.raw, 0, 9))[2]
    for name, value in (("at", NOW + 9), ("actor", "agent:9"), ("action", "x"), ("target", "y"),
                        ("detail", "{}"), ("digest", "0" * 64), ("digest", "")):
        row = update(table).where(table.c.id == third["id"])
        await change(store, row.values({name: value}))
        assert (await verdict(store)).broken_at == third["id"], name
        await change(store, row.values({name: third[name]}))
        assert (await verdict(store)).broken_at == 0


async def test_a_row_that_is_removed_shows_in_the_middle_and_at_either_end(store: Store) -> None:
    await write(store, 6)
    ids = [entry.id for entry in await store.read(audit.after, 0, 9)]

    async def without(gone: list[int]) -> int:
        kept = await store.read(audit.raw, 0, 99)
        await change(store, delete(table).where(table.c.id.in_(gone)))
        found = (await verdict(store)).broken_at
        await change(store, insert(table).values([row for row in kept if row["id"] in gone]))
        assert (await verdict(store)).broken_at == 0
        return found

    assert await without([ids[2]]) == ids[2]
    assert await without([ids[2], ids[3]]) == ids[2]
    assert await without([ids[0]]) == ids[1], "the next one does not begin a chain"
    assert await without([ids[5]]) == ids[5]
    assert await without([ids[4], ids[5]]) == ids[4]
    assert await without(ids) == 1


async def test_a_row_that_is_slipped_in_shows(store: Store) -> None:
    await write(store, 3)
    last = (await store.read(audit.page, None, 1))[0]

    def slip(conn: Connection) -> None:
        row = dict(conn.execute(select(table).where(table.c.id == last.id)).mappings().one())
        conn.execute(insert(table).values({**row, "id": last.id + 1}))

    await store.write(slip)
    until = last.id + 1
    state = await store.read(audit.verify, audit.Checked(0, "", 0, 0), until, 99)
    assert state.broken_at == last.id + 1


async def test_what_was_written_before_there_were_digests_is_let_be(store: Store) -> None:
    await write(store, 3)
    await change(store, update(table).values(digest=""))
    await write(store, 2, 3)
    state = await verdict(store)
    assert (state.rows, state.broken_at) == (5, 0)
    last = (await store.read(audit.page, None, 1))[0]
    await change(store, update(table).where(table.c.id == last.id).values(digest=""))
    assert (await verdict(store)).broken_at == last.id, "after rows with a digest there is none without"


async def test_writers_at_once_make_one_chain(store: Store, database_url: str, tmp_path: Path) -> None:
    """Two processes' worth of connections."""
    other = open_store(database_url, tmp_path)
    await other.open()
    await asyncio.gather(*(each.write(audit.add, NOW + n, "agent:1", "x", f"t:{n}")
                           for n in range(30) for each in (store, other)))
    await other.close()
    state = await verdict(store, 7)
    assert (state.rows, state.broken_at) == (60, 0)


async def test_a_transaction_that_fails_leaves_no_gap(store: Store) -> None:
    def fails(conn: Connection) -> None:
        audit.add(conn, NOW, "agent:1", "x", "y")
        raise ValueError("no")

    await write(store, 2)
    with pytest.raises(ValueError, match="no"):
        await store.write(fails)
    await write(store, 2, 2)
    assert (await verdict(store)).broken_at == 0


async def test_an_export_is_enough_to_follow_the_chain(store: Store) -> None:
    await write(store, 4)
    before = ""
    for line in await store.read(audit.raw, 0, 99):
        digest = line.pop("digest")
        assert audit.chained(before, *(line[name] for name in (
            "id", "at", "actor", "action", "target", "detail"))) == digest
        before = digest


async def test_filters(store: Store) -> None:
    await write(store, 6)

    async def targets(**wanted: Any) -> list[str]:
        return [entry.target for entry in await store.read(audit.page, None, 9, audit.Filter(**wanted))]

    assert await targets(actor="agent:1") == ["article:5", "article:3", "article:1"]
    assert await targets(actor="agent:1 李娜", until=NOW + 5) == ["article:3", "article:1"]
    assert await targets(actor="agent") == []
    assert await targets(since=NOW + 2, until=NOW + 4) == ["article:3", "article:2"]
    assert await targets(action="x") == []
