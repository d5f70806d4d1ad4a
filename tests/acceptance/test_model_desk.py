"""The real desk with a real llama.cpp server: a question nobody wrote down is answered by a model."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from zhike.testing.deskprocess import DeskProcess
from zhike.testing.fakemodel import FakeModel, stall
from zhike.testing.llama.make import model_file
from zhike.testing.llama.server import LlamaServer
from zhike.testing.wsclient import Visitor

SAYS = "这件事请看商品页的说明。"
GRAMMAR = json.dumps({"grammar": f'root ::= "{SAYS}"', "tool_choice": "none"})
"""llama.cpp takes a grammar only where no tool may be called."""
UNKNOWN = "你们家第三号仓库的猫叫什么名字"


@pytest.fixture(scope="module", autouse=True)
def needed() -> None:
    """A loud skip on a laptop, a failure in CI."""
    for name in ("xllamacpp", "gguf", "numpy"):
        if importlib.util.find_spec(name) is None:
            if os.environ.get("CI"):
                pytest.fail(f"{name} is missing, and this is CI")
            pytest.skip(f"{name} is missing: no desk asked a real model")


@pytest.fixture(scope="module")
def server() -> Iterator[LlamaServer]:
    with LlamaServer(model_file(), context=8_192) as started:
        yield started


def models(server: LlamaServer, first: str = "") -> dict[str, str]:
    env = {"ZHIKE_MODELS__REAL__BASE_URL": server.url, "ZHIKE_MODELS__REAL__MODEL": "local",
           "ZHIKE_MODELS__REAL__API_KEY": server.key, "ZHIKE_MODELS__REAL__EXTRA_BODY": GRAMMAR}
    if first:
        env |= {"ZHIKE_MODELS__A_FIRST__BASE_URL": first, "ZHIKE_MODELS__A_FIRST__MODEL": "mute",
                "ZHIKE_ANSWER__FIRST_WORD": "500ms"}
    return env


async def ask(desk: DeskProcess, text: str) -> list[dict[str, Any]]:
    """The frames of one question, up to its last word."""
    async with Visitor(f"ws://127.0.0.1:{desk.port}/ws", origin=desk.url) as visitor:
        visitor.say(text)

        def last_word() -> bool:
            return any(frame.get("ai") or (frame.get("source") or {}).get("kind") == "fallback"
                       for frame in visitor.of("message"))

        await visitor.until(last_word, "the answer")
        assert visitor.problems == []
        return visitor.frames


async def test_a_model_answers_what_nobody_wrote_down(server: LlamaServer, tmp_path: Path) -> None:
    with DeskProcess(tmp_path, env=models(server)) as desk:
        frames = await ask(desk, UNKNOWN)
        answer = [frame for frame in frames if frame["type"] == "message"][-1]
        assert answer["text"] == SAYS
        assert answer["ai"] is True
        assert answer["source"]["kind"] == "model"
        draft = [frame for frame in frames if frame["type"] == "delta"]
        assert "".join(frame["text"] for frame in draft) == SAYS
        assert draft[0]["answer_id"] == answer["answer_id"], "the message replaces the draft"
        known = await ask_known(desk)
        assert known["source"]["kind"] in ("article", "rule"), "what is known needs no model"


async def ask_known(desk: DeskProcess) -> dict[str, Any]:
    async with Visitor(f"ws://127.0.0.1:{desk.port}/ws", origin=desk.url) as visitor:
        visitor.say("支持七天无理由退货吗？")
        await visitor.answered()
        return visitor.of("message")[-1]


async def test_a_mute_model_costs_a_word_meanwhile_and_no_answer(server: LlamaServer, tmp_path: Path) -> None:
    async with FakeModel() as mute:
        mute.play(stall())
        desk = DeskProcess(tmp_path, env=models(server, mute.url))
        await asyncio.to_thread(desk.start)
        try:
            frames = await ask(desk, UNKNOWN)
            await asyncio.wait_for(mute.idle.wait(), 10)
        finally:
            await asyncio.to_thread(desk.stop)
    said = [frame for frame in frames if frame["type"] == "message"]
    assert len(said) == 2, "a word meanwhile, then the answer"
    assert said[-1]["text"] == SAYS
    assert mute.left == 1, "it was told to stop"


async def test_the_local_model_takes_one_setting(tmp_path: Path) -> None:
    with DeskProcess(tmp_path, env={"ZHIKE_LOCAL_MODEL__PATH": str(model_file())}) as desk:
        def state() -> str:
            with urllib.request.urlopen(f"http://127.0.0.1:{desk.port}/health/ready", timeout=10) as answer:
                return str(json.load(answer)["checks"].get("model.local", ""))

        async with asyncio.timeout(60):
            while await asyncio.to_thread(state) != "ok":  # noqa: ASYNC110 (another process)
                await asyncio.sleep(0.05)
        for _ in range(4):  # of its chance answers llama.cpp refuses to parse one in forty
            frames = await ask(desk, UNKNOWN)
            answer = [frame for frame in frames if frame["type"] == "message"][-1]
            if answer.get("ai"):
                break
        assert (answer.get("ai"), answer["source"]["key"]) == (True, "local")
