"""Draining: going away, answers first, buffers flushed, 4003, in bounded time."""

from __future__ import annotations

import asyncio

from zhike.gateway.drain import drain
from zhike.gateway.frontdoor import FrontDoor
from zhike.gateway.gateway import Gateway
from zhike.testing.loop import VirtualLoop, run_virtual
from zhike.testing.wsrig import Client, FakeDesk, turns


async def rig(loop: VirtualLoop, clients: int) -> tuple[Gateway, FakeDesk, FrontDoor, list[Client]]:
    """A gateway with joined clients."""
    gateway = Gateway(loop, now=loop.now_ms)
    desk = FakeDesk(gateway)
    gateway.set_backend(desk)
    gateway.start()
    made = [Client(gateway) for _ in range(clients)]
    for client in made:
        client.hello()
    await turns()
    for client in made:
        client.frames()
    return gateway, desk, FrontDoor(gateway), made


def hang_up(clients: list[Client]) -> None:
    """What browsers do after a close frame."""
    for client in clients:
        client.frames()
        if client.close_code is not None:
            client.transport.close()


def test_clients_are_told_and_answered_before_they_are_closed() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk, front, clients = await rig(loop, 20)
        desk.unsettled = loop.create_future()
        unjoined = Client(gateway)
        work = loop.create_task(drain(gateway, front, timeout_s=10))
        await asyncio.sleep(1)
        times = [client.frames()[0]["reconnect_after_ms"] for client in clients]
        assert len(set(times)) > 5, "spread"
        assert all(500 <= each <= 1100 for each in times)
        unjoined.frames()
        assert unjoined.close_code == 4003
        clients[0].say({"type": "message", "client_msg_id": "a.9", "text": "late"})
        (late,) = clients[0].frames()
        assert (late["error"]["code"], late["client_msg_id"]) == ("going_away", "a.9")
        gateway.hub.handle(desk.store(1, "v1", "the answer to an earlier question", outgoing=True))
        assert clients[0].of("message")
        assert clients[0].close_code is None
        assert Client(gateway).head.startswith(b"HTTP/1.1 503")
        desk.unsettled.set_result(None)
        await asyncio.sleep(0.1)
        hang_up(clients)
        assert all(client.close_code == 4003 for client in clients)
        done = await work
        assert (done.sessions, done.settled, done.flushed) == (20, True, True)
        assert done.took_s < 3
        assert not gateway.connections

    run_virtual(main)


def test_a_pipeline_that_never_settles_and_a_peer_that_never_reads_are_bounded() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk, front, clients = await rig(loop, 2)
        desk.unsettled = loop.create_future()
        clients[1].transport.stuck = True
        done = await drain(gateway, front, timeout_s=4)
        assert (done.settled, done.flushed) == (False, False)
        assert done.took_s < 4.5
        assert all(client.transport.aborted for client in clients)
        assert len(gateway.sessions) == 0

    run_virtual(main)


def test_http_is_stopped_before_the_pipeline_must_be_settled() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk, front, clients = await rig(loop, 1)
        order: list[str] = []

        class Http:
            async def stop(self, timeout_s: float) -> None:
                assert 0 < timeout_s < 10
                await asyncio.sleep(0.5)
                order.append("http")

        async def settle() -> None:
            order.append("settle")

        desk.settle = settle  # type: ignore[method-assign]
        work = loop.create_task(drain(gateway, front, timeout_s=10, http=Http()))
        await asyncio.sleep(1)
        hang_up(clients)
        await work
        assert order == ["http", "settle"]

    run_virtual(main)


def test_an_empty_gateway_drains_at_once_even_before_it_was_ready() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway = Gateway(loop)
        front = FrontDoor(gateway)
        gateway.start()
        done = await drain(gateway, front)
        assert done.settled
        assert done.took_s < 0.1

    run_virtual(main)
