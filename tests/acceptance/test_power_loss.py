"""Power loss: what was acknowledged is on the disk, not only in the kernel.

``kill -9`` cannot show a missing sync. The real process runs above a layer that drops every write
nobody synced; then the power fails. The same test with ``synchronous=NORMAL`` must lose something:
that is what shows that it would notice.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest

from zhike.ops.bench.server import Server, limits_off
from zhike.testing.powerloss import PowerLossUnavailable, build, environment, power_cycle, what_is_held
from zhike.testing.wsclient import Visitor

TEXTS = ("退货", "包邮吗", "火星上有没有分店", "可以开发票吗")


@pytest.fixture(scope="module", autouse=True)
def shim() -> None:
    try:
        build()
    except PowerLossUnavailable as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"POWER LOSS NOT TESTED: {error}")


class Machine:
    """A desk on a machine whose power can fail. ``seed``: see ``powerloss.environment``."""

    def __init__(self, folder: Path, synchronous: str, seed: int | None = None) -> None:
        self.folder, self.live, self.image = folder, folder / "data", folder / "image"
        self.server = Server(self.live, {
            **limits_off(100), "ZHIKE_PIPELINE__FRAGMENT_WAIT": "50ms",
            "ZHIKE_TEST_SQLITE_SYNCHRONOUS": synchronous, **environment(self.live, self.image, seed)})
        self.visitors = [Visitor(f"ws://127.0.0.1:{self.server.port}/ws", stay=True, seed=number)
                         for number in range(12)]
        self.cuts = 0

    def acked(self) -> int:
        return sum(len(visitor.acked) for visitor in self.visitors)

    async def run_until(self, acks: int, rng: random.Random) -> None:
        """Everybody asks until so many more messages are acknowledged."""
        wanted = self.acked() + acks

        async def ask(visitor: Visitor) -> None:
            while self.acked() < wanted:
                await visitor.stored(visitor.say(rng.choice(TEXTS)))

        await asyncio.gather(*(ask(visitor) for visitor in self.visitors))

    async def power_fails(self) -> set[tuple[int, int]]:
        """Returns what visitors were told is stored (acks, and messages they got) and the disk does
        not hold."""
        # in the middle of the work: the next acks are on their way
        for visitor in self.visitors:
            visitor.say("退货")
        first = self.visitors[0]
        acked = len(first.acked)
        await first.until(lambda: len(first.acked) > acked, "one more ack")
        power_cycle(self.live, self.image, self.server.process)
        self.server.process = None
        for visitor in self.visitors:
            await visitor.until(lambda visitor=visitor: visitor.ws is None, "the end")  # type: ignore[misc]
        self.cuts += 1
        copy = what_is_held(self.image, self.folder / f"look-{self.cuts}")
        held = stored_in(copy / "zhike.db")
        return {(conversation, seq) for visitor in self.visitors for conversation, at in visitor.seen.items()
                for seq, row in at.items() if held.get((conversation, seq)) != (row.client_msg_id, row.text)}


def stored_in(database: Path) -> dict[tuple[int, int], tuple[str, str]]:
    """(conversation, seq) → (client_msg_id, text) of all messages; nothing if there is no table."""
    if not database.exists():
        return {}
    with closing(sqlite3.connect(database)) as connection:
        try:
            rows = connection.execute("SELECT conversation_id, seq, client_msg_id, text FROM messages"
                                      ).fetchall()
        except sqlite3.DatabaseError:
            return {}
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return {(row[0], row[1]): (row[2] or "", row[3]) for row in rows}


@pytest.mark.parametrize("seed", [None, 3], ids=["all unsynced is lost", "half of it is lost"])
async def test_what_was_acknowledged_survives_power_loss(tmp_path: Path, seed: int | None) -> None:
    machine = Machine(tmp_path, "FULL", seed)
    rng = random.Random(11)
    async with AsyncExitStack() as stack:
        stack.callback(lambda: print(machine.server.last_words()))  # shown if the test fails
        stack.callback(machine.server.kill)
        await asyncio.to_thread(machine.server.start)
        for visitor in machine.visitors:
            await stack.enter_async_context(visitor)
        for _ in range(3):
            await machine.run_until(rng.randrange(30, 200), rng)
            assert await machine.power_fails() == set()
            machine.server.exec()
        for visitor in machine.visitors:  # and it goes on as if nothing had been
            await visitor.until(lambda visitor=visitor: bool(visitor.welcome), "welcome")  # type: ignore[misc]
            await visitor.stored()
            await visitor.answered()
            visitor.check_order()
        assert machine.acked() > 100
        assert await asyncio.to_thread(machine.server.stop) == 0


async def test_without_the_sync_something_is_lost(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "NORMAL")
    async with AsyncExitStack() as stack:
        stack.callback(lambda: print(machine.server.last_words()))  # shown if the test fails
        stack.callback(machine.server.kill)
        await asyncio.to_thread(machine.server.start)
        for visitor in machine.visitors:
            await stack.enter_async_context(visitor)
        await machine.run_until(100, random.Random(11))
        lost = await machine.power_fails()
        for visitor in machine.visitors:
            visitor.stay = False
    assert lost, "synchronous=NORMAL lost nothing: this test would not notice a missing sync"
