"""The notifier in virtual time: whom it tells, when, how often, and what it does about failures."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, update

from zhike.desk.notify.notifier import LOOK_EVERY_S, Notifier
from zhike.desk.notify.post import NotTold
from zhike.domain.conversation import Conversation
from zhike.domain.knowledge import Inbox
from zhike.domain.notice import Notice, Target, TargetBody
from zhike.domain.wire import encode
from zhike.errors import ZhikeError
from zhike.store import contact_edit, inboxes, notify, tables
from zhike.store.conversations import insert_conversations
from zhike.testing.inline import InlineStore
from zhike.testing.loop import VirtualLoop, run_virtual

SHOP = Inbox(1, "shop", "官网", "web", settings={"team_id": 4})


class Way:
    """Keeps what was told; ``broken``: says so instead; ``hangs``: never answers."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop
        self.began = loop.now_ms()
        self.told: list[tuple[float, int, list[str]]] = []
        self.tries: list[float] = []
        self.broken = ""
        self.hangs = False

    async def tell(self, target: Target, notices: Sequence[Notice]) -> None:
        at_s = (self.loop.now_ms() - self.began) / 1000
        self.tries.append(at_s)
        if self.hangs:
            await asyncio.Event().wait()
        if self.broken:
            raise NotTold(self.broken)
        self.told.append((at_s, target.id, [one.key for one in notices]))


class Stage:
    def __init__(self, loop: VirtualLoop, store: InlineStore) -> None:
        self.loop, self.store = loop, store
        self.way = Way(loop)
        store.run(inboxes.create_inbox, Inbox(0, "shop", "官网", "web"), loop.now_ms())
        self.notifier = self.another()

    def another(self) -> Notifier:
        store: object = self.store
        return Notifier(store, self.way, self.loop.now_ms, lambda: {1: SHOP},  # type: ignore[arg-type]
                        lambda agent_id: "李娜" if agent_id == 5 else "")

    def target(self, **body: object) -> Target:
        fields = {"wants": ("visitor_waiting", "visitor_late", "reply_late", "trouble"), **body}
        return self.store.run(notify.create, Target(0, "群", "wecom", TargetBody(
            "https://robot.example/x", **fields)), self.loop.now_ms())  # type: ignore[arg-type]

    def queue(self, number: int) -> int:
        now = self.loop.now_ms()
        self.store.run(_place, number, now)
        return now

    def kept(self, target: Target) -> Target:
        found = self.store.run(notify.get, target.id)
        assert found is not None
        return found


def _place(conn: Connection, number: int, now: int) -> None:
    contact, _ = contact_edit.create(conn, 1, f"c:{number}", {"name": f"客户{number}"}, {}, now)
    insert_conversations(conn, [(Conversation(
        number, 1, contact.id, f"c:{number}", "open", "queue", 1, 1, 1, 0, now, now, waiting_since=now),
        f"1:c:{number}")])


def _take(conn: Connection, number: int) -> None:
    conn.execute(update(tables.conversations).where(tables.conversations.c.id == number)
                 .values(holder="agent"))


def play(main: Callable[[Stage], Awaitable[None]]) -> None:
    async def run(loop: VirtualLoop) -> None:
        store = InlineStore()
        await store.open()
        stage = Stage(loop, store)
        await stage.notifier.start()
        await main(stage)
        await stage.notifier.stop()
        await store.close()

    run_virtual(run)


def test_who_waits_is_told_once_and_not_before_their_time() -> None:
    async def main(stage: Stage) -> None:
        target = stage.target(after_s=30)
        since = stage.queue(7)
        await asyncio.sleep(29.9)
        assert stage.way.told == []
        await asyncio.sleep(LOOK_EVERY_S + 0.2)
        assert [told[1:] for told in stage.way.told] == [(target.id, [f"visitor_waiting:7:{since}"])]
        await asyncio.sleep(600)
        assert len(stage.way.told) == 1, "one wait is told once"

    play(main)


def test_each_target_has_its_own_patience() -> None:
    async def main(stage: Stage) -> None:
        quick, slow = stage.target(after_s=5), stage.target(after_s=120)
        stage.queue(7)
        await asyncio.sleep(60)
        assert [told[1] for told in stage.way.told] == [quick.id]
        await asyncio.sleep(90)
        assert [told[1] for told in stage.way.told] == [quick.id, slow.id]

    play(main)


def test_whom_somebody_took_meanwhile_is_not_told() -> None:
    async def main(stage: Stage) -> None:
        stage.target(after_s=30)
        stage.queue(7)
        await asyncio.sleep(20)
        stage.store.run(_take, 7)
        await asyncio.sleep(120)
        assert stage.way.told == []

    play(main)


def test_a_target_hears_of_its_team_only_also_by_the_inbox() -> None:
    async def main(stage: Stage) -> None:
        ours, _ = stage.target(team_ids=(4,), after_s=0), stage.target(team_ids=(9,), after_s=0)
        stage.queue(7)
        await asyncio.sleep(15)
        assert [told[1] for told in stage.way.told] == [ours.id]

    play(main)


def test_a_rush_is_told_together_at_the_pace_that_robots_take() -> None:
    async def main(stage: Stage) -> None:
        stage.target()
        for number in range(60):
            await stage.notifier.tell([Notice("visitor_late", f"l:{number}", stage.loop.now_ms())])
            await asyncio.sleep(0.5)
        await asyncio.sleep(10)
        assert sum(len(keys) for _, _, keys in stage.way.told) == 60
        pauses = [b[0] - a[0] for a, b in zip(stage.way.told, stage.way.told[1:], strict=False)]
        assert min(pauses) >= 3.0, "twenty a minute"
        assert len(stage.way.told) <= 13

    play(main)


