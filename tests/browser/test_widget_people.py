"""The widget when people are concerned: a place in the queue, out of hours, the form, stars.

On a desk of its own, because the inbox's settings are changed under way.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from zhike.testing.deskprocess import DeskProcess
from zhike.testing.pages import PHONE, Console, Lang, Visits, Widget

CALL = """([method, path, body]) => fetch('/api/v1/me').then(r => r.json()).then(me => fetch(path, {method,
  headers: {'Content-Type': 'application/json', 'X-CSRF-Token': me.csrf_token},
  body: body === null ? undefined : JSON.stringify(body)})).then(r => r.status === 204 ? null : r.json())"""
NEVER = {"timezone": "Asia/Shanghai", "week": {"mon": [["09:00", "09:01"]]}}
ALWAYS = {"timezone": "Asia/Shanghai",
          "week": {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}}


class Owner:
    """The owner's page, and what they do by the API."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def call(self, method: str, path: str, body: Any = None) -> Any:
        return self.page.evaluate(CALL, [method, f"/api/v1{path}", body])

    def set_inbox(self, **settings: Any) -> None:
        self.call("PATCH", "/inboxes/1", {"settings": settings})


@pytest.fixture(scope="module")
def own(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Visits, Owner]]:
    with DeskProcess(tmp_path_factory.mktemp("people")) as process:
        visits = Visits(chromium, process.url)
        page = visits.page("zh")
        Console(page, process.url).set_up(process.link, "林晓", "lin@shop.example")
        yield visits, Owner(page)
        visits.close()
        assert visits.faults == []


def visitor(visits: Visits, lang: Lang = "zh", **options: Any) -> Widget:
    widget = Widget(visits.page(lang, **options))
    widget.open(f"{visits.url}/?lang={lang}")
    return widget


def test_a_place_in_the_queue_moves_up_and_stars_are_asked_once(own: tuple[Visits, Owner]) -> None:
    visits, owner = own
    owner.set_inbox(csat={"enabled": True, "question": {"zh": "这次服务怎么样？", "en": "How was it?"}})
    first, second = visitor(visits), visitor(visits, "en")
    for widget, text in ((first, "排队中，下一位就是您"), (second, "You are number 2 in line")):
        widget.human.click()
        expect(widget.page.locator(".place")).to_have_text(text)
    number = second.conversation
    owner.call("POST", f"/conversations/{first.conversation}/take")
    expect(first.status).to_contain_text("林晓")
    expect(first.page.locator(".place")).to_be_hidden()
    expect(second.page.locator(".place")).to_have_text("You are next in line")
    second.page.reload()
    expect(second.page.locator(".place")).to_have_text("You are next in line")
    owner.call("POST", f"/conversations/{number}/resolve")
    stars = second.page.locator(".star")
    expect(stars).to_have_count(5)
    box = stars.first.bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) >= 44
    second.page.reload()
    expect(stars).to_have_count(5)
    second.page.get_by_role("button", name="4 of 5").click()
    second.page.locator(".card-in textarea").first.fill("Quick answer")
    second.page.get_by_role("button", name="Submit").click()
    expect(second.page.locator(".card-in").first).to_have_text("Thank you for telling us!")
    shown = owner.call("GET", f"/conversations/{number}")
    assert shown["rating"] == {"score": 4, "comment": "Quick answer"}
    second.page.reload()
    expect(second.page.locator(".row").first).to_be_visible()
    expect(stars).to_have_count(0)


def test_out_of_hours_the_form_becomes_a_conversation_with_its_contact(own: tuple[Visits, Owner]) -> None:
    visits, owner = own
    owner.set_inbox(hours=NEVER, offline_form={"enabled": True, "fields": ["name", "phone"]},
                    out_of_office={"zh": "我们下班了，明天回复您。", "en": "We are closed."})
    widget = visitor(visits, "zh", timezone_id="Asia/Shanghai", **PHONE)
    expect(widget.page.locator(".away")).to_contain_text("09:00")
    expect(widget.human).to_be_hidden()
    widget.page.get_by_role("button", name="留言").click()
    form = widget.page.locator(".card-in form").last
    form.locator("textarea").fill("请帮我查一下发票")
    form.get_by_role("button", name="提交留言").click()
    expect(form.locator(".wrong")).to_contain_text("请留下联系方式")
    form.locator("input[name=name]").fill("王磊")
    form.locator("input[name=phone]").fill("13800138000")
    form.get_by_role("button", name="提交留言").click()
    expect(widget.page.locator(".card-in").last).to_have_text("已收到您的留言，谢谢！")
    expect(widget.page.locator(".row.me")).to_contain_text("请帮我查一下发票")
    expect(widget.page.locator(".row.system").last).to_contain_text("我们下班了")
    found = owner.call("GET", "/conversations?holder=queue&limit=1")["items"][0]
    contact = owner.call("GET", f"/contacts/{found['contact_id']}")
    assert (contact["name"], contact["phone"]) == ("王磊", "13800138000")
    owner.set_inbox(hours=ALWAYS)
    open_now = visitor(visits)
    expect(open_now.human).to_be_visible()
    expect(open_now.page.locator(".away")).to_have_text("")
