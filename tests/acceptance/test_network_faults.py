"""Bad networks before the real process: cut, half-open, slow, torn to pieces, flooded.

Nothing that was acknowledged is lost or doubled, everybody resumes without a reload, and one kind
of traffic does not starve the other.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path

import pytest

from zhike.ops.bench.server import HOST, Server, limits_off, metric
from zhike.testing.net import FaultProxy
from zhike.testing.restclient import Agent, Api, set_up
from zhike.testing.wsclient import WAIT_S, Visitor

HEARTBEAT = {"ZHIKE_GATEWAY__HEARTBEAT": "500ms", "ZHIKE_GATEWAY__GONE_AFTER": "3s"}


@asynccontextmanager
async def serving(folder: Path, **settings: str) -> AsyncIterator[Server]:
    """A real ``zhike serve``, which must end well."""
    server = Server(folder / "data", {
        **limits_off(500), "ZHIKE_PIPELINE__FRAGMENT_WAIT": "100ms", **settings})
    try:
        await asyncio.to_thread(server.start)
        yield server
        assert await asyncio.to_thread(server.stop) == 0, server.last_words()
    finally:
        server.kill()
        print(server.last_words())  # shown if the test fails


def ws(port: int) -> str:
    return f"ws://{HOST}:{port}/ws"


async def owner_of(server: Server) -> Api:
    said = await asyncio.to_thread(server.run, "admin", "link")
    link = next(word for word in said.split() if "#token=" in word)
    return await set_up(Api(server.port), link)


async def until_metric(server: Server, name: str, good: Callable[[float], bool]) -> None:
    """Looks at ``/metrics`` until the sum of ``name`` is good: the server has no event for us."""
    async with asyncio.timeout(WAIT_S):
        while True:
            value = await asyncio.to_thread(metric, HOST, server.port, name)
            if value is not None and good(value):
                return
            await asyncio.sleep(0.05)


async def test_cuts_in_the_middle_of_sending_leave_no_gap_and_no_double(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(tmp_path))
        owner = await owner_of(server)
        visitors_way = await stack.enter_async_context(FaultProxy(HOST, server.port))
        agents_way = await stack.enter_async_context(FaultProxy(HOST, server.port))
        visitor = await stack.enter_async_context(Visitor(ws(visitors_way.port), stay=True))
        await visitor.answered(visitor.say("退货"))
        conversation = visitor.conversation
        agent = await stack.enter_async_context(Agent(owner, port=agents_way.port, stay=True))
        await agent.take(conversation)
        agent.watch(conversation)
        said: list[str] = []
        for number in range(60):
            visitor.say(f"问 {number} " + "很长的话" * 50)
            said.append(agent.say(conversation, f"答 {number} " + "也很长" * 50))
            # cut while frames and acks of both are on their way, at different places each time
            if number % 10 == 7:
                await visitor.until(lambda wanted=number - 3: len(visitor.acked) >= wanted,  # type: ignore[misc]
                                    "some acks")
                visitors_way.cut()
            if number % 12 == 9:
                await agent.until(lambda wanted=number - 4: len(agent.acked) >= wanted,  # type: ignore[misc]
                                  "some acks")
                agents_way.cut()
        await visitor.stored()
        await agent.until(lambda: not agent.outbox, "the agent's acks")
        everything = 2 + 1 + 120  # the first question and answer, the take-over, both sides' messages
        await visitor.until(lambda: len(visitor.rows()) == everything, "everything")
        await agent.until(lambda: len(agent.rows(conversation)) == everything, "everything")
        assert visitor.texts() == agent.texts(conversation)
        assert [agent.acked[one] for one in said] == sorted(agent.acked.values())
        visitor.check_order()
        assert agent.problems == []
        assert visitors_way.counts.cut >= 6
        assert agents_way.counts.cut >= 5
        # and what stands in the store is what both were told
        page = await owner.good("GET", f"/api/v1/conversations/{conversation}/messages?limit=200")
        assert [item["text"] for item in page["items"]] == visitor.texts()


async def test_what_was_stored_behind_a_lost_ack_is_not_stored_again(tmp_path: Path) -> None:
    async with (serving(tmp_path) as server, FaultProxy(HOST, server.port) as proxy,
                Visitor(ws(proxy.port), stay=True) as visitor):
        await visitor.answered(visitor.say("退货"))
        for _ in range(5):
            proxy.half_open("to_client")  # the server hears, the visitor does not
            sent = visitor.say("包邮吗")
            async with Visitor(ws(server.port), token=visitor.token) as second:
                await second.got("包邮吗")
                await second.until(lambda sent=sent, second=second: any(  # type: ignore[misc]
                    row.client_msg_id == sent for row in second.rows(visitor.conversation).values()), "it")
            proxy.cut()
            await visitor.answered(sent)
            assert visitor.duplicates[-1] == sent
        visitor.check_order()
        assert len(visitor.rows()) == 12


async def test_half_open_clients_are_gone_in_time_and_resume(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(tmp_path, **HEARTBEAT))
        proxy = await stack.enter_async_context(FaultProxy(HOST, server.port))
        visitors = [await stack.enter_async_context(Visitor(ws(proxy.port))) for _ in range(5)]
        for visitor in visitors:
            await visitor.answered(visitor.say("退货"))
        alive = await stack.enter_async_context(Visitor(ws(server.port)))
        began_s = asyncio.get_running_loop().time()
        proxy.half_open()
        await until_metric(server, "zhike_connections", lambda value: value == 1)
        took_s = asyncio.get_running_loop().time() - began_s
        assert took_s < 10, f"half-open clients were gone after {took_s:.1f} s, not 3"
        assert await asyncio.to_thread(metric, HOST, server.port, "zhike_sessions") == 1
        await alive.answered(alive.say("退货"))  # who answers pings has stayed
        assert alive.closes == []
        for visitor in visitors:
            async with Visitor(ws(server.port), token=visitor.token) as again:
                await again.until(lambda again=again: len(again.rows()) == 2, "resume")  # type: ignore[misc]
                assert again.texts() == visitor.texts()
        proxy.cut()  # nobody would ever tell the old pages


async def test_a_slow_reader_is_closed_with_its_code_and_resumes(tmp_path: Path) -> None:
    async with serving(tmp_path, ZHIKE_GATEWAY__OUT_BUFFER="64KiB") as server:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (HOST, server.port))
        slow = Visitor(ws(server.port), options={"sock": sock})
        async with slow, Visitor(ws(server.port), token=slow.token) as quick:
            await quick.answered(quick.say("退货"))
            await slow.until(lambda: len(slow.rows()) == 2, "the first messages")
            assert slow.ws is not None
            slow.ws.transport.pause_reading()
            big = 0
            while not await asyncio.to_thread(metric, HOST, server.port, "zhike_closed_total"):
                ids = [quick.say(f"{big} " + "长" * 3900) for _ in range(20)]
                big += 20
                await quick.stored(*ids)
                assert big < 2000, "the server keeps everything for a client that reads nothing"
            await quick.answered()  # nobody else was slowed down
            slow.ws.transport.resume_reading()
            assert await slow.closed() == 4004
            slow.problems.clear()  # "no connection" is no fault here
            slow.options = {}
            slow.start()
            await slow.until(lambda: len(slow.rows()) == len(quick.rows()), "resume")
            assert slow.texts() == quick.texts()
            slow.check_order()
            quick.check_order()


async def test_bytes_that_come_one_by_one(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, FaultProxy(HOST, server.port) as proxy:
        proxy.split(1)
        async with Visitor(ws(proxy.port)) as visitor:
            longest = "字" * 4000
            await visitor.answered(visitor.say("退货"))
            await visitor.stored(visitor.say(longest))
            await visitor.answered()
            assert visitor.rows()[3].text == longest
            visitor.check_order()
            proxy.heal()
            async with Visitor(ws(server.port), token=visitor.token) as again:
                await again.until(lambda: len(again.rows()) == 4, "resume")
                assert again.texts()[2] == longest


@pytest.mark.parametrize("first", ["http", "websocket"])
async def test_a_flood_of_one_kind_does_not_starve_the_other(tmp_path: Path, first: str) -> None:
    """Forty connections per address are allowed, of each kind. All come from one address."""
    async with serving(tmp_path, ZHIKE_GATEWAY__MAX_CONNECTIONS_PER_ADDRESS="40") as server:
        api = Api(server.port)
        if first == "http":
            with ExitStack() as stack:
                kept = [stack.enter_context(_keep_alive(server.port)) for _ in range(60)]
                answers = [await asyncio.to_thread(_first_line, one) for one in kept]
                assert sum(b" 200 " in line for line in answers) == 40, answers
                assert sum(b" 503 " in line for line in answers) == 20, answers
                async with Visitor(ws(server.port)) as visitor:
                    await visitor.answered(visitor.say("退货"))
                    visitor.check_order()
            return
        async with AsyncExitStack() as sockets:
            held = [await sockets.enter_async_context(Visitor(ws(server.port))) for _ in range(40)]
            extra = Visitor(ws(server.port))
            extra.start()
            assert (await extra.error())["code"] == "too_many_connections"
            assert await extra.closed() == 4006
            assert (await api("GET", "/health/ready")).status == 200
            hello = await api("POST", "/api/v1/visitor/hello", {"inbox": "shop"})
            assert hello.status == 200, hello.body
            await held[0].answered(held[0].say("退货"))


def _keep_alive(port: int) -> socket.socket:
    one = socket.create_connection((HOST, port), timeout=WAIT_S)
    one.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
    return one


def _first_line(one: socket.socket) -> bytes:
    data = b""
    while b"\r\n" not in data and (piece := one.recv(4096)):
        data += piece
    return data.partition(b"\r\n")[0]
