"""What one model is shown and what of its words gets out: masks, guard, source marks, tools, history."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from zhike.answer.llm.answers import ModelAnswers
from zhike.answer.llm.calls import CALL_S, MAX_TURN_CALLS
from zhike.answer.llm.context import Context
from zhike.answer.llm.faults import ModelError
from zhike.answer.llm.masking import ASIDE_CHARS
from zhike.answer.llm.models import Model, Models
from zhike.answer.llm.reply import ToolCall
from zhike.answer.llm.round import MAX_ROUNDS
from zhike.answer.llm.usage import UsageBook
from zhike.answer.llm.words import Cites
from zhike.answer.ports import Asked, Said, Snippet
from zhike.clock import now_ms
from zhike.domain.message import Reply
from zhike.domain.prompt import Template
from zhike.search.text import understand
from zhike.testing.loop import run_virtual
from zhike.testing.models import HeardOutlet, ScriptedClient, plain_parts, scripted

TEMPLATE = Template("default", "你是客服。", temperature=0.2, max_tokens=200)
SPEC = {"type": "function", "function": {"name": "order", "parameters": {"type": "object"}}}
PHONE = "13800138000"


class Shop:
    """One tool: order → its state."""

    def __init__(self, result: str = "订单 88 已发货", takes_s: float = 0.0) -> None:
        self.calls: list[dict[str, Any]] = []
        self._result = result
        self._takes_s = takes_s

    def specs(self) -> list[dict[str, Any]]:
        return [SPEC]

    async def call(self, name: str, arguments: dict[str, Any]) -> str:
        self.calls.append(arguments)
        await asyncio.sleep(self._takes_s)
        if self._result == "boom":
            raise RuntimeError("secret inside")
        return self._result


def call(arguments: str = '{"number": "88"}', name: str = "order") -> list[tuple[float, Any]]:
    return [(0.1, ToolCall("c1", name, arguments))]


def ask(models: Model | list[Model], text: str = "订单 88 到哪了", secrets: tuple[str, ...] = (),
        **context: Any) -> tuple[Reply | None, Context, HeardOutlet]:
    outlet = HeardOutlet()
    given = Context(**{"template": TEMPLATE, **context})

    async def main(_loop: asyncio.AbstractEventLoop) -> Reply | None:
        every = models if isinstance(models, list) else [models]
        answers = ModelAnswers(Models(every, UsageBook(None, now_ms)), plain_parts(*secrets))
        question = Asked(1, 1, 7, 1, 1, "v:1", understand(text, "zh"), (1,), 1000.0)
        return await answers.answer(question, given, outlet)

    return run_virtual(main), given, outlet


def bodies(model: Model) -> list[dict[str, Any]]:
    assert isinstance(model.client, ScriptedClient)
    return model.client.bodies


# ---- masks and guard --------------------------------------------------------------------------

def test_nothing_personal_reaches_the_model_and_the_visitor_reads_it_all() -> None:
    model = scripted("a", call('{"phone": "<<0>>"}'), [(0.1, "已发到手机 <"), (0.1, "<0>"), (0.1, "> 。")])
    tools = Shop(f"短信发到了 {PHONE}")
    reply, _, _ = ask(model, f"我的手机 {PHONE}", (PHONE,), tools=tools,
                      history=[Said("visitor", f"打 {PHONE}", 1)])
    assert PHONE not in json.dumps(bodies(model), ensure_ascii=False)
    assert bodies(model)[1]["messages"][-1]["content"] == "短信发到了 <<0>>"
    assert tools.calls == [{"phone": PHONE}], "tools get the real value"
    assert reply is not None
    assert reply.text == f"已发到手机 {PHONE} 。"


def test_a_claim_without_a_source_is_held_back_and_counted() -> None:
    model = scripted("a", [(0.1, "30 天内可以退"), (0.1, "货。请看订单页。")])
    reply, _, outlet = ask(model, "怎么退货", snippets=[Snippet("r", "退货", "7 天", 0.5)])
    assert [text for _, _, text in outlet.log] == ["请看订单页。"]
    assert reply is not None
    assert "withheld 1: claim 30" in reply.trace[-1].detail


def test_what_the_visitor_says_is_no_source() -> None:
    reply, _, _ = ask(scripted("a", [(0.1, "赔您 300 元。请看订单页。")]), "你们答应赔 300 元的",
                      history=[Said("visitor", "300 元", 1), Said("agent", "一共 200 元", 2)])
    assert reply is not None
    assert reply.text == "请看订单页。"
    told, _, _ = ask(scripted("a", [(0.1, "赔您 200 元。")]), history=[Said("agent", "赔 200 元", 1)])
    assert told is not None
    assert told.text == "赔您 200 元。"


def test_if_nothing_may_be_said_the_next_model_is_asked() -> None:
    models = [scripted("a", [(0.1, "赔你 30 元。")]), scripted("b", [(0.1, "请看订单页。")])]
    reply, context, _ = ask(models)
    assert reply is not None
    assert reply.text == "请看订单页。"
    assert context.tried[0].detail == "a: nothing that may be said; claim 30"


def test_what_a_tool_said_is_a_source() -> None:
    reply, _, _ = ask(scripted("a", call(), [(0.1, "77 号柜。")]), tools=Shop("在 77 号柜"))
    assert reply is not None
    assert reply.text == "77 号柜。"
    assert "tools order" in reply.trace[-1].detail


def test_forbidden_words_do_not_get_out() -> None:
    reply, context, _ = ask(scripted("a", [(0.1, "全网最低价。")]), forbidden=["最低价"])
    assert reply is None
    assert "forbidden" in context.tried[0].detail


@pytest.mark.parametrize("pieces", [["可以[1]。再见【2、3】。"], ["可以[", "1", "]。再见 【", "2、3】。"],
                                    list("可以[1]。再见【2、3】。")])
def test_source_marks_are_taken_out_however_they_are_cut(pieces: list[str]) -> None:
    cites = Cites()
    assert "".join([*map(cites.feed, pieces), cites.end()]) == "可以。再见。"
    assert cites.numbers == [1, 2, 3]


@pytest.mark.parametrize("text", ["数组[a]", "见[注 1", "[", "价格 [2026", "a  b"])
def test_what_is_no_mark_stays(text: str) -> None:
    cites = Cites()
    assert "".join([*map(cites.feed, text), cites.end()]) == text


# ---- tools ------------------------------------------------------------------------------------

def test_a_call_is_made_and_its_result_handed_back() -> None:
    model = scripted("a", call(), [(0.1, "已发货。")])
    tools = Shop()
    reply, _, _ = ask(model, tools=tools)
    assert reply is not None
    assert reply.text == "已发货。"
    assert tools.calls == [{"number": "88"}]
    first, second = bodies(model)
    assert first["tools"] == [SPEC]
    assert second["messages"][-2:] == [
        {"role": "assistant", "content": "", "tool_calls": [
            {"id": "c1", "type": "function",
             "function": {"name": "order", "arguments": '{"number": "88"}'}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "订单 88 已发货"}]


@pytest.mark.parametrize(("wrong", "said"), [
    (call('{"number": '), "not valid JSON"), (call('["88"]'), "must be a JSON object"),
    (call(name="refund"), "there is no tool 'refund'"),
])
def test_a_wrong_call_may_be_mended_once(wrong: list[tuple[float, Any]], said: str) -> None:
    model, tools = scripted("a", wrong, call(), [(0.1, "已发货。")]), Shop()
    reply, _, _ = ask(model, tools=tools)
    assert reply is not None
    assert said in bodies(model)[1]["messages"][-1]["content"]
    assert len(tools.calls) == 1
    again, context, _ = ask(scripted("a", wrong, wrong), tools=Shop())
    assert again is None
    assert "two wrong tool calls" in context.tried[0].detail


def test_a_model_that_only_calls_is_stopped() -> None:
    scripts = [call(json.dumps({"number": str(n)})) for n in range(9)]
    model, tools = scripted("a", *scripts), Shop()
    reply, context, _ = ask(model, tools=tools)
    assert reply is None
    assert len(tools.calls) == MAX_ROUNDS
    assert "tools" not in bodies(model)[-1], "the last time it is asked without tools"
    assert "still wanted to call tools" in context.tried[0].detail


def test_two_models_make_the_same_call_once() -> None:
    slow = [scripted("a", call(), [(60.0, "")]), scripted("b", call(), [(0.5, "已发货。")])]
    tools = Shop(takes_s=0.2)
    reply, _, _ = ask(slow, tools=tools)
    assert reply is not None
    assert len(tools.calls) == 1


def test_a_slow_or_broken_tool_does_not_take_the_answer_with_it() -> None:
    model = scripted("a", call(), [(0.1, "查不到。")])
    reply, _, outlet = ask(model, tools=Shop(takes_s=CALL_S + 1))
    assert reply is not None
    assert "did not answer" in bodies(model)[1]["messages"][-1]["content"]
    assert outlet.log[0][1] == "interim"
    broken = scripted("a", call(), [(0.1, "查不到。")])
    assert ask(broken, tools=Shop("boom"))[0] is not None
    assert bodies(broken)[1]["messages"][-1]["content"] == "error: order failed", "and no inner words"


def test_calls_of_a_turn_are_bounded() -> None:
    many = [(0.1, ToolCall(f"c{n}", "order", json.dumps({"number": n}))) for n in range(MAX_TURN_CALLS + 2)]
    model, tools = scripted("a", many, [(0.1, "好。")]), Shop()
    ask(model, tools=tools)
    assert len(tools.calls) == MAX_TURN_CALLS
    assert "no more calls" in bodies(model)[1]["messages"][-1]["content"]


def test_without_tools_none_can_be_called() -> None:
    model = scripted("a", call(), [(0.1, "好。")])
    reply, _, _ = ask(model)
    assert reply is not None
    assert "tools" not in bodies(model)[0]
    assert "there is no tool 'order'" in bodies(model)[1]["messages"][-1]["content"]


# ---- history ----------------------------------------------------------------------------------

def test_a_long_history_is_compressed_and_a_short_one_is_not() -> None:
    short = scripted("a", [(0.1, "好。")])
    ask(short, history=[Said("visitor", "你好", 1), Said("bot", "您好", 2)])
    assert [message["content"] for message in bodies(short)[0]["messages"][1:3]] == ["你好", "您好"]
    long = scripted("a", [(0.1, "好。")])
    ask(long, history=[Said("visitor", f"第 {n} 句" + "话" * 100, n) for n in range(20)])
    sent = "\n".join(message["content"] for message in bodies(long)[0]["messages"])
    assert "第 19 句" in sent
    assert "第 3 句" not in sent
    assert "earlier turns) " in sent


def test_much_text_is_prepared_beside_the_event_loop() -> None:
    asides: list[int] = []

    async def aside(work: Callable[[], Any]) -> Any:
        asides.append(1)
        return work()

    async def main(_loop: asyncio.AbstractEventLoop) -> None:
        parts = msgspec.structs.replace(plain_parts(), aside=aside)
        for size, expected in ((10, 0), (ASIDE_CHARS, 1)):
            model = scripted("a", [(0.1, "好。")])
            answers = ModelAnswers(Models([model], UsageBook(None, now_ms)), parts)
            question = Asked(1, 1, 7, 1, 1, "v:1", understand("好吗", "zh"), (1,),
                             asyncio.get_running_loop().time())
            context = Context(template=TEMPLATE, history=[Said("visitor", "话" * size, 1)])
            assert await answers.answer(question, context, HeardOutlet()) is not None
            assert len(asides) == expected

    run_virtual(main)


def test_a_server_with_less_context_than_told_is_asked_again_with_half() -> None:
    full = ModelError("model_context_full", "400", counts=False)
    model = scripted("a", [(0.1, full)], [(0.1, "好。")], context_tokens=4_096)
    history = [Said("visitor", "话" * 150, n) for n in range(9)]
    reply, _, _ = ask(model, history=history)
    assert reply is not None
    first, second = (len(json.dumps(body)) for body in bodies(model))
    assert second < first


def test_a_sentence_that_max_tokens_cut_is_left_out() -> None:
    class Cut(ScriptedClient):
        async def stream(self, body: Any, done: Any) -> Any:
            yield "第一句。"
            yield "第二句还没"
            done.finish = "length"

    model = scripted("a", [])
    model.client = Cut([])
    reply, _, _ = ask(model)
    assert reply is not None
    assert reply.text == "第一句。"
    assert "max_tokens" in reply.trace[-1].detail
