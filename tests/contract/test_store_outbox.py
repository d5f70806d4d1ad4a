"""The outbox on every database: order within a conversation, once, and honesty about the unknown."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy import Connection, select

from zhike.store import outbox, tables
from zhike.store.dialect import insert_rows
from zhike.store.engine import Store, open_store
from zhike.store.outbox import Note, OutboxRow

T = 1_790_000_000_000
LEASE_MS = 30_000


def _seed(conn: Connection, rows: list[tuple[int, int]], inboxes: dict[int, int]) -> None:
    """Rows (conversation, seq) of channel "api"; ``inboxes``: conversation → inbox (else 1)."""
    insert_rows(conn, tables.inboxes, [
        {"id": n, "key": f"i{n}", "name": "i", "channel": "api", "bot_id": None, "settings": "{}",
         "created_at": 1, "updated_at": 1} for n in (1, 2)])
    insert_rows(conn, tables.outbox, [
        {"id": number, "inbox_id": inboxes.get(conversation, 1), "conversation_id": conversation, "seq": seq,
         "channel": "api", "payload": "", "state": "due", "due_at": T, "lease_until": 0, "attempts": 0,
         "last_error": "", "created_at": T} for number, (conversation, seq) in enumerate(rows, start=1)])


async def seed(store: Store, *rows: tuple[int, int], inboxes: dict[int, int] | None = None) -> None:
    await store.write(_seed, list(rows), inboxes or {})


def _states(conn: Connection) -> dict[tuple[int, int], str]:
    stmt = select(tables.outbox.c.conversation_id, tables.outbox.c.seq, tables.outbox.c.state)
    return {(row[0], row[1]): row[2] for row in conn.execute(stmt)}


async def take(store: Store, now: int = T, *, limit: int = 10, resend: bool = True,
               inbox: int = 1) -> list[OutboxRow]:
    claimed, _ = await store.write(outbox.claim, inbox, "api", now, LEASE_MS, limit, resend=resend)
    return claimed


def keys(rows: list[OutboxRow]) -> list[str]:
    return [row.idempotency_key for row in rows]


async def test_a_later_message_never_goes_out_beside_an_earlier_one(store: Store) -> None:
    await seed(store, (1, 2), (1, 4), (2, 2), (1, 6))
    first = await take(store)
    assert keys(first) == ["1-2", "2-2"]
    assert await take(store) == []
    assert await store.write(outbox.sent, first[0], "vendor-9")
    [second] = await take(store)
    assert second.idempotency_key == "1-4"
    assert await store.write(outbox.retry, second, "503", T + 5_000, maybe=False)
    assert await take(store, T + 4_999) == []  # 1-6 waits behind the retry
    [second] = await take(store, T + 5_000)
    assert (second.idempotency_key, second.attempts) == ("1-4", 2)
    assert await store.write(outbox.failed, second, "422")
    assert keys(await take(store, T + 5_000)) == ["1-6"]
    assert await store.read(_states) == {(1, 2): "sent", (1, 4): "failed", (1, 6): "sending",
                                         (2, 2): "sending"}


async def test_what_the_dead_were_sending(store: Store) -> None:
    await seed(store, (1, 2), (1, 4))
    [dead] = await take(store)
    assert await store.read(outbox.next_due, 1, "api") == T + LEASE_MS
    assert await take(store, T + LEASE_MS - 1) == []
    [again] = await take(store, T + LEASE_MS, resend=True)
    assert (again.idempotency_key, again.attempts, again.note) == ("1-2", 2, Note(maybe=True))
    assert not await store.write(outbox.sent, dead)
    assert not await store.write(outbox.retry, dead, "late", T, maybe=True)
    # a channel without idempotency keys: it may have arrived, so it is never sent again
    claimed, unknown = await store.write(outbox.claim, 1, "api", T + 2 * LEASE_MS, LEASE_MS, 10,
                                         resend=False)
    assert (keys(unknown), keys(claimed)) == (["1-2"], ["1-4"])
    assert (await store.read(_states))[1, 2] == "unknown"


async def test_a_failure_after_a_maybe_is_unknown_not_failed(store: Store) -> None:
    await seed(store, (1, 2), (2, 2))
    one, two = await take(store)
    await store.write(outbox.retry, one, "read timed out", T + 1, maybe=True)
    await store.write(outbox.unknown, two, "cut")
    [one] = await take(store, T + 1)
    assert one.note.maybe
    await store.write(outbox.failed, one, "410")
    assert await store.read(_states) == {(1, 2): "unknown", (2, 2): "unknown"}
    assert await store.read(outbox.counts) == {("api", "unknown"): 2}


async def test_each_inbox_goes_its_own_way(store: Store) -> None:
    await seed(store, (1, 2), (2, 2), inboxes={2: 2})
    assert sorted(await store.read(outbox.waiting)) == [(1, "api"), (2, "api")]
    assert keys(await take(store, inbox=2)) == ["2-2"]
    assert await store.read(outbox.next_due, 2, "api") == T + LEASE_MS
    assert await store.read(outbox.next_due, 1, "api") == T
    assert await store.read(outbox.next_due, 1, "wechat") is None


async def test_released_rows_were_never_tried(store: Store) -> None:
    await seed(store, (1, 2))
    [row] = await take(store)
    assert await store.write(outbox.release, row, T)
    [row] = await take(store)
    assert (row.attempts, row.note) == (1, Note())


async def test_only_what_was_sent_is_forgotten(store: Store) -> None:
    await seed(store, (1, 2), (2, 2))
    one, two = await take(store)
    await store.write(outbox.sent, one)
    await store.write(outbox.failed, two, "no")
    assert await store.write(outbox.prune, T) == 0
    assert await store.write(outbox.prune, T + 1) == 1
    assert await store.read(_states) == {(2, 2): "failed"}


async def test_two_instances_send_each_row_once_and_in_order(store: Store, database_url: str,
                                                            tmp_path: Path) -> None:
    await seed(store, *((conversation, seq) for conversation in range(1, 7) for seq in (2, 4, 6)))
    other = open_store(database_url, tmp_path)
    await other.open()
    log: list[str] = []

    async def work(mine: Store) -> None:
        misses = 0
        while misses < 4:
            rows = await take(mine, limit=2)
            misses = 0 if rows else misses + 1
            for row in rows:
                log.append(row.idempotency_key)
                assert await mine.write(outbox.sent, row)

    try:
        await asyncio.gather(work(store), work(other), work(other))
    finally:
        await other.close()
    assert sorted(log) == sorted(f"{c}-{s}" for c in range(1, 7) for s in (2, 4, 6))
    for conversation in range(1, 7):
        mine = [key for key in log if key.startswith(f"{conversation}-")]
        assert mine == sorted(mine)
