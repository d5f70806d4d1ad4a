"""SIGTERM under load: everybody is told when to come back, nothing taken is lost, the exit is clean."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from zhike.ops.bench.server import HOST, Server, limits_off
from zhike.testing.restclient import Api
from zhike.testing.wsclient import Visitor

SESSIONS = 40
DRAIN_S = 8.0
TEXTS = ("退货", "包邮吗", "火星上有没有分店", "可以开发票吗")


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Server]:
    server = Server(folder / "data", {**limits_off(200), "ZHIKE_PIPELINE__FRAGMENT_WAIT": "300ms",
                                      "ZHIKE_SERVER__DRAIN_TIMEOUT": f"{DRAIN_S:.0f}s"})
    try:
        await asyncio.to_thread(server.start)
        yield server
    finally:
        server.kill()
        print(server.last_words())  # shown if the test fails


async def ended(server: Server) -> tuple[int, float]:
    """Waits for the process that was sent SIGTERM; exit code and seconds."""
    process = server.process
    assert process is not None
    began_s = asyncio.get_running_loop().time()
    async with asyncio.timeout(DRAIN_S + 20):
        code = await asyncio.to_thread(process.wait)
    server.process = None
    return code, asyncio.get_running_loop().time() - began_s


def terminate(server: Server) -> None:
    assert server.process is not None
    server.process.send_signal(signal.SIGTERM)


async def test_everything_taken_is_stored_or_refused_and_resume_finds_it(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(tmp_path))
        url = f"ws://{HOST}:{server.port}/ws"
        visitors = [await stack.enter_async_context(Visitor(url, stay=True, seed=n)) for n in range(SESSIONS)]
        for visitor in visitors:
            visitor.paused = True  # a client that is told to wait does not send again at once
        await asyncio.gather(*(visitor.answered(visitor.say("退货")) for visitor in visitors))
        last: list[tuple[Visitor, str]] = []
        for number, visitor in enumerate(visitors):
            for turn in range(5):
                last.append((visitor, visitor.say(TEXTS[(number + turn) % 4])))
        await visitors[0].stored(last[0][1])  # some are stored, some are on their way, none is answered late
        terminate(server)
        code, took_s = await ended(server)
        assert code == 0, server.last_words()
        assert took_s < DRAIN_S + 2, f"{took_s:.1f} s"
        for visitor in visitors:
            await visitor.until(lambda visitor=visitor: bool(visitor.closes), "the end")  # type: ignore[misc]
            assert visitor.closes[0] == 4003
            [after_ms] = visitor.reconnect_after_ms
            assert 0 < after_ms <= 30_000
        outcomes = [visitor.acked.get(i) or visitor.refused.get(i) for visitor, i in last]
        assert all(outcomes), f"{outcomes.count(None)} messages were neither stored nor refused"
        assert {one for one in outcomes if isinstance(one, str)} <= {"going_away"}
        stored_count = sum(isinstance(one, tuple) for one in outcomes)
        assert stored_count > 0
        # what was taken was also answered before the end
        for visitor, client_msg_id in last:
            assert client_msg_id not in visitor.acked or visitor.answer_of(client_msg_id), "left unanswered"
        for visitor in visitors:
            visitor.paused = False
        await asyncio.to_thread(server.start)
        for visitor in visitors:
            await visitor.stored()
            await visitor.answered()
            visitor.check_order()
            assert len(visitor.closes) >= 1
        assert await asyncio.to_thread(server.stop) == 0


async def test_what_waits_for_an_earlier_message_is_told_too(tmp_path: Path) -> None:
    """Message 2 without message 1 is held for two seconds. A stop in between may not swallow it."""
    async with serving(tmp_path) as server, Visitor(f"ws://{HOST}:{server.port}/ws") as visitor:
        visitor.transmit({"type": "message", "client_msg_id": f"{visitor.stream}.2", "n": 2, "text": "二"})
        async with Visitor(f"ws://{HOST}:{server.port}/ws") as other:
            await other.answered(other.say("退货"))  # by now the early one is in the waiting room
        terminate(server)
        assert (await ended(server))[0] == 0
        await visitor.until(lambda: visitor.gone, "the end")
        assert visitor.refused.get(f"{visitor.stream}.2") in ("going_away", "out_of_order")


async def test_a_long_poll_ends_and_delays_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        api = Api(server.port)
        welcome = await api.good("POST", "/api/v1/visitor/hello", {"inbox": "shop"})
        api.headers["Authorization"] = f"Bearer {welcome['token']}"
        sent = await api.good("POST", "/api/v1/visitor/messages",
                              {"client_msg_id": "one", "text": "退货"})
        page = await api.good("GET", "/api/v1/visitor/messages?after=0&wait_s=25")
        assert [item["seq"] for item in page["items"]] == [1, 2]
        assert sent["seq"] == 1
        poll = asyncio.ensure_future(api("GET", "/api/v1/visitor/messages?after=2&wait_s=25"))
        async with Visitor(f"ws://{HOST}:{server.port}/ws", token=welcome["token"]) as tab:
            await tab.until(lambda: bool(tab.welcome), "welcome")
            terminate(server)
            code, took_s = await ended(server)
        assert code == 0
        assert took_s < DRAIN_S + 2
        answer = await poll
        assert answer.status in (200, 503), answer.body
        if answer.status == 503:
            assert answer.code == "going_away"
