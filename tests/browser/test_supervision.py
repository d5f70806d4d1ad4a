"""Whoever leads sees who waits, opens it, and scores what was led; an agent finds neither."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from zhike.testing.pages import Console, Lang, Visits, Widget

from .test_axe import axe, faults

__all__ = ["axe"]  # a fixture
WORDS: dict[Lang, dict[str, str]] = {
    "zh": {"ask": "可以开发票吗", "hello": "可以，我来开。", "draw": "抽取会话", "save": "保存质检",
           "saved": "质检已保存", "missing": "请先给每一项打分。", "score": "：5 分，满分 5 分"},
    "en": {"ask": "can i get an invoice", "hello": "Yes, I'll make one.", "draw": "Draw conversations",
           "save": "Save the review", "saved": "Review saved", "missing": "Score everything first.",
           "score": ": 5 of 5"},
}


@pytest.mark.parametrize(("lang", "scheme"), [("zh", "dark"), ("en", "light")])
def test_who_waits_and_how_it_was_led(visits: Visits, admin: Callable[..., Console], axe: str, lang: Lang,
                                      scheme: str) -> None:
    words = WORDS[lang]
    widget = Widget(visits.page(lang))
    widget.open(visits.url)
    widget.say(words["ask"])
    expect(widget.row(2)).to_be_visible()
    widget.human.click()
    expect(widget.status).to_have_attribute("data-state", "wait")

    lead = admin(lang, color_scheme=scheme, reduced_motion="reduce")
    page = lead.page
    lead.open("/supervision")
    waits = page.locator(f'a[href$="/conversations/{widget.conversation}"]')
    expect(waits).to_be_visible()
    assert faults(page, axe) == []
    waits.click()
    lead.take()
    lead.say(words["hello"])
    lead.key("e")
    expect(widget.page.locator(".row.system").last).to_be_visible()

    lead.open("/supervision?tab=quality")
    page.get_by_role("button", name=words["draw"]).click()
    expect(lead.messages.first).to_be_visible()  # of one that was drawn
    expect(page.locator(".drawn .one").first).to_have_attribute("aria-current", "true")
    page.get_by_role("button", name=words["save"]).click()
    expect(page.get_by_role("alert")).to_have_text(words["missing"])
    scores = page.locator(f'input[type="radio"][aria-label$="{words["score"]}"]')
    expect(scores).to_have_count(4)
    for number in range(4):
        scores.nth(number).check(force=True)
    assert faults(page, axe) == []
    page.get_by_role("button", name=words["save"]).click()
    expect(page.get_by_text(words["saved"])).to_be_visible()
    expect(page.locator(".standings tbody tr").first.locator("td").last).to_have_text("5.0")


def test_an_agent_finds_neither(agent: Callable[[Lang], Console]) -> None:
    console = agent("en")
    console.open("/supervision")
    expect(console.page).to_have_url(f"{console.url}/console/conversations")
    expect(console.page.locator('nav a[href$="/supervision"]')).to_have_count(0)
