"""The dispatcher in virtual time: order, policy for the unknown, lanes, giving up."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable

from sqlalchemy import Connection, select

from zhike.domain.conversation import Conversation
from zhike.domain.message import Message, Reply
from zhike.domain.unit import Incoming
from zhike.jobs.feed import POLL_S
from zhike.jobs.outbox import GIVE_UP_AFTER_S, Dispatcher, Failed, Outcome, Retry, Sent, Unknown, pause_s
from zhike.store import outbox, tables
from zhike.store.dialect import insert_rows
from zhike.store.outbox import OutboxRow
from zhike.store.unit import commit_unit
from zhike.testing.inline import InlineStore
from zhike.testing.loop import VirtualLoop, run_virtual


class Channel:
    """Answers what the test says; remembers what was tried, and when."""

    timeout_s = 20.0
    together = False

    def __init__(self, loop: VirtualLoop, *, resend: bool = True) -> None:
        self.resend = resend
        self.loop = loop
        self.tried: list[tuple[float, str, str]] = []
        self.answers: dict[str, list[Outcome | Exception | float]] = {}
        self.under_way: set[str] = set()

    async def deliver(self, row: OutboxRow, message: Message, conversation: Conversation) -> Outcome:
        assert not [key for key in self.under_way if key.startswith(f"{row.conversation_id}-")]
        assert conversation.id == message.conversation_id == row.conversation_id
        key = row.idempotency_key
        self.tried.append((round(self.loop.time() - 1000, 3), key, message.text))
        self.under_way.add(key)
        try:
            answer = self.answers[key].pop(0) if self.answers.get(key) else Sent("r")
            if isinstance(answer, float):
                await asyncio.sleep(answer)
                return Sent()
            if isinstance(answer, Exception):
                raise answer
            await asyncio.sleep(0.01)
            return answer
        finally:
            self.under_way.discard(key)

    @property
    def keys(self) -> list[str]:
        return [key for _, key, _ in self.tried]


def _seed(conn: Connection) -> None:
    insert_rows(conn, tables.inboxes, [
        {"id": n, "key": f"i{n}", "name": "i", "channel": "api", "bot_id": None, "settings": "{}",
         "created_at": 1, "updated_at": 1} for n in (1, 2)])


def ask(store: InlineStore, now: int, sender: str, *texts: str, inbox: int = 1) -> None:
    """Each text is asked and answered: an outbox row with seq 2, 4 …"""
    for text in texts:
        key = f"{inbox}{sender}{text}".encode().ljust(16)[:16]
        store.run(commit_unit, [Incoming(inbox, sender, text, key, text, now, lang="zh",
                                         reply=Reply(f"re {text}"))], {1: "api", 2: "api"})


def states(conn: Connection) -> dict[str, str]:
    rows = conn.execute(select(tables.outbox.c.conversation_id, tables.outbox.c.seq, tables.outbox.c.state))
    return {f"{row[0]}-{row[1]}": row[2] for row in rows}


def play(main: Callable[[VirtualLoop, InlineStore, Channel, Dispatcher], Awaitable[None]], *,
         resend: bool = True, poll_s: float = POLL_S) -> None:
    async def run(loop: VirtualLoop) -> None:
        store = InlineStore()
        await store.open()
        store.run(_seed)
        channel = Channel(loop, resend=resend)
        await main(loop, store, channel, Dispatcher(store, loop.now_ms, {"api": channel}, poll_s=poll_s))
        await store.close()

    run_virtual(run)


def test_messages_of_a_conversation_leave_one_after_the_other() -> None:
    async def main(loop: VirtualLoop, store: InlineStore, channel: Channel, sends: Dispatcher) -> None:
        ask(store, loop.now_ms(), "v:1", "a", "b", "c")
        ask(store, loop.now_ms(), "v:2", "x")
        channel.answers["1-2"] = [3.0]
        sends.start()
        await asyncio.sleep(0.5)
        assert channel.keys == ["1-2", "2-2"]
        await asyncio.sleep(3)
        assert channel.tried[2:] == [(3.0, "1-4", "re b"), (3.01, "1-6", "re c")]
        assert set(store.run(states).values()) == {"sent"}
        assert sends.counts == {("api", "sent"): 4}

    play(main)


def test_a_poke_is_enough_and_without_one_the_poll_finds_it() -> None:
    async def main(loop: VirtualLoop, store: InlineStore, channel: Channel, sends: Dispatcher) -> None:
        sends.start()
        await asyncio.sleep(1)
        ask(store, loop.now_ms(), "v:1", "a")
        sends.poke(1)
        await asyncio.sleep(0.1)
        assert channel.keys == ["1-2"]
        ask(store, loop.now_ms(), "v:1", "b")
        sends.poke(1)
        await asyncio.sleep(0.1)
        assert channel.keys == ["1-2", "1-4"]
        ask(store, loop.now_ms(), "v:9", "c", inbox=2)
        await asyncio.sleep(POLL_S + 1)
        assert channel.keys == ["1-2", "1-4", "2-2"]

    play(main)


def test_what_was_refused_lets_the_next_one_go() -> None:
    async def main(loop: VirtualLoop, store: InlineStore, channel: Channel, sends: Dispatcher) -> None:
        ask(store, loop.now_ms(), "v:1", "a", "b")
        channel.answers["1-2"] = [Failed("422")]
        sends.start()
        await asyncio.sleep(1)
        assert store.run(states) == {"1-2": "failed", "1-4": "sent"}
        assert sends.counts == {("api", "failed"): 1, ("api", "sent"): 1}

    play(main)


def test_retries_keep_the_order_and_the_key() -> None:
    async def main(loop: VirtualLoop, store: InlineStore, channel: Channel, sends: Dispatcher) -> None:
        ask(store, loop.now_ms(), "v:1", "a", "b")
        channel.answers["1-2"] = [Retry("503"), Retry("429", after_s=30.0), ConnectionError("cut")]
        sends.start()
        await asyncio.sleep(60)
        assert channel.keys == ["1-2"] * 4 + ["1-4"]
        at = [time for time, _, _ in channel.tried]
        assert [round(b - a) for a, b in itertools.pairwise(at)] == [1, 30, 4, 0]
        assert set(store.run(states).values()) == {"sent"}

    play(main)


def test_without_an_idempotency_key_the_unknown_is_never_sent_again() -> None:
    async def main(loop: VirtualLoop, store: InlineStore, channel: Channel, sends: Dispatcher) -> None:
        ask(store, loop.now_ms(), "v:1", "a", "b", "c", "d", "e")
        channel.answers = {"1-2": [100.0], "1-4": [OSError("cut")], "1-6": [Unknown("500")],
                           "1-8": [Retry("not connected")]}
        sends.start()
        await asyncio.sleep(19.9)
        assert channel.keys == ["1-2"]
        await asyncio.sleep(10)
        assert channel.keys == ["1-2", "1-4", "1-6", "1-8", "1-8", "1-10"]
        assert store.run(states) == {"1-2": "unknown", "1-4": "unknown", "1-6": "unknown", "1-8": "sent",
                                     "1-10": "sent"}

    play(main, resend=False)


def test_with_one_a_timed_out_attempt_is_sent_again() -> None:
    async def main(loop: VirtualLoop, store: InlineStore, channel: Channel, sends: Dispatcher) -> None:
        ask(store, loop.now_ms(), "v:1", "a")
        channel.answers = {"1-2": [100.0]}
        sends.start()
        await asyncio.sleep(25)
        assert channel.keys == ["1-2", "1-2"]
        assert store.run(states) == {"1-2": "sent"}

    play(main)


def test_after_a_kill_the_row_is_sent_again_or_unknown() -> None:
    for resend, ends in ((True, {"1-2": "sent", "1-4": "sent"}), (False, {"1-2": "unknown", "1-4": "sent"})):
        async def main(loop: VirtualLoop, store: InlineStore, channel: Channel, sends: Dispatcher,
                       ends: dict[str, str] = ends) -> None:
            ask(store, loop.now_ms(), "v:1", "a", "b")
            store.run(outbox.claim, 1, "api", loop.now_ms(), 35_000, 1, resend=True)  # and died
            sends.start()
            await asyncio.sleep(34.9)
            assert channel.keys == []
            await asyncio.sleep(1)
            assert store.run(states) == ends

        play(main, resend=resend)


def test_one_inbox_that_hangs_keeps_no_other_waiting() -> None:
    async def main(loop: VirtualLoop, store: InlineStore, channel: Channel, sends: Dispatcher) -> None:
        for number in range(1, 9):
            ask(store, loop.now_ms(), f"v:{number}", "a")
            channel.answers[f"{number}-2"] = [100.0]
        ask(store, loop.now_ms(), "v:9", "a", inbox=2)
        sends.start()
        await asyncio.sleep(0.1)
        assert channel.keys.count("9-2") == 1
        assert len(channel.under_way) == 4  # the lane's bound
        assert store.run(states)["9-2"] == "sent"

    play(main)


def test_a_failing_lane_tries_one_at_a_time_with_growing_pauses() -> None:
    async def main(loop: VirtualLoop, store: InlineStore, channel: Channel, sends: Dispatcher) -> None:
        for number in range(1, 21):
            ask(store, loop.now_ms(), f"v:{number}", "a")
            channel.answers[f"{number}-2"] = [Retry("down") for _ in range(10**4)]
        sends.start()
        await asyncio.sleep(600)
        assert len(channel.tried) < 30  # not 20 rows times their own retries
        channel.answers.clear()
        await asyncio.sleep(700)
        assert set(store.run(states).values()) == {"sent"}

    play(main)


def test_a_day_is_enough() -> None:
    async def main(loop: VirtualLoop, store: InlineStore, channel: Channel, sends: Dispatcher) -> None:
        ask(store, loop.now_ms(), "v:1", "a")
        ask(store, loop.now_ms(), "v:2", "b")
        channel.answers["1-2"] = [Retry("down") for _ in range(10**4)]
        channel.answers["2-2"] = [Retry("cut", maybe=True), *(Retry("down") for _ in range(10**4))]
        sends.start()
        await asyncio.sleep(GIVE_UP_AFTER_S - 1)
        assert set(store.run(states).values()) <= {"due", "sending"}
        await asyncio.sleep(1300)
        assert store.run(states) == {"1-2": "failed", "2-2": "unknown"}

    play(main, poll_s=3600)


def test_stopping_in_the_middle_of_an_attempt() -> None:
    for resend, left in ((True, "due"), (False, "unknown")):
        async def main(loop: VirtualLoop, store: InlineStore, channel: Channel, sends: Dispatcher,
                       left: str = left) -> None:
            ask(store, loop.now_ms(), "v:1", "a", "b")
            channel.answers["1-2"] = [15.0]
            sends.start()
            await asyncio.sleep(1)
            assert sends.running_count == 1
            assert not await sends.stop(timeout_s=2)
            assert store.run(states) == {"1-2": left, "1-4": "due"}
            await asyncio.sleep(60)
            assert channel.keys == ["1-2"]

        play(main, resend=resend)


def test_a_message_that_was_deleted_is_not_sent() -> None:
    async def main(loop: VirtualLoop, store: InlineStore, channel: Channel, sends: Dispatcher) -> None:
        ask(store, loop.now_ms(), "v:1", "a")
        store.run(lambda conn: conn.execute(tables.messages.delete().where(tables.messages.c.seq == 2)))
        sends.start()
        await asyncio.sleep(1)
        assert (channel.tried, store.run(states)) == ([], {"1-2": "failed"})

    play(main)


def test_pauses() -> None:
    assert [pause_s(n, 60) for n in (1, 2, 3, 7, 99)] == [1, 2, 4, 60, 60]
