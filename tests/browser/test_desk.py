"""Two agents and three visitors at once: queue, take, transfer, snooze, tags, many at once, resolve; and
what makes a long day bearable: canned replies, drafts, tabs, search, everything by keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from zhike.testing.deskprocess import DeskProcess
from zhike.testing.pages import PASSWORD, PHONE, Console, Lang, Visits, Widget

AgentOf = Callable[[Lang], Console]
POST = """([path, body]) => fetch('/api/v1/me').then(r => r.json()).then(me => fetch('/api/v1/' + path, {
  method: 'POST', headers: {'Content-Type': 'application/json', 'X-CSRF-Token': me.csrf_token},
  body: JSON.stringify(body)}))
  .then(r => r.json().then(made => [r.status, made]))"""
UNDO_MS = 7_000
"""A little more than what was done can be undone."""


def post(page: Page, path: str, body: dict[str, Any]) -> Any:
    """Makes something as whoever is signed in on this page."""
    status, made = page.evaluate(POST, [path, body])
    assert status in (200, 201), made
    return made


def waits(visits: Visits, lang: Lang, question: str = "") -> Widget:
    """A visitor who asked the bot and now wants a person."""
    widget = Widget(visits.page(lang))
    widget.open(visits.url)
    if question:
        widget.say(question)
        expect(widget.row(2).locator(".src")).to_be_visible()
    widget.human.click()
    expect(widget.status).to_have_attribute("data-state", "wait")
    return widget


def pick(console: Console, words: str) -> None:
    """Chooses in the dialog at hand by typing."""
    field = console.dialog.get_by_role("combobox")
    field.fill(words)
    expect(console.dialog.get_by_role("option")).to_have_count(1)
    field.press("Enter")
    expect(console.dialog).to_be_hidden()


def once_and_in_order(console: Console, widget: Widget, texts: list[str]) -> None:
    """Both pages show the same talk, every message once."""
    ours = [text for _, who, text in widget.talk() if who in ("me", "agent") and text in texts]
    assert ours == texts
    assert [text for text in console.said() if text in texts] == texts
    numbers = [seq for seq, _, _ in widget.talk()]
    assert numbers == sorted(set(numbers))


def test_two_agents_and_three_visitors(visits: Visits, agent: AgentOf) -> None:
    lin, wang = agent("zh"), agent("en")
    for console in (lin, wang):
        console.open("/conversations")
    first = waits(visits, "zh", "可以开发票吗")
    second = waits(visits, "en", "can i get an invoice")
    third = waits(visits, "zh")
    for console in (lin, wang):  # the queue is the same for both, and nobody reloaded
        for widget in (first, second, third):
            expect(console.conversation(widget.conversation)).to_have_class(re.compile(r"\bneeds\b"))

    lin.conversation(first.conversation).click()
    lin.take()
    wang.conversation(second.conversation).click()
    wang.take()
    expect(first.status).to_have_text("客服林晓为您服务")
    expect(second.status).to_have_text("Wang Lei is with you")
    lin.say("您好，请把抬头发给我。")
    wang.say("Hello, which order is it?")
    expect(first.page.locator(".row.agent .bub")).to_have_text("您好，请把抬头发给我。")
    expect(second.page.locator(".row.agent .bub")).to_have_text("Hello, which order is it?")
    # What one took is not offered to the other any more.
    wang.page.mouse.move(700, 300)
    expect(wang.conversation(first.conversation)).to_have_count(0)

    # Transfer, with a note that only the colleague sees.
    lin.key("a")
    expect(lin.dialog.get_by_role("combobox")).to_be_focused()
    lin.dialog.locator("textarea").fill("要专票，已核对抬头")
    pick(lin, "Wang")
    expect(lin.page.locator(".composer .closed")).to_be_visible()
    expect(first.status).to_have_text("客服Wang Lei为您服务")
    wang.tab("mine")
    wang.conversation(first.conversation).click()
    expect(wang.page.locator(".msg.note .bubble")).to_have_text("要专票，已核对抬头")
    expect(wang.composer).to_be_visible()

    # The network goes on both sides; everything said meanwhile comes through once, in order.
    wang.say("I am taking over.")
    first.page.context.set_offline(True)
    wang.page.context.set_offline(True)
    expect(wang.notice).to_be_visible()
    expect(first.bar).to_be_visible()
    first.say("抬头是松间里有限公司")
    first.say("税号稍后发")
    wang.composer.fill("One moment, please")
    wang.composer.press("Enter")
    expect(wang.page.locator(".out")).to_have_count(1)
    first.page.context.set_offline(False)
    expect(first.waiting).to_have_count(0)
    wang.page.context.set_offline(False)
    expect(wang.page.locator(".out")).to_have_count(0)
    expect(first.page.locator(".row.agent")).to_have_count(3)
    expect(wang.messages.filter(has_text="税号稍后发")).to_have_count(1)
    once_and_in_order(wang, first, ["您好，请把抬头发给我。", "I am taking over.", "抬头是松间里有限公司",
                                    "税号稍后发", "One moment, please"])
    assert not any("已核对抬头" in frame for frame in first.heard)

    # Resolved: gone from the list at once, told to the visitor when it cannot be undone any more.
    wang.page.clock.install()
    wang.key("e")
    expect(wang.conversation(first.conversation)).to_have_count(0)
    with wang.page.expect_response("**/resolve"):
        wang.page.clock.fast_forward(UNDO_MS)
    expect(first.status).to_have_text("会话已结束，发送消息可重新开始")
    expect(second.status).to_have_text("Wang Lei is with you")
    expect(third.status).to_have_attribute("data-state", "wait")


def test_snooze_tags_priority_and_back_again(visits: Visits, agent: AgentOf) -> None:
    lin = agent("zh")
    widget = waits(visits, "zh")
    lin.open(f"/conversations/{widget.conversation}")
    tag = post(lin.page, "tags", {"name": "大促", "colour": "#b3261e"})
    lin.page.reload()
    lin.take()
    lin.page.keyboard.press("Escape")
    lin.key("l")
    lin.dialog.get_by_role("option", name=tag["name"]).click()
    lin.dialog.get_by_role("button", name="保存").click()
    expect(lin.dialog).to_be_hidden()
    expect(lin.page.locator(".context .tag")).to_have_text("大促")
    lin.key("!")
    pick(lin, "紧急")
    lin.tab("mine")
    row = lin.conversation(widget.conversation).locator("..")
    expect(row).to_contain_text("紧急")
    expect(row).to_contain_text("大促")

    lin.page.clock.install()
    lin.key("s")
    pick(lin, "一小时")
    expect(row).to_have_count(0)
    with lin.page.expect_response("**/snooze"):
        lin.page.clock.fast_forward(UNDO_MS)
    lin.page.locator(".list .tab.more").click()
    lin.page.get_by_text("稍后处理", exact=True).click()
    expect(row).to_be_visible()
    # The visitor writes: it is back where it was.
    widget.say("还在吗")
    lin.tab("mine")
    expect(row).to_be_visible()
    expect(row).to_contain_text("还在吗")


def test_many_at_once(visits: Visits, agent: AgentOf) -> None:
    widgets = [waits(visits, "en") for _ in range(3)]
    wang = agent("en")
    wang.open("/conversations")
    for widget in widgets:
        box = wang.conversation(widget.conversation).locator("..")
        box.hover()
        box.get_by_role("checkbox").check()
    expect(wang.page.locator(".bulk [role=status]")).to_have_text("3 chosen")
    wang.page.locator(".bulk").get_by_role("button", name="Take over").click()
    for widget in widgets:
        expect(widget.status).to_have_text("Wang Lei is with you")
    wang.page.clock.install()
    wang.tab("mine")
    for widget in widgets:
        box = wang.conversation(widget.conversation).locator("..")
        box.hover()
        box.get_by_role("checkbox").check()
    wang.key("e")
    pick(wang, "Resolve without")
    for widget in widgets:
        expect(wang.conversation(widget.conversation)).to_have_count(0)
    wang.page.get_by_role("button", name="Undo").click()
    for widget in widgets:
        expect(wang.conversation(widget.conversation)).to_be_visible()
        expect(widget.status).to_have_text("Wang Lei is with you")


def test_canned_replies_drafts_and_an_input_method(visits: Visits, agent: AgentOf) -> None:
    lin = agent("zh")
    widget = waits(visits, "zh")
    other = waits(visits, "zh")
    lin.open(f"/conversations/{widget.conversation}")
    post(lin.page, "canned", {"shortcut": "fapiao", "folder": "发票", "lang": "zh", "own": True,
                              "text": "您好，我是{{agent.name}}，发票三天内发到您的邮箱。"})
    lin.take()
    lin.composer.press_sequentially("/fap")
    expect(lin.page.get_by_role("option", name="/fapiao")).to_be_visible()
    lin.composer.press("Enter")  # chooses, does not send
    expect(lin.composer).to_have_value("您好，我是林晓，发票三天内发到您的邮箱。")
    expect(lin.messages.filter(has_text="发票三天内")).to_have_count(0)

    # The Enter that ends an input method's word sends nothing.
    lin.composer.evaluate("""el => el.dispatchEvent(new KeyboardEvent('keydown',
        {key: 'Enter', isComposing: true, bubbles: true, cancelable: true}))""")
    expect(lin.composer).to_have_value(re.compile("发票"))

    # A draft belongs to its conversation and survives another one, and a reload.
    lin.page.keyboard.press("Escape")
    lin.open(f"/conversations/{other.conversation}")
    lin.take()
    expect(lin.composer).to_have_value("")
    lin.page.go_back()
    lin.page.reload()
    expect(lin.composer).to_have_value("您好，我是林晓，发票三天内发到您的邮箱。")
    lin.key("r")
    lin.composer.press("Enter")
    expect(widget.page.locator(".row.agent .bub")).to_have_text("您好，我是林晓，发票三天内发到您的邮箱。")
    expect(lin.composer).to_have_value("")
    # Both were taken, so both stand as tabs; ] goes to the other.
    expect(lin.page.locator(".chats .chat")).to_have_count(2)
    lin.page.keyboard.press("Escape")
    lin.page.keyboard.press("]")
    lin.page.wait_for_url(f"**/conversations/{other.conversation}")


def test_what_is_new_waits_while_the_pointer_rests_on_the_list(visits: Visits, agent: AgentOf) -> None:
    first = waits(visits, "en")
    wang = agent("en")
    wang.open("/conversations")
    wang.tab("all")
    row = wang.conversation(first.conversation)
    row.hover()
    before = row.bounding_box()
    second = waits(visits, "en")
    fresh = wang.page.get_by_role("button", name="1 new")
    expect(fresh).to_be_visible()
    assert row.bounding_box() == before
    expect(wang.conversation(second.conversation)).to_have_count(0)
    fresh.click()
    expect(wang.conversation(second.conversation)).to_be_visible()


def test_the_panel_tells_history_notes_and_why(visits: Visits, agent: AgentOf) -> None:
    wang = agent("en")
    widget = waits(visits, "en", "who pays for return postage, please")
    wang.open(f"/conversations/{widget.conversation}")
    wang.take()
    wang.say("Asked twice already", note=True)
    tab = wang.page.get_by_role("tab", name="Notes")
    tab.click()
    expect(wang.page.locator(".panel .notes")).to_contain_text("Asked twice already")
    tab.press("ArrowRight")
    why = wang.page.locator(".panel .why").first
    expect(why).to_contain_text("Matched the article “Who pays for return shipping?”")
    why.click()
    expect(wang.page.locator(".msg.found")).to_have_attribute("data-seq", "2")
    wang.page.get_by_role("tab", name="History").click()
    expect(wang.page.locator(".panel")).to_contain_text("first conversation")


def test_on_a_phone(visits: Visits, admin: Callable[..., Console]) -> None:
    widget = waits(visits, "zh")
    lin = admin("zh", **PHONE)
    lin.open(f"/conversations/{widget.conversation}")
    page = lin.page
    page.get_by_role("button", name="更多", exact=True).tap()
    page.get_by_text("转接", exact=True).tap()
    expect(lin.dialog).to_be_visible()
    box = lin.dialog.bounding_box()
    assert box is not None
    assert 0 <= box["x"] <= 390 - box["width"]
    lin.dialog.get_by_role("option").first.tap()
    lin.dialog.get_by_role("button", name=re.compile("^转接给")).tap()
    expect(widget.status).to_have_text("客服林晓为您服务")
    page.get_by_role("button", name="更多", exact=True).tap()
    page.get_by_text("访客信息", exact=True).tap()
    expect(page.locator(".context dl").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_palette(visits: Visits, agent: AgentOf, lang: Lang) -> None:
    words = {"zh": ("稍后", "稍后处理", "什么时候再处理"), "en": ("snoo", "Snooze", "Snooze until")}[lang]
    widget = waits(visits, lang)
    console = agent(lang)
    console.open(f"/conversations/{widget.conversation}")
    expect(console.messages.first).to_be_visible()
    console.page.keyboard.press("Control+k")
    field = console.dialog.get_by_role("combobox")
    expect(field).to_be_focused()
    field.fill(words[0])
    expect(console.dialog.get_by_role("option").first).to_contain_text(words[1])
    field.press("Enter")
    expect(console.page.get_by_role("dialog", name=words[2])).to_be_visible()
    expect(console.dialog).to_have_count(1)
    console.page.keyboard.press("Escape")
    expect(console.dialog).to_be_hidden()


def test_a_note_calls_a_colleague_and_words_are_taken_back(visits: Visits, agent: AgentOf) -> None:
    lin, wang = agent("zh"), agent("en")
    widget = waits(visits, "zh")
    wang.open("/conversations")
    lin.open(f"/conversations/{widget.conversation}")
    lin.take()
    lin.page.keyboard.press("Escape")
    lin.key("n")
    lin.composer.press_sequentially("请看 @wan")
    expect(lin.page.get_by_role("option", name="Wang Lei")).to_be_visible()
    lin.composer.press("Tab")
    expect(lin.composer).to_have_value("请看 @Wang Lei ")
    lin.composer.press("Enter")
    expect(lin.page.locator(".msg.note .bubble")).to_have_text("请看 @Wang Lei")
    # The other one sees that somebody asks, and has read it once it was opened.
    wang.page.mouse.move(900, 400)
    more = wang.page.locator(".list .tab.more")
    expect(more).to_contain_text("@1")
    more.click()
    wang.page.locator(".view-choice", has_text="Mentions").click()
    row = wang.conversation(widget.conversation)
    row.click()
    expect(wang.page.locator(".msg.note .bubble")).to_have_text("请看 @Wang Lei")
    wang.page.mouse.move(900, 400)
    expect(row).to_have_count(0)

    lin.say("您的密码是 1234")
    said = widget.page.locator(".row.agent .bub")
    expect(said).to_have_text("您的密码是 1234")
    mine = lin.page.locator(".msg.agent").last
    mine.hover()
    mine.get_by_role("button", name="撤回").click()
    expect(lin.page.locator(".msg.recalled .bubble")).to_have_text("消息已撤回")
    lin.page.reload()
    expect(lin.page.locator(".msg.recalled .bubble")).to_have_text("消息已撤回")
    widget.page.reload()
    expect(widget.status).to_have_text("客服林晓为您服务")
    expect(widget.page.get_by_text("1234")).to_have_count(0)


def test_what_is_masked_is_shown_one_at_a_time(chromium: Browser, tmp_path: Path) -> None:
    with DeskProcess(tmp_path / "desk", env={"ZHIKE_PRIVACY__CLEAR_FOR": "supervisor"}) as desk:
        visits = Visits(chromium, desk.url)
        owner = Console(visits.page("zh"), desk.url)
        owner.set_up(desk.link, "林晓", "lin@shop.example")
        post(owner.page, "agents", {"email": "wang@shop.example", "name": "Wang Lei", "role": "agent",
                                    "lang": "en", "password": PASSWORD})
        wang = Console(visits.page("en"), desk.url)
        wang.open("/sign-in")
        wang.fill_sign_in("wang@shop.example")
        wang.page.wait_for_url("**/console/conversations")
        widget = waits(visits, "en")
        widget.say("My phone is 13800138000")
        wang.open(f"/conversations/{widget.conversation}")
        row = wang.messages.filter(has_text="My phone")
        expect(row.locator(".bubble")).to_have_text("My phone is 138••••8000")
        row.get_by_role("button", name="Show hidden data").click()
        expect(row.locator(".bubble")).to_have_text("My phone is 13800138000")
        visits.close()
        assert visits.faults == []


def test_make_an_article_of_it(visits: Visits, agent: AgentOf) -> None:
    lin = agent("zh")
    widget = waits(visits, "zh")
    widget.say("能开电子普票吗，抬头是个人")
    lin.open(f"/conversations/{widget.conversation}")
    lin.take()
    lin.say("可以，订单完成后在“我的发票”里申请。")
    mine = lin.page.locator(".msg.agent").last
    mine.hover()
    mine.get_by_role("button", name="存为知识条目").click()
    lin.page.wait_for_url("**/knowledge/new")
    question = lin.page.locator(".editor input").first
    expect(question).to_have_value("我想转人工客服。 能开电子普票吗，抬头是个人")
    expect(lin.page.locator(".editor textarea").nth(1)).to_have_value("可以，订单完成后在“我的发票”里申请。")
