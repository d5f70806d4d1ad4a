"""The desk's own recurring jobs."""

from __future__ import annotations

import asyncio

from sqlalchemy import Connection, func, select

from zhike.domain.message import Reply
from zhike.domain.unit import Change, Incoming
from zhike.jobs import housekeeping
from zhike.jobs.runner import Runner
from zhike.store import agents, conversations, jobs, sessions, tables
from zhike.store.dialect import insert_rows
from zhike.store.unit import commit_unit
from zhike.testing.inline import InlineStore
from zhike.testing.loop import VirtualLoop, run_virtual

HOUR_MS = 3_600_000


def _seed(conn: Connection) -> None:
    insert_rows(conn, tables.inboxes, [{"id": 1, "key": "i", "name": "i", "channel": "web", "bot_id": None,
                                        "settings": "{}", "created_at": 1, "updated_at": 1}])


def ask(store: InlineStore, sender: str, at: int, *, answered: bool = True) -> int:
    entry = Incoming(1, sender, "1", sender.encode().ljust(16)[:16], "?", at, lang="zh",
                     reply=Reply("!") if answered else None)
    store.run(commit_unit, [entry], {})
    return entry.conversation_id


def holders(conn: Connection) -> dict[str, str]:
    return {row[0]: row[1] for row in conn.execute(select(tables.conversations.c.sender,
                                                          tables.conversations.c.holder))}


def test_idle_bot_conversations_are_resolved_and_nothing_else() -> None:
    async def main(loop: VirtualLoop) -> None:
        store = InlineStore()
        await store.open()
        store.run(_seed)
        now = loop.now_ms()

        async def change(asked: Change) -> Change:
            store.run(commit_unit, [asked], {})
            return asked

        ask(store, "v:old", now - 25 * HOUR_MS)
        ask(store, "v:day", now - 24 * HOUR_MS + 60_000)
        ask(store, "v:owed", now - 25 * HOUR_MS, answered=False)
        taken = ask(store, "v:taken", now - 25 * HOUR_MS)
        await change(Change(taken, "queue", now - 25 * HOUR_MS))
        for number in range(250):
            ask(store, f"v:many{number}", now - 30 * HOUR_MS)
        runner = Runner(store, loop.now_ms)
        sweep = housekeeping.register(runner, store, change, loop.now_ms)
        await runner.start()
        await asyncio.sleep(1)
        found = store.run(holders)
        assert found.pop("v:old") == "none"
        assert {found.pop(f"v:many{number}") for number in range(250)} == {"none"}
        assert found == {"v:day": "bot", "v:owed": "bot", "v:taken": "queue"}
        assert sweep.resolved_count == 251
        await asyncio.sleep(301)  # the next sweep
        assert store.run(holders)["v:day"] == "none"

    run_virtual(main)


def test_who_writes_at_the_last_moment_is_not_closed() -> None:
    async def main(loop: VirtualLoop) -> None:
        store = InlineStore()
        await store.open()
        store.run(_seed)
        now = loop.now_ms()
        first = ask(store, "v:1", now - 25 * HOUR_MS)
        second = ask(store, "v:2", now - 25 * HOUR_MS)
        asked: list[int] = []

        async def change(wanted: Change) -> Change:
            asked.append(wanted.conversation_id)
            # while the first one is being resolved the other visitor comes back
            entry = Incoming(1, "v:2", "2", b"2" * 16, "still there?", loop.now_ms(), lang="en")
            store.run(commit_unit, [entry], {})
            store.run(commit_unit, [wanted], {})
            return wanted

        sweep = housekeeping.AutoResolve(store, change, loop.now_ms)
        store.run(jobs.schedule, "k", "k", now, now)
        [job], _ = store.run(jobs.claim, now, {"k": 1000}, 1)
        await sweep(job)
        assert asked == [first, second]  # asked, and refused by the storing transaction
        left = store.run(conversations.get_conversation, second)
        assert left is not None
        assert (left.holder, left.last_incoming_seq) == ("bot", 3)

    run_virtual(main)


