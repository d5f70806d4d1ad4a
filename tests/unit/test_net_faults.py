"""The fault proxy does what it says, on both event loops: each fault, each direction, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import uvloop

from zhike.testing.net import Directions, FaultProxy

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Time:
    """A clock that stands still except while somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def now(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        until = self.now_s + seconds
        await asyncio.sleep(0)
        self.now_s = max(self.now_s, until)


async def turns(n: int) -> None:
    """Let the loop go round so many times."""
    for _ in range(n):
        await asyncio.sleep(0)


async def until(true: Callable[[], bool]) -> None:
    """Let the loop go round until it is so (the test's own time-out ends it otherwise)."""
    while not true():
        await turns(1)


class Far:
    """A server that hands each accepted connection to the test."""

    def __init__(self) -> None:
        self.accepted: asyncio.Queue[Stream] = asyncio.Queue()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted.put_nowait((reader, writer))


Connect = Callable[[], Awaitable[tuple[Stream, Stream]]]


@contextlib.asynccontextmanager
async def rig(time: Time | None = None) -> AsyncIterator[tuple[FaultProxy, Connect]]:
    """A proxy before a server, and a function that connects: (client's end, server's end)."""
    far = Far()
    server = await asyncio.start_server(far.take, "127.0.0.1", 0)
    ends: list[asyncio.StreamWriter] = []
    port = server.sockets[0].getsockname()[1]
    now, sleep = (time.now, time.sleep) if time else (None, asyncio.sleep)
    async with FaultProxy("127.0.0.1", port, now=now, sleep=sleep) as proxy:

        async def connect() -> tuple[Stream, Stream]:
            near = await asyncio.open_connection("127.0.0.1", proxy.port)
            there = await far.accepted.get()
            ends.extend((near[1], there[1]))
            return near, there

        yield proxy, connect
    server.close()
    for writer in ends:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Callable[[], Awaitable[None]]], None]:
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def go(body: Callable[[], Awaitable[None]]) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(20):  # a fault that hangs must fail here, not in the whole run
                await body()

        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(bounded())

    return go


Run = Callable[[Callable[[], Awaitable[None]]], None]


def test_passes_bytes_and_half_closes(run: Run) -> None:
    async def body() -> None:
        async with rig() as (proxy, connect):
            near, there = await connect()
            big = bytes(range(256)) * 20_000  # 5 MB: more than all buffers on the way
            near[1].write(big)
            near[1].write_eof()
            assert await there[0].read() == big  # the end of one stream…
            there[1].write(b"answer")
            there[1].write_eof()
            assert await near[0].read() == b"answer"  # …leaves the other open
            counts = proxy.counts
            assert (counts.accepted, counts.bytes_to_server, counts.bytes_to_client) == (1, len(big), 6)
            assert (counts.cut, counts.half_opened, counts.swallowed_bytes, counts.unreachable) == (
                0,
                0,
                0,
                0,
            )

    run(body)


def test_cut_resets_both_sides_of_all_connections(run: Run) -> None:
    async def body() -> None:
        async with rig() as (proxy, connect):
            ends = [end for _ in range(3) for end in await connect()]
            assert len(proxy.links) == 3
            assert proxy.cut() == 3
            for reader, _ in ends:
                with pytest.raises(ConnectionResetError):
                    await reader.read()
            near, there = await connect()  # the proxy goes on
            near[1].write(b"again")
            assert await there[0].readexactly(5) == b"again"
            assert (proxy.counts.cut, proxy.counts.accepted, len(proxy.links)) == (3, 4, 1)

    run(body)


def test_a_reset_by_one_end_reaches_the_other(run: Run) -> None:
    async def body() -> None:
        async with rig() as (proxy, connect):
            near, there = await connect()
            raw = near[1].get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close = reset
            near[1].transport.abort()
            with pytest.raises(ConnectionResetError):
                await there[0].read()
            assert proxy.counts.cut == 0

    run(body)


@pytest.mark.parametrize("direction", ["to_server", "to_client", "both"])
def test_half_open_swallows_without_a_word(run: Run, direction: Directions) -> None:
    async def body() -> None:
        async with rig() as (proxy, connect):
            near, there = await connect()
            assert proxy.half_open(direction) == 1
            sent = {"to_server": (near, there), "to_client": (there, near)}
            swallowed = 0
            for way, (source, target) in sent.items():
                source[1].write(b"x" * 10)
                if direction in (way, "both"):
                    swallowed += 10
                else:
                    assert await target[0].readexactly(10) == b"x" * 10
            fresh = await connect()  # a later connection is whole
            fresh[0][1].write(b"y")
            assert await fresh[1][0].readexactly(1) == b"y"
            source, target = sent["to_server" if direction == "both" else direction]
            source[1].write_eof()  # nor does the end of the stream come through
            reading = asyncio.ensure_future(target[0].read())
            await until(lambda: proxy.counts.swallowed_bytes == swallowed)
            for _ in range(5):  # whole rounds on the other connection meanwhile
                fresh[0][1].write(b"z")
                assert await fresh[1][0].readexactly(1) == b"z"
            assert not reading.done()
            reading.cancel()
            assert proxy.counts.swallowed_bytes == swallowed
            assert proxy.counts.half_opened == 1

    run(body)


