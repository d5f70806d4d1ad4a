"""The socket's part of the rights: every frame and event × every role × own and others' inbox and team.

A real desk on a real port. What is expected is written out here by hand; docs/reference/rights.md says it in
words.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from sqlalchemy import Connection, insert

from zhike.app.core import Core
from zhike.app.process import Process, limits_of
from zhike.clock import now_ms
from zhike.domain.unit import Change
from zhike.domain.wire import ClientFrame
from zhike.rest.rights_doc import EVENTS, FRAMES
from zhike.store import tables
from zhike.testing.instance import Instance, quiet_settings, running
from zhike.testing.restclient import PASSWORD, Agent, Api, set_up, sign_in
from zhike.testing.wsclient import Client, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")

PEOPLE = ("owner", "admin", "supervisor", "agent", "analyst")
SEES: dict[str, tuple[str, ...]] = {
    "owner": ("plain", "ours", "theirs", "bank"), "admin": ("plain", "ours", "theirs", "bank"),
    "supervisor": ("plain", "ours", "theirs"), "agent": ("plain", "ours"),
    "analyst": ("plain", "ours", "theirs")}
"""Everybody below admin is kept to the first inbox; the agent is in the team "ours"."""


class Desk(NamedTuple):
    """A running desk, a signed-in client for each role, and a conversation for each place."""

    instance: Instance[Process]
    people: dict[str, Api]
    visitors: dict[str, Visitor]

    @property
    def core(self) -> Core:
        core = self.instance.process.core
        assert core is not None
        return core

    def number(self, place: str) -> int:
        return self.visitors[place].conversation

    async def move(self, place: str, team_id: int) -> None:
        """Hands the conversation to a team (0: none)."""
        done = await self.core.line.change(Change(self.number(place), "assign", now_ms(), team_id=team_id))
        assert done.outcome in ("done", "unchanged"), done.outcome


def _teams(conn: Connection, members: list[int]) -> None:
    for number, key in ((1, "ours"), (2, "theirs")):
        conn.execute(insert(tables.teams).values(
            id=number, key=key, name=key, settings='{"auto_assign":false}', created_at=1, updated_at=1))
    conn.execute(insert(tables.team_members), [{"team_id": 1, "agent_id": each} for each in members])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    settings = quiet_settings(tmp_path_factory.mktemp("data"))
    async with running(Process, settings, limits_of(settings)) as instance:
        owner = await set_up(instance.api(), instance.link, "Owner")
        bank = await owner.good("POST", "/api/v1/inboxes", {"key": "bank", "name": "Bank", "bot_id": 1})
        people, ids = {"owner": owner}, {}
        for role in PEOPLE[1:]:
            made = await owner.good("POST", "/api/v1/agents", {
                "email": f"{role}@shop.example", "name": role, "role": role, "password": PASSWORD})
            ids[role] = made["agent"]["id"]
            await owner.good("PUT", f"/api/v1/agents/{ids[role]}/inboxes", {"inbox_ids": [1]})
        core = instance.process.core
        assert core is not None
        await core.store.write(_teams, [ids["agent"]])
        for role in PEOPLE[1:]:
            people[role] = await sign_in(instance.api(), role)
        await core.registry.refresh()
        visitors: dict[str, Visitor] = {}
        for place in ("plain", "ours", "theirs", "bank"):
            visitors[place] = Visitor(instance.url, inbox="bank" if place == "bank" else "shop")
            visitors[place].start()
            await visitors[place].answered(visitors[place].say("退货"))
        made_desk = Desk(instance, people, visitors)
        for place, team_id in (("plain", 0), ("ours", 1), ("theirs", 2), ("bank", 0)):
            await made_desk.move(place, team_id)
        assert bank["id"] == 2
        yield made_desk
        for visitor in visitors.values():
            await visitor.leave()


def page_of(rest: Api) -> Client:
    """An agent's page that keeps nothing but what it hears."""
    place = f"{rest.host}:{rest.port}"
    page = Client(f"ws://{place}/ws", headers={"Cookie": rest.headers["Cookie"]}, origin=f"http://{place}")
    page.hello_fields["role"] = "agent"
    return page


