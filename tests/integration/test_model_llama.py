"""The client and the local model against a real llama.cpp server, with a model made by a script."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio

from zhike.answer.llm.client import Client, Fixed
from zhike.answer.llm.faults import ModelError
from zhike.answer.llm.local import LocalServer
from zhike.answer.llm.reply import Completion
from zhike.config.models import LocalModel
from zhike.testing.llama.make import model_file
from zhike.testing.llama.server import LlamaServer

SAYS = "您好，签收后七天内可以退货。请看订单页。"
BODY: dict[str, Any] = {"messages": [{"role": "user", "content": "怎么退货"}], "temperature": 0,
                        "max_tokens": 200, "grammar": f'root ::= "{SAYS}"'}
"""The grammar makes a model with random weights say something."""
LONG: dict[str, Any] = {"messages": BODY["messages"], "temperature": 0, "max_tokens": 1_500,
                        "ignore_eos": True}


@pytest.fixture(scope="module", autouse=True)
def needed() -> None:
    """A loud skip on a laptop, a failure in CI."""
    for name in ("xllamacpp", "gguf", "numpy"):
        if importlib.util.find_spec(name) is None:
            if os.environ.get("CI"):
                pytest.fail(f"{name} is missing, and this is CI")
            pytest.skip(f"{name} is missing: no test asked a real model server")


@pytest.fixture(scope="module")
def server() -> Iterator[LlamaServer]:
    with LlamaServer(model_file("slow")) as started:
        yield started


@pytest_asyncio.fixture
async def client(server: LlamaServer) -> AsyncIterator[Client]:
    made = Client(Fixed(server.url, server.key), "local", idle_s=30.0, return_progress=True)
    yield made
    await made.close()


async def heard(client: Client, body: dict[str, Any], done: Completion) -> str:
    async with contextlib.aclosing(client.stream(body, done)) as pieces:
        return "".join([piece async for piece in pieces])


async def test_it_streams_and_counts(client: Client) -> None:
    done = Completion()
    assert await heard(client, BODY, done) == SAYS
    assert done.finish == "stop"
    assert done.pieces > 1
    assert done.prompt_tokens
    assert done.completion_tokens


async def test_leaving_while_it_generates_frees_the_slot(client: Client, server: LlamaServer) -> None:
    """The whole answer would take a quarter of a minute or more."""
    async with contextlib.aclosing(client.stream(LONG, Completion())) as pieces:
        await anext(pieces)
        assert await asyncio.to_thread(server.busy) == 1
    await asyncio.to_thread(server.idle_after_s, 10.0)


async def test_a_cancel_while_it_reads_the_prompt_frees_the_slot(client: Client, server: LlamaServer) -> None:
    body = {**LONG, "messages": [{"role": "user", "content": "怎么退货" * 150}], "cache_prompt": False}
    task = asyncio.ensure_future(heard(client, body, Completion()))
    while not await asyncio.to_thread(server.busy):
        pass
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(server.idle_after_s, 10.0)


async def test_a_prompt_that_is_too_long_is_told_apart(client: Client) -> None:
    body = {**BODY, "messages": [{"role": "user", "content": "怎么退货" * 2_000}]}
    with pytest.raises(ModelError) as error:
        await heard(client, body, Completion())
    assert error.value.code == "model_context_full"


async def test_a_wrong_key_is_refused(server: LlamaServer) -> None:
    client = Client(Fixed(server.url, "wrong"), "local")
    with pytest.raises(ModelError) as error:
        await heard(client, BODY, Completion())
    assert error.value.code == "model_refused"
    await client.close()


async def test_it_takes_tools_and_their_results(client: Client) -> None:
    """The template reads what we send back; whether a model calls is a matter of its training."""
    tools = [{"type": "function", "function": {"name": "order", "parameters": {
        "type": "object", "properties": {"number": {"type": "string"}}}}}]
    messages = [*BODY["messages"],
                {"role": "assistant", "content": "", "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "order",
                                                                  "arguments": '{"number": "88"}'}}]},
                {"role": "tool", "tool_call_id": "c1", "content": "已发货"}]
    assert await heard(client, {**BODY, "messages": messages}, Completion()) == SAYS
    done = Completion()
    await heard(client, {"messages": messages, "tools": tools, "max_tokens": 8}, done)
    assert done.finish


# ---- the local model --------------------------------------------------------------------------

@pytest_asyncio.fixture
async def local() -> AsyncIterator[LocalServer]:
    made = LocalServer(LocalModel(path=str(model_file()), threads=1, context_tokens=1_024))
    made.start()
    yield made
    await made.stop()


async def test_one_setting_is_enough(local: LocalServer) -> None:
    await asyncio.wait_for(local.until("ready"), 60)
    client = Client(local, "local")
    assert await heard(client, BODY, Completion()) == SAYS
    await client.close()
    child = psutil.Process(local.pid)
    assert {connection.laddr.ip for connection in child.net_connections()} == {"127.0.0.1"}
    assert local.address().api_key not in " ".join(child.cmdline())
    await local.stop()
    assert not child.is_running()
    with pytest.raises(ModelError, match="the local model"):
        local.address()


async def test_it_comes_back_after_a_crash(local: LocalServer) -> None:
    await asyncio.wait_for(local.until("ready"), 60)
    before, pid = local.address(), local.pid
    os.kill(pid, signal.SIGKILL)
    await asyncio.wait_for(local.until("failed"), 60)
    assert local.trouble is not None
    await asyncio.wait_for(local.until("ready"), 60)
    assert local.pid != pid
    assert local.address() != before, "another port, another key"
    client = Client(local, "local")
    assert await heard(client, BODY, Completion()) == SAYS
    await client.close()


@pytest.mark.parametrize(("content", "said"), [
    (None, "cannot be read"), (b"", "is empty"), (b"PK\x03\x04" + b"x" * 4_096, "is no GGUF"),
    ("truncated", "cannot load this model file"), ("wrong", "cannot load this model file"),
])
async def test_a_bad_file_is_a_clear_problem_and_nothing_else(tmp_path: Path, content: Any,
                                                              said: str) -> None:
    path = tmp_path / "model.gguf"
    if content == "truncated":
        path.write_bytes(model_file().read_bytes()[:400_000])
    elif content == "wrong":  # a head count that does not divide: llama.cpp aborts
        whole = model_file().read_bytes()
        at = whole.index(b"qwen2.attention.head_count") + len(b"qwen2.attention.head_count") + 4
        path.write_bytes(whole[:at] + (3).to_bytes(4, "little") + whole[at + 4:])
    elif content is not None:
        path.write_bytes(content)
    local = LocalServer(LocalModel(path=str(path), threads=1))
    local.start()
    await asyncio.wait_for(local.until("failed"), 60)
    assert local.trouble is not None
    assert said in local.trouble.en
    assert local.trouble.cure_en
    assert local.trouble.cure_zh
    await local.stop()


def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    code = f"""
import asyncio, os
from zhike.answer.llm.local import LocalServer
from zhike.config.models import LocalModel
async def main():
    local = LocalServer(LocalModel(path={str(model_file())!r}, threads=1))
    local.start()
    await local.until("ready")
    print(local.pid, flush=True)
    os.kill(os.getpid(), 9)
asyncio.run(main())
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=90,
                          check=False)
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(said.stdout)).wait(timeout=20)