def test_a_snooze_ends_when_its_time_has_come() -> None:
    async def main(loop: VirtualLoop) -> None:
        store = InlineStore()
        await store.open()
        store.run(_seed)

        async def change(asked: Change) -> Change:
            store.run(commit_unit, [asked], {})
            return asked

        def status(conversation_id: int) -> str:
            found = store.run(conversations.get_conversation, conversation_id)
            assert found is not None
            return found.status

        now = loop.now_ms()
        first, second = ask(store, "v:1", now), ask(store, "v:2", now)
        for conversation_id in (first, second):
            await change(Change(conversation_id, "queue", now))
            await change(Change(conversation_id, "snooze", now, until=now + 60_000))
        runner = Runner(store, loop.now_ms)
        housekeeping.register(runner, store, change, loop.now_ms)
        await runner.start()
        await asyncio.sleep(30)
        await change(Change(second, "snooze", loop.now_ms(), until=now + 120_000))
        await asyncio.sleep(29.5)
        assert (status(first), status(second)) == ("snoozed", "snoozed")
        await asyncio.sleep(1)
        assert (status(first), status(second)) == ("open", "snoozed")
        await asyncio.sleep(60)
        assert status(second) == "open"

    run_virtual(main)


def test_what_a_person_holds_is_resolved_as_its_inbox_says() -> None:
    async def main(loop: VirtualLoop) -> None:
        store = InlineStore()
        await store.open()
        store.run(_seed)
        now = loop.now_ms()
        store.run(lambda conn: conn.execute(tables.inboxes.update().values(
            settings='{"auto_resolve_after_s": 3600}')))
        agent = store.run(agents.create, "a@x.example", "A", "agent", "", "", now)

        async def change(asked: Change) -> Change:
            store.run(commit_unit, [asked], {})
            return asked

        def held(sender: str, at: int, *, answered: bool = True) -> None:
            where = ask(store, sender, at)
            store.run(commit_unit, [Change(where, "take", at, agent_id=agent.id, agent_name="A")], {})
            if answered:
                store.run(commit_unit, [Incoming(0, f"a:{agent.id}", sender, b"a" + sender.encode().ljust(15),
                                                 "hi", at, agent_id=agent.id, conversation_id=where)], {})

        held("v:old", now - HOUR_MS - 1)
        held("v:new", now - HOUR_MS + 60_000)
        held("v:waits", now - 5 * HOUR_MS, answered=False)
        await change(Change(ask(store, "v:queued", now - 5 * HOUR_MS), "queue", now - 5 * HOUR_MS))
        runner = Runner(store, loop.now_ms)
        sweep = housekeeping.register(runner, store, change, loop.now_ms)
        await runner.start()
        await asyncio.sleep(1)
        assert store.run(holders) == {"v:old": "none", "v:new": "agent", "v:waits": "agent",
                                      "v:queued": "queue"}
        assert sweep.resolved_count == 1
        await asyncio.sleep(301)
        assert store.run(holders)["v:new"] == "none"

    run_virtual(main)


def test_what_ran_out_is_removed() -> None:
    async def main(loop: VirtualLoop) -> None:
        store = InlineStore()
        await store.open()
        now = loop.now_ms()
        agent = store.run(agents.create, "a@x.example", "A", "agent", "", "", now)
        for number, end in enumerate((now - 1, now + HOUR_MS)):
            store.run(sessions.add, bytes([number]) * 16, agent.id, "c", now, end, "", "")
        store.run(agents.put_setup_link, b"\x01" * 16, now + 1000, False)
        store.run(jobs.schedule, "old", "old", 1, 1)
        [old], _ = store.run(jobs.claim, 1, {"old": 1000}, 1)
        store.run(jobs.finish, old, now - housekeeping.KEEP_DONE_MS - 1)
        runner = Runner(store, loop.now_ms)
        runner.on_store(housekeeping.PRUNE, housekeeping.prune, every_s=housekeeping.PRUNE_EVERY_S)
        await runner.start()
        await asyncio.sleep(0.5)

        def left(conn: Connection) -> tuple[int, bool, bool]:
            number = conn.execute(select(func.count()).select_from(tables.sessions)).scalar_one()
            return number, agents.setup_link(conn) is not None, ("old", "done") in jobs.counts(conn)

        assert store.run(left) == (1, True, False)
        await asyncio.sleep(housekeeping.PRUNE_EVERY_S + 1)
        assert store.run(left) == (0, False, False)

    run_virtual(main)