async def asked(agent: Client, frame: dict[str, Any]) -> list[dict[str, Any]]:
    """What comes back for one frame, up to its answer: a page, an ack, or an error."""
    begun = len(agent.frames)

    def answers() -> bool:
        return any(heard["type"] in ("messages", "error", "ack") for heard in agent.frames[begun:])

    agent.transmit(frame)
    await agent.until(answers, f"an answer to {frame['type']}")
    await agent.heard()
    return agent.frames[begun:]


def error_of(frames: list[dict[str, Any]]) -> str:
    return next((frame["error"]["code"] for frame in frames if frame["type"] == "error"), "")


@pytest.mark.parametrize("role", PEOPLE)
async def test_what_each_role_may_send(desk: Desk, role: str) -> None:
    async with page_of(desk.people[role]) as agent:
        await agent.until(lambda: bool(agent.welcome), "welcome")
        for place in desk.visitors:
            number, sees = desk.number(place), place in SEES[role]
            note = {"type": "message", "conversation": number, "client_msg_id": f"{role}-{place}",
                    "text": "note", "note": True}
            reply = {**note, "client_msg_id": f"{role}-{place}-reply", "note": False}
            outside = "forbidden" if role == "analyst" else "not_found"
            before = error_of(await asked(agent, note))
            assert before == ("" if sees and role != "analyst" else outside), (place, "a note unwatched")
            for frame in ({"type": "history", "conversation": number},
                          {"type": "resume", "conversation": number, "after": 0}):
                assert error_of(await asked(agent, frame)) == "forbidden", (place, frame["type"])
            help_ = {"type": "assist", "assist_id": "x", "conversation": number}
            assert error_of(await asked(agent, help_)) == "forbidden", (place, "help unwatched")
            watched = await asked(agent, {"type": "watch", "conversation": number, "after": 0})
            assert error_of(watched) == ("" if sees else "not_found"), place
            if not sees:
                assert error_of(await asked(agent, reply)) == outside, place
                continue
            for frame in ({"type": "history", "conversation": number},
                          {"type": "resume", "conversation": number, "after": 0}):
                assert error_of(await asked(agent, frame)) == "", (place, frame["type"])
            assert error_of(await asked(agent, reply)) == (
                "forbidden" if role == "analyst" else "not_holder"), place
            rate = {"type": "rate", "conversation": number, "score": 5}
            assert error_of(await asked(agent, rate)) == "forbidden", place
            assert error_of(await asked(agent, {"type": "page", "url": "https://a.example"})) == "forbidden"
            if role == "analyst":
                for frame in ({"type": "typing", "conversation": number},
                              {"type": "assist", "assist_id": "x", "conversation": number},
                              {"type": "read", "conversation": number, "seq": 1}):
                    assert error_of(await asked(agent, frame)) == "forbidden", (place, frame["type"])


@pytest.mark.parametrize("role", PEOPLE)
async def test_what_each_role_hears(desk: Desk, role: str) -> None:
    """Lists, without watching anything: a marked message in each place."""
    async with page_of(desk.people[role]) as agent:
        await agent.until(lambda: bool(agent.welcome), "welcome")
        begun = len(agent.frames)
        for place, visitor in desk.visitors.items():
            await visitor.stored(visitor.say(f"{role} {place}"))
        await desk.core.line.settle()

        def heard() -> set[int]:
            return {frame["conversation"]["id"] for frame in agent.frames[begun:]
                    if frame["type"] == "conversation"}

        wanted = {desk.number(place) for place in SEES[role]}
        await agent.until(lambda: heard() >= wanted, "the lists")
        await agent.heard()
        assert heard() == wanted
        assert not any(frame["type"] == "message" for frame in agent.frames[begun:])


