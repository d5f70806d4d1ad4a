"""The widget on a shop's page: quiet, quick to use, and no burden to the page it stands on."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from zhike.testing.deskprocess import DeskProcess
from zhike.testing.pages import Visits, Widget

LAYOUT = """JSON.stringify([...document.querySelectorAll('h1, .hero, #shop, footer')].map(
    e => e.getBoundingClientRect()).concat(document.documentElement.scrollWidth,
    document.documentElement.scrollHeight))"""
FOCUSED = "document.querySelector('[data-zhike]').shadowRoot.activeElement?.className ?? ''"


def test_it_opens_ready_for_typing_and_moves_nothing_on_the_page(visits: Visits) -> None:
    widget = Widget(visits.page("zh"))
    widget.page.goto(visits.url)
    expect(widget.launcher).to_be_visible()
    before = widget.page.evaluate(LAYOUT)
    widget.launcher.click()
    expect(widget.input).to_be_focused()
    expect(widget.page.locator(".row.bot .bub").first).to_contain_text("我是松间里的机器人小知")
    assert widget.page.locator(".act").all_inner_texts() == [
        "下单后多久发货？", "支持七天无理由退货吗？", "尺码怎么选？"]
    expect(widget.human).to_be_visible()
    assert widget.page.evaluate(LAYOUT) == before
    widget.page.keyboard.press("Escape")
    expect(widget.panel).to_be_hidden()
    assert widget.page.evaluate(FOCUSED) == "launch"


def test_what_a_visitor_writes_is_text_and_nothing_else(visits: Visits) -> None:
    widget = Widget(visits.page("en"))
    widget.open(visits.url)
    text = "<img src=x onerror=\"window.hurt=1\"><b>when do you ship</b>"
    widget.say(text)
    expect(widget.row(2)).to_be_visible()
    assert widget.words(1) == text
    expect(widget.stored.locator("img, b")).to_have_count(0)
    assert widget.page.evaluate("window.hurt") is None


def test_enter_of_an_input_method_does_not_send(visits: Visits) -> None:
    """While somebody chooses a Chinese word, Enter takes the word."""
    widget = Widget(visits.page("zh"))
    widget.open(visits.url)
    widget.input.fill("fahuo")
    widget.input.dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    expect(widget.input).to_have_value("fahuo")
    widget.input.fill("什么时候发货")
    widget.input.press("Shift+Enter")
    expect(widget.input).to_have_value("什么时候发货\n")
    widget.input.press("Enter")
    expect(widget.row(2).locator(".src")).to_have_text("来源：下单后多久发货？")
    assert widget.words(1) == "什么时候发货"


@pytest.mark.parametrize(("bypass_csp", "said"), [(False, "policy forbids"), (True, "third host was asked")])
def test_these_tests_notice_a_fault_and_a_third_host(chromium: Browser, desk: DeskProcess, bypass_csp: bool,
                                                     said: str) -> None:
    """The shop's own policy stops such a request before it is one; without it the request is seen."""
    watched = Visits(chromium, desk.url)
    page = watched.page("en", bypass_csp=bypass_csp)
    page.goto(desk.url)
    with page.expect_event("pageerror"):
        page.evaluate("setTimeout(() => { throw new Error('broken') })")
    page.route("**/*", lambda route: route.abort())
    page.evaluate("fetch('http://fonts.example/a.woff2').catch(() => 0)")
    watched.close()
    assert any("broken" in fault for fault in watched.faults)
    assert any(said in fault and "fonts.example" in fault for fault in watched.faults)
