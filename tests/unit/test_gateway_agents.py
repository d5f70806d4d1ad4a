"""Agents on the gateway: cookie, lists, watching several conversations, revocation."""

from __future__ import annotations

from zhike.bus.base import STAFF, Event
from zhike.domain.wire import Watch
from zhike.gateway import commands
from zhike.gateway.gateway import Gateway
from zhike.testing.loop import VirtualLoop, run_virtual
from zhike.testing.wsrig import Client, FakeDesk, turns

COOKIE = b"Cookie: zhike_session=abc\r\n"


def rig(loop: VirtualLoop) -> tuple[Gateway, FakeDesk]:
    """A started gateway with its desk."""
    gateway = Gateway(loop, now=loop.now_ms)
    desk = FakeDesk(gateway)
    gateway.set_backend(desk)
    gateway.start()
    return gateway, desk


async def agent(gateway: Gateway) -> Client:
    """A signed-in agent past its welcome."""
    client = Client(gateway, headers=COOKIE)
    client.hello(role="agent")
    await turns()
    assert client.frames()[0]["role"] == "agent"
    return client


def test_an_agent_needs_its_cookie() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, _ = rig(loop)
        client = Client(gateway)
        client.hello(role="agent")
        await turns()
        assert client.frames()[0]["error"]["code"] == "unauthenticated"
        assert client.close_code == 4501

    run_virtual(main)


def test_lists_and_watched_conversations() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop)
        client = await agent(gateway)
        gateway.hub.handle(desk.store(1, "t", "hello"))
        assert client.frames() == [{"type": "conversation"}], "the list changes, the text is not sent"
        client.say({"type": "watch", "conversation": 1, "after": 0})
        await turns()
        state, page = client.frames()
        assert (state["type"], state["conversation"]["last_seq"]) == ("conversation", 1)
        assert [item["seq"] for item in page["items"]] == [1]
        gateway.hub.handle(desk.store(1, "t", "internal", note=True))
        kinds = [(frame["type"], frame.get("seq")) for frame in client.frames()]
        assert kinds == [("message", 2), ("conversation", None)], "agents see notes"
        client.say({"type": "watch", "conversation": 1, "on": False})
        gateway.hub.handle(desk.store(1, "t", "more"))
        assert [frame["type"] for frame in client.frames()] == ["conversation"]
        client.say({"type": "history", "conversation": 1})
        await turns()
        assert client.frames()[0]["error"]["code"] == "forbidden", "watch it first"
        client.say({"type": "typing"})
        assert client.frames()[0]["error"]["field"] == "conversation"
        client.say({"type": "watch", "conversation": 99})
        await turns()
        assert client.frames()[0]["error"]["code"] == "not_found"

    run_virtual(main)


def test_two_watched_conversations_keep_their_places_apart() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop)
        client = await agent(gateway)
        for sender in ("a", "b"):
            gateway.hub.handle(desk.store(1, sender, "first"))
        for number in (1, 2):
            client.say({"type": "watch", "conversation": number})
        await turns()
        client.frames()
        lost = desk.store(1, "a", "its event is lost")
        assert lost
        gateway.hub.handle(desk.store(1, "b", "live"))
        gateway.hub.handle(desk.store(1, "a", "after the gap"))
        await turns()
        got = [frame for frame in client.frames() if frame["type"] != "conversation"]
        assert (got[0]["conversation"], got[0]["seq"]) == (2, 2)
        assert [item["seq"] for item in got[1]["items"]] == [2, 3]

    run_virtual(main)


def test_an_agents_own_message_is_acknowledged_not_repeated() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop)
        one, two = await agent(gateway), await agent(gateway)
        gateway.hub.handle(desk.store(1, "t", "question"))
        for client in (one, two):
            client.say({"type": "watch", "conversation": 1})
        await turns()
        one.frames(), two.frames()
        (source,) = [session for session in gateway.sessions if session.conn is one.conn]
        gateway.hub.handle(desk.store(1, "t", "answer", source=source, client_msg_id="x.1"))
        assert [frame["type"] for frame in one.frames()] == ["ack", "conversation"]
        assert [frame["type"] for frame in two.frames()] == ["message", "conversation"]
        gateway.hub.handle(desk.store(1, "t", "next"))
        assert [frame.get("seq") for frame in one.frames()] == [3, None], "its own seq 2 left no gap"

    run_virtual(main)


