"""The wheel, heartbeats and slow readers, in virtual time."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest

from zhike.gateway.gateway import Gateway
from zhike.gateway.limits import Limits
from zhike.gateway.wheel import Wheel
from zhike.gateway.writer import Writer
from zhike.testing.loop import VirtualLoop, run_virtual
from zhike.testing.wsrig import Client, FakeDesk, masked, turns


class Item:
    """Counts its visits; ``again``: ticks until the next."""

    def __init__(self, again: int = 0) -> None:
        self.wheel_slot = -1
        self.again = again
        self.visits: list[int] = []

    def on_wheel(self, now: int) -> int:
        self.visits.append(now)
        return self.again


def test_the_wheel_visits_at_the_tick_asked_for() -> None:
    async def main(loop: VirtualLoop) -> None:
        wheel = Wheel(0.25, span_s=10)
        flushes = []
        wheel.start(loop, lambda: flushes.append(wheel.now))
        once, often, moved, gone = Item(), Item(4), Item(), Item()
        wheel.add(once, 3)
        wheel.add(often, 4)
        wheel.add(moved, 2)
        wheel.add(moved, 6)
        wheel.add(gone, 2)
        wheel.remove(gone)
        wheel.remove(gone)
        await asyncio.sleep(4.1)
        assert once.visits == [3]
        assert often.visits == [4, 8, 12, 16]
        assert moved.visits == [6]
        assert gone.visits == []
        assert len(wheel) == 1
        assert flushes == list(range(1, 17))
        wheel.stop()
        await asyncio.sleep(2)
        assert wheel.now == 16

    run_virtual(main)


def test_a_visit_too_far_ahead_comes_early_rather_than_never() -> None:
    async def main(loop: VirtualLoop) -> None:
        wheel = Wheel(0.25, span_s=10)
        wheel.start(loop)
        item = Item()
        wheel.add(item, 10_000)
        await asyncio.sleep(10.1)
        assert item.visits == [39]

    run_virtual(main)


def test_a_failing_visit_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Item):
        def on_wheel(self, now: int) -> int:
            raise ValueError("broken item")

    async def main(loop: VirtualLoop) -> None:
        wheel = Wheel(0.25)
        wheel.start(loop)
        good = Item(1)
        wheel.add(Broken(), 1)
        wheel.add(good, 1)
        await asyncio.sleep(1.1)
        assert len(good.visits) == 4
        assert len(wheel) == 1

    run_virtual(main)
    assert "broken item" in caplog.text


def test_a_stall_of_this_process_is_not_the_peers_silence() -> None:
    async def main(loop: VirtualLoop) -> None:
        wheel = Wheel(0.25)
        wheel.start(loop)
        await asyncio.sleep(1.1)
        assert wheel.now == 4
        loop._move(60)  # the machine was suspended for a minute
        await asyncio.sleep(0.5)
        assert 8 <= wheel.now <= 11
        await asyncio.sleep(10)
        assert 48 <= wheel.now <= 51, "and the pace is as before"

    run_virtual(main)


def rig(loop: VirtualLoop, **limits: Any) -> tuple[Gateway, FakeDesk]:
    """A started gateway with its desk."""
    gateway = Gateway(loop, Limits(**limits), now=loop.now_ms)
    desk = FakeDesk(gateway)
    gateway.set_backend(desk)
    gateway.start()
    return gateway, desk


async def joined(gateway: Gateway, **hello: Any) -> Client:
    """A client past its welcome."""
    client = Client(gateway)
    client.hello(**hello)
    await turns()
    client.frames()
    return client


def test_a_silent_peer_is_pinged_and_gone_within_thirty_seconds() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, _ = rig(loop)
        clients = [await joined(gateway) for _ in range(40)]
        last_byte_s = loop.time()
        first_ping_s = [0.0] * len(clients)
        gone_s = [0.0] * len(clients)
        while loop.time() < last_byte_s + 31:
            await asyncio.sleep(0.25)
            for number, client in enumerate(clients):
                client.frames()
                if client.pings and not first_ping_s[number]:
                    first_ping_s[number] = loop.time() - last_byte_s
                if client.transport.is_closing() and not gone_s[number]:
                    gone_s[number] = loop.time() - last_byte_s
        assert all(0 < at <= 10.5 for at in first_ping_s)
        assert len({round(at) for at in first_ping_s}) > 3, "not all in the same moment"
        assert all(25 < at <= 30 for at in gone_s), gone_s
        assert all(client.close_code == 4005 for client in clients)
        assert gateway.counters.closed[4005] == 40
        assert not gateway.connections

    run_virtual(main)


def test_a_peer_that_answers_stays_and_is_pinged_once_per_heartbeat() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, _ = rig(loop)
        client = await joined(gateway)
        answered = 0
        for _ in range(4 * 600):
            await asyncio.sleep(0.25)
            client.frames()
            if client.pings > answered:
                answered = client.pings
                client.pong()
        assert client.close_code is None
        assert 50 <= answered <= 62, "600 s at one per 10 s"

    run_virtual(main)


def test_who_talks_is_not_pinged() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, _ = rig(loop)
        client = await joined(gateway)
        for _ in range(60):
            await asyncio.sleep(2)
            client.say({"type": "read", "seq": 1})
        client.frames()
        assert client.pings == 0

    run_virtual(main)


def test_a_short_heartbeat_works_too() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, _ = rig(loop, heartbeat_s=0.4, gone_after_s=1.0, hello_timeout_s=0.3)
        client = await joined(gateway)
        silent = Client(gateway)
        await asyncio.sleep(0.35)
        silent.frames()
        assert silent.close_code == 4007
        await asyncio.sleep(0.65)
        client.frames()
        assert client.close_code == 4005
        await asyncio.sleep(0.2)
        assert client.transport.aborted

    run_virtual(main)


def test_a_slow_reader_is_closed_with_its_own_code_and_takes_no_more_memory() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop, out_buffer_bytes=64 * 1024)
        client, other = await joined(gateway, token="t"), await joined(gateway, token="t")
        client.transport.stuck = True
        for _ in range(100):
            gateway.hub.handle(desk.store(1, "t", "x" * 1000, outgoing=True))
            assert client.transport.get_write_buffer_size() <= 64 * 1024 + 32
        assert client.transport.eof, "no byte is taken after the close frame"
        assert gateway.counters.refused["slow_reader"] == 1
        assert len(other.of("message")) == 100, "the other tab is not touched"
        client.transport.peer_reads()
        seqs = [frame["seq"] for frame in client.of("message")]
        assert seqs == list(range(1, len(seqs) + 1)), "what it got is whole and in order"
        assert client.close_code == 4004
        await asyncio.sleep(6)
        assert client.transport.aborted

    run_virtual(main)


def test_one_batch_is_bounded_too() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop, out_buffer_bytes=64 * 1024)
        client = await joined(gateway, token="t")
        events = [desk.store(1, "t", "x" * 1000, outgoing=True)[0] for _ in range(100)]
        gateway.hub.handle(events)
        assert client.close_code is None
        client.frames()
        assert client.close_code == 4004

    run_virtual(main)


def test_frames_of_one_tick_leave_in_one_write_even_without_a_flush() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, _ = rig(loop)
        client = await joined(gateway)
        client.transport.writes = 0
        (session,) = gateway.sessions
        for number in range(3):
            session.send(b'{"type":"pong","id":"%d"}' % number)
        assert client.frames() == []
        await turns()
        assert [frame["id"] for frame in client.frames()] == ["0", "1", "2"]
        assert client.transport.writes == 1
        assert gateway.writer.dirty == []

    run_virtual(main)


def test_the_writer_forgets_a_connection_that_is_gone() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, _ = rig(loop)
        client = await joined(gateway)
        (session,) = gateway.sessions
        session.send(b"{}")
        client.transport.abort()
        await turns()
        session.send(b"{}")
        await turns()
        assert client.frames() == []
        assert isinstance(gateway.writer, Writer)
        assert client.conn.out is None

    run_virtual(main)


def test_memory_taken_for_a_large_message_is_given_back() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, _ = rig(loop)
        client = await joined(gateway, token="t")

        def room() -> int:
            return len(client.conn._parser.get_buffer(-1))

        small = room()
        large = b'{"type":"message","client_msg_id":"a.1","text":"%s"}' % (b"x" * 60_000)
        data = masked(0x81, large) + masked(0x81, b'{"type":"ping"}')[:3]
        for start in range(0, len(data), 5000):
            client.conn.data_received(data[start:start + 5000])
        assert room() > 30_000
        await asyncio.sleep(6)
        assert room() > 30_000, "not in the middle of a frame"
        client.conn.data_received(masked(0x81, b'{"type":"ping"}')[3:])
        await asyncio.sleep(6)
        assert room() == small
        client.say({"type": "message", "client_msg_id": "a.2", "text": "y"})
        assert [frame["type"] for frame in client.frames()] == ["ack", "message", "pong", "ack", "message"]

    run_virtual(main)


def test_closed_sessions_are_freed_without_a_garbage_collection() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop)
        gc.collect()
        gc.disable()
        try:
            alive = []
            for number in range(20):
                client = await joined(gateway, token=f"t{number % 3}")
                client.say({"type": "message", "client_msg_id": f"a.{number}", "text": "x"})
                (session,) = gateway.sessions
                alive += [weakref.ref(client.conn), weakref.ref(client.conn._parser.transport)]
                del session
                if number % 2:
                    client.conn.data_received(masked(0x88, b""))
                client.transport.abort()
                await turns()
                client.transport.protocol = None
                del client
            await asyncio.sleep(1)
            assert desk.messages
            assert [each() for each in alive] == [None] * 40
        finally:
            gc.enable()

    run_virtual(main)
