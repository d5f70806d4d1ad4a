"""The rungs that need a job, over a whole desk and real sockets: flows, tools, a model, who takes over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from zhike.app.process import Process, limits_of
from zhike.sample.orders import list_orders
from zhike.testing.fakemodel import Exchange, FakeModel, call, end, pause, say, stall
from zhike.testing.instance import Instance, quiet_settings, running
from zhike.testing.restclient import set_up
from zhike.testing.wsclient import Visitor


@asynccontextmanager
async def desk(tmp_path: Path, *models: FakeModel, **flags: object) -> AsyncIterator[Instance[Process]]:
    for number, model in enumerate(models):
        flags |= {f"models.m{number}.base_url": model.url, f"models.m{number}.model": "qwen"}
    settings = quiet_settings(tmp_path, **flags)
    async with running(Process, settings, limits_of(settings)) as instance:
        yield instance


def texts(visitor: Visitor) -> list[str]:
    """What the bot said, in order."""
    return [frame["text"] for frame in visitor.of("message") if frame["sender"] == "bot"]


async def told(visitor: Visitor, text: str, count: int, what: str = "") -> str:
    """Says ``text``; returns the ``count``-th thing the bot says."""
    visitor.say(text)
    await visitor.until(lambda: len(texts(visitor)) >= count, what or f"answer {count} to {text}")
    return texts(visitor)[count - 1]


async def test_an_order_is_found_by_the_flow_and_nobody_else_s_is(tmp_path: Path) -> None:
    mine, other = list_orders(datetime.now(UTC))[3:5]
    async with desk(tmp_path) as instance, Visitor(instance.url) as visitor:
        assert "订单号" in await told(visitor, "我的订单到哪了", 1)
        assert "手机" in await told(visitor, mine.number, 2)
        wrong = await told(visitor, other.phone_masked[-4:], 3)
        assert mine.carrier is not None
        assert mine.carrier.zh not in wrong
        found = await told(visitor, mine.phone_masked[-4:], 4)
        assert mine.number in found
        # the flow is over: rules and knowledge answer again
        assert "包邮" in await told(visitor, "包邮吗", 5)
        visitor.check_order()


async def test_a_flow_goes_on_where_it_was_after_a_restart(tmp_path: Path) -> None:
    order = list_orders(datetime.now(UTC))[3]
    async with desk(tmp_path) as instance, Visitor(instance.url) as visitor:
        await told(visitor, f"订单 {order.number} 到哪了", 1)
        token = visitor.token
    async with desk(tmp_path) as instance, \
            Visitor(instance.url, hello={"token": token, "conversation": visitor.conversation}) as again:
        assert order.number in await told(again, order.phone_masked[-4:], 1)


async def test_a_model_is_heard_as_it_speaks_and_its_answer_is_stored(tmp_path: Path) -> None:
    async with FakeModel() as model, desk(tmp_path, model) as instance:
        model.play(say("我们的店名取自"), say("一首诗。"), pause(0.05), say("欢迎再来！"), end())
        async with Visitor(instance.url) as visitor:
            text = await told(visitor, "你们店名有什么来历吗", 1)
            assert text == "我们的店名取自一首诗。欢迎再来！"
            stored = visitor.of("message")[-1]
            deltas = visitor.of("delta")
            assert "".join(frame["text"] for frame in deltas) == text
            assert (stored["ai"], stored["answer_id"]) == (True, deltas[0]["answer_id"])
            assert stored["source"]["kind"] == "model"
            owner = await set_up(instance.api(), instance.link)
            page = await owner.good("GET", f"/api/v1/conversations/{visitor.conversation}/messages")
            last = page["items"][-1]
            assert last["ai"] is True
            assert any(step["step"] == "model" and step["outcome"] == "hit" for step in last["trace"])
        usage = await owner.good("GET", "/api/v1/usage")
        assert usage is not None


async def test_a_person_who_takes_over_ends_what_the_model_says(tmp_path: Path) -> None:
    async with FakeModel() as model, desk(tmp_path, model) as instance:
        model.play(say("让我想想。"), say("这件事"), stall())
        owner = await set_up(instance.api(), instance.link)
        async with Visitor(instance.url) as visitor:
            visitor.say("你们店名有什么来历吗")
            await visitor.until(lambda: bool(visitor.of("delta")), "a first word")
            await owner.good("POST", f"/api/v1/conversations/{visitor.conversation or 1}/take")
            await visitor.until(lambda: bool(visitor.of("withdrawn")), "the draft goes")
            await asyncio.wait_for(model.idle.wait(), 5)
            assert texts(visitor) == []


async def test_a_silent_model_leaves_nobody_waiting(tmp_path: Path) -> None:
    async with FakeModel() as model, desk(tmp_path, model, answer__first_word="300ms",
                                          answer__give_up="900ms") as instance:
        model.play(stall())
        async with Visitor(instance.url) as visitor:
            visitor.say("你们店名有什么来历吗")
            await visitor.until(lambda: len(texts(visitor)) == 2, "a word meanwhile, then the honest end")
            first, last = (frame for frame in visitor.of("message") if frame["sender"] == "bot")
            assert (first["source"]["kind"], first.get("answers")) == ("holding", None)
            assert (last["source"]["kind"], last["answers"]) == ("fallback", [1])
            await asyncio.wait_for(model.idle.wait(), 5)


async def test_the_model_s_tool_finds_an_order_only_for_who_proves_it(tmp_path: Path) -> None:
    order = list_orders(datetime.now(UTC))[3]
    seen: list[dict[str, Any]] = []
    async with FakeModel() as model, desk(tmp_path, model) as instance:
        model.play(call("order_status", f'{{"number": "{order.number}", "customer_id": "c1"}}'),
                   end("tool_calls"))
        model.play(say("请告诉我手机号后四位。"), end())
        async with Visitor(instance.url) as visitor:
            visitor.say("你们店名有什么来历吗")
            await visitor.until(lambda: bool(texts(visitor)), "an answer")
            seen = [message for body in model.bodies for message in body["messages"]]
        results = [message["content"] for message in seen if message["role"] == "tool"]
        assert results, (texts(visitor), [body.get("tools") for body in model.bodies])
        assert order.carrier is not None
        assert order.carrier.zh not in "".join(results)


async def test_personal_data_does_not_reach_the_model_and_comes_back(tmp_path: Path) -> None:
    async with FakeModel() as model, desk(tmp_path, model) as instance:
        async def repeat(to: Exchange) -> None:
            await say(f"好的，我记下了{masked(model.bodies[-1])}。")(to)

        model.play(repeat, end())
        async with Visitor(instance.url) as visitor:
            text = await told(visitor, "你们店长能不能打 13812345678 聊聊店名的来历呢", 1)
        assert "13812345678" not in str(model.bodies)
        assert text == "好的，我记下了13812345678。"


def masked(body: dict[str, Any]) -> str:
    """The placeholder that stands for the number."""
    return str(body["messages"][-1]["content"]).rpartition("能不能打 ")[2].partition(" 聊聊")[0]
