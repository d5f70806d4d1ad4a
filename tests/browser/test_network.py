"""Reloads, lost networks, a killed server, no WebSocket: nothing is lost, doubled or out of order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from zhike.ops.bench.server import free_port
from zhike.testing.deskprocess import DeskProcess
from zhike.testing.pages import Console, Lang, Visits, Widget

AgentOf = Callable[[Lang], Console]


def test_a_reload_keeps_the_conversation_and_what_was_typed(visits: Visits) -> None:
    widget = Widget(visits.page("zh"))
    widget.open(visits.url)
    widget.say("可以开发票吗")
    expect(widget.row(2).locator(".src")).to_have_text("来源：怎么开发票？")
    talk = widget.talk()
    widget.input.fill("还没写完的")
    widget.page.reload()
    expect(widget.row(2)).to_be_visible()
    assert widget.talk() == talk
    expect(widget.input).to_have_value("还没写完的")
    widget.say("你们店在哪里")
    expect(widget.row(4).locator(".src")).to_have_text("来源：你们有实体店吗？")
    # A second page of the same visitor shows the same talk, live.
    second = Widget(widget.page.context.new_page())
    second.page.goto(visits.url)
    second.launcher.click()
    expect(second.row(4)).to_be_visible()
    widget.say("羊毛衫能机洗么")
    expect(second.row(6).locator(".src")).to_have_text("来源：羊毛衫怎么洗？")
    # Somebody else sees nothing of it.
    stranger = Widget(visits.page("zh"))
    stranger.open(visits.url)
    expect(stranger.stored).to_have_count(0)


def test_what_is_written_offline_is_sent_once_and_in_order(visits: Visits, agent: AgentOf) -> None:
    console = agent("zh")
    widget = Widget(visits.page("zh"))
    widget.open(visits.url)
    widget.say("转人工")
    expect(widget.status).to_have_text("正在为您转接客服，可以继续留言")
    console.open(f"/conversations/{widget.conversation}")
    console.take()
    expect(widget.status).to_have_text("客服林晓为您服务")
    widget.page.context.set_offline(True)
    console.page.context.set_offline(True)
    expect(widget.bar).to_have_text("网络已断开，您输入的内容会保留并稍后发送")
    expect(console.notice).to_have_text("网络已断开，您输入的内容会保留并稍后发送。")
    said = ["断网后的第一句", "第二句", "第三句"]
    for text in said:
        widget.say(text)
    expect(widget.waiting).to_have_count(3)
    console.composer.fill("客服断网时说的")
    console.composer.press("Enter")
    expect(console.page.locator(".out")).to_have_count(1)
    widget.page.context.set_offline(False)
    expect(widget.waiting).to_have_count(0)
    expect(widget.bar).to_be_hidden()
    console.page.context.set_offline(False)
    expect(console.page.locator(".out")).to_have_count(0)
    expect(widget.page.locator(".row.agent")).to_have_count(1)
    ours = [text for _, who, text in widget.talk() if who in ("me", "agent")]
    assert ours == ["转人工", *said, "客服断网时说的"]
    expect(console.messages.filter(has_text=said[-1])).to_have_count(1)
    assert [text for text in console.said() if text in ours] == ours


def test_where_websockets_are_blocked_it_polls(visits: Visits, agent: AgentOf) -> None:
    widget = Widget(visits.page("en"))
    widget.page.route_web_socket("**/ws", lambda socket: socket.close(code=1011))
    with widget.page.expect_response("**/api/v1/visitor/hello") as hello:
        widget.open(visits.url)
    assert hello.value.ok
    with widget.page.expect_response("**/api/v1/visitor/messages") as ack:
        widget.say("can i get an invoice")
    expect(widget.row(2).locator(".src")).to_have_text("Source: How do I get an invoice?")
    widget.human.click()
    expect(widget.status).to_have_text("Waiting for a person — you can keep writing")
    # A person's words come by the poll, too.
    console = agent("en")
    console.open(f"/conversations/{ack.value.json()['conversation']}")
    console.take()
    console.say("Hello over HTTP")
    expect(widget.page.locator(".row.agent .bub")).to_have_text("Hello over HTTP")
    expect(widget.status).to_have_text("Wang Lei is with you")
    widget.page.reload()
    expect(widget.page.locator(".row.agent .bub")).to_have_text("Hello over HTTP")
    assert widget.heard == []


def test_what_failed_to_load_is_there_when_the_network_is_back(visits: Visits, agent: AgentOf) -> None:
    console = agent("en")
    page = console.page
    widget = Widget(visits.page("en"))
    widget.open(visits.url)
    widget.say("can i get an invoice")
    expect(widget.row(2)).to_be_visible()
    console.open("/conversations")
    console.tab("all")
    row = console.conversation(widget.conversation)
    expect(row).to_be_visible()
    page.context.set_offline(True)
    expect(console.notice).to_be_visible()
    row.click()
    failed = page.get_by_text("This could not be loaded").first
    expect(failed).to_be_visible()
    # A page whose script was never fetched: that is said, and what stands stays.
    page.locator(".rail a[href$='/settings']").click()
    expect(page.get_by_text("The server cannot be reached.").first).to_be_visible()
    page.context.set_offline(False)
    expect(console.messages).to_have_count(2)
    expect(page.get_by_text("This could not be loaded")).to_have_count(0)
    expect(console.notice).to_have_count(0)


@pytest.fixture
def mortal(chromium: Browser, tmp_path: Path) -> Iterator[tuple[DeskProcess, Visits]]:
    """A desk of its own, to be killed. Its port is not one that a client may get meanwhile."""
    with DeskProcess(tmp_path / "desk", port=free_port()) as desk:
        visits = Visits(chromium, desk.url)
        yield desk, visits
        visits.close()
        assert visits.faults == []


def test_kill_9_in_the_middle_and_everything_resumes(mortal: tuple[DeskProcess, Visits]) -> None:
    desk, visits = mortal
    console = Console(visits.page("zh"), desk.url)
    console.set_up(desk.link, "林晓", "lin@shop.example")
    widget = Widget(visits.page("zh"))
    widget.open(desk.url)
    widget.say("羊毛衫能机洗么")
    expect(widget.row(2)).to_be_visible()
    console.open(f"/conversations/{widget.conversation}")
    expect(console.messages).to_have_count(2)

    widget.say("可以开发票吗")  # under way at the kill: stored or not, nobody knows
    desk.kill()
    widget.say("你们店在哪里")
    widget.say("支持花呗分期吗")
    expect(widget.bar).to_contain_text("正在重连")
    expect(console.notice).to_contain_text("正在重连")
    assert widget.waiting.count() >= 2

    desk.start()
    expect(widget.waiting).to_have_count(0)
    expect(widget.bar).to_be_hidden()
    for title in ("怎么开发票？", "你们有实体店吗？", "可以分期付款吗？"):
        expect(widget.page.locator(".row.bot .src", has_text=title)).to_have_count(1)
    talk = widget.talk()
    assert [text for _, who, text in talk if who == "me"] == [
        "羊毛衫能机洗么", "可以开发票吗", "你们店在哪里", "支持花呗分期吗"]
    assert [seq for seq, _, _ in talk] == list(range(1, len(talk) + 1))

    # The agent's page came back by itself, still signed in, and shows the same.
    expect(console.notice).to_have_count(0)
    expect(console.messages).to_have_count(len(talk))
    assert [text.strip() for text in console.said()] == [text.strip() for _, _, text in talk]
    # And so does a fresh look at what is stored.
    widget.page.reload()
    expect(widget.stored).to_have_count(len(talk))
    assert widget.talk() == talk
    assert desk.stop() == 0
