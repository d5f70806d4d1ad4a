"""The client against a server on a real socket that errs on purpose."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from zhike.answer.llm.client import Client, Fixed
from zhike.answer.llm.faults import ModelError
from zhike.answer.llm.reply import Completion
from zhike.testing.fakemodel import (
    FakeModel,
    Step,
    call,
    cut,
    end,
    pause,
    raw,
    say,
    send,
    stall,
    status,
    think,
)

BODY = {"messages": [{"role": "user", "content": "怎么退货"}], "temperature": 0.2, "max_tokens": 50}


@pytest_asyncio.fixture
async def server() -> AsyncIterator[FakeModel]:
    async with FakeModel() as fake:
        yield fake


@pytest_asyncio.fixture
async def client(server: FakeModel) -> AsyncIterator[Client]:
    made = Client(Fixed(server.url, "sk-1"), "qwen", idle_s=0.2, extra_body='{"top_p":0.8,"stream":false}')
    yield made
    await made.close()


async def heard(client: Client, done: Completion | None = None) -> list[str]:
    async with contextlib.aclosing(client.stream(BODY, done or Completion())) as pieces:
        return [piece async for piece in pieces]


async def test_a_stream_as_servers_send_it(server: FakeModel, client: Client) -> None:
    server.play(send(b": ping\n\n"), think("嗯"), say("您好"), say("！"), end())
    done = Completion()
    assert await heard(client, done) == ["您好", "！"]
    assert (done.finish, done.prompt_tokens, done.completion_tokens) == ("stop", 10, 2)
    assert done.first_s is not None
    sent = server.bodies[0]
    assert sent["stream"] is True, "extra_body cannot switch streaming off"
    assert (sent["model"], sent["top_p"], sent["max_tokens"]) == ("qwen", 0.8, 50)
    assert sent["stream_options"] == {"include_usage": True}
    head = server.heads[0].lower()
    assert head.startswith("post /v1/chat/completions ")
    assert "authorization: bearer sk-1" in head
    assert "x-conversation-id" not in head


async def test_a_connection_is_used_again(server: FakeModel, client: Client) -> None:
    server.play(say("好"), end())
    for _ in range(3):
        assert await heard(client) == ["好"]
    assert len(server.bodies) == 3


async def test_a_tool_call_in_pieces(server: FakeModel, client: Client) -> None:
    server.play(call("order", '{"numb', 'er": "88"}'), end("tool_calls"))
    done = Completion()
    assert await heard(client, done) == []
    assert [(one.name, one.arguments) for one in done.calls] == [("order", '{"number": "88"}')]


@pytest.mark.parametrize(("script", "code", "again", "counts"), [
    ((status(401, '{"error": {"message": "wrong key"}}'),), "model_refused", False, True),
    ((status(404, '{"error": "no such model"}'),), "model_refused", False, True),
    ((status(302, Location="http://elsewhere/"),), "model_refused", False, True),
    ((status(429, '{"error": {"message": "slow down"}}', Retry_After="7"),), "model_busy", True, False),
    ((status(503, '{"error": "server busy, maximum pending requests exceeded"}'),), "model_busy", True, True),
    ((status(500, "<html>oops</html>"),), "model_unavailable", True, True),
    ((status(400, '{"error":{"code":400,"type":"exceed_context_size_error","message":"n_ctx"}}'),),
     "model_context_full", False, False),
    ((status(400, '{"object":"error","message":"This model\'s maximum context length is 2048 tokens."}'),),
     "model_context_full", False, False),
    ((status(200, '{"choices": []}'),), "model_garbled", False, True),
    ((send(b"hello\n\n"),), "model_garbled", False, True),
    ((send(b"data: {not json}\n\n"),), "model_garbled", False, True),
    ((send(b'data: {"choices": [{"delta": {"content": 7}}]}\n\n'),), "model_garbled", False, True),
    ((send(b"data: \xff\xfe\n\n"),), "model_garbled", False, True),
    ((send(b"data: " + b"x" * (1 << 20) + b"x"),), "model_garbled", False, True),
    ((say("一"), send(b'data: {"error": {"message": "out of memory"}}\n\n')), "model_unavailable",
     True, True),
    ((say("一"), cut()), "model_unavailable", True, True),
    ((say("一"),), "model_unavailable", True, True),
    ((raw(b"SSH-2.0-OpenSSH\r\n"),), "model_unavailable", True, True),
    ((say("一"), stall()), "model_timeout", False, True),
    ((say("一"), *([pause(0.05), send(b": ping\n\n")] * 20)), "model_timeout", False, True),
])
async def test_what_can_go_wrong_has_a_name(server: FakeModel, client: Client, script: tuple[Step, ...],
                                            code: str, again: bool, counts: bool) -> None:
    server.play(*script)
    with pytest.raises(ModelError) as error:
        await heard(client)
    assert (error.value.code, error.value.again, error.value.counts) == (code, again, counts)


async def test_a_servers_own_words_and_its_pause_are_kept(server: FakeModel, client: Client) -> None:
    server.play(status(429, '{"error": {"type": "rate", "message": "slow down"}}', Retry_After="7"))
    with pytest.raises(ModelError, match="429 rate slow down") as error:
        await heard(client)
    assert error.value.retry_after_s == 7.0


async def test_nobody_there() -> None:
    async with FakeModel() as gone:
        url = gone.url
    client = Client(Fixed(url), "qwen")
    with pytest.raises(ModelError) as error:
        await heard(client)
    assert (error.value.code, error.value.again) == ("model_unavailable", True)
    assert error.value.__cause__ is not None, "what the library said is kept"
    await client.close()


async def test_an_endless_answer_is_stopped(server: FakeModel, client: Client) -> None:
    server.play(*[say("话" * 1_000)] * 20, end())
    with pytest.raises(ModelError, match="more than 16000 characters"):
        await heard(client)
    await asyncio.wait_for(server.idle.wait(), 5)


@pytest.mark.parametrize("script", [(stall(),), (say("一"), stall())])
async def test_a_cancel_closes_the_connection(server: FakeModel, client: Client,
                                              script: tuple[Step, ...]) -> None:
    server.play(*script)
    task = asyncio.ensure_future(heard(client, done := Completion()))
    while not server.busy or (len(script) > 1 and not done.pieces):  # noqa: ASYNC110 (bytes have no event)
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(server.idle.wait(), 5)
    assert server.left == 1


async def test_leaving_early_closes_the_connection(server: FakeModel, client: Client) -> None:
    server.play(say("一"), say("二"), stall())
    async with contextlib.aclosing(client.stream(BODY, Completion())) as pieces:
        assert await anext(pieces) == "一"
    await asyncio.wait_for(server.idle.wait(), 5)
    assert server.left == 1


async def test_a_silent_start_is_no_stall(server: FakeModel, client: Client) -> None:
    """The pause in mid-answer is 0.2 s here; before the first word only the race's deadlines count."""
    server.play(send(b": ping\n\n"), pause(0.4), say("好"), end())
    assert await heard(client) == ["好"]


@pytest.mark.parametrize("pieces", [["<think>想</think>\n\n好"], ["<th", "ink>想", "想</thi", "nk>", "好"],
                                    ["  <think>", "</think>好"], list("<think>a</think>好")])
async def test_thoughts_are_not_shown(server: FakeModel, client: Client, pieces: list[str]) -> None:
    server.play(*map(say, pieces), end())
    assert "".join(await heard(client)) == "好"


@pytest.mark.parametrize("pieces", [["<", "b>"], ["<thin"], ["1 <think> 2"]])
async def test_what_is_no_thought_stays(server: FakeModel, client: Client, pieces: list[str]) -> None:
    server.play(*map(say, pieces), end())
    assert "".join(await heard(client)) == "".join(pieces)
