"""The model part as a desk runs it: from settings to an answer, its state, what the doctor says."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from zhike.answer.llm.context import Context
from zhike.answer.llm.models import rough_count
from zhike.answer.llm.part import ModelPart, model_part
from zhike.answer.ports import Asked
from zhike.clock import now_ms
from zhike.config import load
from zhike.domain.prompt import Template
from zhike.ops.doctormodels import check_models
from zhike.search.text import understand
from zhike.store.engine import Store
from zhike.store.usage import list_usage
from zhike.testing.fakemodel import FakeModel, call, cut, end, pause, say, stall, status
from zhike.testing.models import HeardOutlet, plain_parts


def part_of(store: Store | None, tmp_path: Path, first: str, second: str = "") -> ModelPart:
    environ = {"ZHIKE_MODELS__A__BASE_URL": first, "ZHIKE_MODELS__A__MODEL": "qwen",
               "ZHIKE_MODELS__A__IDLE": "200ms", "ZHIKE_MODELS__A__PRICE_OUT": "1000",
               "ZHIKE_ANSWER__FIRST_WORD": "300ms", "ZHIKE_ANSWER__GIVE_UP": "2s"}
    if second:
        environ |= {"ZHIKE_MODELS__B__BASE_URL": second, "ZHIKE_MODELS__B__MODEL": "glm"}
    config = tmp_path / "zhike.toml"
    config.touch()
    return model_part(load(config, environ), store, now_ms, plain_parts(), rough_count)


async def ask(part: ModelPart, outlet: HeardOutlet | None = None) -> tuple[str | None, str]:
    arrived_s = asyncio.get_running_loop().time()
    asked = Asked(1, 1, 7, 1, 1, "v:1", understand("怎么退货", "zh"), (1,), arrived_s)
    context = Context(template=Template("default", "你是客服。"))
    reply = await part.answers.answer(asked, context, outlet or HeardOutlet())
    return (reply.text if reply else None), " | ".join(step.detail for step in context.tried)


async def test_an_answer_and_its_account(store: Store, tmp_path: Path) -> None:
    async with FakeModel() as server:
        server.play(say("七天内"), say("可以退。"), end(prompt_tokens=50, completion_tokens=6))
        part = part_of(store, tmp_path, server.url)
        part.start()
        assert await ask(part) == ("七天内可以退。", "")
        assert part.states() == {"model.a": "ok"}
        await part.stop()
    row, = await store.read(list_usage, "2020-01-01", "2100-01-01")
    assert (row.bot_id, row.model, row.requests, row.prompt_tokens, row.completion_tokens,
            row.cost_micros) == (7, "a", 1, 50, 6, 6_000)


@pytest.mark.parametrize("fault", ["slow", "stall", "5xx", "cut", "garbage", "full", "refused", "tools"])
async def test_whatever_the_first_model_does_the_second_answers(tmp_path: Path, fault: str) -> None:
    scripts = {"slow": (stall(),), "stall": (say("我先"), say("说。"), stall()), "5xx": (status(500),),
               "cut": (say("我。"), cut()), "garbage": (say("我。"), pause(0.0), status(200, "<b>")),
               "full": (status(503, '{"error": "queue full"}'),), "refused": (status(401),),
               "tools": (call("none", "{"), end("tool_calls"))}
    async with FakeModel() as first, FakeModel() as second:
        first.play(*scripts[fault])
        second.play(say("可以退。"), end())
        part = part_of(None, tmp_path, first.url, second.url)
        part.start()
        outlet = HeardOutlet()
        text, tried = await ask(part, outlet)
        assert text == "可以退。"
        assert tried.startswith("a: ")
        assert outlet.draft in ("", "可以退。"), "nothing of the first one stays"
        await asyncio.wait_for(first.idle.wait(), 5)
        await part.stop()


async def test_a_dead_model_is_left_alone_and_the_desk_is_ready_all_the_same(tmp_path: Path) -> None:
    async with FakeModel() as gone:
        url = gone.url
    part = part_of(None, tmp_path, url)
    part.start()
    for _ in range(2):  # each question tries twice
        assert (await ask(part))[0] is None
    assert part.states() == {"model.a": "it failed repeatedly"}
    text, tried = await ask(part)
    assert (text, "it failed repeatedly" in tried) == (None, True)
    await part.stop()


async def test_without_a_file_the_local_model_says_what_to_do(tmp_path: Path) -> None:
    config = tmp_path / "zhike.toml"
    config.write_text(f"[local_model]\npath = '{tmp_path}/none.gguf'\n")
    settings = load(config, {})
    part = model_part(settings, None, now_ms, plain_parts(), rough_count)
    part.start()
    assert part.local is not None
    await asyncio.wait_for(part.local.until("failed"), 10)
    assert "none.gguf cannot be read" in part.states()["model.local"]
    assert "check local_model.path" in part.states()["model.local"]
    assert (await ask(part))[0] is None
    finding, = await check_models(settings)
    assert finding.state == "bad"
    assert "none.gguf" in finding.zh
    await part.stop()


async def test_the_doctor_asks_model_servers(tmp_path: Path) -> None:
    async def look(answer: tuple[int, str]) -> tuple[str, str]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            body = answer[1].encode()
            writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (
                answer[0], len(body), body))
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        config = tmp_path / "zhike.toml"
        config.write_text(f"[models.q]\nbase_url = '{url}'\nmodel = 'qwen'\n")
        finding, = await check_models(load(config, {}))
        server.close()
        await server.wait_closed()
        return finding.state, finding.en

    assert (await look((200, '{"data": [{"id": "qwen"}]}')))[0] == "ok"
    assert await look((200, '{"data": [{"id": "glm"}]}')) == (
        "warn", "model q: the server has no 'qwen'; it has: glm")
    assert await look((401, "")) == ("bad", "model q: the key is refused")
    assert (await look((404, "")))[0] == "warn"
    assert (await look((200, "<html>")))[0] == "bad"
