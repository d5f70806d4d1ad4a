"""A tool and a flow tried from their editors, before anybody else meets them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from zhike.sample.orders import list_orders
from zhike.testing.pages import PHONE, Console, Lang

from .test_axe import axe, faults

__all__ = ["axe"]  # a fixture
WORDS: dict[Lang, dict[str, str]] = {
    "zh": {"try": "试一试", "run": "调用", "good": "有了回答", "bad": "没有成功",
           "say": "以访客身份说一句话", "again": "重新开始", "waits": "等待 number"},
    "en": {"try": "Try it", "run": "Call it", "good": "Answered after", "bad": "Did not work",
           "say": "Say something as a visitor", "again": "Begin again", "waits": "Waits for number"},
}
ORDER = next(order for order in list_orders(datetime.now(UTC)) if order.number.endswith("005"))
TAIL = ORDER.phone_masked[-4:]


@pytest.mark.parametrize(("lang", "options"), [("zh", {}), ("en", {**PHONE, "color_scheme": "dark"})])
def test_a_tool_is_called_from_its_editor(admin: Callable[..., Console], axe: str, lang: Lang,
                                          options: dict[str, object]) -> None:
    words = WORDS[lang]
    lead = admin(lang, reduced_motion="reduce", **options)
    page = lead.page
    lead.open("/tools")
    page.locator("li .body", has_text="order_status").click()
    drawer = lead.dialog
    drawer.locator("summary", has_text=words["try"]).click()
    number = drawer.get_by_label("number *")
    run = drawer.get_by_role("button", name=words["run"])
    number.fill(ORDER.number)
    number.press("Enter")  # calls, and does not save
    result = drawer.locator(".result")
    expect(result).to_contain_text(words["bad"])
    expect(result).to_contain_text("phone_tail")
    drawer.get_by_label("phone_tail", exact=True).fill(TAIL)
    run.click()
    expect(result).to_contain_text(words["good"])
    expect(result.locator("pre").first).to_contain_text(ORDER.number)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert faults(page, axe) == []

    # What cannot be used is marked in the definition, as when it is saved.
    text = drawer.locator(".json textarea")
    body = json.loads(text.input_value())
    text.fill(json.dumps({**body, "timeout_s": -5}, indent=2))
    run.click()
    expect(drawer.locator("[role=alert]").first).to_be_visible()
    text.fill("{")
    expect(run).to_be_disabled()


@pytest.mark.parametrize(("lang", "options"), [("en", {}), ("zh", {**PHONE, "color_scheme": "dark"})])
def test_a_flow_is_walked_through_from_its_editor(admin: Callable[..., Console], axe: str, lang: Lang,
                                                  options: dict[str, object]) -> None:
    words = WORDS[lang]
    lead = admin(lang, reduced_motion="reduce", **options)
    page = lead.page
    lead.open("/flows")
    page.locator("li .body", has_text="order-status").click()
    drawer = lead.dialog
    drawer.locator("summary", has_text=words["try"]).click()
    say = drawer.get_by_label(words["say"])
    say.press("Enter")  # nothing typed: its first phrase
    log = drawer.get_by_role("log")
    expect(log.locator(".bot")).to_have_count(1)
    expect(drawer.locator(".state")).to_contain_text(words["waits"])
    say.fill(ORDER.number)
    say.press("Enter")
    expect(log.locator(".bot")).to_have_count(2)
    say.fill(TAIL)
    say.press("Enter")
    expect(log.locator(".bot")).to_have_count(3)
    expect(log.locator(".call").last).to_contain_text("order_status")
    expect(log).to_contain_text(ORDER.number)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert faults(page, axe) == []
    drawer.get_by_role("button", name=words["again"]).click()
    expect(log).to_have_count(0)
    # Nobody has written to the desk.
    page.keyboard.press("Escape")
    lead.open("/conversations")
    lead.tab("all")
    expect(page.locator(".list .one", has_text=ORDER.number)).to_have_count(0)
