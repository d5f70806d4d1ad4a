"""The front door with the real uvicorn behind it, on real sockets: one port for all."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop
import websockets
from websockets.asyncio.client import connect

from zhike.gateway.drain import drain
from zhike.gateway.frontdoor import FrontDoor, bind
from zhike.gateway.gateway import Gateway
from zhike.gateway.limits import Limits
from zhike.gateway.uvicorn_host import HttpHost
from zhike.testing.wsrig import UPGRADE, FakeDesk, FakeTransport, masked

Main = Callable[["Rig"], Coroutine[Any, Any, None]]


class App:
    """A small ASGI application that notes its lifespan."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.release = asyncio.Event()
        self.fail = False
        self.headers: list[tuple[bytes, bytes]] = []
        """Of the last request, as they stand when its body was read."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                kind = message["type"].removeprefix("lifespan.")
                self.events.append(kind)
                if self.fail:
                    await send({"type": "lifespan.startup.failed", "message": "no"})
                    return
                await send({"type": f"lifespan.{kind}.complete"})
                if kind == "shutdown":
                    return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.headers = list(scope["headers"])
        if scope["path"] == "/slow":
            await self.release.wait()
        answer = f"{scope['method']} {scope['path']} {len(body)}".encode()
        await send({"type": "http.response.start", "status": 200,
                    "headers": [(b"content-length", str(len(answer)).encode())]})
        await send({"type": "http.response.body", "body": answer})


class Rig:
    """A listening front door; HTTP is not there before :meth:`attach`."""

    def __init__(self, gateway: Gateway, front: FrontDoor, port: int) -> None:
        self.gateway = gateway
        self.front = front
        self.port = port
        self.app = App()
        self.desk = FakeDesk(gateway)
        gateway.set_backend(self.desk)
        self.host: HttpHost | None = None

    async def attach(self) -> HttpHost:
        """Loads uvicorn as app.py does: built in a thread, started on the loop."""
        self.host = await self.gateway.loop.run_in_executor(None, HttpHost, self.app, self.gateway)
        await self.host.start()
        self.front.attach(self.host.protocol)
        return self.host

    async def raw(self, data: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A plain connection that has sent ``data``."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        return reader, writer

    def url(self) -> str:
        """Where WebSockets live."""
        return f"ws://127.0.0.1:{self.port}/ws"


def serve(main: Main, **limits: Any) -> None:
    """Runs ``main`` against a front door on uvloop."""
    async def run() -> None:
        gateway = Gateway(asyncio.get_running_loop(), Limits(**limits))
        front = FrontDoor(gateway)
        sock = bind("127.0.0.1", 0)
        await front.open(sock)
        rig = Rig(gateway, front, sock.getsockname()[1])
        try:
            await asyncio.wait_for(main(rig), 30)
        finally:
            if rig.host is not None:
                rig.app.release.set()
                await rig.host.stop(1)
            front.close()
            for conn in list(gateway.connections):
                conn.abort()
            await asyncio.sleep(0)

    uvloop.run(run())


async def until(condition: Callable[[], bool]) -> None:
    """Waits for the kernel to tell the server that a peer has gone."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


async def answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Head and body of one HTTP response."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n")
                  if line.startswith(b"content-length"))
    return head, await reader.readexactly(length)


