"""Everything after n, and exactly that: over sockets, long polls and both, while others write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import NamedTuple

import pytest
import pytest_asyncio

from zhike.app.process import Process, limits_of
from zhike.testing.instance import Instance, quiet_settings, running
from zhike.testing.restclient import Agent, Api, set_up
from zhike.testing.wsclient import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Desk(NamedTuple):
    instance: Instance[Process]
    owner: Api

    @property
    def url(self) -> str:
        return self.instance.url

    def visitor_api(self, token: str) -> Api:
        api = self.instance.api()
        api.headers["Authorization"] = f"Bearer {token}"
        return api


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    settings = quiet_settings(tmp_path_factory.mktemp("data"))
    async with running(Process, settings, limits_of(settings)) as instance:
        yield Desk(instance, await set_up(instance.api(), instance.link))


def later(visitor: Visitor, after: int) -> Visitor:
    """The same visitor's page in another life: it has everything up to ``after``."""
    page = Visitor(visitor.url, token=visitor.token)
    page.conversation = visitor.conversation
    page.delivered[visitor.conversation] = after
    return page


async def test_a_page_gets_everything_after_what_it_has(desk: Desk) -> None:
    async with Visitor(desk.url) as visitor:
        for number in range(125):
            visitor.say("退货" if number % 5 else "长" * 3900)  # pages are bounded in bytes, too
        await visitor.answered()
        rows = visitor.rows()
        # whatever was asked in one breath may share an answer
        assert len(rows) > 200
        for after in (0, 1, 99, 100, 101, len(rows) - 1, len(rows), len(rows) + 50):
            async with later(visitor, after) as page:
                await page.answered(page.say("包邮吗"))
                place = page.acked[f"{page.stream}.1"][1]
                expected = list(range(min(after, len(rows)) + 1, place + 2))
                assert list(page.rows()) == expected, f"after {after}"
                # a page that claims to have more than there is gets what comes
                assert page.problems == [] or after > len(rows)
                known = {seq: row.text for seq, row in page.rows().items() if seq in rows}
                assert known == {seq: rows[seq].text for seq in known}
            rows = rows | page.rows()


async def test_pages_that_come_back_while_others_write_miss_nothing(desk: Desk) -> None:
    async with AsyncExitStack() as stack:
        writer = await stack.enter_async_context(Visitor(desk.url))
        await writer.answered(writer.say("退货"))
        pages: list[Visitor] = []

        async def write() -> None:
            for _ in range(150):
                await writer.stored(writer.say("退货"))

        async def come(number: int) -> None:
            # each at its own moment of the stream, with another part of it in hand
            await writer.until(lambda: writer.n > number * 7, "the moment")
            after = max(0, len(writer.acked) - number)
            page = later(writer, after)
            pages.append(await stack.enter_async_context(page))

        await asyncio.gather(write(), *(come(number) for number in range(20)))
        await writer.answered()
        last = max(writer.rows())
        for page in pages:
            await page.until(lambda page=page: page.delivered[writer.conversation] == last, "the end")  # type: ignore[misc]
            assert page.problems == []
            assert [row.text for row in page.rows().values()] == writer.texts()[-len(page.rows()):]
        writer.check_order()


async def test_a_cut_at_any_moment_is_mended(desk: Desk) -> None:
    """Both pages of one visitor lose their connection again and again, and write on."""
    async with (Visitor(desk.url, stay=True) as first,
                Visitor(desk.url, stay=True, token=first.token) as second):
        for number in range(80):
            for page in (first, second):
                page.say("退货")
                if number % 9 == 4 and page.ws is not None:
                    page.ws.transport.abort()
            await asyncio.sleep(0)
            if number % 10 == 0:
                await first.stored()
        for page in (first, second):
            await page.stored()
            await page.answered()
        last = max(max(first.rows()), max(second.rows()))
        for page in (first, second):
            await page.until(lambda page=page: page.delivered[page.conversation] == last, "the end")  # type: ignore[misc]
            assert len(page.closes) >= 5
            page.check_order()
        assert first.texts() == second.texts()


