"""A model's proposals over an agent's connection: one at a time, ended with it, bounded, by right."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from zhike.domain.agent import Scope, Seat
from zhike.gateway import helping
from zhike.gateway.gateway import Gateway
from zhike.testing.loop import VirtualLoop, run_virtual
from zhike.testing.wsrig import Client, FakeDesk, turns

COOKIE = b"Cookie: zhike_session=abc\r\n"


async def watching(loop: VirtualLoop, seat: Seat | None = None) -> tuple[Gateway, FakeDesk, Client]:
    """An agent who follows conversation 1."""
    gateway = Gateway(loop, now=loop.now_ms)
    desk = FakeDesk(gateway)
    desk.seat = seat or Seat()
    desk.proposal = ("可以", "退货。")
    gateway.set_backend(desk)
    gateway.start()
    desk.begin(1, "t")
    client = Client(gateway, headers=COOKIE)
    client.hello(role="agent")
    await turns()
    client.say({"type": "watch", "conversation": 1})
    await turns()
    client.frames()
    return gateway, desk, client


def wish(number: str = "x1", **more: Any) -> dict[str, Any]:
    return {"type": "assist", "assist_id": number, "conversation": 1, **more}


def test_a_proposal_comes_in_pieces_and_then_whole() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, _, client = await watching(loop)
        client.say(wish())
        await turns()
        frames = client.frames()
        assert [frame["type"] for frame in frames] == ["assist_delta", "assist_delta", "assist_done"]
        assert [frame.get("offset") for frame in frames] == [0, 2, None]
        assert (frames[-1]["assist_id"], frames[-1]["text"]) == ("x1", "可以退货。")
        assert len(gateway.helping) == 0

    run_virtual(main)


@pytest.mark.parametrize("how", ["stop", "another", "gone"])
def test_what_nobody_waits_for_ends(how: str) -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk, client = await watching(loop)
        desk.slow_s = 5.0
        client.say(wish())
        await asyncio.sleep(1)
        if how == "stop":
            client.say({"type": "assist_stop", "assist_id": "other"})
            await turns()
            assert desk.assists_left == 0, "that was another one"
            client.say({"type": "assist_stop", "assist_id": "x1"})
        elif how == "another":
            client.say(wish("x2"))
        else:
            client.conn.close(4000)
        await turns()
        assert desk.assists_left == 1
        assert len(gateway.helping) == (how == "another")
        await asyncio.sleep(20)
        if how != "gone":
            names = [frame["assist_id"] for frame in client.frames()]
            assert names == (["x2"] * 3 if how == "another" else [])

    run_virtual(main)


def test_refusals_have_words() -> None:
    async def main(loop: VirtualLoop) -> None:
        _, desk, client = await watching(loop)
        desk.proposal = ()
        client.say(wish(want="shorter", text="x"))
        await turns()
        (failed,) = client.frames()
        assert (failed["type"], failed["error"]["code"]) == ("assist_failed", "no_model")
        client.say(wish(text="x" * 4_001))
        await turns()
        assert client.frames()[0]["error"]["code"] == "protocol_error"
        client.say({**wish(), "conversation": 2})
        await turns()
        assert client.frames()[0]["error"]["code"] == "forbidden", "watch it first"

    run_virtual(main)


def test_a_hand_that_keeps_pressing_is_slowed() -> None:
    async def main(loop: VirtualLoop) -> None:
        _, _, client = await watching(loop)
        for number in range(12):
            client.say(wish(f"x{number}"))
            await turns()
        failed = [frame for frame in client.frames() if frame["type"] == "assist_failed"]
        assert [frame["error"]["code"] for frame in failed] == ["rate_limited"] * 2
        assert failed[0]["error"]["retry_after_s"] > 0

    run_virtual(main)


def test_a_process_makes_so_many_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helping, "MAX_AT_ONCE", 0)

    async def main(loop: VirtualLoop) -> None:
        _, _, client = await watching(loop)
        client.say(wish())
        await turns()
        assert client.frames()[0]["error"]["code"] == "overloaded"

    run_virtual(main)


def test_an_analyst_and_a_visitor_ask_for_nothing() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, _, client = await watching(loop, Seat(Scope(), speaks=False))
        client.say(wish())
        await turns()
        assert client.frames()[0]["error"]["code"] == "forbidden"
        visitor = Client(gateway)
        visitor.hello()
        await turns()
        visitor.frames()
        visitor.say(wish())
        await turns()
        assert visitor.frames()[0]["error"]["code"] == "forbidden"

    run_virtual(main)


def test_who_does_not_see_personal_data_gets_no_pieces_and_a_veiled_whole() -> None:
    async def main(loop: VirtualLoop) -> None:
        _, desk, client = await watching(loop, Seat(Scope(), clear=False))
        desk.proposal = ("打 138", "00138000")
        client.say(wish())
        await turns()
        frames = client.frames()
        assert "13800138000" not in str(frames)
        assert frames[-1]["type"] == "assist_done"

    run_virtual(main)