def test_a_half_open_connection_ends_when_both_ends_have_gone(run: Run) -> None:
    async def body() -> None:
        async with rig() as (proxy, connect):
            near, there = await connect()
            proxy.half_open()
            near[1].close()
            there[1].close()
            await until(lambda: not proxy.links)

    run(body)


def test_delay_holds_one_direction_back_until_healed(run: Run) -> None:
    async def body() -> None:
        time = Time()
        async with rig(time) as (proxy, connect):
            near, there = await connect()
            proxy.delay(0.25, "to_server")
            near[1].write(b"one,")
            assert await there[0].readexactly(4) == b"one,"
            assert time.now_s == 0.25
            there[1].write(b"back")  # the other direction is not delayed
            assert await near[0].readexactly(4) == b"back"
            assert time.now_s == 0.25
            proxy.delay(5, "to_server")
            near[1].write(b"two,")
            assert await there[0].readexactly(4) == b"two,"
            assert time.now_s == 5.25
            proxy.heal()
            near[1].write(b"three")
            assert await there[0].readexactly(5) == b"three"
            assert time.now_s == 5.25

    run(body)


def test_delays_run_side_by_side(run: Run) -> None:
    """What arrives together leaves together, in order: a delay is not a queue of waits."""

    async def body() -> None:
        due = asyncio.Event()

        class Gate(Time):
            async def sleep(self, seconds: float) -> None:
                await due.wait()
                self.now_s += seconds

        time = Gate()
        async with rig(time) as (proxy, connect):
            near, there = await connect()
            proxy.delay(0.25)
            way = proxy.links[0]._ways["to_server"]
            for n in range(1, 4):
                near[1].write(b"%d" % n)
                await until(lambda n=n: way._held_bytes == n)  # type: ignore[misc]
            due.set()
            assert await there[0].readexactly(3) == b"123"
            assert time.now_s == 0.25

    run(body)


def test_throttle_lets_so_many_bytes_through_per_second(run: Run) -> None:
    async def body() -> None:
        time = Time()
        async with rig(time) as (proxy, connect):
            near, there = await connect()
            proxy.throttle(1000, "to_client")
            there[1].write(b"x" * 3000)
            await near[0].readexactly(2000)
            assert time.now_s >= 2 - 1e-9
            await near[0].readexactly(1000)
            assert time.now_s == pytest.approx(3)
            near[1].write(b"y" * 3000)  # the other direction is free
            await there[0].readexactly(3000)
            assert time.now_s == pytest.approx(3)

    run(body)


def test_split_makes_tiny_writes(run: Run) -> None:
    async def body() -> None:
        async with rig() as (proxy, connect):
            near, there = await connect()
            written: list[int] = []
            (link,) = proxy.links
            writer = link._ways["to_server"].writer
            write = writer.write

            def record(data: bytes) -> None:
                written.append(len(data))
                write(data)

            writer.write = record  # type: ignore[method-assign,assignment]
            proxy.split(3)
            near[1].write(b"0123456789")
            assert await there[0].readexactly(10) == b"0123456789"
            assert max(written) == 3
            assert sum(written) == 10

    run(body)


def test_a_delayed_stream_is_bounded(run: Run) -> None:
    """With all held back, the sender is stopped after some buffers, not after its memory."""

    async def body() -> None:
        never = asyncio.Event()

        class Stuck(Time):
            async def sleep(self, seconds: float) -> None:
                await never.wait()

        async with rig(Stuck()) as (proxy, connect):
            near, _ = await connect()
            proxy.delay(1)
            way = proxy.links[0]._ways["to_server"]
            near[1].write(b"x" * 50_000_000)
            await until(lambda: way._held_bytes > 1024 * 1024)
            await turns(200)
            assert way._held_bytes <= 1024 * 1024 + 64 * 1024
            near[1].transport.abort()

    run(body)


def test_a_target_that_is_away_resets_the_client(run: Run) -> None:
    async def body() -> None:
        server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        async with FaultProxy("127.0.0.1", port) as proxy:
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.close()
            assert (proxy.counts.accepted, proxy.counts.unreachable) == (1, 1)

    run(body)


def test_closing_leaves_no_task_behind(run: Run) -> None:
    async def body() -> None:
        before = asyncio.all_tasks()
        async with rig() as (proxy, connect):
            await connect()
            await connect()
            assert len(proxy.links) == 2
        await turns(10)  # the streams' own end-of-connection callbacks
        assert asyncio.all_tasks() == before

    run(body)


def test_bad_values_are_refused(run: Run) -> None:
    async def body() -> None:
        proxy = FaultProxy("127.0.0.1", 9)
        with pytest.raises(RuntimeError, match="async with"):
            _ = proxy.port
        with pytest.raises(ValueError, match="-1"):
            proxy.delay(-1)
        with pytest.raises(ValueError, match="half_open"):
            proxy.throttle(0)
        with pytest.raises(ValueError, match="0 bytes"):
            proxy.split(0)
        with pytest.raises(ValueError, match="sideways"):
            proxy.delay(1, "sideways")  # type: ignore[arg-type]

    run(body)
