"""What the desk does after a commit: out of office, how it was, a person where there is no bot."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Coroutine
from typing import Any
from zoneinfo import ZoneInfo

from zhike.domain.message import Message
from zhike.store import ratings
from zhike.store.ratings import Rating
from zhike.testing.deskrig import DeskRig, Node
from zhike.testing.loop import VirtualLoop, run_virtual


def scene(main: Callable[[DeskRig, Node], Coroutine[Any, Any, None]]) -> None:
    async def run(loop: VirtualLoop) -> None:
        rig = DeskRig(loop)
        await main(rig, await rig.open())

    run_virtual(run)


def closed_until(rig: DeskRig, seconds: int) -> dict[str, Any]:
    """Hours of an inbox that opens so many seconds from now (a whole minute), for ten minutes."""
    zone = ZoneInfo("Asia/Shanghai")
    at = dt.datetime.fromtimestamp(rig.loop.now_ms() / 1000 + seconds, zone)
    day = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[at.weekday()]
    end = at + dt.timedelta(minutes=10)
    return {"timezone": "Asia/Shanghai", "week": {day: [[f"{at:%H:%M}", f"{end:%H:%M}"]]}}


def system(said: list[Message]) -> list[str]:
    return [message.text for message in said if message.sender_type == "system"]


def test_outside_hours_it_is_said_once_in_each_conversation() -> None:
    async def main(rig: DeskRig, node: Node) -> None:
        rig.set_inbox(1, hours=closed_until(rig, 3600), out_of_office={"zh": "下班了", "en": "Closed"})
        await node.start()
        bot = await rig.write(node, 1, "怎么退货")
        await rig.quiet()
        assert system(rig.said(bot)) == [], "the bot is always at work"
        asked = await rig.waiting(node, 1)
        await rig.quiet()
        assert system(rig.said(asked)) == ["已为您转接人工客服，请稍候。", "下班了"]
        for text in ("人呢", "在吗"):
            await rig.write(node, 1, text)
        await rig.quiet()
        assert system(rig.said(asked))[1:] == ["下班了"]
        english = await rig.waiting(node, 2, text="anybody there?", lang="en")
        await rig.quiet()
        assert system(rig.said(english))[1:] == ["Closed"]
        assert rig.holder(english) == "queue"

    scene(main)


def test_within_hours_nothing_is_said_and_later_in_the_same_conversation_it_is() -> None:
    async def main(rig: DeskRig, node: Node) -> None:
        rig.set_inbox(1, hours=closed_until(rig, 120))
        await node.start()
        await rig.quiet(125)
        asked = await rig.waiting(node, 1)
        await rig.quiet()
        assert len(system(rig.said(asked))) == 1
        await node.change(asked, "take", 1)
        await rig.quiet(700)
        await rig.write(node, 1, "还在吗")
        await rig.quiet()
        assert system(rig.said(asked))[-1].startswith("现在是非工作时间")
        assert rig.holder(asked) == 1

    scene(main)


def test_an_inbox_without_hours_never_closes() -> None:
    async def main(rig: DeskRig, node: Node) -> None:
        rig.set_inbox(1, out_of_office={"zh": "下班了"})
        await node.start()
        asked = await rig.waiting(node, 1)
        await rig.quiet()
        assert len(system(rig.said(asked))) == 1

    scene(main)


def test_where_there_is_no_bot_a_person_is_asked_for() -> None:
    async def main(rig: DeskRig, node: Node) -> None:
        rig.set_inbox(2, team_id=rig.team("sales", 1))
        await node.start()
        asked = await rig.write(node, 1, "你好", inbox_id=2)
        await rig.quiet()
        assert rig.holder(asked) == "queue"
        node.open_pages(1)
        await rig.quiet()
        assert rig.holder(asked) == 1
        await node.change(asked, "return", 1)
        await rig.write(node, 1, "还有")
        await rig.quiet()
        assert rig.holder(asked) == 1, "again: nobody else answers here"

    scene(main)


def test_how_it_was_is_asked_once_when_it_is_over_and_only_where_wanted() -> None:
    async def main(rig: DeskRig, node: Node) -> None:
        rig.set_inbox(1, csat={"enabled": True, "question": {"zh": "满意吗？", "en": "Happy?"}})
        rig.set_inbox(2, csat={"enabled": False})
        await node.start()
        asked = await rig.waiting(node, 1)
        other = await rig.waiting(node, 2, inbox_id=2)
        for one in (asked, other):
            await node.change(one, "take", 1)
        assert rig.told("csat") == []
        for one in (asked, other):
            await node.change(one, "resolve", 1)
        await rig.quiet()
        assert rig.told("csat") == [{"type": "csat", "conversation": asked, "question": "满意吗？"}]
        assert rig.store.run(ratings.waits, asked)
        assert not rig.store.run(ratings.waits, other)
        await node.change(asked, "reopen", 1)
        await node.change(asked, "resolve", 1)
        await rig.quiet()
        assert len(rig.told("csat")) == 1, "a reopening does not ask again"
        english = await rig.waiting(node, 3, text="anybody there?", lang="en")
        await node.change(english, "resolve", 1)
        await rig.quiet()
        assert rig.told("csat", "v:3")[0]["question"] == "Happy?"

    scene(main)


def test_a_rating_counts_once() -> None:
    async def main(rig: DeskRig, node: Node) -> None:
        rig.set_inbox(1, csat={"enabled": True})
        await node.start()
        asked = await rig.waiting(node, 1)
        now = rig.loop.now_ms()
        assert rig.store.run(ratings.rate, asked, Rating(5, ""), now) is None, "nobody has asked"
        await node.change(asked, "resolve", 1)
        await rig.quiet()
        assert rig.store.run(ratings.of, [asked]) == {}, "asked is no rating"
        assert rig.store.run(ratings.rate, asked, Rating(4, "快"), now) == Rating(4, "快")
        assert rig.store.run(ratings.rate, asked, Rating(1, ""), now) == Rating(4, "快")
        assert rig.store.run(ratings.of, [asked]) == {asked: Rating(4, "快")}
        assert not rig.store.run(ratings.waits, asked)

    scene(main)
