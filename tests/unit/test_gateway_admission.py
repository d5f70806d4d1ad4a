"""Budgets: connections in all and per address, apart for WebSockets, HTTP and the undecided."""

from __future__ import annotations

import asyncio
from typing import Any

from zhike.gateway.admission import Admission, Budget
from zhike.gateway.counters import Counters
from zhike.gateway.frontdoor import Door, FrontDoor
from zhike.gateway.gateway import Gateway
from zhike.gateway.limits import Limits
from zhike.testing.loop import VirtualLoop, run_virtual
from zhike.testing.wsrig import UPGRADE, Client, FakeDesk, FakeTransport, turns


def test_a_budget_counts_in_all_and_per_address() -> None:
    budget = Budget("http", 3, 2)
    assert [budget.take("a"), budget.take("a"), budget.take("a")] == ["", "", "http_address"]
    assert [budget.take("b"), budget.take("c")] == ["", "http_total"]
    budget.free("a")
    assert budget.take("c") == ""
    for bucket in ("a", "b", "c"):
        budget.free(bucket)
    assert (budget.open, budget.addresses()) == (0, 0)
    free = Budget("x", 10, 0)
    assert [free.take("a") for _ in range(10)] == [""] * 10, "0 = no bound per address"


def test_proxies_stand_for_many_and_ipv6_counts_by_household() -> None:
    counters = Counters()
    admission = Admission(Limits(max_connections_per_address=1, trusted_proxies=("10.0.0.0/8",)), counters)
    assert admission.address("10.1.2.3", "203.0.113.9, 10.9.9.9") == "203.0.113.9"
    assert admission.address("203.0.113.1", "198.51.100.1") == "203.0.113.1", "anyone can write that header"
    budget = admission.websockets
    assert [admission.enter(budget, "10.1.2.3") for _ in range(3)] == ["", "", ""]
    assert admission.enter(budget, "2001:db8::1") == "2001:db8::/64"
    assert admission.enter(budget, "2001:db8::2") is None
    assert counters.refused == {"connections_address": 1}


def gateway_with(loop: VirtualLoop, **limits: Any) -> Gateway:
    """A started gateway with its desk."""
    gateway = Gateway(loop, Limits(**limits), now=loop.now_ms)
    gateway.set_backend(FakeDesk(gateway))
    gateway.start()
    return gateway


def test_one_connection_too_many_is_told_by_a_close_code() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway = gateway_with(loop, max_connections=2)
        first, second, third = Client(gateway), Client(gateway), Client(gateway)
        (error,) = third.frames()
        assert error["error"]["code"] == "too_many_connections"
        assert error["error"]["retry_after_s"]
        assert third.close_code == 4006
        assert gateway.counters.refused["connections_total"] == 1
        first.transport.abort()
        third.transport.abort()
        await turns()
        fourth = Client(gateway)
        fourth.hello()
        await turns()
        assert fourth.of("welcome")
        second.frames()
        assert second.close_code is None

    run_virtual(main)


def test_a_flood_beyond_that_gets_a_plain_refusal() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway = gateway_with(loop, max_connections=1)
        clients = [Client(gateway) for _ in range(30)]
        assert sum(client.head.startswith(b"HTTP/1.1 503") for client in clients) == 30 - 1 - 16
        assert b"Retry-After: 5" in clients[-1].head
        await asyncio.sleep(5)
        assert len(gateway.connections) == 1, "none of them lingers"
        assert Client(gateway).head.startswith(b"HTTP/1.1 101")

    run_virtual(main)


def door(front: FrontDoor, data: bytes = b"", peer: str = "198.51.100.7") -> FakeTransport:
    """A connection at the front door that has sent ``data``."""
    made = Door(front)
    transport = FakeTransport(front.endpoint.loop, peer)
    transport.protocol = made
    made.connection_made(transport)
    if data:
        made.data_received(data)
    return transport


class Recorder(asyncio.Protocol):
    """Stands for uvicorn's protocol."""

    def __init__(self, front: FrontDoor, bucket: str) -> None:
        self.front = front
        self.bucket = bucket
        self.data = b""

    def data_received(self, data: bytes) -> None:
        self.data += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.front.endpoint.admission.http.free(self.bucket)


