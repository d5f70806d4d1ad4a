"""The whole of it at once: two agents, three visitors, the network cut on both sides, stars at the end.

On a desk of its own, because it asks for ratings and its database is read afterwards.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, expect

from zhike.testing.deskprocess import DeskProcess
from zhike.testing.pages import PASSWORD, Console, Lang, Visits, Widget, shot

from .test_desk import UNDO_MS, once_and_in_order, pick, post, waits
from .test_widget_people import Owner

THANKS = "谢谢，收到了"
SAID = "SELECT seq, sender_type, text FROM messages WHERE conversation_id = ? ORDER BY seq"


class Show(NamedTuple):
    """A desk with a team of two, who are both signed in."""

    desk: DeskProcess
    visits: Visits
    lin: Console
    wang: Console
    owner: Owner


@pytest.fixture
def show(chromium: Browser, tmp_path: Path) -> Iterator[Show]:
    with DeskProcess(tmp_path / "desk") as desk:
        visits = Visits(chromium, desk.url)
        lin = Console(visits.page("zh"), desk.url)
        lin.set_up(desk.link, "林晓", "lin@shop.example")
        owner = Owner(lin.page)
        post(lin.page, "agents", {"email": "wang@shop.example", "name": "Wang Lei", "role": "agent",
                                  "lang": "en", "password": PASSWORD})
        owner.set_inbox(csat={"enabled": True, "question": {"zh": "这次服务怎么样？", "en": "How was it?"}},
                        wrap_ups=["发票", "退货"])
        wang = Console(visits.page("en"), desk.url)
        wang.open("/sign-in")
        wang.fill_sign_in("wang@shop.example")
        wang.page.wait_for_url("**/console/conversations")
        yield Show(desk, visits, lin, wang, owner)
        visits.close()
        assert visits.faults == []


def stored(desk: DeskProcess, conversation: int) -> list[tuple[int, str, str]]:
    """What the database holds of a conversation, while the desk runs."""
    file = desk.folder / "data" / "zhike.db"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as conn:
        return list(conn.execute(SAID, (conversation,)))


def everywhere(show: Show, console: Console, widget: Widget, texts: list[str]) -> None:
    """Every one of ``texts`` once and in this order: for the visitor, the agent, and in the database."""
    once_and_in_order(console, widget, texts)
    rows = stored(show.desk, widget.conversation)
    assert [seq for seq, _, _ in rows] == list(range(1, len(rows) + 1))
    assert [text for _, _, text in rows if text in texts] == texts


@pytest.mark.timeout(400)  # seven pages on a machine that may have other things to do
def test_bot_queue_take_transfer_cut_resolve_stars(show: Show) -> None:
    desk, visits, lin, wang, owner = show
    for console in (lin, wang):
        console.open("/conversations")
    questions: tuple[tuple[Lang, str, str], ...] = (("zh", "可以开发票吗", "来源：怎么开发票？"),
                 ("en", "can i get an invoice", "Source: How do I get an invoice?"),
                 ("zh", "羊毛衫能机洗么", "来源：羊毛衫怎么洗？"))
    widgets = []
    for lang, question, source in questions:
        widget = Widget(visits.page(lang))
        widget.open(f"{visits.url}/?lang={lang}")
        widget.say(question)
        expect(widget.row(2).locator(".src")).to_have_text(source)
        widgets.append(widget)
    first, second, third = widgets

    # Each asks for a person and hears a place; both agents see the three, nobody reloaded.
    places = ("排队中，下一位就是您", "You are number 2 in line", "排队中，您是第 3 位")
    for widget, place in zip(widgets, places, strict=True):
        widget.human.click()
        expect(widget.page.locator(".place")).to_have_text(place)
        for console in (lin, wang):
            expect(console.conversation(widget.conversation)).to_have_class(re.compile(r"\bneeds\b"))
    lin.conversation(first.conversation).click()
    lin.take()
    expect(first.status).to_have_text("客服林晓为您服务")
    expect(first.page.locator(".place")).to_be_hidden()
    expect(second.page.locator(".place")).to_have_text("You are next in line")
    wang.conversation(second.conversation).click()
    wang.take()
    expect(second.status).to_have_text("Wang Lei is with you")
    expect(third.page.locator(".place")).to_have_text("排队中，下一位就是您")
    lin.say("您好，请把抬头发给我。")
    wang.say("Hello, which order is it?")
    expect(second.page.locator(".row.agent .bub")).to_have_text("Hello, which order is it?")

    # Cut in the middle, first the visitor, then the agent, then both at once.
    first.page.context.set_offline(True)
    expect(first.bar).to_be_visible()
    first.say("抬头是松间里有限公司")
    lin.say("不着急，慢慢来。")
    expect(first.waiting).to_have_count(1)
    first.page.context.set_offline(False)
    expect(first.waiting).to_have_count(0)
    expect(lin.messages.filter(has_text="松间里有限公司")).to_have_count(1)
    lin.page.context.set_offline(True)
    expect(lin.notice).to_be_visible()
    first.say("税号稍后发")
    lin.composer.fill("好的，等您的税号。")
    lin.composer.press("Enter")
    expect(lin.page.locator(".out")).to_have_count(1)
    expect(first.waiting).to_have_count(0)
    lin.page.context.set_offline(False)
    expect(lin.page.locator(".out")).to_have_count(0)
    expect(first.page.locator(".row.agent .bub").last).to_have_text("好的，等您的税号。")
    expect(lin.messages.filter(has_text="税号稍后发")).to_have_count(1)
    texts = ["您好，请把抬头发给我。", "不着急，慢慢来。", "抬头是松间里有限公司", "税号稍后发",
             "好的，等您的税号。"]
    everywhere(show, lin, first, texts)

    # To the colleague, and cut on both sides at once.
    lin.key("a")
    lin.dialog.locator("textarea").fill("已核对抬头")
    pick(lin, "Wang")
    expect(first.status).to_have_text("客服Wang Lei为您服务")
    wang.tab("mine")
    wang.conversation(first.conversation).click()
    expect(wang.page.locator(".msg.note .bubble")).to_have_text("已核对抬头")
    wang.say("I am taking over.")
    expect(first.page.locator(".row.agent .bub").last).to_have_text("I am taking over.")
    for page in (first.page, wang.page):
        page.context.set_offline(True)
    expect(first.bar).to_be_visible()
    expect(wang.notice).to_be_visible()
    first.say("税号 9144")
    first.say(THANKS)
    wang.composer.fill("One moment, please")
    wang.composer.press("Enter")
    expect(wang.page.locator(".out")).to_have_count(1)
    first.page.context.set_offline(False)
    expect(first.waiting).to_have_count(0)
    wang.page.context.set_offline(False)
    expect(wang.page.locator(".out")).to_have_count(0)
    expect(first.page.locator(".row.agent .bub").last).to_have_text("One moment, please")
    expect(wang.messages.filter(has_text=THANKS)).to_have_count(1)
    texts += ["I am taking over.", "税号 9144", THANKS, "One moment, please"]
    everywhere(show, wang, first, texts)
    # The one who gave it away sees the same; the visitor never heard the note.
    lin.open(f"/conversations/{first.conversation}")
    expect(lin.messages.filter(has_text="One moment")).to_have_count(1)
    everywhere(show, lin, first, texts)
    assert not any("已核对抬头" in frame for frame in first.heard)

    # Resolved with what it was about; stars are asked once, and are seen where the conversation is.
    wang.page.clock.install()
    wang.key("e")
    with wang.page.expect_response("**/resolve"):
        pick(wang, "发票")
        wang.page.clock.fast_forward(UNDO_MS)
    expect(first.page.locator(".star")).to_have_count(5)
    first.page.get_by_role("button", name="5 分（满分 5 分）").click()
    first.page.locator(".card-in textarea").first.fill("很快")
    first.page.get_by_role("button", name="提交").click()
    expect(first.page.locator(".card-in").first).to_contain_text("感谢")
    shown = lin.page.locator(".context dd", has_text="★★★★★")
    expect(shown).to_contain_text("很快")
    kept = owner.call("GET", f"/conversations/{first.conversation}")
    assert (kept["wrap_up"], kept["rating"]) == ("发票", {"score": 5, "comment": "很快"})
    lin.open("/supervision")
    expect(lin.page.locator(".tiles, .figures, main").first).to_contain_text("5.0")
    first.page.reload()
    expect(first.stored.first).to_be_visible()
    expect(first.page.locator(".star")).to_have_count(0)
    # The others are as they were.
    expect(second.status).to_have_text("Wang Lei is with you")
    expect(third.status).to_have_attribute("data-state", "wait")
    assert len(stored(desk, second.conversation)) == len(set(stored(desk, second.conversation)))


def test_what_goes_to_another_team_leaves_the_page_it_is_open_on(show: Show) -> None:
    """Nobody reloads: the row goes, and the open conversation says why there is nothing to see any more."""
    _, visits, lin, wang, _ = show
    number = wang.page.evaluate("fetch('/api/v1/me').then(r => r.json()).then(me => me.agent.id)")
    ours, theirs = (post(lin.page, "teams", {"key": key, "name": key, "member_ids": members,
                                             "settings": {"auto_assign": False}})["id"]
                    for key, members in (("ours", [number]), ("theirs", [])))
    widget = waits(visits, "zh")
    assign = f"conversations/{widget.conversation}/assign"
    post(lin.page, assign, {"team_id": ours})
    wang.open("/conversations")
    row = wang.conversation(widget.conversation)
    row.click()
    expect(wang.messages.first).to_be_visible()
    post(lin.page, assign, {"team_id": theirs})
    expect(row).to_have_count(0)
    gone = wang.page.get_by_text("Not found: it does not exist, or another team has it now")
    expect(gone).to_be_visible()
    shot(wang.page, "gone")
    widget.say("还在吗")
    post(lin.page, assign, {"team_id": ours})
    expect(row).to_be_visible()
    expect(gone).to_be_hidden()
    expect(wang.messages.filter(has_text="还在吗")).to_have_count(1)
    widget.say("好的")
    expect(wang.messages.filter(has_text="好的")).to_have_count(1)
