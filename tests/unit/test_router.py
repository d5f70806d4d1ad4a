"""The router on a real line and store, in virtual time."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from zhike.desk.presence import LEASE_MS as PRESENCE_LEASE_MS
from zhike.desk.routing.router import LEASE_MS, TICK_S
from zhike.domain.wire import Alarm
from zhike.store import agents, leases, people, presence, scopes, waits
from zhike.store.routing import LEASE
from zhike.testing.deskrig import DeskRig, Node
from zhike.testing.loop import VirtualLoop, run_virtual


def scene(main: Callable[[DeskRig, Node], Coroutine[Any, Any, None]], people: int = 3) -> None:
    """Runs ``main`` with a desk whose first instance is not started yet."""
    async def run(loop: VirtualLoop) -> None:
        rig = DeskRig(loop, people)
        node = await rig.open()
        await main(rig, node)

    run_virtual(run)


def test_who_asks_for_a_person_is_given_the_first_in_the_line_at_once() -> None:
    async def main(rig: DeskRig, node: Node) -> None:
        team = rig.team("sales", 1, 2, 3)
        rig.set_inbox(1, team_id=team)
        await node.start()
        node.open_pages(1, 2, 3)
        await rig.quiet()
        asked = [await rig.waiting(node, n) for n in range(1, 5)]
        await rig.quiet()
        assert [rig.holder(one) for one in asked] == [1, 2, 3, 1]
        assert [message.text for message in rig.said(asked[0])][1:] == [
            "已为您转接人工客服，请稍候。", "客服 A1 已接入，为您服务。"]
        row = rig.store.run(lambda conn: conn.exec_driver_sql(
            f"SELECT team_id, assigned_at FROM conversations WHERE id = {asked[0]}").one())
        assert row.team_id == team
        assert row.assigned_at is not None
        # the next one goes on where the line stands, after a restart of the decider too
        await node.die()
        again = await Node(rig, "n2").start()
        again.open_pages(1, 2, 3)
        await rig.quiet(LEASE_MS / 1000 + TICK_S)
        fifth = await rig.waiting(again, 5)
        await rig.quiet()
        assert rig.holder(fifth) == 2

    scene(main)


def test_nobody_online_it_stays_until_somebody_comes() -> None:
    async def main(rig: DeskRig, node: Node) -> None:
        rig.set_inbox(1, team_id=rig.team("sales", 1, 2))
        rig.set_agent(2, availability="busy")
        await node.start()
        node.open_pages(2, 3)  # busy; of no team
        asked = await rig.waiting(node, 1)
        await rig.quiet(600)
        assert rig.holder(asked) == "queue"
        node.open_pages(1, active=0)  # a page is open, and nobody sits at it
        await rig.quiet(10)
        assert rig.holder(asked) == "queue"
        node.open_pages(1)
        await rig.quiet(1)
        assert rig.holder(asked) == 1

    scene(main)


def test_what_the_bot_holds_is_never_given_away() -> None:
    async def main(rig: DeskRig, node: Node) -> None:
        rig.set_inbox(1, team_id=rig.team("sales", 1))
        await node.start()
        node.open_pages(1)
        asked = await rig.write(node, 1, "怎么退货")
        await rig.quiet(3600)
        assert rig.holder(asked) == "bot"
        assert rig.get(asked).holder_epoch == 1

    scene(main)


def test_capacity_holds_and_room_is_used_when_it_comes() -> None:
    async def main(rig: DeskRig, node: Node) -> None:
        rig.set_inbox(1, team_id=rig.team("sales", 1))
        rig.set_agent(1, capacity=2)
        await node.start()
        node.open_pages(1)
        asked = [await rig.waiting(node, n) for n in range(1, 5)]
        await rig.quiet()
        assert [rig.holder(one) for one in asked] == [1, 1, "queue", "queue"]
        await node.change(asked[0], "resolve", 1)
        await rig.quiet()
        assert [rig.holder(one) for one in asked[2:]] == [1, "queue"]

    scene(main)


def test_without_a_team_a_conversation_waits_for_who_takes_it() -> None:
    async def main(rig: DeskRig, node: Node) -> None:
        rig.team("sales", 1)
        await node.start()
        node.open_pages(1)
        asked = await rig.waiting(node, 1)
        await rig.quiet(60)
        assert rig.holder(asked) == "queue"
        place = [frame["conversation"].get("queue") for frame in rig.told("conversation", "v:1")]
        assert {"position": 1, "estimate_s": None} in place

    scene(main)


def test_a_person_who_is_quicker_wins() -> None:
    async def main(rig: DeskRig, node: Node) -> None:
        rig.set_inbox(1, team_id=rig.team("sales", 1))
        await node.start()
        node.open_pages(1)
        await rig.quiet()
        asked = await rig.waiting(node, 1)
        real = node.line.change

        def slower(change: Any) -> Any:
            if change.kind == "assign" and change.agent_id == 1:
                # between what the router read and what it wants: agent 2 takes it
                real(type(change)(asked, "take", change.at, agent_id=2, agent_name="A2"))
            return real(change)

        node.line.change = slower  # type: ignore[method-assign]
        await rig.quiet()
        assert rig.holder(asked) == 2
        assert node.router.counts["overtaken"] == 1
        served = rig.store.run(lambda conn: conn.exec_driver_sql(
            "SELECT last_served_at FROM agents WHERE id = 1").scalar())
        assert served == 0, "who was not served keeps the place"

    scene(main)


def test_overflow_to_another_team_and_the_wait_counts_from_there() -> None:
    async def main(rig: DeskRig, node: Node) -> None:
        last = rig.team("last", 3)
        second = rig.team("second", 2, overflow_team_id=last, overflow_after_s=60)
        rig.set_inbox(1, team_id=rig.team("first", 1, overflow_team_id=second, overflow_after_s=30))
        await node.start()
        asked = await rig.waiting(node, 1)
        await rig.quiet(1)

        def team() -> int:
            return int(rig.store.run(lambda conn: conn.exec_driver_sql(
                f"SELECT team_id FROM conversations WHERE id = {asked}").scalar()) or 0)

        first = team()
        assert first not in (second, last)
        await rig.quiet(28)
        assert team() == first
        await rig.quiet(2)
        assert team() == second
        await rig.quiet(57)
        assert team() == second
        await rig.quiet(4)
        assert team() == last
        since = rig.get(asked).waiting_since
        assert since is not None
        assert rig.loop.now_ms() - since >= 90_000, "for the visitor it is one wait"
        node.open_pages(1, 2, 3)
        await rig.quiet()
        assert rig.holder(asked) == 3
        assert len([m for m in rig.said(asked) if m.sender_type == "system"]) == 2, "moves are not told"

    scene(main)


def test_an_agent_who_drops_off_gives_back_what_waits_and_only_that() -> None:
    async def main(rig: DeskRig, node: Node) -> None:
        rig.set_inbox(1, team_id=rig.team("sales", 1, 2, reassign_after_s=60))
        await node.start()
        node.open_pages(1)
        await rig.quiet()
        waits_on, answered = await rig.waiting(node, 1), await rig.waiting(node, 2)
        await rig.quiet()
        assert [rig.holder(one) for one in (waits_on, answered)] == [1, 1]
        await node.reply(answered, 1)
        node.open_pages(1, sockets=0)
        node.open_pages(2)
        await rig.quiet(58)
        assert rig.holder(waits_on) == 1, "a reload or a tunnel takes nothing away"
        await rig.quiet(5)
        assert rig.holder(waits_on) == 2
        assert rig.holder(answered) == 1, "nobody waits there"
        await rig.write(node, 2, "还在吗")
        await rig.quiet(6)
        assert rig.holder(answered) == 2, "now somebody does"
        texts = [message.text for message in rig.said(waits_on)]
        assert texts[-2:] == ["已为您转给其他同事，请稍候。", "客服 A2 已接入，为您服务。"]

    scene(main)


def test_who_comes_back_in_time_keeps_everything_also_on_another_instance() -> None:
    async def main(rig: DeskRig, node: Node) -> None:
        rig.set_inbox(1, team_id=rig.team("sales", 1, 2, reassign_after_s=60))
        await node.start()
        other = await Node(rig, "n2").start()
        node.open_pages(1)
        await rig.quiet()
        asked = await rig.waiting(node, 1)
        await rig.quiet()
        node.open_pages(1, sockets=0)
        await rig.quiet(50)
        other.open_pages(1)
        other.open_pages(2)
        await rig.quiet(300)
        assert rig.holder(asked) == 1

    scene(main)


def test_late_alarms_are_raised_once_for_each_wait() -> None:
    class Robot:
        def __init__(self) -> None:
            self.told: list[tuple[str, int, int | None]] = []

        def alarm(self, alarm: Alarm) -> None:
            self.told.append((alarm.kind, alarm.conversation, alarm.agent_id))

    async def main(rig: DeskRig, node: Node) -> None:
        rig.set_inbox(1, team_id=rig.team("sales", 1, late_after_s=30))
        robot = Robot()
        node.router.notifiers.append(robot)
        await node.start()
        asked = await rig.waiting(node, 1)
        await rig.quiet(29)
        assert robot.told == []
        await rig.quiet(200)
        assert robot.told == [("waiting_late", asked, None)]
        # another instance decides from now on: the same wait is not told again
        await node.die()
        other = Node(rig, "n2")
        other.router.notifiers.append(robot)
        await other.start()
        await rig.quiet(60)
        assert len(robot.told) == 1
        other.open_pages(1)
        await rig.quiet(1)
        await other.reply(asked, 1)
        await rig.quiet(100)
        assert len(robot.told) == 1, "answered in time enough"
        await rig.write(other, 1, "还有一个问题")
        await rig.quiet(29)
        assert len(robot.told) == 1
        await rig.quiet(7)
        assert robot.told[1:] == [("reply_late", asked, 1)]
        await rig.quiet(100)
        assert len(robot.told) == 2
        assert [frame["kind"] for frame in rig.told("alarm", "list")] == ["waiting_late"]

    scene(main)


def test_one_instance_decides_and_another_goes_on_when_it_is_killed() -> None:
    async def main(rig: DeskRig, node: Node) -> None:
        rig.set_inbox(1, team_id=rig.team("sales", 1, 2, 3))
        await node.start()
        other = await Node(rig, "n2").start()
        node.open_pages(1)
        other.open_pages(2, 3)
        await rig.quiet(1)
        holder = rig.store.run(leases.holder, LEASE, rig.loop.now_ms())
        asked = [await rig.waiting((node, other)[n % 2], n) for n in range(1, 7)]
        await rig.quiet()
        assert Counter(rig.holder(one) for one in asked) == {1: 2, 2: 2, 3: 2}
        decider, rest = (node, other) if holder == "n1" else (other, node)
        assert decider.router.counts["assigned"] == 6
        assert rest.router.counts["assigned"] == 0
        await decider.die()
        late = await rig.waiting(rest, 9)
        await rig.quiet(LEASE_MS / 1000 + TICK_S + 1)
        assert rig.holder(late) in (1, 2, 3)
        assert rest.router.counts["assigned"] == 1

    scene(main)


def test_a_killed_instance_takes_its_agents_with_it_when_their_lease_is_over() -> None:
    async def main(rig: DeskRig, node: Node) -> None:
        rig.set_inbox(1, team_id=rig.team("sales", 1, 2, reassign_after_s=30))
        await node.start()
        other = await Node(rig, "n2").start()
        other.open_pages(2)
        await rig.quiet(1)
        asked = await rig.waiting(node, 1)
        await rig.quiet()
        assert rig.holder(asked) == 2
        await other.die()
        node.open_pages(1)
        await rig.quiet(PRESENCE_LEASE_MS / 1000 + 30)
        assert rig.holder(asked) == 1
        seen = rig.store.run(presence.read, rig.loop.now_ms())
        assert (seen[1].presence, seen[2].presence) == ("online", "offline")

    scene(main)


def test_a_live_instance_keeps_its_agents_for_hours() -> None:
    async def main(rig: DeskRig, node: Node) -> None:
        await node.start()
        node.open_pages(1)
        await rig.quiet(7200)
        assert rig.store.run(presence.read, rig.loop.now_ms())[1].presence == "online"
        await node.presence.close()
        await rig.quiet(1)
        assert rig.store.run(presence.read, rig.loop.now_ms())[1].presence == "away"
        assert rig.store.run(agents.get, 1).last_seen_at > 0  # type: ignore[union-attr]

    scene(main)


def test_pages_are_stored_again_after_the_database_was_away() -> None:
    async def main(rig: DeskRig, node: Node) -> None:
        await node.start()
        await rig.quiet(TICK_S + 1)
        rig.store.fail_next = OSError("gone")
        node.open_pages(1)
        await rig.quiet(0)
        assert 1 not in rig.store.run(presence.read, rig.loop.now_ms())
        await rig.quiet(11)
        assert rig.store.run(presence.read, rig.loop.now_ms())[1].presence == "online"

    scene(main)


def test_agents_hear_of_each_other_once_per_change() -> None:
    async def main(rig: DeskRig, node: Node) -> None:
        rig.set_inbox(1, team_id=rig.team("sales", 1))
        await node.start()
        node.open_pages(1)
        await rig.quiet(20)
        seen = [(f["agent_id"], f["presence"], f["load"]) for f in rig.told("presence", "list")]
        assert seen == [(1, "online", 0)]
        await rig.waiting(node, 1)
        await rig.quiet(20)
        node.open_pages(1, sockets=0)
        await rig.quiet(60)
        rig.store.run(people.set_availability, 1, "away")
        node.nudge()
        await rig.quiet()
        seen = [(f["availability"], f["presence"], f["load"]) for f in rig.told("presence", "list")]
        assert seen[1:] == [("online", "online", 1), ("online", "away", 1), ("online", "offline", 1),
                            ("away", "offline", 1)]

    scene(main)


def test_places_move_up_and_are_told_every_few_seconds_at_most() -> None:
    async def main(rig: DeskRig, node: Node) -> None:
        rig.set_inbox(1, team_id=rig.team("sales", 1))
        rig.set_agent(1, capacity=1)
        await node.start()
        node.open_pages(1)
        asked = [await rig.waiting(node, n) for n in range(1, 6)]
        await rig.quiet(1)
        assert rig.holder(asked[0]) == 1

        def places(visitor: int) -> list[int]:
            told = [frame["conversation"] for frame in rig.told("conversation", f"v:{visitor}")]
            return [state["queue"]["position"] for state in told if "queue" in state]

        assert [places(n) for n in range(2, 6)] == [[1], [2], [3], [4]]
        for one in asked[:3]:  # three go within a second
            await node.change(one, "resolve")
            await rig.quiet(0.3)
        assert rig.holder(asked[3]) == 1
        await rig.quiet(6)
        assert places(5)[0] == 4
        assert places(5)[-1] == 1
        assert len(places(5)) <= 3, "not each step was told"
        await rig.quiet(300)
        told = [f["conversation"] for f in rig.told("conversation", "v:5") if "queue" in f["conversation"]]
        assert all(one["queue"] != two["queue"] for one, two in itertools.pairwise(told)), "only what is new"

    scene(main)


def test_the_fairness_window_counts_what_people_take_too() -> None:
    async def main(rig: DeskRig, node: Node) -> None:
        rig.set_inbox(1, team_id=rig.team("sales", 1, 2, fair_limit=2, fair_window_s=600))
        await node.start()
        first = await rig.waiting(node, 1)
        await rig.quiet()
        await node.change(first, "take", 1)
        node.open_pages(1)
        await rig.quiet()
        rest = [await rig.waiting(node, n) for n in (2, 3)]
        await rig.quiet()
        assert [rig.holder(one) for one in rest] == [1, "queue"]
        await rig.quiet(601)
        assert rig.holder(rest[1]) == 1
        kept = rig.store.run(lambda conn: conn.exec_driver_sql("SELECT count(*) FROM assignments").scalar())
        assert kept == 3
        assert rig.store.run(waits.prune, rig.loop.now_ms() - 600_000) == 2

    scene(main)


def test_a_failing_look_is_tried_again() -> None:
    async def main(rig: DeskRig, node: Node) -> None:
        rig.set_inbox(1, team_id=rig.team("sales", 1))
        await node.start()
        node.open_pages(1)
        await rig.quiet(1)
        asked = await rig.waiting(node, 1)
        real = rig.store.read
        failures = [OSError("away"), OSError("away")]

        async def read(fn: Any, *args: Any, **kwargs: Any) -> Any:
            if failures:
                raise failures.pop()
            return await real(fn, *args, **kwargs)

        rig.store.read = read  # type: ignore[method-assign]
        await rig.quiet(2 * TICK_S + 1)
        assert not failures
        assert rig.holder(asked) == 1

    scene(main)


def test_thousands_may_wait_and_a_burst_costs_few_looks() -> None:
    async def main(rig: DeskRig, node: Node) -> None:
        rig.set_inbox(1, team_id=rig.team("sales", 1, 2, 3))
        await node.start()
        asked = [await rig.waiting(node, n) for n in range(1, 301)]
        looks = 0
        real = node.router.look

        async def look() -> Any:
            nonlocal looks
            looks += 1
            return await real()

        node.router.look = look  # type: ignore[method-assign]
        node.open_pages(1, 2, 3)
        await asyncio.sleep(2)
        got = Counter(rig.holder(one) for one in asked)
        assert got == {1: 8, 2: 8, 3: 8, "queue": 276}
        assert [rig.holder(one) for one in asked[:24]].count("queue") == 0, "those who waited longest"
        assert looks <= 4

    scene(main)


def test_nobody_is_given_what_they_may_not_see_or_not_answer() -> None:
    async def main(rig: DeskRig, node: Node) -> None:
        rig.set_inbox(1, team_id=rig.team("sales", 1, 2, 3))
        rig.store.run(scopes.set_inboxes, 1, [2])
        rig.set_agent(2, role="analyst")
        await node.start()
        node.open_pages(1, 2)
        asked = await rig.waiting(node, 1)
        await rig.quiet(60)
        assert rig.holder(asked) == "queue"
        node.open_pages(3)
        await rig.quiet()
        assert rig.holder(asked) == 3

    scene(main)
