"""The model part with the real mask, guard and compression."""

from __future__ import annotations

import asyncio
import json

from zhike.answer.compress import compress
from zhike.answer.guard import Guard
from zhike.answer.llm.answers import ModelAnswers
from zhike.answer.llm.context import Context, Parts
from zhike.answer.llm.models import Model, Models
from zhike.answer.llm.usage import UsageBook
from zhike.answer.mask import Mask
from zhike.answer.ports import Asked, Said, Snippet
from zhike.answer.tokens import count
from zhike.clock import now_ms
from zhike.domain.message import Reply
from zhike.domain.prompt import Template
from zhike.search.text import understand
from zhike.testing.loop import run_virtual
from zhike.testing.models import HeardOutlet, PlainPrompt, ScriptedClient, inline, scripted

RETURNS = Snippet("returns", "退货", "签收后 7 天内可以退货，运费 8 元由您承担。", 0.5)


def ask(model: Model, text: str, history: list[Said] | None = None) -> Reply | None:
    async def main(_loop: asyncio.AbstractEventLoop) -> Reply | None:
        parts = Parts(PlainPrompt, Mask, Guard, compress, inline)
        answers = ModelAnswers(Models([model], UsageBook(None, now_ms)), parts)
        asked = Asked(1, 1, 7, 1, 1, "v:1", understand(text, "zh"), (1,), 1000.0)
        context = Context(template=Template("default", "你是客服。"), snippets=[RETURNS],
                          history=history or [])
        return await answers.answer(asked, context, HeardOutlet())

    return run_virtual(main)


def sent(model: Model) -> str:
    assert isinstance(model.client, ScriptedClient)
    return json.dumps(model.client.bodies, ensure_ascii=False)


def test_what_stands_in_a_source_goes_out_and_what_does_not_stays_in() -> None:
    model = scripted("a", [(0.1, "签收后 7 天内可以退货。"), (0.1, "另赔您 50 元。"), (0.1, "请看订单页。")])
    reply = ask(model, "怎么退货")
    assert reply is not None
    assert reply.text == "签收后 7 天内可以退货。请看订单页。"
    assert "withheld 1: claim" in reply.trace[-1].detail


def test_a_phone_is_masked_and_said_back_in_pieces() -> None:
    probe = scripted("a", [(0.1, "好的。")])
    ask(probe, "我的手机号是13812345678")
    assert "13812345678" not in sent(probe)
    assert "[PHONE_1]" in sent(probe)
    model = scripted("a", [(0.1, "已记下您的手机号 [PHO"), (0.1, "NE_"), (0.1, "1]。")])
    reply = ask(model, "我的手机号是13812345678")
    assert reply is not None
    assert reply.text == "已记下您的手机号 13812345678。"


def test_a_long_history_takes_a_third_and_keeps_what_matters() -> None:
    small_talk = "件事我们慢慢说，先不着急，这里随便聊一聊天气和心情。"
    history = [Said("visitor" if n % 2 else "bot", f"第{n}{small_talk}" * 2, n) for n in range(1, 21)]
    history[3] = Said("visitor", "我的订单号是 CH20260131，买了三件衬衫。", 4)
    model = scripted("a", [(0.1, "好的。")], count=count)
    ask(model, "那运费呢", history)
    text = sent(model)
    assert "CH20260131" in text
    whole = sum(count(said.text) for said in history)
    assert count(text) < whole / 2 + 200