async def test_the_long_poll_and_the_socket_tell_the_same(desk: Desk) -> None:
    async with Visitor(desk.url) as visitor:
        api = desk.visitor_api(visitor.token)
        path = "/api/v1/visitor/messages"
        await visitor.answered(visitor.say("退货"))
        polled: list[dict[str, object]] = []

        async def poll() -> None:
            after = 0
            while len(polled) < 8:
                page = await api.good("GET", f"{path}?after={after}&wait_s=20")
                polled.extend(page["items"])
                after = polled[-1]["seq"] if polled else 0  # type: ignore[assignment]

        polling = asyncio.ensure_future(poll())
        # a bad network turns 1, 2, 3 round; they are numbered as they were counted
        sent = await asyncio.gather(*(api.good("POST", path, {
            "client_msg_id": f"poll.{n}", "n": n, "text": "包邮吗"}) for n in (3, 2, 1)))
        async with asyncio.timeout(30):
            await polling
        await visitor.until(lambda: len(visitor.rows()) == 8, "everything")
        assert [ack["seq"] for ack in sent] == sorted((ack["seq"] for ack in sent), reverse=True)
        assert [item["seq"] for item in polled] == list(range(1, 9))
        assert [item["text"] for item in polled] == visitor.texts()
        again = await api.good("POST", path, {"client_msg_id": "poll.2", "n": 2, "text": "包邮吗"})
        assert again["duplicate"]
        assert again["seq"] == sent[1]["seq"]
        assert visitor.problems == []


async def test_private_notes_never_reach_the_visitor(desk: Desk) -> None:
    async with Visitor(desk.url) as visitor, Agent(desk.owner) as agent:
        visitor.notes_hidden = True
        await visitor.answered(visitor.say("退货"))
        conversation = visitor.conversation
        agent.watch(conversation)
        await agent.take(conversation)
        for number in range(5):
            agent.say(conversation, f"机密 {number}", note=True)
            agent.say(conversation, f"公开 {number}")
        await agent.until(lambda: len(agent.acked) == 10, "acks")
        await visitor.got("公开 4")
        async with Visitor(desk.url, token=visitor.token) as page:
            page.notes_hidden = True
            await page.got("公开 4")
            page.transmit({"type": "history", "limit": 200})
            await page.until(lambda: len(page.of("messages")) >= 2, "history")
            polled = await desk.visitor_api(visitor.token).good("GET", "/api/v1/visitor/messages?after=0")
            for told in (visitor.frames, page.frames, polled):
                assert "机密" not in str(told)
            assert page.texts() == visitor.texts()
        assert [row.text for row in agent.rows(conversation).values() if row.direction == "note"] == [
            f"机密 {number}" for number in range(5)]


async def test_after_the_end_of_a_conversation_the_next_one_begins_at_one(desk: Desk) -> None:
    async with Visitor(desk.url) as visitor:
        await visitor.answered(visitor.say("退货"))
        old = visitor.conversation
        away = later(visitor, 2)
        await desk.owner.good("POST", f"/api/v1/conversations/{old}/take")
        async with Agent(desk.owner) as agent:
            agent.say(old, "已经处理好了")
            await visitor.got("已经处理好了")
        await desk.owner.good("POST", f"/api/v1/conversations/{old}/resolve")
        await visitor.until(lambda: visitor.states[old]["status"] == "resolved", "the end")
        async with away:  # who was away at the end hears of it
            await away.got("已经处理好了", old)
            assert away.welcome["conversation"]["status"] == "resolved"
            await away.answered(away.say("包邮吗"))
            new = away.conversation
            assert new != old
            await visitor.until(lambda: new in visitor.seen, "the new conversation")
            await visitor.until(lambda: len(visitor.rows(new)) == 2, "both messages")
            assert list(visitor.rows(new)) == list(away.rows(new)) == [1, 2]
            assert visitor.problems == away.problems == []
        # a page that remembers the old one is told everything of the new one
        page = Visitor(desk.url, token=visitor.token)
        page.conversation, page.delivered = old, {old: 2}
        async with page:
            await page.until(lambda: len(page.rows(new)) == 2, "the new conversation")
            assert page.problems == []
