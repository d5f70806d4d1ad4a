"""An edit of a tool or flow is in force after the next look at the database, on every instance."""

from __future__ import annotations

from typing import Any

import msgspec

from zhike.answer.engine import Engine
from zhike.answer.flows import EngineKnows, Flows
from zhike.answer.tools import Toolbox
from zhike.desk.registry import Registry
from zhike.domain.flow import Flow, FlowBody, Step
from zhike.domain.knowledge import Bot
from zhike.domain.tool import Caller, Texts, Tool, ToolBody
from zhike.search.text import understand
from zhike.store import bots, flows, tools
from zhike.testing.inline import InlineStore


def instance(store: InlineStore) -> tuple[Registry, Engine, Toolbox, Flows]:
    engine, toolbox = Engine(), Toolbox(store)
    stepping = Flows(toolbox, EngineKnows(engine, None), store)
    registry = Registry(store, engine)

    async def follow(bot: Bot) -> None:
        await toolbox.load_bot(bot.id)
        await stepping.load_bot(bot.id)

    registry.followers.append(follow)
    return registry, engine, toolbox, stepping


async def test_edits_reach_every_instance() -> None:
    store = InlineStore()
    await store.open()
    bot = store.run(bots.create_bot, Bot(0, "shop", "bot"), 1)
    both = [instance(store), instance(store)]
    tool = store.run(tools.create_tool, Tool(0, bot.id, "t", ToolBody("python", "x", python="a:b")), 2)
    flow = store.run(flows.create_flow, Flow(0, bot.id, "f", FlowBody(
        "f", (Step(say=Texts("一", "one")),), starts=("开始",))), 3)
    question, caller = understand("开始"), Caller(1, "v:1")

    async def said() -> list[Any]:
        found = []
        for registry, engine, toolbox, stepping in both:
            await registry.refresh()
            reply = engine.quick(bot.id, question)
            begun = await stepping.begin(bot.id, "f", question, caller)
            found.append((reply.action if reply else "", begun.text[:1], len(toolbox.specs(bot.id, ["t"]))))
        assert found[0] == found[1]
        return list(found[0])

    assert await said() == ["flow:f", "一", 1]
    store.run(flows.update_flow, msgspec.structs.replace(flow, body=msgspec.structs.replace(
        flow.body, steps=(Step(say=Texts("二")),))), 4)
    store.run(tools.update_tool, msgspec.structs.replace(tool, enabled=False), 4)
    assert await said() == ["flow:f", "二", 0]
    store.run(flows.delete_flow, flow.id, 5)
    assert await said() == ["", "抱", 0]
    await store.close()