def test_the_number_of_watched_conversations_is_bounded() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop)
        client = await agent(gateway)
        for number in range(commands.MAX_WATCHES + 1):
            desk.store(1, f"s{number}", "x")
        (session,) = gateway.sessions
        for number in range(1, commands.MAX_WATCHES + 2):
            gateway.control(session, Watch(number))
            await turns()
        assert [frame["error"]["code"] for frame in client.of("error")] == ["overloaded"]
        assert gateway.hub.sizes()["watched"] == commands.MAX_WATCHES

    run_virtual(main)


def test_reads_at_the_same_time_are_bounded_per_session() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop)
        client = await agent(gateway)
        desk.store(1, "t", "x")
        desk.slow_s = 1.0
        (session,) = gateway.sessions
        for _ in range(6):
            gateway.control(session, Watch(1))
        await turns()
        assert [frame["error"]["code"] for frame in client.of("error")] == ["overloaded"] * 2

    run_virtual(main)


def test_a_signed_out_agent_is_closed_and_its_subscriptions_go() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop)
        client = await agent(gateway)
        desk.store(1, "t", "x")
        client.say({"type": "watch", "conversation": 1})
        await turns()
        client.frames()
        assert gateway.close_agent(8) == 0
        assert gateway.close_agent(7) == 1
        assert client.frames()[0]["error"]["code"] == "session_revoked"
        assert client.close_code == 4508
        assert gateway.hub.sizes() == {"visitors": 0, "watched": 0, "listed": 0}

    run_virtual(main)


def test_pages_of_agents_are_counted_and_idle_ones_told() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop)
        first, second = await agent(gateway), await agent(gateway)
        assert desk.agent_pages == [(7, 1, 1), (7, 2, 2)]
        for _ in range(2):
            first.say({"type": "active", "on": False})
        await turns()
        assert desk.agent_pages[2:] == [(7, 2, 1)], "told once"
        second.transport.close()
        await turns()
        assert desk.agent_pages[3:] == [(7, 1, 0)]
        first.say({"type": "active"})
        first.transport.close()
        await turns()
        assert desk.agent_pages[4:] == [(7, 1, 1), (7, 0, 0)]

    run_virtual(main)


def test_what_concerns_everybody_reaches_every_agent_and_no_visitor() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, _ = rig(loop)
        client, visitor = await agent(gateway), Client(gateway)
        visitor.hello()
        await turns()
        visitor.frames()
        gateway.hub.handle([Event(0, STAFF, "", list_frame=b'{"type":"presence"}')])
        assert client.frames() == [{"type": "presence"}]
        assert visitor.frames() == []
        client.transport.close()
        await turns()
        assert gateway.hub.sizes()["listed"] == 0

    run_virtual(main)


def test_ratings_are_a_visitors_and_idle_pages_an_agents_matter() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop)
        client, visitor = await agent(gateway), Client(gateway)
        visitor.hello()
        desk.begin(1, "v1")
        desk.resolved.add(1)
        await turns()
        visitor.frames()
        visitor.say({"type": "rate", "conversation": 1, "score": 5, "comment": "快"})
        visitor.say({"type": "rate", "conversation": 2, "score": 5})
        visitor.say({"type": "rate", "conversation": 1, "score": 9})
        visitor.say({"type": "active"})
        client.say({"type": "rate", "conversation": 1, "score": 1})
        await turns()
        assert desk.ratings == {1: (5, "快")}
        assert [frame["error"]["code"] for frame in visitor.of("error")] == [
            "protocol_error", "forbidden", "not_found"]
        assert [frame["error"]["code"] for frame in client.of("error")] == ["forbidden"]

    run_virtual(main)
