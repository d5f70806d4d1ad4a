"""A visitor goes through the shop while they are in a conversation: over a socket, over HTTP, and not at all
where the inbox or their browser says so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from zhike.app.process import Process, limits_of
from zhike.testing.instance import Instance, quiet_settings, running
from zhike.testing.restclient import Agent, Api, set_up
from zhike.testing.wsclient import Client, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = "https://shop.example"
BROWSER = {"User-Agent": "Mozilla/5.0 (Windows NT 10.0) Chrome/140.0.0.0 Safari/537.36",
           "Accept-Language": "zh-CN,zh"}


class Desk(NamedTuple):
    instance: Instance[Process]
    owner: Api

    async def stored(self) -> None:
        """Everything that was gathered stands in the database."""
        core = self.instance.process.core
        assert core is not None
        await core.line.settle()
        await core.desk.visits.flush()

    async def visit(self, conversation: int) -> dict[str, Any]:
        about = await self.owner.good("GET", f"/api/v1/conversations/{conversation}")
        found: dict[str, Any] = await self.owner.good("GET", f"/api/v1/contacts/{about['contact_id']}/pages")
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    settings = quiet_settings(tmp_path_factory.mktemp("data"))
    async with running(Process, settings, limits_of(settings)) as instance:
        yield Desk(instance, await set_up(instance.api(), instance.link))


def visitor(desk: Desk, inbox: str = "shop", **headers: str) -> Visitor:
    made = Visitor(desk.instance.url, inbox=inbox)
    made.headers = {**BROWSER, **headers}
    made.hello_fields["page"] = {"url": f"{SHOP}/first?id=1&token=hush", "title": "首页 13800138000"}
    return made


async def go(client: Client, place: str, **more: str) -> None:
    client.transmit({"type": "page", "url": f"{SHOP}/{place}", **more})
    await client.heard()


async def test_agents_who_watch_see_where_the_visitor_goes(desk: Desk) -> None:
    async with visitor(desk) as guest, Agent(desk.owner) as agent:
        assert "pages" not in guest.welcome
        await go(guest, "before")  # nobody was asked anything yet
        await guest.answered(guest.say("退货"))
        number = guest.conversation
        agent.watch(number)
        await agent.until(lambda: bool(agent.of("messages")), "the page")
        await go(guest, "dress?id=42&token=hush&utm_source=mail", title="裙子",
                 referrer="https://search.example/find?q=li")
        await go(guest, "dress?token=other&utm_source=mail", title="裙子")
        await go(guest, "cart", title="购物车")
        await agent.until(lambda: any(f["pages"][-1]["url"] == f"{SHOP}/cart" for f in agent.of("visited")),
                          "where they are")
        await desk.stored()
        visit = await desk.visit(number)
        assert [(one["url"], one.get("referrer", "")) for one in visit["pages"]] == [
            (f"{SHOP}/cart", ""), (f"{SHOP}/dress?utm_source=mail", "https://search.example/find")]
        assert visit["device"] == {"browser": "Chrome 140", "system": "Windows", "kind": "desktop",
                                   "lang": "zh-CN"}
        about = await desk.owner.good("GET", f"/api/v1/conversations/{number}")
        contact = await desk.owner.good("GET", f"/api/v1/contacts/{about['contact_id']}")
        assert contact["attributes"]["page"] == {"url": f"{SHOP}/first", "title": "首页 ***"}
        assert "hush" not in str([agent.frames, visit, contact])
        assert not guest.of("visited")


async def test_an_agent_does_not_say_where_a_visitor_is(desk: Desk) -> None:
    async with Agent(desk.owner) as agent:
        agent.transmit({"type": "page", "url": SHOP})
        await agent.until(lambda: bool(agent.errors), "no")
        assert agent.errors[-1]["error"]["code"] == "forbidden"


async def test_an_inbox_that_does_not_keep_pages_keeps_none(desk: Desk) -> None:
    await desk.owner.good("POST", "/api/v1/inboxes", {
        "key": "quiet", "name": "Quiet", "bot_id": 1, "settings": {"pages": {"enabled": False}}})
    async with visitor(desk, "quiet") as guest:
        assert guest.welcome["pages"] is False
        await guest.answered(guest.say("退货"))
        await go(guest, "dress")
        await desk.stored()
        assert (await desk.visit(guest.conversation))["pages"] == []
        contacts = await desk.owner.good("GET", "/api/v1/contacts?inbox_id=2")
        assert [one["attributes"] for one in contacts["items"]] == [{}]
    answer = await desk.owner("PATCH", "/api/v1/inboxes/1", {"settings": {"pages": {"keep": ["a b"]}}})
    assert answer.code == "invalid_field"


@pytest.mark.parametrize("header", ["DNT", "Sec-GPC"])
async def test_a_browser_that_asks_not_to_be_followed_is_not(desk: Desk, header: str) -> None:
    async with visitor(desk, **{header: "1"}) as guest:
        await guest.answered(guest.say("退货"))
        await go(guest, "dress")
        await desk.stored()
        assert (await desk.visit(guest.conversation)) == {"pages": [], "device": {}}
        about = await desk.owner.good("GET", f"/api/v1/conversations/{guest.conversation}")
        contact = await desk.owner.good("GET", f"/api/v1/contacts/{about['contact_id']}")
        assert contact["attributes"] == {}


async def test_over_http_where_no_socket_gets_through(desk: Desk) -> None:
    await desk.owner.good("PATCH", "/api/v1/inboxes/1", {"settings": {"pages": {"keep": ["id"]}}})
    core = desk.instance.process.core
    assert core is not None
    await core.registry.refresh()
    api = desk.instance.api()
    hello = await api.good("POST", "/api/v1/visitor/hello", {"inbox": "shop"})
    api.headers["Authorization"] = f"Bearer {hello['token']}"
    body = {"url": f"{SHOP}/item?id=42&sid=hush", "title": "裙子"}
    assert (await api("POST", "/api/v1/visitor/page", body)).status == 204
    ack = await api.good("POST", "/api/v1/visitor/messages", {"client_msg_id": "m1", "text": "退货"})
    await desk.stored()
    assert (await desk.visit(ack["conversation"]))["pages"] == [], "they were in no conversation yet"
    assert (await api("POST", "/api/v1/visitor/page", body)).status == 204
    api.headers["DNT"] = "1"
    assert (await api("POST", "/api/v1/visitor/page", {"url": f"{SHOP}/secret"})).status == 204
    await desk.stored()
    assert [one["url"] for one in (await desk.visit(ack["conversation"]))["pages"]] == [f"{SHOP}/item?id=42"]
    assert (await api("POST", "/api/v1/visitor/page", {"url": "x" * 2001})).code == "invalid_field"
