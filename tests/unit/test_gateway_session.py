"""Sessions: hello, joined, gone; acks, resume, refusals, starting; agents."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from zhike.domain.wire import MAX_HELLO_BYTES
from zhike.errors import ZhikeError
from zhike.gateway.gateway import Gateway
from zhike.gateway.limits import Limits
from zhike.testing.loop import VirtualLoop, run_virtual
from zhike.testing.wsrig import Client, FakeDesk, masked, turns


def rig(loop: VirtualLoop, *, ready: bool = True, **limits: Any) -> tuple[Gateway, FakeDesk]:
    """A started gateway with its desk."""
    gateway = Gateway(loop, Limits(**limits), now=loop.now_ms)
    desk = FakeDesk(gateway, ready=ready)
    gateway.set_backend(desk)
    gateway.start()
    return gateway, desk


async def joined(gateway: Gateway, **hello: Any) -> Client:
    """A client past its welcome, nothing left to read."""
    client = Client(gateway)
    client.hello(**hello)
    await turns()
    client.frames()
    return client


def test_a_hello_is_welcomed_and_a_message_acknowledged_and_answered() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop)
        client = Client(gateway)
        assert client.head.startswith(b"HTTP/1.1 101")
        assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in client.head
        client.hello()
        await turns()
        (welcome,) = client.frames()
        assert welcome["type"] == "welcome"
        assert welcome["token"] == "v1"
        assert desk.joins[0][1:] == ("https://shop.example", "198.51.100.7")
        client.transport.writes = 0
        client.say({"type": "message", "client_msg_id": "a.1", "text": "在吗"})
        ack, reply = client.frames()
        assert (ack["type"], ack["seq"], ack["client_msg_id"]) == ("ack", 1, "a.1")
        assert (reply["type"], reply["seq"], reply["text"]) == ("message", 2, "re: 在吗")
        assert client.transport.writes == 1, "ack and reply leave in one write"
        assert gateway.counters.messages_in == 1

    run_virtual(main)


@pytest.mark.parametrize("first", [b"[]", b"x", b'{"type":"ping"}', b'{"type":"message","client_msg_id":"1"}',
                                   b"[" * 8000, b'{"type":"hello","v":"1"}'])
def test_the_first_frame_must_be_hello(first: bytes) -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, _ = rig(loop)
        client = Client(gateway)
        client.say(first)
        (error,) = client.frames()
        assert error["error"]["code"] == "protocol_error"
        assert client.close_code == 4506
        assert gateway.counters.refused["protocol_error"] == 1

    run_virtual(main)


def test_hello_is_bounded_and_versioned() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, _ = rig(loop)
        client = Client(gateway)
        client.hello(inbox="x" * MAX_HELLO_BYTES)
        client.frames()
        assert client.close_code == 1009
        started = Client(gateway)  # too big already by its announced length
        started.conn.data_received(masked(0x81, b"x" * (MAX_HELLO_BYTES + 1))[:20])
        started.frames()
        assert started.close_code == 1009
        old = Client(gateway)
        old.hello(v=0)
        old.frames()
        assert old.close_code == 4507

    run_virtual(main)


@pytest.mark.parametrize(("error", "code"), [("inbox_not_found", 4505), ("origin_not_allowed", 4504),
                                             ("bad_identity", 4502), ("store_unavailable", 4008)])
def test_a_refused_hello_closes_with_the_errors_code(error: str, code: int) -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop)
        desk.join_error = ZhikeError(error)
        client = Client(gateway)
        client.hello(lang="zh-CN")
        await turns()
        (frame,) = client.frames()
        assert frame["error"]["code"] == error
        assert frame["error"]["message"][0] > "\u4e00", "in the client's language"
        assert client.close_code == code
        assert gateway.counters.joined == 0

    run_virtual(main)


def test_a_fault_while_joining_is_told_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop)
        desk.join_error = RuntimeError("broken disk")
        client = Client(gateway)
        client.hello()
        await turns()
        (frame,) = client.frames()
        assert frame["error"]["code"] == "internal"
        assert "broken disk" not in str(frame)
        assert client.close_code == 4008

    run_virtual(main)
    assert "broken disk" in caplog.text


def test_one_hello_is_held_until_the_store_is_open() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop, ready=False)
        client = Client(gateway)
        assert [frame["type"] for frame in client.hello()] == ["starting"]
        client.say({"type": "message", "client_msg_id": "a.1", "text": "too early"})
        (error,) = client.frames()
        assert (error["error"]["code"], error["client_msg_id"]) == ("starting", "a.1")
        assert not desk.joins
        gone = Client(gateway)
        gone.hello()
        gone.transport.abort()
        await turns()
        desk.become_ready()
        await turns()
        assert [frame["type"] for frame in client.frames()] == ["welcome"]
        assert len(desk.joins) == 1, "a hello whose client has gone is not looked up"

    run_virtual(main)


def test_hellos_wait_their_turn() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop, joins_at_once=2)
        desk.slow_s = 1.0
        clients = [Client(gateway) for _ in range(5)]
        for client in clients:
            client.hello()
        await turns()
        assert len(desk.joins) == 2
        await asyncio.sleep(3.1)
        await turns()
        assert all(client.of("welcome") for client in clients)

    run_virtual(main)


def test_no_hello_in_time() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, _ = rig(loop)
        client = Client(gateway)
        await asyncio.sleep(9.7)
        client.frames()
        assert client.close_code is None
        await asyncio.sleep(0.6)
        (error,) = client.frames()
        assert error["error"]["code"] == "hello_timeout"
        assert client.close_code == 4007

    run_virtual(main)


def test_binary_messages_are_not_spoken() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, _ = rig(loop)
        client = await joined(gateway)
        client.conn.data_received(masked(0x82, b"x"))
        client.frames()
        assert client.close_code == 1003

    run_virtual(main)


def test_too_many_messages_are_refused_with_the_time_to_wait() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, _ = rig(loop, messages_per_s=2.0, burst=3)
        client, other = await joined(gateway, token="same"), await joined(gateway, token="same")
        for number in range(1, 4):
            client.say({"type": "message", "client_msg_id": f"a.{number}", "text": "x"})
        client.frames()
        other.frames()
        other.say({"type": "message", "client_msg_id": "b.1", "text": "another tab, same visitor"})
        (error,) = other.frames()
        assert (error["error"]["code"], error["client_msg_id"]) == ("rate_limited", "b.1")
        assert 0 < error["error"]["retry_after_s"] <= 0.6
        await asyncio.sleep(error["error"]["retry_after_s"])
        other.say({"type": "message", "client_msg_id": "b.1", "text": "now"})
        assert other.of("ack")
        assert gateway.counters.refused["rate_limited"] == 1
        for _ in range(300):
            client.say({"type": "typing"})
        client.frames()
        assert client.close_code == 4001, "who never waits is closed"

    run_virtual(main)


def test_what_the_pipeline_cannot_take_is_refused_by_name() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop)
        client = await joined(gateway)
        desk.refusal = ZhikeError("overloaded", retry_after_s=2.0)
        client.say({"type": "message", "client_msg_id": "a.1", "text": "x"})
        (error,) = client.frames()
        assert (error["error"]["code"], error["error"]["retry_after_s"]) == ("overloaded", 2.0)
        assert error["client_msg_id"] == "a.1"
        client.say(b"not json")
        assert client.frames()[0]["error"]["code"] == "overloaded"
        assert client.close_code is None
        assert gateway.counters.refused["overloaded"] == 2

    run_virtual(main)


def test_two_tabs_see_the_same_and_only_the_sender_gets_the_ack() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, _ = rig(loop)
        one, two = await joined(gateway, token="t"), await joined(gateway, token="t")
        stranger = await joined(gateway, token="u")
        one.say({"type": "message", "client_msg_id": "a.1", "text": "x"})
        assert [(f["type"], f["seq"]) for f in one.frames()] == [("ack", 1), ("message", 2)]
        await turns()
        assert [(f["type"], f["seq"]) for f in two.frames()] == [("message", 1), ("message", 2)]
        assert stranger.frames() == []

    run_virtual(main)


def test_a_client_that_comes_back_gets_what_it_missed_and_nothing_twice() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop)
        client = await joined(gateway, token="t")
        for number in range(3):
            client.say({"type": "message", "client_msg_id": f"a.{number}", "text": "x"})
        client.transport.abort()
        await turns()
        gateway.hub.handle(desk.store(1, "t", "while away", outgoing=True))
        back = Client(gateway)
        back.hello(token="t", conversation=1, after=4)
        await turns()
        welcome, page = back.frames()
        assert welcome["conversation"]["last_seq"] == 7
        assert [item["seq"] for item in page["items"]] == [5, 6, 7]
        assert "more" not in page
        gateway.hub.handle(desk.store(1, "t", "live", outgoing=True))
        assert [frame["seq"] for frame in back.frames()] == [8]

    run_virtual(main)


def test_resume_of_another_conversation_starts_at_its_beginning() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop)
        client = await joined(gateway, token="t")
        client.say({"type": "message", "client_msg_id": "a.1", "text": "x"})
        desk.begin(1, "t")
        desk.store(1, "t", "new conversation", outgoing=True)
        back = Client(gateway)
        back.hello(token="t", conversation=1, after=2)
        await turns()
        (page,) = back.of("messages")
        assert (page["conversation"], [item["seq"] for item in page["items"]]) == (2, [1])

    run_virtual(main)


def test_a_conversation_begun_between_look_up_and_subscription_is_seen() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop)
        desk.slow_s = 1.0
        client = Client(gateway)
        client.hello(token="t")
        await asyncio.sleep(0.5)
        # the other tab's message: published before this session is subscribed
        gateway.hub.handle(desk.store(1, "t", "from the other tab"))
        await asyncio.sleep(2.0)
        (page,) = client.of("messages")
        assert [item["seq"] for item in page["items"]] == [1]

    run_virtual(main)


def test_a_resume_longer_than_a_page_comes_in_order_and_waits_for_a_slow_reader() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop)
        for number in range(450):
            desk.store(1, "t", f"{number} " + "长" * 900, outgoing=True)
        client = Client(gateway)
        client.transport.stuck = True
        client.hello(token="t", conversation=1, after=0)
        for _ in range(200):
            await asyncio.sleep(0.05)
            assert client.transport.get_write_buffer_size() <= 65536 + 49152 + 4096
            client.transport.peer_reads()
        pages = client.of("messages")
        assert client.close_code is None
        assert [item["seq"] for page in pages for item in page["items"]] == list(range(1, 451))
        assert [page.get("more", False) for page in pages] == [True] * (len(pages) - 1) + [False]

    run_virtual(main)


def test_an_event_that_got_lost_is_read_from_the_store() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop)
        client = await joined(gateway, token="t")
        client.say({"type": "message", "client_msg_id": "a.1", "text": "x"})
        client.frames()
        desk.store(1, "t", "its event is lost", outgoing=True)
        gateway.hub.handle(desk.store(1, "t", "this one arrives", outgoing=True))
        await turns()
        (page,) = client.frames()
        assert [item["seq"] for item in page["items"]] == [3, 4]
        gateway.hub.handle(desk.store(1, "t", "live", outgoing=True))
        assert [frame["seq"] for frame in client.frames()] == [5]

    run_virtual(main)


def test_a_store_that_lags_is_asked_again_and_at_last_the_client_comes_back() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop)
        client = await joined(gateway, token="t")
        client.say({"type": "message", "client_msg_id": "a.1", "text": "x"})
        client.frames()
        desk.lag = 1
        desk.store(1, "t", "lost event", outgoing=True)
        gateway.hub.handle(desk.store(1, "t", "seen by the bus, not by the replica", outgoing=True))
        await asyncio.sleep(0.1)
        assert [[i["seq"] for i in page["items"]] for page in client.frames()] == [[3]]
        desk.lag = 0
        await asyncio.sleep(0.2)
        assert [[i["seq"] for i in page["items"]] for page in client.frames()] == [[4]]
        desk.lag = 1
        event = desk.store(1, "t", "never seen", outgoing=True)[0]
        event.seq = 9
        gateway.hub.handle([event])
        await asyncio.sleep(5)
        client.frames()
        assert client.close_code == 4008

    run_virtual(main)


def test_notes_between_agents_are_not_for_visitors_and_leave_no_gap() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop)
        client = await joined(gateway, token="t")
        client.say({"type": "message", "client_msg_id": "a.1", "text": "x"})
        client.frames()
        gateway.hub.handle(desk.store(1, "t", "secret", note=True))
        gateway.hub.handle(desk.store(1, "t", "public", outgoing=True))
        assert [frame["text"] for frame in client.frames()] == ["public"]
        assert desk.reads == 0, "a hidden message is not a gap"
        client.say({"type": "resume", "after": 0})
        client.say({"type": "history"})
        await turns()
        for page in client.of("messages"):
            assert [item["seq"] for item in page["items"]] == [1, 2, 4]

    run_virtual(main)


def test_history_resume_ping_typing_and_read() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop)
        client = await joined(gateway, token="t")
        client.say({"type": "history"})
        await turns()
        assert client.frames()[0]["items"] == []
        for number in range(4):
            client.say({"type": "message", "client_msg_id": f"a.{number}", "text": "x"})
        client.frames()
        client.say({"type": "history", "before": 6, "limit": 2})
        await turns()
        (page,) = client.frames()
        assert ([i["seq"] for i in page["items"]], page["more"], page["reason"]) == ([4, 5], True, "history")
        client.say({"type": "resume", "after": 8})
        await turns()
        assert client.frames()[0]["items"] == [], "an answer even when nothing is missing"
        client.say({"type": "ping", "id": "7"})
        assert client.frames() == [{"type": "pong", "id": "7"}]
        client.say({"type": "typing"})
        client.say({"type": "read", "seq": 8})
        assert [type(frame).__name__ for frame in desk.controls] == ["Typing", "Read"]
        await asyncio.sleep(5)
        client.say({"type": "history", "conversation": 99})
        await turns()
        assert client.frames()[0]["error"]["code"] == "not_found"
        client.say({"type": "watch", "conversation": 1})
        client.say({"type": "hello"})
        assert [frame["error"]["code"] for frame in client.frames()] == ["forbidden", "protocol_error"]

    run_virtual(main)


def test_a_closed_session_leaves_nothing_behind() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop)
        desk.slow_s = 1.0
        for end in range(30):
            client = Client(gateway)
            client.hello(token="t")
            await asyncio.sleep(0.1 * end)
            client.transport.abort()
            await turns()
        await asyncio.sleep(10)
        await turns()
        assert not gateway.sessions
        assert not gateway.connections
        assert gateway.hub.sizes() == {"visitors": 0, "watched": 0, "listed": 0}
        assert len(gateway.wheel) == 0
        assert gateway.admission.websockets.open == gateway.counters.ws_open == gateway.counters.joined == 0
        assert gateway.admission.websockets.addresses() == 0
        assert len(gateway.joins) == 0

    run_virtual(main)
