"""A TCP proxy on loopback that does to connections what bad networks do.

    async with FaultProxy("127.0.0.1", port) as proxy:
        connect to proxy.port …
        proxy.delay(0.2)              # 200 ms each way
        proxy.half_open("to_client")  # the server talks to nobody, and nothing tells it
        proxy.cut()                   # both ends see a reset

Bytes are never reordered or altered, since TCP does neither; they are late, slow, cut up, or gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self

Direction = Literal["to_server", "to_client"]
Directions = Literal["to_server", "to_client", "both"]

_CHUNK_BYTES = 64 * 1024
_HELD_BYTES = 1024 * 1024  # kept back at most, for each direction; then the proxy reads no further
_THROTTLE_STEPS_PER_S = 20  # a throttled stream moves in steps of 50 ms, not in one lump per second


@dataclass
class Counts:
    """What went through the proxy since it began. Bytes are counted when handed to the receiver."""

    accepted: int = 0
    unreachable: int = 0  # the target took no connection; the client got a reset
    cut: int = 0
    half_opened: int = 0
    bytes_to_server: int = 0
    bytes_to_client: int = 0
    swallowed_bytes: int = 0


@dataclass
class _Faults:
    """How one direction of every connection behaves at the moment."""

    delay_s: float = 0.0
    bytes_per_s: float | None = None
    split_bytes: int | None = None


@dataclass
class _Time:
    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]


class FaultProxy:
    """Listens on a free port of loopback and passes every connection on to the target.

    Delay, throttle and split hold for all connections, present and future, until `heal`. `cut` and
    `half_open` hit the connections open at that moment; single ones through `links`.

    Args:
        target_host: where to connect to, at each new connection.
        target_port: its port.
        host: the address to listen on.
        now: seconds of a monotonic clock; the event loop's by default. Tests of time hand in theirs.
        sleep: waits that many seconds.
    """

    def __init__(
        self,
        target_host: str,
        target_port: int,
        *,
        host: str = "127.0.0.1",
        now: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.target_host, self.target_port, self.host = target_host, target_port, host
        self.counts = Counts()
        self._now, self._sleep = now, sleep
        self._faults: dict[Direction, _Faults] = {"to_server": _Faults(), "to_client": _Faults()}
        self._links: dict[Link, None] = {}  # a set that keeps its order
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port to connect to instead of the target's."""
        if self._server is None:
            raise RuntimeError("the proxy is not started: use `async with`")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def links(self) -> tuple[Link, ...]:
        """The connections open now, oldest first."""
        return tuple(self._links)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._time = _Time(self._now or loop.time, self._sleep)
        self._server = await asyncio.start_server(self._accepted, self.host, 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()

    def cut(self) -> int:
        """Reset every open connection on both sides (RST, no FIN); return how many there were."""
        links = self.links
        for link in links:
            link.cut()
        return len(links)

    def half_open(self, direction: Directions = "both") -> int:
        """Let every open connection swallow all that comes, from now on; return how many there are.

        What the proxy has already handed to the kernel may still arrive.
        """
        links = self.links
        for link in links:
            link.half_open(direction)
        return len(links)

    def delay(self, seconds: float, direction: Directions = "both") -> None:
        """Hold back what arrives from now on by so many seconds; order stays."""
        if seconds < 0:
            raise ValueError(f"a delay cannot be {seconds} s")
        for one in _each(direction):
            self._faults[one].delay_s = seconds

    def throttle(self, bytes_per_s: float, direction: Directions = "both") -> None:
        """Let at most so many bytes per second through, for each connection and direction."""
        if bytes_per_s <= 0:
            raise ValueError(f"a throttle of {bytes_per_s} bytes/s lets nothing through: use half_open")
        for one in _each(direction):
            self._faults[one].bytes_per_s = bytes_per_s

    def split(self, size_bytes: int = 1, direction: Directions = "both") -> None:
        """Pass everything on in writes of at most so many bytes (the receiver may still join them)."""
        if size_bytes < 1:
            raise ValueError(f"a write cannot have {size_bytes} bytes")
        for one in _each(direction):
            self._faults[one].split_bytes = size_bytes

    def heal(self) -> None:
        """End delay, throttle and split. What is half-open stays so: a stream cannot have holes."""
        for one in _each("both"):
            faults = self._faults[one]
            faults.delay_s, faults.bytes_per_s, faults.split_bytes = 0.0, None, None

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.counts.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except asyncio.CancelledError:  # the proxy closes: nothing above this task awaits it
            _reset(writer)
        finally:
            self._tasks.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            target = await asyncio.open_connection(self.target_host, self.target_port)
        except OSError:
            self.counts.unreachable += 1
            _reset(writer)
            return
        link = Link(self.counts, self._faults, self._time, (reader, writer), target)
        self._links[link] = None
        try:
            await link.run()
        finally:
            del self._links[link]


class Link:
    """One connection through the proxy: two streams, one each way."""

    def __init__(
        self,
        counts: Counts,
        faults: dict[Direction, _Faults],
        time: _Time,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._counts = counts
        self._client, self._server = client[1], server[1]
        for writer in (self._client, self._server):
            _set(writer, socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._ways: dict[Direction, _Way] = {
            "to_server": _Way(counts, "to_server", faults["to_server"], time, client[0], self._server),
            "to_client": _Way(counts, "to_client", faults["to_client"], time, server[0], self._client),
        }
        self._ended = False

    def cut(self) -> None:
        """Reset both sides; what was under way is lost."""
        if not self._ended:
            self._counts.cut += 1
        self.abort()

    def half_open(self, direction: Directions = "both") -> None:
        """Swallow all bytes and the end of the stream, so that neither side hears of the other.

        Once both streams have ended, nobody is left to deceive and both sides are closed.
        """
        self._counts.half_opened += 1
        for one in _each(direction):
            self._ways[one].swallows = True

    def abort(self) -> None:
        """Reset both sides without counting it as a fault."""
        self._ended = True
        _reset(self._client)
        _reset(self._server)

    async def run(self) -> None:
        """Pass bytes both ways until both have ended, or one was reset."""
        tasks = [asyncio.create_task(way.run()) for way in self._ways.values()]
        try:
            for done in asyncio.as_completed(tasks):
                if not await done:
                    return
            self._ended = True
            for writer in (self._client, self._server):
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
        finally:
            if not self._ended:
                self.abort()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@dataclass
class _Way:
    """One direction of a link: reads, keeps back, writes."""

    counts: Counts
    direction: Direction
    faults: _Faults
    time: _Time
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    swallows: bool = False
    _free_at: float = 0.0  # when the throttle lets the next byte go
    # Bytes with the time they may leave; None is the end of the stream.
    _held: asyncio.Queue[tuple[float, bytes | None]] = field(default_factory=asyncio.Queue)
    _held_bytes: int = 0
    _room: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> bool:
        """Return True when the stream has come to its end, False when a side was reset."""
        reading = asyncio.create_task(self._read())
        try:
            return await self._write()
        except OSError:
            return False
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(self) -> None:
        while True:
            try:
                data = await self.reader.read(_CHUNK_BYTES)
            except OSError:  # _write asks the reader for it when its turn has come
                data = b""
            self._held_bytes += len(data)
            self._held.put_nowait((self.time.now() + self.faults.delay_s, data or None))
            if not data:
                return
            while self._held_bytes > _HELD_BYTES:
                self._room.clear()
                await self._room.wait()

    async def _write(self) -> bool:
        while True:
            leaves_at, data = await self._held.get()
            await self._until(leaves_at)
            if data is None:
                break
            await self._pass_on(data)
            self._held_bytes -= len(data)
            self._room.set()
        if self.swallows:
            return True
        if self.reader.exception() is not None or self.writer.is_closing():
            return False
        self.writer.write_eof()
        return True

    async def _pass_on(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            if self.swallows:
                self.counts.swallowed_bytes += len(data) - at
                return
            rate, size = self.faults.bytes_per_s, self.faults.split_bytes or _CHUNK_BYTES
            if rate is not None:
                size = min(size, max(1, int(rate / _THROTTLE_STEPS_PER_S)))
            part = data[at : at + size]
            if rate is not None:
                self._free_at = max(self.time.now(), self._free_at) + len(part) / rate
                await self._until(self._free_at)
                if self.swallows:
                    continue
            self.writer.write(part)
            await self.writer.drain()
            if self.faults.split_bytes is not None:
                await asyncio.sleep(0)  # let the loop send this part alone
            at += len(part)
            if self.direction == "to_server":
                self.counts.bytes_to_server += len(part)
            else:
                self.counts.bytes_to_client += len(part)

    async def _until(self, moment: float) -> None:
        wait_s = moment - self.time.now()
        if wait_s > 0:
            await self.time.sleep(wait_s)


def _each(direction: Directions) -> tuple[Direction, ...]:
    if direction == "both":
        return ("to_server", "to_client")
    if direction not in ("to_server", "to_client"):
        raise ValueError(f"no direction {direction!r}: to_server, to_client or both")
    return (direction,)


def _set(writer: asyncio.StreamWriter, level: int, option: int, value: int | bytes) -> None:
    """Set a socket option, unless the connection has gone meanwhile: its reader will tell."""
    # A closed uvloop transport still names its old descriptor, which may be another socket by now.
    if not writer.is_closing():
        raw: socket.socket = writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            raw.setsockopt(level, option, value)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST: with a linger time of zero the kernel throws away what it holds."""
    _set(writer, socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
