"""Jobs of the line, in virtual time: who is heard, who is cut short, what a client sees."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from zhike.answer.ports import Asked, Outlet
from zhike.bus.base import Event
from zhike.domain.message import Reply
from zhike.domain.unit import Change, ChangeKind
from zhike.store import tables
from zhike.testing.inline import InlineStore
from zhike.testing.linerig import ScriptedWorker, World, seed
from zhike.testing.loop import VirtualLoop, run_virtual

Script = Callable[[Asked, Outlet], Coroutine[Any, Any, Reply]]
Play = Callable[[World, ScriptedWorker], Coroutine[Any, Any, None]]


def played(script: Script, play: Play) -> list[tuple[int, str, str, str]]:
    """Runs ``play``; returns what is stored: (seq, who, text, answers)."""
    async def main(loop: VirtualLoop) -> list[tuple[int, str, str, str]]:
        store = InlineStore()
        await store.open()
        store.run(seed)
        worker = ScriptedWorker(script)
        world = World(loop, store, worker)
        await world.start()
        await play(world, worker)
        assert world.line is not None
        await world.line.stop()
        assert not world.drafts
        m = tables.messages.c
        return store.run(lambda conn: [tuple(row) for row in conn.execute(
            tables.messages.select().order_by(m.seq).with_only_columns(
                m.seq, m.sender_type, m.text, m.answers))])
    return run_virtual(main)


def say(world: World, text: str) -> None:
    visitor = world.visitors[0]
    world.put(visitor, visitor.make(text))


async def after(seconds: float, text: str) -> Reply:
    await asyncio.sleep(seconds)
    return Reply(text)


def test_a_draft_is_replaced_by_its_message() -> None:
    async def script(asked: Asked, outlet: Outlet) -> Reply:
        outlet.delta("因为")
        outlet.delta("海关")
        return Reply("因为海关。", ai=True)

    seen: list[dict[str, Any]] = []

    async def play(world: World, worker: ScriptedWorker) -> None:
        say(world, "xyz")
        await asyncio.sleep(5)
        seen.extend(world.frames)

    assert played(script, play) == [(1, "contact", "xyz", ""), (2, "bot", "因为海关。", "1")]
    first, second, stored = seen[1:4]
    assert (first["offset"], first["text"], second["offset"]) == (0, "因为", 2)
    assert (stored["answer_id"], stored["ai"]) == (first["answer_id"], True)


def test_what_comes_before_the_first_word_is_answered_together() -> None:
    async def play(world: World, worker: ScriptedWorker) -> None:
        say(world, "xyz")
        await asyncio.sleep(2)
        say(world, "那条裙子")
        await asyncio.sleep(9)
        assert [asked.question.text for asked in worker.asked] == ["xyz", "xyz那条裙子"]
        assert worker.asked[0].arrived_s == worker.asked[1].arrived_s

    rows = played(lambda asked, outlet: after(1, "both"), play)
    assert rows[2:] == [(3, "bot", "both", "1,2")]


def test_what_comes_after_the_first_word_waits_for_its_own_turn() -> None:
    async def script(asked: Asked, outlet: Outlet) -> Reply:
        outlet.delta("…")
        return await after(4, f"on {asked.question.text}")

    async def play(world: World, worker: ScriptedWorker) -> None:
        say(world, "xyz")
        await asyncio.sleep(2)
        say(world, "那条裙子")
        await asyncio.sleep(15)

    assert played(script, play)[2:] == [(3, "bot", "on xyz", "1"), (4, "bot", "on 那条裙子", "2")]


def test_a_sure_answer_does_not_wait_for_a_slow_model() -> None:
    async def play(world: World, worker: ScriptedWorker) -> None:
        say(world, "xyz")
        await asyncio.sleep(2)
        say(world, "退货")
        await asyncio.sleep(10)
        assert len(worker.asked) == 1

    rows = played(lambda asked, outlet: after(5, "slow"), play)
    assert rows[2:] == [(3, "bot", "rule:退货", "2"), (4, "bot", "slow", "1")]


@pytest.mark.parametrize(("kind", "agent"), [("take", 1), ("assign", 2), ("assign", 0), ("queue", 0),
                                             ("resolve", 0)])
def test_who_takes_over_ends_the_job_and_its_draft(kind: ChangeKind, agent: int) -> None:
    cancelled: list[bool] = []

    async def script(asked: Asked, outlet: Outlet) -> Reply:
        try:
            outlet.delta("I think")
            return await after(8, "late")
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def play(world: World, worker: ScriptedWorker) -> None:
        say(world, "xyz")
        await asyncio.sleep(3)
        assert world.drafts
        assert world.line is not None
        where = next(iter(world.visitors[0].acked.values()))[0]
        await world.line.change(Change(where, kind, world.loop.now_ms(), agent_id=agent, agent_name="A"))
        assert not world.drafts
        await asyncio.sleep(20)

    rows = played(script, play)
    assert [row[1] for row in rows] == ["contact", "system"]
    assert cancelled == [True]


def test_a_take_over_on_another_instance_ends_the_job_here() -> None:
    cancelled: list[bool] = []

    async def script(asked: Asked, outlet: Outlet) -> Reply:
        try:
            outlet.delta("I think")
            return await after(8, "late")
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def play(world: World, worker: ScriptedWorker) -> None:
        say(world, "xyz")
        await asyncio.sleep(3)
        assert world.line is not None
        asked = worker.asked[0]
        world.line.heard([Event(asked.conversation_id, asked.inbox_id, asked.sender, epoch=asked.epoch)])
        await asyncio.sleep(0)
        assert not cancelled
        world.line.heard([Event(asked.conversation_id, asked.inbox_id, asked.sender, epoch=asked.epoch + 1)])
        assert not world.drafts
        await asyncio.sleep(0)

    assert [row[1] for row in played(script, play)] == ["contact"]
    assert cancelled == [True]


def test_a_word_meanwhile_leaves_the_question_open() -> None:
    async def script(asked: Asked, outlet: Outlet) -> Reply:
        await asyncio.sleep(1.8)
        outlet.interim(Reply("one moment"))
        return await after(5, "done")

    async def play(world: World, worker: ScriptedWorker) -> None:
        say(world, "xyz")
        await asyncio.sleep(4)
        await world.crash()  # the answer dies with the process; it is still owed
        await asyncio.sleep(15)

    rows = played(script, play)
    assert rows[1:] == [(2, "bot", "one moment", ""), (3, "bot", "one moment", ""), (4, "bot", "done", "1")]


@pytest.mark.parametrize(("seconds", "said"), [(14.999 - 1.2, "in time"), (15.001 - 1.2, "fallback")])
def test_at_fifteen_seconds_from_arrival_everything_has_ended(seconds: float, said: str) -> None:
    ended: list[float] = []

    async def play(world: World, worker: ScriptedWorker) -> None:
        began_s = world.loop.time()
        say(world, "xyz")
        show = world._show

        def timed(frame: dict[str, Any]) -> None:
            show(frame)
            ended.append(world.loop.time() - began_s)

        world._show = timed  # type: ignore[method-assign]
        await asyncio.sleep(20)

    assert played(lambda asked, outlet: after(seconds, "in time"), play)[1][2] == said
    assert ended[1] <= 15.01  # the visitor's own message came first


def test_a_worker_that_fails_ends_in_the_honest_answer() -> None:
    async def script(asked: Asked, outlet: Outlet) -> Reply:
        outlet.delta("half a")
        raise OSError("gone")

    async def play(world: World, worker: ScriptedWorker) -> None:
        say(world, "xyz")
        await asyncio.sleep(3)

    assert played(script, play)[1:] == [(2, "bot", "fallback", "1")]


def test_a_flow_hears_everything_until_it_ends() -> None:
    async def script(asked: Asked, outlet: Outlet) -> Reply:
        steps = {"": "ask", "ask": "prove", "prove": ""}
        return Reply(f"{asked.flow or 'start'}:{asked.question.text}", flow=steps[asked.flow])

    async def play(world: World, worker: ScriptedWorker) -> None:
        for text in ("xyz", "退货", "12"):  # 退货 is a rule, but the flow asked for a number
            say(world, text)
            await asyncio.sleep(3)
        await world.crash()
        say(world, "退货")  # the flow is over: the rule answers
        await asyncio.sleep(3)

    rows = played(script, play)
    assert [row[2] for row in rows if row[1] == "bot"] == ["start:xyz", "ask:退货", "prove:12", "rule:退货"]


def test_a_flow_survives_the_process() -> None:
    async def script(asked: Asked, outlet: Outlet) -> Reply:
        return Reply(f"{asked.flow or 'start'}", flow="2" if not asked.flow else "")

    async def play(world: World, worker: ScriptedWorker) -> None:
        say(world, "xyz")
        await asyncio.sleep(3)
        await world.crash()
        say(world, "xyz")
        await asyncio.sleep(3)

    assert [row[2] for row in played(script, play) if row[1] == "bot"] == ["start", "2"]


def test_no_job_begins_in_a_line_that_was_stopped() -> None:
    """A wait for the rest of a thought ends after the stop; the next start answers, once."""
    async def play(world: World, worker: ScriptedWorker) -> None:
        say(world, "xyz")
        await asyncio.sleep(0.5)
        assert world.line is not None
        await world.line.stop()
        await asyncio.sleep(5)
        assert worker.asked == []
        await world.start()
        await asyncio.sleep(5)

    rows = played(lambda asked, outlet: after(0, "once"), play)
    assert rows == [(1, "contact", "xyz", ""), (2, "bot", "once", "1")]


def test_too_many_jobs_are_told_at_once() -> None:
    async def play(world: World, worker: ScriptedWorker) -> None:
        assert world.line is not None
        assert world.line.queue.jobs is not None
        world.line.queue.jobs._max = 1
        for visitor in world.visitors[:2]:
            world.put(visitor, visitor.make("xyz"))
        await asyncio.sleep(2)
        assert world.line.queue.jobs.outcomes["overloaded"] == 1
        await asyncio.sleep(10)

    rows = played(lambda asked, outlet: after(5, "slow"), play)
    assert sorted(row[2] for row in rows if row[1] == "bot") == ["fallback", "slow"]


def test_a_leaning_question_gets_a_job_even_where_no_model_is_asked() -> None:
    """A leaning question alone finds nothing: a job looks at what was said before."""
    asked_for: list[str] = []

    async def script(asked: Asked, outlet: Outlet) -> Reply:
        asked_for.append(asked.question.text)
        return Reply("满 99 元包邮。")

    async def play(world: World, worker: ScriptedWorker) -> None:
        worker.consults = lambda bot_id: False  # type: ignore[method-assign]
        say(world, "那 xyz 呢？")
        await asyncio.sleep(5)

    assert played(script, play)[-1][2] == "满 99 元包邮。"
    assert asked_for == ["那 xyz 呢？"]


def test_the_next_unit_is_with_the_store_before_the_last_one_is_told_of() -> None:
    async def play(world: World, worker: ScriptedWorker) -> None:
        told: list[int] = []
        at_write: list[int] = []
        run = world.store.run

        def watched(*args: Any, **kwargs: Any) -> Any:
            at_write.append(len(told))
            return run(*args, **kwargs)

        world.store.run = watched  # type: ignore[method-assign]
        world.store.pause_s = lambda: 0.01
        visitor = world.visitors[0]
        stored = visitor.on_stored

        def hear(event: Event) -> None:
            stored(event)
            told.append(event.seq)

        visitor.on_stored = hear  # type: ignore[method-assign]
        for _ in range(3):
            say(world, "退货")
            await asyncio.sleep(0.004)
        await asyncio.sleep(1)
        assert at_write == [0, 0], "two units, and the second did not wait until the first was told of"
        assert told == [1, 3, 5]

    async def script(asked: Asked, outlet: Outlet) -> Reply:
        raise AssertionError("a rule answers")

    assert [row[1] for row in played(script, play)] == ["contact", "bot"] * 3
