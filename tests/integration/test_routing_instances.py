"""Routing over two app instances on one database, with real sockets, on every database.

Visitors come in on A, agents sit at B and A; whichever instance holds the lease decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from sqlalchemy import Connection

from zhike.app.process import Process, limits_of
from zhike.bus.memory import MemoryBus
from zhike.store import tables
from zhike.store.engine import open_store
from zhike.testing.instance import Instance, quiet_settings, running
from zhike.testing.restclient import Agent, Api, set_up, sign_in
from zhike.testing.wsclient import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Pair(NamedTuple):
    """Both instances, the owner on B, and a colleague on A."""

    a: Instance[Process]
    b: Instance[Process]
    owner: Api
    mate: Api
    mate_id: int


def _empty(conn: Connection) -> None:
    for table in reversed(tables.metadata.sorted_tables):
        if table.name == "meta":
            conn.execute(table.delete().where(table.c.name.like("once.%")))
        else:
            conn.execute(table.delete())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    store = open_store(database_url, Path())
    await store.open()
    await store.write(_empty)
    await store.close()
    bus = MemoryBus()
    settings = quiet_settings(tmp_path_factory.mktemp("data"), database__url=database_url)
    limits = limits_of(settings)
    async with (running(Process, settings, limits, bus=bus.node()) as a,
                running(Process, settings, limits, bus=bus.node()) as b):
        owner = await set_up(b.api(), b.link)
        made = await owner.good("POST", "/api/v1/agents", {
            "email": "li@shop.example", "name": "Li", "password": "correct horse battery staple"})
        mate = await sign_in(a.api(), "Li")
        me = (await owner.good("GET", "/api/v1/me"))["agent"]["id"]
        team = await owner.good("POST", "/api/v1/teams", {
            "key": "all", "name": "All", "member_ids": [me, made["agent"]["id"]]})
        for number in (me, made["agent"]["id"]):
            await owner.good("PATCH", f"/api/v1/agents/{number}", {"capacity": 2})
        await owner.good("PATCH", "/api/v1/inboxes/1", {"settings": {"team_id": team["id"]}})
        for instance in (a, b):
            assert instance.process.core is not None
            await instance.process.core.registry.refresh()
        yield Pair(a, b, owner, mate, made["agent"]["id"])


def place(visitor: Visitor) -> Any:
    """The last place in the queue that the visitor was told."""
    told = [frame["conversation"]["queue"] for frame in visitor.of("conversation")
            if "queue" in frame["conversation"]]
    return told[-1]["position"] if told else None


def holder(visitor: Visitor) -> str:
    return str(visitor.states.get(visitor.conversation, {}).get("holder", ""))


async def test_two_instances_share_one_queue_and_nothing_is_lost(pair: Pair) -> None:
    visitors = [Visitor(instance.url) for instance in (pair.a, pair.b) for _ in range(3)]
    for visitor in visitors:
        visitor.start()
        await visitor.until(lambda one=visitor: bool(one.welcome), "a welcome")  # type: ignore[misc]
        await visitor.stored(visitor.say("人工", action="handoff"))
    for number, visitor in enumerate(visitors, start=1):
        await visitor.until(lambda one=visitor, n=number: place(one) == n, f"place {number}")  # type: ignore[misc]
    async with Agent(pair.owner) as first, Agent(pair.mate) as second:
        for visitor in visitors[:4]:
            await visitor.until(lambda one=visitor: holder(one) == "agent", "a person")  # type: ignore[misc]
        for number, visitor in enumerate(visitors[4:], start=1):
            await visitor.until(lambda one=visitor, n=number: place(one) == n, "moving up")  # type: ignore[misc]
        rows = [await pair.owner.good("GET", f"/api/v1/conversations/{one.conversation}") for one in visitors]
        held = Counter(row["agent_id"] for row in rows)
        assert sorted(held.values()) == [2, 2, 2], held  # two each, two wait
        assert held[None] == 2
        assert [row["epoch"] for row in rows] == [3, 3, 3, 3, 2, 2], "each was given once"
        for page in (first, second):  # both instances tell both agents
            await page.until(lambda one=page: {  # type: ignore[misc]
                frame["agent_id"]: frame["load"] for frame in one.of("presence")
                if frame["presence"] == "online"}.get(pair.mate_id) == 2, "the colleague's load")
        await pair.owner.good("POST", f"/api/v1/conversations/{visitors[0].conversation}/resolve")
        await visitors[4].until(lambda: holder(visitors[4]) == "agent", "the room that came free")
        # a visitor who comes back through the other instance is told their place
        last = visitors[5]
        back = Visitor(pair.a.url, token=last.token)
        async with back:
            await back.until(lambda: bool(back.welcome), "a welcome")
            assert back.welcome["conversation"]["queue"]["position"] == 1
    seen = {one["agent_id"]: one["presence"] for one in await pair.owner.good("GET", "/api/v1/presence")}
    assert set(seen.values()) <= {"away", "online"}
    for visitor in visitors:
        await visitor.leave()
        visitor.check_order()
