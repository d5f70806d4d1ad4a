"""What a day at the desk brings beside talking: one customer twice, a troublemaker, a shift that ends,
somebody who waits too long, a team's list, something to be found again, a conversation that sleeps, a
supervisor who listens.

On a desk of its own, because teams and an inbox's settings are changed under way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from zhike.testing.deskprocess import DeskProcess
from zhike.testing.pages import PASSWORD, Console, Lang, Visits, state_of

from .test_desk import pick, post, waits
from .test_widget_people import Owner

Open = Callable[[str], Console]


@pytest.fixture(scope="module")
def own(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """A desk with an owner (zh) and an agent (en): its address, and their states by name."""
    folder = tmp_path_factory.mktemp("day")
    with DeskProcess(folder) as process:
        visits = Visits(chromium, process.url)
        lin = Console(visits.page("zh"), process.url)
        lin.set_up(process.link, "林晓", "lin@shop.example")
        post(lin.page, "agents", {"email": "wang@shop.example", "name": "Wang Lei", "role": "agent",
                                  "lang": "en", "password": PASSWORD})
        wang = Console(visits.page("en"), process.url)
        wang.open("/sign-in")
        wang.fill_sign_in("wang@shop.example")
        wang.page.wait_for_url("**/console/conversations")
        states = {name: state_of(one.page.context, folder / f"{name}.json")
                  for name, one in (("lin", lin), ("wang", wang))}
        visits.close()
        yield process.url, states


@pytest.fixture
def visits(chromium: Browser, own: tuple[str, dict[str, str]]) -> Iterator[Visits]:
    opened = Visits(chromium, own[0])
    yield opened
    opened.close()
    assert opened.faults == []


@pytest.fixture
def person(visits: Visits, own: tuple[str, dict[str, str]]) -> Open:
    """Opens the console as ``lin`` (the owner) or ``wang``."""
    def opened(name: str) -> Console:
        lang: Lang = "zh" if name == "lin" else "en"
        return Console(visits.page(lang, storage_state=own[1][name]), own[0])

    return opened


def call(console: Console, method: str, path: str, body: Any = None) -> Any:
    """Something done over HTTP by whoever is signed in on this page."""
    return Owner(console.page).call(method, path, body)


def test_two_visitors_who_are_one_customer_become_one(visits: Visits, person: Open) -> None:
    first, second = waits(visits, "zh"), waits(visits, "zh")
    lin = person("lin")
    lin.open("/conversations")
    other = call(lin, "GET", f"/conversations/{second.conversation}")["contact_id"]
    call(lin, "PATCH", f"/contacts/{other}", {"name": "王磊"})
    lin.open("/conversations")
    lin.conversation(first.conversation).click()
    lin.page.get_by_role("button", name="访客的更多操作").click()
    lin.page.get_by_text("与其他访客合并").click()
    expect(lin.dialog).to_contain_text("确认是同一个人后再合并")
    with lin.page.expect_response("**/merge"):
        pick(lin, "王磊")
    expect(lin.page.get_by_text("已合并")).to_be_visible()
    expect(lin.page.locator(".context h3")).to_have_text("王磊")
    lin.page.get_by_role("tab", name="历史").click()
    expect(lin.page.locator(f".panel a[href$='/conversations/{second.conversation}']")).to_be_visible()
    # Each goes on where they are.
    first.say("我还在")
    second.say("我也在")
    expect(first.waiting).to_have_count(0)
    expect(second.waiting).to_have_count(0)


def test_who_is_blocked_is_told_so_and_may_come_back(visits: Visits, person: Open) -> None:
    widget = waits(visits, "zh")
    lin = person("lin")
    lin.open(f"/conversations/{widget.conversation}")
    lin.take()
    lin.say("请好好说话。")
    menu = lin.page.get_by_role("button", name="访客的更多操作")
    menu.click()
    lin.page.get_by_text("拉黑", exact=True).click()
    expect(lin.page.locator(".blocked")).to_be_visible()
    before = lin.messages.count()
    widget.say("骂人的话")
    expect(widget.panel).to_contain_text("您暂时不能在这里发送消息")
    expect(lin.messages).to_have_count(before)
    menu.click()
    lin.page.get_by_text("取消拉黑", exact=True).click()
    expect(lin.page.locator(".blocked")).to_have_count(0)
    widget.page.reload()
    widget.say("对不起")
    expect(lin.messages.filter(has_text="对不起")).to_have_count(1)


def test_a_shift_is_handed_over_in_one_step(visits: Visits, person: Open) -> None:
    widgets = [waits(visits, "en") for _ in range(2)]
    wang = person("wang")
    wang.open("/conversations")
    for widget in widgets:
        call(wang, "POST", f"/conversations/{widget.conversation}/take")
        expect(widget.status).to_have_text("Wang Lei is with you")
    wang.open("/conversations")
    expect(wang.list.first).to_be_visible()
    wang.page.keyboard.press("Control+k")
    wang.dialog.get_by_role("combobox").fill("hand over")
    wang.dialog.get_by_role("combobox").press("Enter")
    choice = wang.page.get_by_role("dialog", name=re.compile("^Hand over"))
    choice.get_by_role("combobox").fill("林晓")
    expect(choice.get_by_role("option")).to_have_count(1)
    with wang.page.expect_response("**/me/handover"):
        choice.get_by_role("combobox").press("Enter")
    for widget in widgets:
        expect(widget.status).to_have_text("林晓 is with you")
    wang.tab("mine")
    for widget in widgets:
        expect(wang.conversation(widget.conversation)).to_have_count(0)


def test_a_teams_list_and_the_alarm_of_who_waits_too_long(visits: Visits, person: Open) -> None:
    lin = person("lin")
    lin.open("/conversations")
    team = post(lin.page, "teams", {"key": "after", "name": "售后组", "member_ids": [1],
                                    "settings": {"auto_assign": False, "late_after_s": 2}})
    call(lin, "PATCH", "/inboxes/1", {"settings": {"team_id": team["id"]}})
    try:
        lin.page.reload()
        expect(lin.page.locator(".list")).to_be_visible()
        widget = waits(visits, "zh")
        notice = lin.page.get_by_text("等待已久")
        expect(notice).to_be_visible()
        lin.page.get_by_role("button", name="查看").last.click()
        lin.page.wait_for_url(f"**/conversations/{widget.conversation}")
        lin.page.locator(".list .tab.more").click()
        lin.page.locator(".view-choice", has_text="售后组").click()
        expect(lin.conversation(widget.conversation)).to_be_visible()
        mine = call(lin, "GET", f"/conversations?team_id={team['id']}")["items"]
        expect(lin.list).to_have_count(len(mine))  # and nothing else
        lin.take()
        lin.say("让您久等了。")
        expect(widget.page.locator(".row.agent .bub")).to_have_text("让您久等了。")
    finally:
        call(lin, "PATCH", "/inboxes/1", {"settings": {"team_id": None}})


def test_what_was_said_is_found_again(visits: Visits, person: Open) -> None:
    widget = waits(visits, "zh")
    widget.say("我的发票抬头写成了松间里无限公司")
    expect(widget.waiting).to_have_count(0)
    lin = person("lin")
    lin.open("/conversations")
    expect(lin.list.first).to_be_visible()
    lin.page.keyboard.press("Control+k")
    field = lin.dialog.get_by_role("combobox")
    field.fill("松间里无限公司")
    found = lin.dialog.get_by_role("option", name=re.compile("松间里无限公司")).last
    expect(found).to_be_visible()
    found.click()
    lin.page.wait_for_url(f"**/conversations/{widget.conversation}**")
    expect(lin.messages.filter(has_text="松间里无限公司")).to_be_visible()
    lin.page.keyboard.press("Control+k")
    field.fill("没有任何人说过的话 9482")
    expect(lin.dialog.get_by_role("option")).to_have_count(0)
    expect(lin.dialog).to_contain_text("没有")


def test_what_sleeps_comes_back_at_its_time(visits: Visits, person: Open) -> None:
    widget = waits(visits, "zh")
    lin = person("lin")
    lin.open(f"/conversations/{widget.conversation}")
    lin.take()
    lin.tab("mine")
    row = lin.conversation(widget.conversation)
    expect(row).to_be_visible()
    until = (datetime.now(UTC) + timedelta(seconds=4)).isoformat()
    call(lin, "POST", f"/conversations/{widget.conversation}/snooze", {"until": until})
    lin.page.mouse.move(900, 400)
    expect(row).to_have_count(0)
    expect(row).to_be_visible()  # nobody did anything
    assert call(lin, "GET", f"/conversations/{widget.conversation}")["status"] == "open"
    expect(widget.status).to_have_text("客服林晓为您服务")


def test_a_supervisor_listens_whispers_and_takes(visits: Visits, person: Open) -> None:
    widget = waits(visits, "en")
    wang = person("wang")
    wang.open(f"/conversations/{widget.conversation}")
    wang.take()
    wang.say("Hello, how can I help?")
    lin = person("lin")
    lin.open(f"/conversations/{widget.conversation}")
    expect(lin.messages.filter(has_text="how can I help")).to_have_count(1)
    widget.say("I want my money back")
    expect(lin.messages.filter(has_text="money back")).to_have_count(1)  # listens, live

    lin.key("n")
    lin.composer.press_sequentially("@Wan")
    expect(lin.page.get_by_role("option", name="Wang Lei")).to_be_visible()
    lin.composer.press("Tab")
    lin.composer.press_sequentially("offer a voucher")
    lin.composer.press("Enter")
    note = wang.page.locator(".msg.note .bubble")
    expect(note).to_contain_text("offer a voucher")
    wang.say("Would a voucher do?")
    expect(widget.page.locator(".row.agent .bub").last).to_have_text("Would a voucher do?")
    assert not any("offer a voucher" in frame for frame in widget.heard)

    lin.leave_fields()
    lin.key("t")
    expect(widget.status).to_have_text("林晓 is with you")
    expect(wang.page.locator(".composer .closed")).to_be_visible()
    lin.say("I am the manager; your money is on its way.")
    expect(widget.page.locator(".row.agent .bub").last).to_contain_text("on its way")
    texts = [text for _, who, text in widget.talk() if who == "agent"]
    assert texts == ["Hello, how can I help?", "Would a voucher do?",
                     "I am the manager; your money is on its way."]

