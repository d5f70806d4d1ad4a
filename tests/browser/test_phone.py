"""390 px wide, by touch: the shop with its chat, and the console one column at a time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from zhike.testing.pages import PHONE, Console, Lang, Visits, Widget

THUMB_PX = 44
SIZES = """selector => [...document.querySelector('[data-zhike]').shadowRoot.querySelectorAll(selector)]
  .filter(e => e.getClientRects().length).map(e => [e.getAttribute('aria-label') || e.textContent,
   Math.round(e.getBoundingClientRect().height)])"""


def fits(page: Page) -> bool:
    """Nothing sticks out to the side."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_chat_fills_the_phone(visits: Visits, lang: Lang) -> None:
    widget = Widget(visits.page(lang, reduced_motion="reduce", **PHONE))
    page = widget.page
    page.goto(visits.url)
    expect(widget.launcher).to_be_visible()
    assert fits(page)
    widget.launcher.tap()
    page.locator(".acts").first.wait_for()
    assert widget.panel.bounding_box() == {"x": 0, "y": 0, "width": 390, "height": 844}
    expect(widget.input).not_to_be_focused()  # the keyboard would cover the greeting
    page.locator(".act").first.tap()
    expect(widget.row(2).locator(".src")).to_be_visible()
    page.locator(".row[data-seq='2'] .act").first.tap()
    expect(widget.row(4).locator(".src")).to_be_visible()
    small = [(name, px) for name, px in page.evaluate(SIZES, "button, a.act") if px < THUMB_PX]
    assert small == []
    assert fits(page)
    widget.page.locator(".head .iconb").tap()
    expect(widget.panel).to_be_hidden()
    page.goto(f"{visits.url}/sample/product.html?id=mug-clay")
    expect(page.locator("#product-name")).not_to_be_empty()
    assert fits(page)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_console_shows_one_column_at_a_time(visits: Visits, admin: Callable[..., Console],
                                                lang: Lang) -> None:
    visitor = Widget(visits.page(lang))
    visitor.open(visits.url)
    for number, question in enumerate(("菜单", "menu", "菜单", "menu")):
        visitor.say(question)
        expect(visitor.row(2 * number + 2)).to_be_visible()
    visitor.human.click()
    expect(visitor.status).to_have_attribute("data-state", "wait")
    console = admin(lang, **PHONE)
    page = console.page
    console.open("/conversations")
    row = console.conversation(visitor.conversation)
    expect(row).to_be_visible()
    assert fits(page)
    row.tap()
    expect(console.messages.last).to_be_in_viewport(ratio=1)  # the end, though the composer came later
    expect(console.messages.first).not_to_be_in_viewport()
    expect(row).to_be_hidden()
    page.locator(".main .head .n-button--primary-type").tap()  # take over
    expect(visitor.status).to_have_attribute("data-state", "on")
    console.composer.fill("从手机上回复")
    page.locator(".composer button[type=submit]").tap()
    expect(visitor.page.locator(".row.agent .bub")).to_have_text("从手机上回复")
    assert fits(page)
    page.reload()
    expect(console.composer).to_be_visible()
    expect(console.messages.last).to_be_in_viewport(ratio=1)
    page.go_back()
    console.tab("mine")
    expect(row).to_be_visible()
    for path, there in (("/knowledge", ".side .one"), ("/rules", ".rule"), ("/inboxes", ".page h1"),
                        ("/agents", ".page .one"), ("/account", ".page form")):
        console.open(path)
        expect(page.locator(there).first).to_be_visible()
        assert fits(page), path
