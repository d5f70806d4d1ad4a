"""320 px, and words without a blank: nothing stands beyond the edge, nothing has to be pushed sideways."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from zhike.testing.pages import PHONE, Console, Visits, Widget

WORD = "Wolfeschlegelsteinhausenbergerdorff" * 3
RENAME = """([id, name]) => fetch('/api/v1/me').then(r => r.json()).then(me =>
  fetch(`/api/v1/conversations/${id}`).then(r => r.json()).then(c =>
  fetch(`/api/v1/contacts/${c.contact_id}`, {
    method: 'PATCH', headers: {'Content-Type': 'application/json', 'X-CSRF-Token': me.csrf_token},
    body: JSON.stringify({name})}))).then(r => r.status)"""
BEYOND = """() => [...document.querySelectorAll('body *')].filter(el => {
  const box = el.getBoundingClientRect(), edge = document.documentElement.clientWidth;
  if (!box.width || !box.height || box.right <= edge + 1 || box.left >= edge) return false;
  // What scrolls by itself, or cuts with three dots, is no fault of the page.
  for (let up = el; up; up = up.parentElement)
    if (getComputedStyle(up).overflowX !== 'visible' && up.getBoundingClientRect().right <= edge + 1)
      return false;
  return true;
}).map(el => `${el.tagName}.${el.className}`)"""
SIZES = {"phone": {**PHONE, "viewport": {"width": 320, "height": 640}},
         "zoomed to 200 %": {"viewport": {"width": 720, "height": 450}, "device_scale_factor": 2}}


def beyond(page: Page) -> list[str]:
    """What stands out of the page at its right."""
    found: list[str] = page.evaluate(BEYOND)
    wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth + 1")
    return [*found, *(["the page scrolls sideways"] if wide else [])]


@pytest.mark.parametrize("size", SIZES)
def test_long_words_in_the_console(visits: Visits, admin: Callable[..., Console], size: str) -> None:
    visitor = Widget(visits.page("en", **SIZES["phone"]))
    visitor.open(visits.url)
    visitor.say(f"{WORD} https://shop.example/{'a' * 300}")
    expect(visitor.row(1)).to_be_visible()
    assert beyond(visitor.page) == []
    visitor.human.click()
    expect(visitor.status).to_have_attribute("data-state", "wait")
    console = admin("en", **SIZES[size])
    page = console.page
    console.open("/conversations")
    assert page.evaluate(RENAME, [visitor.conversation, WORD]) == 200
    page.reload()
    expect(console.conversation(visitor.conversation)).to_contain_text("Wolfe")
    assert beyond(page) == []
    console.open(f"/conversations/{visitor.conversation}")
    expect(console.messages.first).to_be_visible()
    assert beyond(page) == []
    page.locator(".composer .closed button").click()
    console.composer.fill("/")
    expect(page.locator(".suggest")).to_be_visible()
    assert beyond(page) == []
    for path, there in {"/settings": ".nav .place", "/agents": ".page .one", "/supervision": ".figures",
                        "/knowledge/1": ".editor", "/account": ".page form"}.items():
        console.open(path)
        expect(page.locator(there).first).to_be_visible()
        assert beyond(page) == [], path