def test_websockets_work_before_http_and_http_waits() -> None:
    async def main(rig: Rig) -> None:
        body = b"x" * 200_000
        post = b"POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n"
        reader, writer = await rig.raw(post + body)
        async with connect(rig.url()) as ws:
            await ws.send(json.dumps({"type": "hello", "inbox": "shop"}))
            assert json.loads(await ws.recv())["type"] == "welcome"
            assert rig.gateway.counters.waiting_http == 1
            await rig.attach()
            head, answered = await answer(reader)
            assert head.startswith(b"HTTP/1.1 200")
            assert b"\r\ndate: " in head
            assert answered == b"POST /api 200000"
            await ws.send(json.dumps({"type": "message", "client_msg_id": "a.1", "text": "在吗"}))
            assert json.loads(await ws.recv())["type"] == "ack"
            assert json.loads(await ws.recv())["text"] == "re: 在吗"
        writer.write(b"GET /again HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await answer(reader))[1] == b"GET /again 0"
        writer.close()
        async with connect(rig.url()) as ws:
            await ws.send(json.dumps({"type": "hello", "inbox": "shop"}))
            assert json.loads(await ws.recv())["type"] == "welcome"
        assert rig.app.events == ["startup"]

    serve(main)


def test_a_kept_alive_connection_upgrades_later() -> None:
    async def main(rig: Rig) -> None:
        await rig.attach()
        reader, writer = await rig.raw(b"GET /first HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await answer(reader))[1] == b"GET /first 0"
        assert rig.gateway.counters.http_open == 1
        writer.write(UPGRADE + b"\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101")
        assert rig.gateway.counters.http_open == rig.gateway.admission.http.open == 0
        assert rig.gateway.counters.ws_open == 1
        writer.write(masked(0x81, b'{"type":"hello","inbox":"shop"}'))
        assert b'"welcome"' in await reader.read(1000)
        # the transport now belongs to the adapter: close codes work
        writer.write(masked(0x88, (1000).to_bytes(2, "big")))
        assert await reader.read() == b"\x88\x02\x03\xe8"
        writer.close()
        wrong, other = await rig.raw(b"GET /first HTTP/1.1\r\nHost: x\r\n\r\n")
        await answer(wrong)
        other.write(UPGRADE.replace(b"/ws", b"/nothing") + b"\r\n")
        assert (await wrong.read()).startswith(b"HTTP/1.1 404")
        other.close()

    serve(main)


def test_http_connections_are_bounded_and_counted() -> None:
    async def main(rig: Rig) -> None:
        await rig.attach()
        held = [await rig.raw(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(3)]
        reader, writer = await rig.raw(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        head, body = await answer(reader)
        assert head.startswith(b"HTTP/1.1 503")
        assert json.loads(body)["error"]["code"] == "too_many_connections"
        writer.close()
        rig.app.release.set()
        for each, other in held:
            assert (await answer(each))[1] == b"GET /slow 0"
            other.close()
        await until(lambda: not rig.gateway.admission.http.open)
        assert rig.gateway.counters.http_open == 0
        reader, writer = await rig.raw(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await answer(reader))[1] == b"GET / 0"
        assert await reader.read() == b""
        writer.close()

    serve(main, max_http=3)


def test_an_application_that_does_not_start_is_an_error() -> None:
    async def main(rig: Rig) -> None:
        rig.app.fail = True
        host = HttpHost(rig.app, rig.gateway)
        with pytest.raises(RuntimeError, match="did not start"):
            await host.start()

    serve(main)


def test_draining_with_real_clients() -> None:
    async def main(rig: Rig) -> None:
        host = await rig.attach()
        slow, writer = await rig.raw(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        sockets = [await connect(rig.url()) for _ in range(20)]
        for ws in sockets:
            await ws.send(json.dumps({"type": "hello", "inbox": "shop"}))
            await ws.recv()
        work = asyncio.ensure_future(drain(rig.gateway, rig.front, timeout_s=8, http=host))
        rig.host = None
        for ws in sockets:
            assert json.loads(await ws.recv())["type"] == "going_away"
        with pytest.raises(OSError, match=r".*"):
            await rig.raw()
        rig.app.release.set()
        assert (await answer(slow))[1] == b"GET /slow 0"
        writer.close()
        for ws in sockets:
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await ws.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4003
        done = await work
        assert (done.sessions, done.settled, done.flushed) == (20, True, True)
        assert done.took_s < 4
        assert rig.app.events == ["startup", "shutdown"]

    serve(main)


def test_a_thousand_sessions_leave_nothing_behind() -> None:
    async def main(rig: Rig) -> None:
        await rig.attach()
        gateway = rig.gateway
        hello = masked(0x81, b'{"type":"hello","inbox":"shop"}')
        for _ in range(10):
            opened = [await rig.raw(UPGRADE + b"\r\n" + hello) for _ in range(100)]
            for reader, _ in opened:
                await reader.readuntil(b'"welcome"')
            assert gateway.counters.joined == 100
            for number, (_, writer) in enumerate(opened):
                if number % 2:
                    writer.write(masked(0x88, b"\x03\xe8"))
                writer.close()
            await until(lambda: not gateway.connections)
        assert gateway.counters.ws_total == gateway.counters.joined_total == 1000
        assert gateway.counters.ws_open == gateway.counters.joined == 0
        assert gateway.hub.sizes() == {"visitors": 0, "watched": 0, "listed": 0}
        assert not gateway.sessions
        assert len(gateway.wheel) == 1, "only the host's own date"
        assert len(asyncio.all_tasks()) <= 3, "this test, the lifespan"
        assert gateway.admission.sockets.open == gateway.admission.websockets.open == 0

    serve(main)


async def read_frames(reader: asyncio.StreamReader) -> list[tuple[int, bytes]]:
    """All frames until the stream ends."""
    data = await reader.read()
    got = []
    while data:
        size, start = data[1], 2
        if size == 126:
            size, start = int.from_bytes(data[2:4], "big"), 4
        assert len(data) >= start + size, "the stream ends inside a frame"
        got.append((data[0] & 15, data[start:start + size]))
        data = data[start + size:]
    return got


def test_a_slow_reader_on_a_real_socket() -> None:
    async def main(rig: Rig) -> None:
        hello = masked(0x81, b'{"type":"hello","inbox":"shop","token":"t"}')
        reader, writer = await rig.raw(UPGRADE + b"\r\n" + hello)
        await reader.readuntil(b"}")  # the whole welcome
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        sent = 0
        while not rig.gateway.counters.refused["slow_reader"]:
            rig.gateway.hub.handle(rig.desk.store(1, "t", "x" * 4000, outgoing=True))
            sent += 1
            assert sent < 20_000
            if sent % 50 == 0:
                await asyncio.sleep(0)
        assert rig.gateway.counters.closed[4004] == 1
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        *messages, last = await read_frames(reader)
        assert last == (8, (4004).to_bytes(2, "big") + b"slow_reader")
        assert [json.loads(payload)["seq"] for _, payload in messages] == list(range(1, len(messages) + 1))
        assert len(messages) < sent
        writer.close()

    serve(main)


def test_a_long_resume_over_a_real_socket_waits_for_its_reader() -> None:
    async def main(rig: Rig) -> None:
        for number in range(3000):
            rig.desk.store(1, "t", f"{number} " + "长" * 900, outgoing=True)
        hello = masked(0x81, b'{"type":"hello","inbox":"shop","token":"t","after":0}')
        reader, writer = await rig.raw(UPGRADE + b"\r\n" + hello)
        await reader.readuntil(b'"welcome"')
        await asyncio.sleep(0.2)  # this reader stops at 128 KiB by itself
        reads = rig.desk.reads
        assert 10 < reads < 150, "the store is not read ahead of the peer"
        data = b""
        while b'"seq":3000,' not in data[-8000:]:
            data += await reader.read(1 << 16)
        assert rig.desk.reads > 150
        assert re.findall(rb'"seq":(\d+)', data) == [b"%d" % seq for seq in range(1, 3001)]
        assert rig.gateway.counters.refused["slow_reader"] == 0
        writer.close()

    serve(main)


HELLO = b"GET /first HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"POST /second HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"
ENDLESS = {
    "headers": (b"GET / HTTP/1.1\r\n", b"a: b\r\n" * 500),
    "a header": (b"GET / HTTP/1.1\r\nA: ", b"x" * 4096),
    "a name": (b"GET / HTTP/1.1\r\n", b"x" * 4096), "the address": (b"GET /", b"x" * 4096),
    "empty lines": (b"", b"\r\n" * 2000), "trailers": (CHUNKED + b"0\r\n", b"a: b\r\n" * 500),
    "a trailer": (CHUNKED + b"0\r\nA: ", b"x" * 4096), "an extension": (CHUNKED + b"2;", b"x" * 4096),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_nothing_of_a_later_request_is_without_end(what: str) -> None:
    """The first head is bounded by the front door; the others come through the same connection."""
    async def main(rig: Rig) -> None:
        await rig.attach()
        reader, writer = await rig.raw(HELLO)
        await reader.readuntil(b"GET /first 0")
        start, more = ENDLESS[what]
        writer.write(start)
        try:
            for _ in range(4000):  # 16 MB, if nobody stops it
                writer.write(more)
                await writer.drain()
            raise AssertionError("it took everything")
        except ConnectionError:
            pass
        rig.app.release.set()
        assert rig.gateway.counters.refused["bad_request"] == 1
        await until(lambda: not rig.gateway.counters.http_open)
        writer.close()

    serve(main)


def test_a_later_head_that_is_too_large_is_told_so() -> None:
    async def main(rig: Rig) -> None:
        await rig.attach()
        for bad, status in ((b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 101 + b"\r\n", b"431"),
                            (b"GET / HTTP/1.1\r\nA: " + b"x" * 17_000 + b"\r\n\r\n", b"431"),
                            (b"GET /" + b"x" * 17_000 + b" HTTP/1.1\r\n\r\n", b"431"),
                            (b"what is this?\r\n\r\n", b"400")):
            reader, writer = await rig.raw(HELLO)
            await reader.readuntil(b"GET /first 0")
            writer.write(bad)
            answer = await reader.read()
            assert answer.startswith(b"HTTP/1.1 " + status), answer
            assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "bad_request"
            writer.close()

    serve(main)


def test_large_requests_of_honest_clients_pass() -> None:
    async def main(rig: Rig) -> None:
        await rig.attach()
        reader, writer = await rig.raw(HELLO)
        await reader.readuntil(b"GET /first 0")
        for _ in range(3):  # nothing adds up over the requests of a connection
            writer.write(b"GET /full HTTP/1.1\r\n" + b"".join(
                b"x-%d: %s\r\n" % (number, b"y" * 140) for number in range(95)) + b"\r\n")
            await reader.readuntil(b"GET /full 0")
            writer.write(b"POST /plain HTTP/1.1\r\nContent-Length: 600000\r\n\r\n" + b"z" * 600_000)
            await reader.readuntil(b"POST /plain 600000")
            writer.write(b"POST /pieces HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                         + b"3;a=b\r\nxyz\r\n" * 40_000 + b"0\r\nX-Late: 1\r\n\r\n")
            await reader.readuntil(b"POST /pieces 120000")
        assert b"x-late" not in dict(rig.app.headers)
        writer.close()

    serve(main)


def test_a_head_that_trickles_in_is_cut_off() -> None:
    async def main(rig: Rig) -> None:
        host = await rig.attach()
        transport = FakeTransport(rig.gateway.loop)
        connection: Any = host.protocol("")
        transport.protocol = connection
        rig.gateway.admission.enter(rig.gateway.admission.http, "")
        connection.connection_made(transport)
        connection.data_received(HELLO)
        await until(lambda: b"GET /first 0" in transport.read)
        connection.data_received(b"GET / HTTP/1.1\r\nA: ")
        ticks, began = rig.gateway.wheel.ticks, rig.gateway.wheel.now
        for second in range(5, 31, 5):  # a byte now and then: never silent for long
            connection.data_received(b"x")
            connection._heard = began + ticks(second)
            assert connection.on_wheel(connection._heard) > 0
        assert connection.on_wheel(began + ticks(31)) == 0
        assert transport.aborted

    serve(main)
