"""The small parts: event streams however they are cut, the gate, the breaker, the account."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhike.answer.llm.breaker import FAILURES, FIRST_REST_S, LONGEST_REST_S, Breaker
from zhike.answer.llm.faults import ModelError
from zhike.answer.llm.gate import Gate
from zhike.answer.llm.models import Model, Models, Price
from zhike.answer.llm.reply import Completion, ToolCall
from zhike.answer.llm.sse import Events
from zhike.answer.llm.usage import UsageBook
from zhike.domain.knowledge import Bot
from zhike.store.checks import check_bot
from zhike.testing.loop import VirtualLoop, run_virtual
from zhike.testing.models import scripted

# ---- bytes ------------------------------------------------------------------------------------

texts = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=6)


@given(texts, st.lists(st.integers(1, 7), min_size=1), st.sampled_from(["\n", "\r\n"]))
def test_a_stream_means_the_same_however_it_is_cut(pieces: list[str], sizes: list[int],
                                                   line_end: str) -> None:
    lines = [f": ping{line_end}{line_end}"]
    for piece in pieces:
        event = {"choices": [{"index": 0, "delta": {"content": piece}}]}
        lines.append(f"data: {json.dumps(event, ensure_ascii=False)}{line_end}{line_end}")
    data = "".join([*lines, f"data: [DONE]{line_end}{line_end}"]).encode("utf-8", "replace")
    events, done, heard, at, turn = Events(), Completion(), "", 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        for event_data in events.feed(data[at:at + size]):
            heard += done.take(event_data)
        at, turn = at + size, turn + 1
    shown = "".join(pieces).encode("utf-8", "replace").decode()
    if not shown.lstrip().startswith("<think>"):
        assert heard == shown or heard == shown.lstrip()
    assert done.done


@given(st.binary(max_size=300))
def test_any_bytes_end_well(data: bytes) -> None:
    events, done = Events(1_000), Completion()
    with contextlib.suppress(ModelError):  # and nothing else
        for event in [*events.feed(data), *events.end()]:
            done.take(event)
    assert done.chars <= len(data)


def test_calls_without_an_index_are_whole() -> None:
    done = Completion()
    for name in ("order", "stock"):
        call = {"function": {"name": name, "arguments": {"number": "88"}}}
        done.take(json.dumps({"choices": [{"delta": {"tool_calls": [call]}}]}).encode())
    assert done.calls == [ToolCall("", "order", '{"number":"88"}'), ToolCall("", "stock", '{"number":"88"}')]


def test_tool_calls_are_bounded() -> None:
    done = Completion()
    with pytest.raises(ModelError, match="more than 8 tool calls"):
        done.take(b'{"choices":[{"delta":{"tool_calls":[{"index":99,"function":{"name":"x"}}]}}]}')


# ---- the gate ---------------------------------------------------------------------------------

def test_who_waits_is_served_in_order_and_a_full_queue_says_so() -> None:
    async def main(_loop: VirtualLoop) -> list[str]:
        gate, served = Gate(1, 2), list[str]()

        async def work(name: str) -> None:
            await gate.enter()
            served.append(name)
            await asyncio.sleep(1)
            gate.leave()

        tasks = [asyncio.ensure_future(work(name)) for name in "abc"]
        await asyncio.sleep(0)
        with pytest.raises(ModelError) as error:
            await gate.enter()
        assert (error.value.code, error.value.counts, gate.refused) == ("model_busy", False, 1)
        await asyncio.gather(*tasks)
        assert (gate.busy, gate.waiting) == (0, 0)
        return served

    assert run_virtual(main) == ["a", "b", "c"]


@pytest.mark.parametrize("when", ["before", "with"])
def test_a_place_is_never_lost_by_a_cancel(when: str) -> None:
    async def main(_loop: VirtualLoop) -> None:
        gate = Gate(1, 5)
        await gate.enter()
        waiting = [asyncio.ensure_future(gate.enter()) for _ in range(2)]
        await asyncio.sleep(0)
        if when == "before":
            waiting[0].cancel()
            gate.leave()
        else:
            gate.leave()
            waiting[0].cancel()
        await asyncio.wait(waiting)
        assert waiting[0].cancelled()
        assert waiting[1].done()
        assert waiting[1].exception() is None
        gate.leave()
        assert gate.busy == 0

    run_virtual(main)


# ---- the breaker ------------------------------------------------------------------------------

def test_it_opens_after_failures_in_a_row_and_lets_one_probe_through() -> None:
    breaker = Breaker()
    for _ in range(FAILURES - 1):
        breaker.bad(breaker.ask(0.0), 0.0)
    breaker.good()
    for _ in range(FAILURES):
        assert breaker.ask(1.0) == "yes"
        breaker.bad("yes", 1.0)
    assert (breaker.ask(1.1), breaker.state(1.1)) == ("no", "open")
    after = 1.0 + FIRST_REST_S
    assert breaker.state(after) == "half_open"
    assert (breaker.ask(after), breaker.ask(after)) == ("probe", "no")
    breaker.bad("probe", after)
    assert breaker.ask(after + FIRST_REST_S) == "no", "it rests twice as long"
    assert breaker.ask(after + 2 * FIRST_REST_S) == "probe"
    breaker.good()
    assert breaker.ask(after + 2 * FIRST_REST_S) == "yes"


def test_a_probe_that_was_cancelled_frees_its_place() -> None:
    breaker = Breaker(failures=1)
    breaker.bad("yes", 0.0)
    given_pass = breaker.ask(100.0)
    breaker.let_go(given_pass)
    assert breaker.ask(100.0) == "probe"


def test_late_failures_of_before_do_not_lengthen_the_rest() -> None:
    breaker = Breaker(failures=1)
    breaker.bad("yes", 0.0)
    breaker.bad("yes", 4.0)
    assert breaker.ask(FIRST_REST_S) == "probe"


def test_the_rest_has_an_end() -> None:
    breaker, now = Breaker(failures=1), 0.0
    breaker.bad("yes", now)
    for _ in range(10):
        now += LONGEST_REST_S
        assert breaker.ask(now) == "probe"
        breaker.bad("probe", now)


# ---- a model ----------------------------------------------------------------------------------

BODY = {"messages": [{"role": "user", "content": "怎么退货"}]}


async def ask(model: Model) -> str:
    return "".join([piece async for piece in model.ask(7, BODY, Completion())])


def test_a_failing_model_rests_and_comes_back() -> None:
    fails = [(0.0, ModelError("model_unavailable", "refused"))]
    model = scripted("a", fails, fails, fails, [(0.0, "好")])

    async def main(_loop: VirtualLoop) -> str:
        for _ in range(FAILURES):
            with pytest.raises(ModelError, match="refused"):
                await ask(model)
        assert model.rests() == "it failed repeatedly"
        with pytest.raises(ModelError, match="rests for now"):
            await ask(model)
        await asyncio.sleep(FIRST_REST_S)
        return await ask(model)

    assert run_virtual(main) == "好"
    assert model.counts == {"model_unavailable": FAILURES, "model_rests": 1, "ok": 1}


def test_a_mute_model_is_to_blame_when_it_had_its_time() -> None:
    async def main(_loop: VirtualLoop) -> None:
        for late, state in ((False, "closed"), (True, "open")):
            model = scripted("a", [(60.0, "")])
            for _ in range(FAILURES):
                done = Completion()
                done.late = late
                stream = model.ask(7, BODY, done)
                task = asyncio.ensure_future(anext(stream))
                await asyncio.sleep(1)
                task.cancel()
                await asyncio.wait([task])
                await stream.aclose()
            assert model.breaker.state(asyncio.get_running_loop().time()) == state

    run_virtual(main)


def test_a_day_has_its_limit_and_the_next_a_new_one() -> None:
    async def main(loop: VirtualLoop) -> None:
        book = UsageBook(None, loop.now_ms)
        model = scripted("a", [(0.0, "好")], book=book, price=Price(1_000.0, 500_000.0, 0.7))
        assert await ask(model) == "好"
        assert book.spent("a") == 100 * 1_000 + 1 * 500_000
        assert model.cost_micros == 600_000
        assert await ask(model) == "好"
        with pytest.raises(ModelError, match=r"daily_limit of 0\.7 is spent"):
            await ask(model)
        await asyncio.sleep(86_400)
        assert await ask(model) == "好"

    run_virtual(main)


def test_what_was_left_early_is_counted_too() -> None:
    async def main(loop: VirtualLoop) -> None:
        book = UsageBook(None, loop.now_ms)
        model = scripted("a", [(0.0, "一"), (0.0, "二"), (9.0, "三")], book=book, price=Price(0, 1_000_000))
        stream = model.ask(7, BODY, Completion())
        await anext(stream)
        await anext(stream)
        await stream.aclose()
        assert model.tokens["written"] == 2
        assert model.tokens["read"] > 0
        assert book.spent("a") == 2_000_000

    run_virtual(main)


def test_models_are_chosen_by_key() -> None:
    async def main(_loop: VirtualLoop) -> None:
        models = Models([scripted(key, []) for key in "abc"], UsageBook(None, lambda: 0))
        assert [model.key for model in models.chosen(())] == ["a", "b", "c"]
        assert [model.key for model in models.chosen(["c", "x", "a"])] == ["c", "a"]
        assert [model.key for model in models.chosen(["b"], "c")] == ["c", "b"]

    run_virtual(main)


# ---- what a bot may be told --------------------------------------------------------------------

@pytest.mark.parametrize(("settings", "field"), [
    ({"models": ["qwen", "local"], "holding": {"zh": "稍等"}, "suggest_threshold": 0.4}, ""),
    ({"models": "qwen"}, "settings.models"),
    ({"models": ["Qwen-3"]}, "settings.models"),
    ({"models": ["a", "a"]}, "settings.models"),
    ({"models": list("abcdefghi")}, "settings.models"),
    ({"holding": "稍等"}, "settings.holding"),
    ({"suggest_threshold": 2}, "settings.suggest_threshold"),
])
def test_settings_of_a_bot(settings: dict[str, object], field: str) -> None:
    faults = list(check_bot(Bot(id=1, key="shop", name="小店", settings=settings)))
    assert [fault.field for fault in faults] == ([field] if field else [])
