"""Typing, reading and a model's help on two app instances with one database and one bus: the visitor on A,
agents on B and A."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from zhike.app.process import Process, limits_of
from zhike.bus.memory import MemoryBus
from zhike.testing.fakemodel import FakeModel, end, say
from zhike.testing.instance import Instance, quiet_settings, running
from zhike.testing.restclient import PASSWORD, Agent, Api, set_up, sign_in
from zhike.testing.wsclient import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")

SUMMARY = "- 访客问退货。"


class Pair(NamedTuple):
    """``owner`` is signed in on B, ``mate`` (whose role sees personal data masked) on A."""

    a: Instance[Process]
    b: Instance[Process]
    owner: Api
    mate: Api


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    bus = MemoryBus()
    async with FakeModel() as model:
        model.play(say(SUMMARY), end())
        settings = quiet_settings(
            tmp_path_factory.mktemp("data"), models__fake__base_url=model.url, models__fake__model="fake",
            privacy__clear_for="supervisor")
        limits = limits_of(settings)
        async with (running(Process, settings, limits, bus=bus.node()) as a,
                    running(Process, settings, limits, bus=bus.node()) as b):
            owner = await set_up(b.api(), b.link)
            await owner.good("POST", "/api/v1/agents", {"email": "agent@shop.example", "name": "Mate",
                                                        "role": "agent", "password": PASSWORD})
            await owner.good("PATCH", "/api/v1/inboxes/1", {"settings": {"typing_preview": True}})
            for instance in (a, b):
                core = instance.process.core
                assert core is not None
                await core.registry.refresh()
            yield Pair(a, b, owner, await sign_in(a.api(), "agent"))


async def until(page: Agent, kind: str) -> None:
    await page.until(lambda: any(frame["type"] == kind for frame in page.frames), kind)


def typing(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [frame for frame in frames if frame["type"] == "typing"]


async def conversation(api: Api, number: int) -> dict[str, Any]:
    found: dict[str, Any] = await api.good("GET", f"/api/v1/conversations/{number}")
    return found


async def test_what_is_typed_is_seen_by_who_may_and_kept_by_nobody(pair: Pair) -> None:
    async with Visitor(pair.a.url) as visitor, Agent(pair.owner) as owner, Agent(pair.mate) as mate:
        assert visitor.welcome["typing_preview"] is True
        await visitor.answered(visitor.say("退货"))
        number = visitor.conversation
        for page in (owner, mate):
            page.watch(number)
            await until(page, "messages")
        visitor.transmit({"type": "typing", "text": "我的电话 1380013"})
        await owner.until(lambda: bool(typing(owner.frames)), "typing on B")
        await mate.until(lambda: bool(typing(mate.frames)), "typing on A")
        assert typing(owner.frames)[-1]["text"] == "我的电话 1380013"
        assert "text" not in typing(mate.frames)[-1]
        stored = await pair.owner.good("GET", f"/api/v1/conversations/{number}/messages")
        assert "1380013" not in str(stored)

        # Colleagues hear who writes, and what; the visitor that a reply is written, and nothing of notes.
        owner.transmit({"type": "typing", "conversation": number, "note": True})
        await mate.until(lambda: any(frame.get("note") for frame in typing(mate.frames)), "a note")
        owner.transmit({"type": "typing", "conversation": number})
        await visitor.until(lambda: bool(typing(visitor.frames)), "typing")
        assert typing(visitor.frames) == [{"type": "typing", "conversation": number, "sender": "agent"}]
        named = next(frame for frame in typing(mate.frames) if frame.get("note"))
        assert named["name"]
        assert named["agent_id"]
        visitor.transmit({"type": "typing", "text": "x" * 301})
        await visitor.until(lambda: bool(visitor.of("error")), "too long")


async def test_where_an_inbox_does_not_say_so_nothing_typed_goes_anywhere(pair: Pair) -> None:
    await pair.owner.good("POST", "/api/v1/inboxes", {"key": "quiet", "name": "Quiet", "bot_id": 1})
    for instance in (pair.a, pair.b):
        core = instance.process.core
        assert core is not None
        await core.registry.refresh()
    async with Visitor(pair.a.url, inbox="quiet") as visitor, Agent(pair.owner) as owner:
        assert "typing_preview" not in visitor.welcome
        await visitor.answered(visitor.say("退货"))
        owner.watch(visitor.conversation)
        await owner.until(lambda: bool(owner.of("messages")), "the page")
        visitor.transmit({"type": "typing", "text": "secret"})
        await owner.until(lambda: bool(typing(owner.frames)), "typing")
        assert "secret" not in str(owner.frames)


async def test_read_marks_are_ones_own_and_on_every_page(pair: Pair) -> None:
    async with Visitor(pair.a.url) as visitor:
        await visitor.answered(visitor.say("退货"))
        await visitor.answered(visitor.say("退货吗"))
        number = visitor.conversation
        async with (Agent(pair.owner) as page, Agent(await sign_in_again(pair)) as other,
                    Agent(pair.mate) as mate):
            for each in (page, other, mate):
                await until(each, "welcome")
            assert (await conversation(pair.owner, number))["unread"] == 2
            page.watch(number)
            await page.until(lambda: bool(page.of("messages")), "the page")
            last = (await conversation(pair.owner, number))["last_seq"]
            page.transmit({"type": "read", "conversation": number, "seq": last})
            await other.until(lambda: bool(other.of("unread")), "the mark on another page, another instance")
            assert other.of("unread")[-1] == {
                "type": "unread", "conversation": number, "seq": last, "count": 0}
            await mate.heard()
            assert mate.of("unread") == [], "nobody else's"
            assert (await conversation(pair.owner, number))["unread"] == 0

            await pair.owner.good("POST", f"/api/v1/conversations/{number}/unread")
            await other.until(lambda: other.of("unread")[-1]["count"] == 1, "unread again")
            assert (await conversation(pair.owner, number))["unread"] == 1
            begun = len(mate.frames)
            await visitor.answered(visitor.say("退货呢"))
            await mate.until(lambda: any(frame.get("incoming_seq") for frame in mate.frames[begun:]), "news")
            page.transmit({"type": "read", "conversation": number, "seq": 2**50})
            await other.until(lambda: other.of("unread")[-1]["count"] == 0, "read")
            assert other.of("unread")[-1]["seq"] <= (await conversation(pair.owner, number))["last_seq"]


async def sign_in_again(pair: Pair) -> Api:
    """The owner once more, on the other instance."""
    api = pair.a.api()
    api.headers |= pair.owner.headers
    return api


async def test_a_summary_is_made_for_who_is_asked_for_and_told_to_who_watches(pair: Pair) -> None:
    async with Visitor(pair.a.url) as visitor, Agent(pair.owner) as owner:
        await visitor.answered(visitor.say("退货"))
        await visitor.answered(visitor.say("运费谁出"))
        number = visitor.conversation
        owner.watch(number)
        await owner.until(lambda: bool(owner.of("messages")), "the page")
        await visitor.stored(visitor.say("转人工", action="handoff"))
        await owner.until(lambda: bool(owner.of("summary")), "the summary, over the bus")
        assert owner.of("summary")[-1]["text"] == SUMMARY
        kept = await pair.owner.good("GET", f"/api/v1/conversations/{number}/summary")
        assert (kept["text"], kept["model"], kept["behind"]) == (SUMMARY, True, 0)
        owner.transmit({"type": "assist", "assist_id": "a1", "conversation": number})
        await owner.until(lambda: bool(owner.of("assist_done")), "a proposal")
        assert owner.of("assist_done")[-1]["text"] == SUMMARY
        assert not any("assist" in frame["type"] for frame in visitor.frames)