async def test_a_conversation_that_goes_to_another_team_goes_out_of_hearing(desk: Desk) -> None:
    async with Agent(desk.people["agent"]) as agent:
        number, visitor = desk.number("ours"), desk.visitors["ours"]
        agent.watch(number)
        await agent.until(lambda: bool(agent.of("messages")), "the page")
        await visitor.stored(visitor.say("still ours"))
        await agent.got("still ours", number)
        await desk.move("ours", 2)
        await agent.until(lambda: error_of(agent.frames) == "not_found", "the end of the watch")
        await agent.until(lambda: {"type": "gone", "conversation": number} in agent.frames,
                          "that it left the list")
        begun = len(agent.frames)
        await visitor.stored(visitor.say("not for you any more"))
        await desk.core.line.settle()
        await agent.heard()
        assert "not for you" not in str(agent.frames)

        def about(frame: Any) -> int:
            named = frame.get("conversation", 0)
            return int(named["id"] if isinstance(named, dict) else named)

        # (the desk goes on: what waits elsewhere may be heard)
        assert [frame for frame in agent.frames[begun:] if about(frame) == number] == []
        await desk.move("ours", 1)
        await agent.until(lambda: any(frame["type"] == "conversation" for frame in agent.frames[begun:]),
                          "it is back in the list")


async def test_fewer_inboxes_count_at_once_on_open_pages(desk: Desk) -> None:
    supervisor = desk.people["supervisor"]
    number = (await supervisor.good("GET", "/api/v1/me"))["agent"]["id"]
    async with page_of(supervisor) as agent:
        await agent.until(lambda: bool(agent.welcome), "welcome")
        await desk.people["owner"].good("PUT", f"/api/v1/agents/{number}/inboxes", {"inbox_ids": [2]})
        assert await agent.closed() == 4009, "a page comes back by itself after this code"
    async with page_of(supervisor) as agent:
        await agent.until(lambda: bool(agent.welcome), "welcome")
        begun = len(agent.frames)
        for place in ("plain", "bank"):
            await desk.visitors[place].stored(desk.visitors[place].say("hello"))
        await agent.until(lambda: any(frame["type"] == "conversation" for frame in agent.frames[begun:]),
                          "one")
        await agent.heard()
        assert {frame["conversation"]["id"] for frame in agent.frames[begun:]
                if frame["type"] == "conversation"} == {desk.number("bank")}
    await desk.people["owner"].good("PUT", f"/api/v1/agents/{number}/inboxes", {"inbox_ids": [1]})


async def test_joining_a_team_counts_at_once_on_open_pages(desk: Desk) -> None:
    owner, agent = desk.people["owner"], desk.people["agent"]
    number = (await agent.good("GET", "/api/v1/me"))["agent"]["id"]
    theirs = f"/api/v1/conversations/{desk.number('theirs')}"
    assert (await agent("GET", theirs)).code == "not_found"
    async with page_of(agent) as page:
        await page.until(lambda: bool(page.welcome), "welcome")
        await owner.good("PATCH", "/api/v1/teams/2", {"member_ids": [number]})
        assert await page.closed() == 4009
    assert (await agent("GET", theirs)).status == 200
    await owner.good("PATCH", "/api/v1/teams/2", {"member_ids": []})
    assert (await agent("GET", theirs)).code == "not_found"


async def test_a_visitor_sends_nothing_that_is_for_agents(desk: Desk) -> None:
    visitor, other = desk.visitors["plain"], desk.number("bank")
    for frame, code in (({"type": "watch", "conversation": other}, "forbidden"),
                        ({"type": "active"}, "forbidden"),
                        ({"type": "history", "conversation": other}, "not_found"),
                        ({"type": "resume", "conversation": other, "after": 0}, "not_found"),
                        ({"type": "typing", "conversation": other}, "not_found"),
                        ({"type": "read", "conversation": other, "seq": 1}, "not_found"),
                        ({"type": "rate", "conversation": other, "score": 5}, "not_found")):
        assert error_of(await asked(visitor, frame)) == code, frame


async def test_the_page_names_every_frame() -> None:
    names = {kind.__struct_config__.tag for kind in ClientFrame.__args__}
    assert set(FRAMES) == names, "a new frame needs a line in rest/rights_doc.py, and a test here"
    assert EVENTS