def test_http_waits_until_there_is_someone_to_serve_it() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway = gateway_with(loop)
        front = FrontDoor(gateway)
        early = door(front, b"POST /api HTTP/1.1\r\nContent-Length: 5\r\n\r\nhel")
        assert not early.reading
        assert gateway.counters.waiting_http == 1
        assert door(front, UPGRADE + b"\r\n").read.startswith(b"HTTP/1.1 101"), "WebSockets do not wait"
        gone = door(front, b"GET / HTTP/1.1\r\n\r\n")
        gone.abort()
        await turns()
        made: list[Recorder] = []
        front.attach(lambda bucket: made.append(Recorder(front, bucket)) or made[-1])  # type: ignore[func-returns-value]
        assert [each.data for each in made] == [b"POST /api HTTP/1.1\r\nContent-Length: 5\r\n\r\nhel"]
        assert early.reading
        assert early.protocol is made[0]
        late = door(front, b"GET / HTTP/1.1\r\n")
        late.protocol.data_received(b"Host: x\r\n\r\n")
        assert made[1].data == b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
        assert gateway.admission.http.open == 2
        early.abort()
        await turns()
        assert gateway.admission.http.open == 1
        assert gateway.counters.waiting_http == gateway.admission.sockets.open == 0

    run_virtual(main)


def test_an_http_request_does_not_wait_for_ever() -> None:
    async def main(loop: VirtualLoop) -> None:
        front = FrontDoor(gateway_with(loop))
        early = door(front, b"GET / HTTP/1.1\r\nAccept-Language: zh\r\n\r\n")
        await asyncio.sleep(59)
        assert early.read == b""
        await asyncio.sleep(2)
        assert early.read.startswith(b"HTTP/1.1 503 ")
        assert "正在启动".encode() in early.read
        await asyncio.sleep(2)
        assert early.aborted

    run_virtual(main)


def test_a_head_that_does_not_come_or_does_not_end() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway = gateway_with(loop)
        front = FrontDoor(gateway)
        silent, slow = door(front), door(front, b"GET / HT")
        endless = door(front, b"GET / HTTP/1.1\r\nx: " + b"y" * 17_000)
        assert endless.read.startswith(b"HTTP/1.1 431 ")
        wrong = door(front, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
        assert wrong.read.startswith(b"HTTP/1.1 400 ")
        for _ in range(9):
            await asyncio.sleep(1)
            slow.protocol.data_received(b"x")
        assert not slow.read
        await asyncio.sleep(1.5)
        assert slow.read.startswith(b"HTTP/1.1 408 ")
        assert silent.aborted
        assert silent.read == b""
        await asyncio.sleep(2)
        assert slow.aborted
        assert wrong.aborted
        assert gateway.admission.sockets.open == 0
        assert len(gateway.wheel) == 0

    run_virtual(main)


def test_a_flood_of_one_kind_leaves_room_for_the_other() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway = gateway_with(loop, max_new=10, max_http=5, max_connections=5)
        front = FrontDoor(gateway)
        front.attach(lambda bucket: Recorder(front, bucket))
        http = [door(front, b"GET / HTTP/1.1\r\n\r\n") for _ in range(7)]
        assert [each.read[:12] for each in http] == [b""] * 5 + [b"HTTP/1.1 503"] * 2
        sockets = [door(front, UPGRADE + b"\r\n") for _ in range(5)]
        assert all(each.read.startswith(b"HTTP/1.1 101") and b"\x88" not in each.read for each in sockets)
        undecided = [door(front) for _ in range(12)]
        assert [each.aborted for each in undecided] == [False] * 10 + [True] * 2
        assert gateway.counters.refused == {"http_total": 2, "too_many_connections": 2, "sockets_total": 2}

    run_virtual(main)


def test_only_ws_is_a_websocket() -> None:
    async def main(loop: VirtualLoop) -> None:
        front = FrontDoor(gateway_with(loop))
        elsewhere = door(front, UPGRADE.replace(b"/ws", b"/other") + b"\r\n")
        assert elsewhere.read.startswith(b"HTTP/1.1 404 ")
        old = door(front, UPGRADE.replace(b"Version: 13", b"Version: 8") + b"\r\n")
        assert old.read.startswith(b"HTTP/1.1 426 ")
        assert b"Sec-WebSocket-Version: 13" in old.read

    run_virtual(main)


def test_frames_that_come_with_the_upgrade_are_not_lost() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway = gateway_with(loop)
        front = FrontDoor(gateway)
        transport = door(front, UPGRADE + b"\r\n" + b"\x81\x84\x00\x00\x00\x00")
        transport.protocol.data_received(b"null")
        assert b"protocol_error" in transport.read
        await asyncio.sleep(5)
        assert gateway.admission.websockets.open == 0

    run_virtual(main)