def test_what_finds_no_room_is_counted() -> None:
    async def main(stage: Stage) -> None:
        stage.target()
        stage.way.broken = "away"
        many = [Notice("visitor_late", f"l:{number}", stage.loop.now_ms())
                for number in range(notify.MAX_DUE + 7)]
        assert await stage.notifier.tell(many) == notify.MAX_DUE + 7
        counts = stage.notifier.counts
        assert sum(count for (_, outcome), count in counts.items() if outcome == "expired") == 7
        assert list(stage.store.run(notify.expired_counts, [1]).values()) == [7]

    play(main)


def test_a_robot_that_fails_is_tried_with_growing_pauses_until_it_is_no_news_any_more() -> None:
    async def main(stage: Stage) -> None:
        target = stage.target()
        stage.way.broken = "93000: invalid webhook url"
        await stage.notifier.tell([Notice("visitor_late", "l:1", stage.loop.now_ms())])
        await asyncio.sleep(80)
        assert [round(at) for at in stage.way.tries] == [0, 5, 15, 35, 75]
        assert (stage.kept(target).failures, stage.kept(target).last_error) == (5, stage.way.broken)
        await asyncio.sleep(3 * 3600)
        tries = len(stage.way.tries)
        found = stage.store.run(notify.due, target.id)
        assert found is not None
        assert found.notices == []
        assert stage.notifier.counts["wecom", "expired"] == 1
        await asyncio.sleep(3600)
        assert len(stage.way.tries) == tries, "given up is not tried again"
        stage.way.broken = ""
        await stage.notifier.tell([Notice("visitor_late", "l:2", stage.loop.now_ms())])
        await asyncio.sleep(700)
        assert stage.way.told[-1][2] == ["l:2"]
        assert (stage.kept(target).failures, stage.kept(target).last_error) == (0, "")

    play(main)


def test_a_robot_that_hangs_is_left_and_keeps_no_other_waiting() -> None:
    async def main(stage: Stage) -> None:
        target = stage.target()
        stage.way.hangs = True
        await stage.notifier.tell([Notice("visitor_late", "l:1", stage.loop.now_ms())])
        await asyncio.sleep(29)
        assert stage.kept(target).failures == 1
        stage.way.hangs = False
        await asyncio.sleep(10)
        assert stage.way.told[0][2] == ["l:1"]

    play(main)


def test_a_target_that_was_switched_off_is_told_nothing_of_what_waited() -> None:
    async def main(stage: Stage) -> None:
        target = stage.target()
        stage.way.broken = "down"
        await stage.notifier.tell([Notice("visitor_late", "l:1", stage.loop.now_ms())])
        await asyncio.sleep(1)
        stage.way.broken = ""
        off = stage.kept(target)
        off.enabled = False
        stage.store.run(notify.change, off, stage.loop.now_ms())
        await asyncio.sleep(60)
        assert stage.way.told == []

    play(main)


def test_two_instances_tell_a_wait_once() -> None:
    async def main(stage: Stage) -> None:
        other = stage.another()
        await other.start()
        stage.target(after_s=10)
        stage.queue(7)
        await asyncio.sleep(120)
        assert len(stage.way.told) == 1
        await other.stop()

    play(main)


class Late:
    """An alarm of the routing."""

    kind, conversation, inbox_id, team_id, agent_id = "reply_late", 7, 1, 4, 5
    waiting_since = datetime.fromtimestamp(1_790_000_000, UTC)


def test_an_alarm_is_told_with_who_is_late() -> None:
    async def main(stage: Stage) -> None:
        seen: list[Notice] = []
        tell = stage.way.tell

        async def keep(target: Target, notices: Sequence[Notice]) -> None:
            seen.extend(notices)
            await tell(target, notices)

        stage.way.tell = keep  # type: ignore[method-assign]
        stage.target()
        stage.queue(7)
        stage.notifier.alarm(Late())
        stage.notifier.alarm(Late())
        await asyncio.sleep(5)
        late = [one for one in seen if one.kind == "reply_late"]
        assert [(one.who, one.where, one.holder, one.conversation) for one in late] == [
            ("客户7", "官网", "李娜", 7)]
        assert encode(late[0])

    play(main)


def test_trouble_is_told_directly_when_even_the_database_is_away() -> None:
    async def main(stage: Stage) -> None:
        target = stage.target()
        await asyncio.sleep(LOOK_EVERY_S + 1)  # the targets were read
        stage.store.fail_next = ZhikeError("store_unavailable")
        await stage.notifier.trouble("store", "OperationalError")
        assert [(one, len(keys)) for _, one, keys in stage.way.told] == [(target.id, 1)]
        await stage.notifier.trouble("store", "", over=True)
        await asyncio.sleep(5)
        assert stage.way.told[-1][2][0].startswith("trouble_over:store")

    play(main)


def test_a_test_says_what_the_other_side_said() -> None:
    async def main(stage: Stage) -> None:
        target = stage.target()
        assert await stage.notifier.test(target) >= 0
        assert stage.way.told[0][2][0].startswith("test:")
        stage.way.broken = "310000: sign not match"
        with pytest.raises(ZhikeError, match="310000: sign not match") as failed:
            await stage.notifier.test(target)
        assert failed.value.code == "notify_failed"
        stage.way.hangs = True
        with pytest.raises(ZhikeError, match="no answer within"):
            await stage.notifier.test(target)

    play(main)
