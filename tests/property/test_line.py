"""The whole line under any interleaving: order, once, one voice, nothing owed at the end.

Virtual time, an inline SQLite, real stages. Visitors send over bad networks (retries, resends
after a cut, counted streams), agents take over and return, commits fail, models are slow, fail or
speak in pieces, the process "crashes" (a new line on the same store, clients resend what was not
acknowledged). Without failures, and by the thousand: ``test_one_voice``.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zhike.domain.unit import Change
from zhike.domain.wire import SendMessage
from zhike.domain.words import SYSTEM_TEXTS
from zhike.store import tables
from zhike.testing.inline import InlineStore
from zhike.testing.linerig import TEXTS, World, moody, seed
from zhike.testing.loop import VirtualLoop, run_virtual

RETURNED = set(SYSTEM_TEXTS["returned"].values())
STEP = st.one_of(
    st.tuples(st.just("say"), st.integers(0, 2), st.sampled_from(TEXTS)),
    st.tuples(st.just("resend"), st.integers(0, 2), st.integers(0, 3)),
    st.tuples(st.just("reverse"), st.integers(0, 2), st.integers(2, 3)),
    st.tuples(st.just("take"), st.integers(0, 2), st.integers(1, 2)),
    st.tuples(st.just("return"), st.integers(0, 2), st.just(0)),
    st.tuples(st.just("resolve"), st.integers(0, 2), st.just(0)),
    st.tuples(st.just("assign"), st.integers(0, 2), st.integers(0, 2)),
    st.tuples(st.just("snooze"), st.integers(0, 2), st.just(0)),
    st.tuples(st.just("reopen"), st.integers(0, 2), st.integers(0, 2)),
    st.tuples(st.just("wait"), st.sampled_from([0, 1, 100, 1500, 3000]), st.just(0)),
    st.tuples(st.just("crash"), st.just(0), st.just(0)),
    st.tuples(st.just("fail"), st.just(0), st.just(0)),
)


async def _step(world: World, step: tuple[str, int, Any], rng: random.Random) -> None:
    import asyncio

    kind, number, extra = step
    assert world.line is not None
    if kind == "wait":
        await asyncio.sleep(number / 1000)
    elif kind == "crash":
        await world.crash()
    elif kind == "fail":
        world.store.fail_next = OSError("the disk said no")
    else:
        visitor = world.visitors[number]
        if kind == "say":
            world.put(visitor, visitor.make(extra))
        elif kind == "reverse":  # parallel requests overtake one another
            for frame in reversed([visitor.make(rng.choice(TEXTS)) for _ in range(extra)]):
                world.put(visitor, frame)
        elif kind == "resend":
            for message_id, text in visitor.sent[-extra:] if extra else []:
                world.put(visitor, SendMessage(message_id, text, n=int(message_id[2:])))
        else:
            where = list(visitor.acked.values())
            if where:
                now = world.loop.now_ms()
                world.line.change(Change(where[-1][0], kind, now, agent_id=extra, agent_name="A",  # type: ignore[arg-type]
                                         until=now + 1000 if kind == "snooze" else None))


def _check(store: InlineStore, world: World) -> None:
    rows = store.run(lambda c: [tuple(r) for r in c.execute(tables.messages.select().order_by(
        tables.messages.c.conversation_id, tables.messages.c.seq))])
    names = [c.name for c in tables.messages.c]
    messages = [dict(zip(names, row, strict=True)) for row in rows]
    by_conversation: dict[int, list[dict[str, Any]]] = {}
    for message in messages:
        by_conversation.setdefault(message["conversation_id"], []).append(message)
    for found in by_conversation.values():
        assert [m["seq"] for m in found] == list(range(1, len(found) + 1)), "a gap or a double"
    for visitor in world.visitors:
        stored = [(m["client_msg_id"], m["conversation_id"], m["seq"]) for m in messages
                  if m["direction"] == "incoming" and
                  by_owner(store)[m["conversation_id"]] == visitor.sender]
        assert [m[0] for m in stored] == [f"s.{n}" for n in range(1, len(visitor.sent) + 1)], \
            "what was counted 1, 2, 3 stands in another order, twice, or not at all"
        assert visitor.acked == {m[0]: (m[1], m[2]) for m in stored}
    for found in by_conversation.values():
        _one_voice(found)


def by_owner(store: InlineStore) -> dict[int, str]:
    return store.run(lambda c: {r.id: r.sender for r in c.execute(tables.conversations.select())})


def _one_voice(found: list[dict[str, Any]]) -> None:
    """After a take-over's system line the bot is silent until the return; each question that the
    bot owes is answered exactly once."""
    human = False
    covered: set[int] = set()
    for message in found:
        if message["sender_type"] == "system":
            human = message["text"] not in RETURNED
        elif message["sender_type"] == "bot":
            assert not human, "the bot spoke over a person"
            if not message["answers"]:
                continue  # a word meanwhile
            answers = {int(s) for s in message["answers"].split(",")}
            assert not answers & covered, "one question, two answers"
            covered |= answers


@pytest.mark.parametrize("slow_store", [False, True])
@pytest.mark.parametrize("models", [False, True])
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(STEP, min_size=3, max_size=25), st.integers(0, 2**16))
def test_any_interleaving_keeps_order_once_and_one_voice(models: bool, slow_store: bool,
                                                         steps: list[Any], number: int) -> None:
    async def main(loop: VirtualLoop) -> None:
        import asyncio

        store = InlineStore()
        await store.open()
        store.run(seed)
        world = World(loop, store, moody(number) if models else None)
        await world.start()
        rng = random.Random(number)
        if slow_store:  # as beside a writer thread: the next batch is made while one is committed
            pauses = random.Random(number + 1)
            store.pause_s = lambda: pauses.choice((0.0, 0.0005, 0.02, 0.3))
        for step in steps:
            await _step(world, step, rng)
        store.fail_next = None
        for _ in range(4):  # the network heals: everything not acknowledged comes again, in order
            await asyncio.sleep(3)
            for visitor in world.visitors:
                for message_id, text in visitor.sent:
                    if message_id in visitor.outbox:
                        world.put(visitor, SendMessage(message_id, text, n=int(message_id[2:])))
        await asyncio.sleep(20)  # every job has ended
        assert not world.drafts, "a draft was neither stored nor withdrawn"
        await world.crash()  # recovery answers what a failed commit left behind
        await asyncio.sleep(40)
        assert not any(visitor.outbox for visitor in world.visitors)
        _check(store, world)
        owing = store.run(lambda c: c.execute(tables.conversations.select().where(
            tables.conversations.c.holder == "bot",
            tables.conversations.c.last_incoming_seq > tables.conversations.c.answered_seq)).all())
        assert not owing, "a question was left without an answer"
        for visitor in world.visitors:
            for conversation in {c for c, _ in visitor.seen}:
                seqs = [seq for c, seq in visitor.seen if c == conversation]
                assert seqs == sorted(set(seqs)), "events out of order or twice"
        assert world.line is not None
        assert not world.line.queue.turns
        await world.line.stop()

    run_virtual(main)
