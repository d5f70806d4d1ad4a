"""The way to a checked address: the next address where one does not listen, no cookies, nobody cut short."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest

from zhike.access import outbound
from zhike.access.outbound import Outbound, not_arrived
from zhike.access.targets import Target


class Server:
    """Answers every request with a cookie; ``go`` lets the bodies of /slow out."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        self.port = 0
        self.go = asyncio.Event()

    def target(self, path: str = "/", host: str = "localhost", *addresses: str) -> Target:
        return Target(f"http://{host}:{self.port}{path}", "http", host, self.port,
                      addresses or ("127.0.0.1",))

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.heads.append(head)
                writer.write(b"HTTP/1.1 200 OK\r\nSet-Cookie: session=of-one-visitor; Path=/\r\n"
                             b"Content-Length: 2\r\n\r\n")
                await writer.drain()
                if " /slow " in head:
                    await self.go.wait()
                writer.write(b"ok")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    listening = await asyncio.start_server(made.handle, "127.0.0.1", 0)
    made.port = int(listening.sockets[0].getsockname()[1])
    yield made
    made.go.set()
    listening.close()
    await listening.wait_closed()


async def get(out: Outbound, target: Target) -> bytes:
    async with out.request("GET", target, headers={}, timeout_s=5.0, connect_s=5.0) as response:
        body: bytes = await response.aread()
        return body


async def test_the_next_address_is_tried_where_one_does_not_listen(server: Server) -> None:
    out = Outbound()
    assert await get(out, server.target("/", "shop.example", "127.0.0.2", "127.0.0.3", "127.0.0.1")) == b"ok"
    assert f"host: shop.example:{server.port}\r\n" in server.heads[0].lower()
    with pytest.raises(httpx2.ConnectError) as nobody:  # the fourth is not tried
        await get(out, server.target("/", "shop.example", "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.1"))
    assert not_arrived(nobody.value)
    assert len(server.heads) == 1
    await out.close()


async def test_a_cookie_of_one_call_does_not_go_with_the_next(server: Server) -> None:
    out = Outbound()
    for _ in range(2):
        assert await get(out, server.target()) == b"ok"
    assert len(server.heads) == 2
    assert "cookie" not in server.heads[1].lower()
    await out.close()


async def test_a_host_that_makes_room_still_hears_its_answer_out(server: Server,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "MAX_CLIENTS", 1)
    out = Outbound()
    async with out.request("GET", server.target("/slow", "a.example"), headers={}, timeout_s=5.0,
                           connect_s=5.0) as response:
        assert await get(out, server.target("/", "b.example")) == b"ok"  # pushes a.example out
        server.go.set()
        assert await response.aread() == b"ok"
    assert await get(out, server.target("/", "a.example")) == b"ok"
    await out.close()
    assert [head.split("\r\n")[0] for head in server.heads] == [
        "GET /slow HTTP/1.1", "GET / HTTP/1.1", "GET / HTTP/1.1"]
