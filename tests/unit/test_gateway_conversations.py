"""A visitor's conversations after one another: resolved ones, older ones, late news of them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from zhike.gateway.gateway import Gateway
from zhike.gateway.limits import Limits
from zhike.testing.loop import VirtualLoop, run_virtual
from zhike.testing.wsrig import Client, FakeDesk, turns


def rig(loop: VirtualLoop) -> tuple[Gateway, FakeDesk]:
    """A started gateway; visitor "t" has a resolved conversation 1 with four messages."""
    gateway = Gateway(loop, Limits(), now=loop.now_ms)
    desk = FakeDesk(gateway)
    gateway.set_backend(desk)
    gateway.start()
    for text in ("q1", "a1", "q2", "a2"):
        desk.store(1, "t", text, outgoing=text.startswith("a"))
    desk.resolved.add(1)
    return gateway, desk


def pages(frames: list[dict[str, Any]]) -> list[tuple[int, str, list[int]]]:
    """(conversation, reason, seqs) of each page."""
    return [(frame["conversation"], frame.get("reason", "resume"), [item["seq"] for item in frame["items"]])
            for frame in frames if frame["type"] == "messages"]


async def came_back(gateway: Gateway, **hello: Any) -> tuple[Client, list[dict[str, Any]]]:
    """Visitor "t" on a new page, and all that came by itself."""
    client = Client(gateway)
    client.hello(token="t", **hello)
    await turns()
    return client, client.frames()


def test_after_a_reload_the_resolved_conversation_can_be_read() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, _ = rig(loop)
        client, (welcome,) = await came_back(gateway)
        state = welcome["conversation"]
        assert (state["id"], state["status"], state["last_seq"]) == (1, "resolved", 4)
        client.say({"type": "history", "limit": 3})
        client.say({"type": "history", "limit": 3, "before": 2})
        await turns()
        assert pages(client.frames()) == [(1, "history", [2, 3, 4]), (1, "history", [1])]
        client.say({"type": "message", "client_msg_id": "n.1", "text": "new"})
        assert [(frame["type"], frame["conversation"], frame["seq"]) for frame in client.frames()] == [
            ("ack", 2, 1), ("message", 2, 2)]
        client.say({"type": "resume", "after": 0})
        await turns()
        assert pages(client.frames()) == [(2, "resume", [1, 2])]

    run_virtual(main)


def test_what_was_missed_of_the_old_conversation_comes_before_the_new_one() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop)
        for text in ("b1", "b2"):
            desk.store(1, "t", text, outgoing=True)
        desk.slow_s = 0.1
        client = Client(gateway)
        client.hello(token="t", conversation=1, after=2)
        await asyncio.sleep(0.15)  # in the middle of it somebody answers, live
        gateway.hub.handle(desk.store(1, "t", "b3", outgoing=True))
        await asyncio.sleep(2)
        frames = client.frames()
        assert [frame["type"] for frame in frames] == ["welcome", "messages", "messages"]
        assert frames[0]["conversation"]["id"] == 2
        assert pages(frames) == [(1, "resume", [3, 4]), (2, "resume", [1, 2, 3])]
        gateway.hub.handle(desk.store(1, "t", "b4", outgoing=True))
        assert [(frame["conversation"], frame["seq"]) for frame in client.frames()] == [(2, 4)]

    run_virtual(main)


@pytest.mark.parametrize("remembered", [99, 3, -1, 10**30])
def test_a_conversation_of_nobody_or_of_another_is_no_place_to_resume(remembered: int) -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop)
        desk.store(1, "t", "b1", outgoing=True)
        desk.store(1, "stranger", "secret")
        assert desk.owners[3] == (1, "stranger")
        client, frames = await came_back(gateway, conversation=remembered, after=0)
        assert pages(frames) == [(2, "resume", [1])]
        for kind in ("history", "resume"):
            client.say({"type": kind, "conversation": remembered, "after": 0})
        await turns()
        assert [frame["error"]["code"] for frame in client.frames()] == ["not_found"] * 2
        gateway.hub.handle(desk.store(1, "stranger", "more"))
        gateway.hub.handle(desk.store(1, "t", "b2", outgoing=True))
        assert [frame["text"] for frame in client.frames()] == ["b2"]

    run_virtual(main)


def test_older_conversations_are_paged_and_resumed_beside_the_present_one() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop)
        desk.store(1, "t", "b1", outgoing=True)
        client, _ = await came_back(gateway)
        client.say({"type": "history", "conversation": 1, "limit": 2, "before": 4})
        client.say({"type": "resume", "conversation": 1, "after": 3})
        await turns()
        client.say({"type": "resume", "conversation": 1, "after": 4})
        await turns()
        assert pages(client.frames()) == [(1, "history", [2, 3]), (1, "resume", [4]), (1, "resume", [])]
        gateway.hub.handle(desk.store(1, "t", "b2", outgoing=True))
        assert [(frame["conversation"], frame["seq"]) for frame in client.frames()] == [(2, 2)]

    run_virtual(main)


def test_late_news_of_an_older_conversation_does_not_take_the_visitor_back() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop)
        client, _ = await came_back(gateway)
        desk.resolved.clear()
        (late,) = desk.store(1, "t", "a3", outgoing=True)
        desk.resolved.add(1)
        gateway.hub.handle(desk.store(1, "t", "b1"))
        gateway.hub.handle([late])
        gateway.hub.handle(desk.store(1, "t", "b2", outgoing=True))
        assert [(frame["conversation"], frame["seq"]) for frame in client.frames()] == [
            (2, 1), (1, 5), (2, 2)]
        other, _ = await came_back(gateway)  # never saw conversation 1: it asks if it wants to
        gateway.hub.handle([late])
        gateway.hub.handle(desk.store(1, "t", "b3", outgoing=True))
        assert [(frame["conversation"], frame["seq"]) for frame in other.frames()] == [(2, 3)]
        assert desk.reads <= 2

    run_virtual(main)


def test_a_conversation_begun_between_look_up_and_subscription_is_seen() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop)
        desk.slow_s = 1.0
        client = Client(gateway)
        client.hello(token="t")
        await asyncio.sleep(0.5)  # the look-up has seen the resolved one
        gateway.hub.handle(desk.store(1, "t", "from the other tab"))
        await asyncio.sleep(5.0)
        assert pages(client.frames()) == [(2, "resume", [1])]

    run_virtual(main)


@pytest.mark.parametrize("number", [-1, 2**53, 2**63, 10**30])
def test_numbers_that_no_database_holds(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop)
        asked: list[int | None] = []
        real_after, real_before = desk.after, desk.before

        async def after(conversation_id: int, seq: int, limit: int) -> Any:
            asked.append(seq)
            return await real_after(conversation_id, seq, limit)

        async def before(conversation_id: int, seq: int | None, limit: int) -> Any:
            asked.append(seq)
            return await real_before(conversation_id, seq, limit)

        monkeypatch.setattr(desk, "after", after)
        monkeypatch.setattr(desk, "before", before)
        client, _ = await came_back(gateway, conversation=1, after=number)
        desk.store(1, "t", "b1", outgoing=True)
        for frame in ({"type": "history", "before": number}, {"type": "resume", "after": number},
                      {"type": "resume", "after": number, "conversation": 1}):
            client.say(frame)
            await turns()
        client.frames()
        assert client.close_code is None
        again, _ = await came_back(gateway, conversation=1, after=number)
        assert again.close_code is None
        assert asked
        assert all(seq is not None and 0 <= seq < 2**53 for seq in asked), asked

    run_virtual(main)


def test_a_page_of_nothing_but_notes_does_not_end_the_past() -> None:
    async def main(loop: VirtualLoop) -> None:
        gateway, desk = rig(loop)
        desk.resolved.clear()
        for number in range(7):
            desk.store(1, "t", f"note {number}", note=True)
        client, _ = await came_back(gateway)
        client.say({"type": "history", "limit": 3})
        await turns()
        (page,) = client.frames()
        assert ([item["seq"] for item in page["items"]], page["more"]) == ([3, 4], True)

    run_virtual(main)
