"""What an agent's connection hears and may send, by role, inbox and team."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from zhike.bus.base import Event
from zhike.domain import wire
from zhike.domain.agent import Place, Scope, Seat
from zhike.gateway.gateway import Gateway
from zhike.testing.loop import VirtualLoop, run_virtual
from zhike.testing.wsrig import Client, FakeDesk, turns

COOKIE = b"Cookie: zhike_session=abc\r\n"
MINE = Seat(Scope(None, frozenset((1,)), 7), session_id=11)
NOBODY: frozenset[int] = frozenset()


async def join(loop: VirtualLoop, seat: Seat) -> tuple[Gateway, FakeDesk, Client]:
    """A desk and one agent in this seat, past the welcome."""
    gateway = Gateway(loop, now=loop.now_ms)
    desk = FakeDesk(gateway)
    gateway.set_backend(desk)
    gateway.start()
    return gateway, desk, await seated(gateway, desk, seat)


async def seated(gateway: Gateway, desk: FakeDesk, seat: Seat) -> Client:
    desk.seat = seat
    client = Client(gateway, headers=COOKIE)
    client.hello(role="agent")
    await turns()
    client.frames()
    return client


def changed(desk: FakeDesk, number: int, place: Place, mark: str = "") -> Event:
    """The conversation moved to ``place``; the event says so."""
    desk.places[number] = place
    frame = wire.encode({"type": "conversation", "id": number, "mark": mark})
    return Event(number, 1, desk.owners[number][1], agent_frame=frame, list_frame=frame)


def said(client: Client) -> list[str]:
    return [frame["type"] + (f":{frame['error']['code']}" if frame["type"] == "error" else "")
            for frame in client.frames()]


@pytest.mark.parametrize(("place", "heard"), [
    (Place(None, None, NOBODY), True), (Place(1, None, NOBODY), True), (Place(2, None, NOBODY), False),
    (Place(2, 7, NOBODY), True), (Place(2, 8, NOBODY), False), (Place(2, 8, frozenset((7,))), True)])
def test_a_list_hears_of_what_its_agent_may_see(place: Place, heard: bool) -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk, client = await join(loop, MINE)
        number = desk.begin(1, "t")
        desk.places[number] = place
        for _ in range(3):
            gateway.hub.handle(desk.store(1, "t", "hello"))
            await turns()
        assert client.frames() == [{"type": "conversation"}] * (3 if heard else 0)
        assert desk.place_reads == 1, "asked once"

    run_virtual(main)


def test_events_wait_for_the_look_up_in_their_order() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk, client = await join(loop, MINE)
        number = desk.begin(1, "t")
        desk.slow_s = 1.0
        for mark in "abc":
            gateway.hub.handle([changed(desk, number, Place(1, None, NOBODY), mark)])
        gateway.hub.handle(desk.store(1, "t", "hello"))
        await asyncio.sleep(0.5)
        assert client.frames() == []
        await asyncio.sleep(2.0)
        assert [frame.get("mark") for frame in client.frames()] == ["a", "b", "c", None]

    run_virtual(main)


def test_a_move_in_the_middle_of_a_look_up_is_seen() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk, client = await join(loop, MINE)
        number = desk.begin(1, "t")
        desk.places[number] = Place(2, None, NOBODY)
        desk.slow_s = 1.0
        gateway.hub.handle(desk.store(1, "t", "hello"))
        await asyncio.sleep(0.5)
        gateway.hub.handle([changed(desk, number, Place(1, None, NOBODY))])
        await asyncio.sleep(3.0)
        assert len(client.frames()) == 2
        assert desk.place_reads == 2

    run_virtual(main)


def test_who_saw_it_hears_that_it_goes_and_nothing_more() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk, client = await join(loop, MINE)
        number = desk.begin(1, "t")
        desk.places[number] = Place(1, None, NOBODY)
        gateway.hub.handle(desk.store(1, "t", "hello"))
        await turns()
        client.frames()
        gateway.hub.handle([changed(desk, number, Place(2, None, NOBODY), "secret"),
                            *desk.store(1, "t", "secret")])
        await turns()
        assert client.frames() == [{"type": "gone", "conversation": number}], "once"
        gateway.hub.handle([*desk.store(1, "t", "secret"), changed(desk, number, Place(2, 8, NOBODY))])
        await turns()
        assert client.frames() == []

    run_virtual(main)


def test_what_only_the_list_had_shown_goes_too() -> None:
    """Nothing was heard of it since the page read its list, or the look-up was still on its way."""
    async def main(loop: VirtualLoop) -> None:
        gateway, desk, client = await join(loop, MINE)
        first, second = desk.begin(1, "t"), desk.begin(1, "u")
        gateway.hub.handle([changed(desk, first, Place(2, None, NOBODY))])
        await turns()
        assert client.frames() == [{"type": "gone", "conversation": first}]
        desk.places[second] = Place(1, None, NOBODY)
        desk.slow_s = 1.0
        gateway.hub.handle(desk.store(1, "u", "hello"))
        gateway.hub.handle([changed(desk, second, Place(2, None, NOBODY))])
        await asyncio.sleep(3.0)
        assert client.frames() == [{"type": "gone", "conversation": second}]

    run_virtual(main)


def test_what_was_never_within_reach_is_not_even_named() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk, client = await join(loop, MINE)
        number = desk.begin(1, "t")
        desk.places[number] = Place(2, None, NOBODY)
        gateway.hub.handle(desk.store(1, "t", "secret"))
        await turns()
        gateway.hub.handle([changed(desk, number, Place(2, 8, NOBODY))])
        await turns()
        assert client.frames() == []

    run_virtual(main)


def test_what_was_known_is_forgotten_with_the_last_one_who_listened() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk, client = await join(loop, MINE)
        number = desk.begin(1, "t")
        desk.places[number] = Place(1, None, NOBODY)
        gateway.hub.handle(desk.store(1, "t", "hello"))
        await turns()
        client.transport.abort()
        await turns()
        gateway.hub.handle([changed(desk, number, Place(2, None, NOBODY))])
        again = await seated(gateway, desk, MINE)
        gateway.hub.handle(desk.store(1, "t", "secret"))
        await turns()
        assert again.frames() == []

    run_virtual(main)


def test_a_watch_ends_when_the_conversation_goes_out_of_reach() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk, client = await join(loop, MINE)
        number = desk.begin(1, "t")
        desk.places[number] = Place(1, None, NOBODY)
        client.say({"type": "watch", "conversation": number, "after": 0})
        await turns()
        client.frames()
        desk.slow_s = 1.0
        gateway.hub.handle([changed(desk, number, Place(2, None, NOBODY)), *desk.store(1, "t", "secret")])
        await asyncio.sleep(3.0)
        frames: list[dict[str, Any]] = client.frames()
        assert "secret" not in str(frames)
        assert [frame["error"]["code"] for frame in frames if frame["type"] == "error"] == ["not_found"]
        assert [frame for frame in frames if frame["type"] == "gone"] == [
            {"type": "gone", "conversation": number}]
        desk.slow_s = 0.0
        for asked in ({"type": "watch", "conversation": number}, {"type": "history", "conversation": number},
                      {"type": "resume", "conversation": number, "after": 0}):
            client.say(asked)
            await turns()
            assert said(client)[-1] in ("error:not_found", "error:forbidden")

    run_virtual(main)


def test_a_watch_goes_on_without_a_gap_when_the_state_changed_within_reach() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk, client = await join(loop, MINE)
        number = desk.begin(1, "t")
        desk.places[number] = Place(1, None, NOBODY)
        client.say({"type": "watch", "conversation": number, "after": 0})
        await turns()
        client.frames()
        desk.slow_s = 1.0
        gateway.hub.handle([changed(desk, number, Place(1, 8, NOBODY)), *desk.store(1, "t", "one")])
        gateway.hub.handle(desk.store(1, "t", "two"))
        await asyncio.sleep(5.0)
        seqs = [item["seq"] for frame in client.frames() if frame["type"] == "messages"
                for item in frame["items"]]
        assert seqs == [1, 2]
        gateway.hub.handle(desk.store(1, "t", "three"))
        assert [frame["seq"] for frame in client.frames() if frame["type"] == "message"] == [3]

    run_virtual(main)


def test_a_message_goes_only_where_the_scope_reaches() -> None:
    async def main(loop: VirtualLoop) -> None:
        _, desk, client = await join(loop, MINE)
        near, far = desk.begin(1, "t"), desk.begin(1, "u")
        desk.places = {near: Place(1, None, NOBODY), far: Place(2, None, NOBODY)}
        for number in (near, far):
            client.say({"type": "message", "client_msg_id": f"m{number}", "text": "hi",
                        "conversation": number, "note": True})
            await turns()
        frames = client.frames()
        refused = [frame["client_msg_id"] for frame in frames if frame["type"] == "error"]
        assert refused == [f"m{far}"]
        assert any(frame["type"] == "ack" and frame["client_msg_id"] == f"m{near}" for frame in frames)

    run_virtual(main)


def test_an_analyst_reads_and_sends_nothing() -> None:
    async def main(loop: VirtualLoop) -> None:
        _, desk, client = await join(loop, Seat(Scope(), speaks=False))
        number = desk.begin(1, "t")
        client.say({"type": "watch", "conversation": number, "after": 0})
        await turns()
        assert said(client) == ["conversation", "messages"]
        for frame in ({"type": "message", "client_msg_id": "m1", "text": "hi", "conversation": number},
                      {"type": "typing", "conversation": number},
                      {"type": "read", "conversation": number, "seq": 1}):
            client.say(frame)
            await turns()
            assert said(client) == ["error:forbidden"]
        assert desk.controls == []
        client.say({"type": "history", "conversation": number})
        await turns()
        assert said(client) == ["messages"]

    run_virtual(main)


def test_who_does_not_see_personal_data_does_not_see_it_in_any_frame() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk, client = await join(loop, Seat(Scope(), clear=False))
        number = desk.begin(1, "t")
        gateway.hub.handle(desk.store(1, "t", "call 13800138000"))
        client.say({"type": "watch", "conversation": number, "after": 0})
        await turns()
        gateway.hub.handle(desk.store(1, "t", "or 13800138000"))
        client.say({"type": "history", "conversation": number})
        await turns()
        shown = str(client.frames())
        assert "13800138000" not in shown
        assert shown.count("138****8000") == 4

    run_virtual(main)


def test_ending_one_sign_in_closes_its_connections_only() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk, phone = await join(loop, MINE)
        other = await seated(gateway, desk, Seat(session_id=12))
        assert gateway.close_agent(7, session_id=12) == 1
        await turns()
        other.frames()
        phone.frames()
        assert other.close_code == 4508
        assert phone.close_code is None
        assert gateway.close_agent(7, "rights_changed") == 1
        await turns()
        phone.frames()
        assert phone.close_code == 4009, "comes back by itself"

    run_virtual(main)
