"""An agent finds a product from where they write, with the keyboard alone and on a phone."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from zhike.testing.pages import Console, Lang, Visits, Widget, shot

from .test_axe import axe, faults

__all__ = ["axe"]  # a fixture
WORDS: dict[Lang, dict[str, str]] = {
    "zh": {"human": "转人工", "product": "发送商品", "find": "查找商品", "name": "羊毛开衫",
           "send": "把羊毛开衫作为卡片发送", "draft": "这一款很暖和"},
    "en": {"human": "a person please", "product": "Send a product", "find": "Find a product",
           "name": "Wool cardigan", "send": "Send Wool cardigan as a card", "draft": "This one is warm"},
}


@pytest.mark.parametrize(("lang", "scheme", "width"), [("zh", "light", 1440), ("en", "dark", 390)])
def test_a_product_goes_out_and_the_draft_stays(visits: Visits, admin: Callable[..., Console], axe: str,
                                                lang: Lang, scheme: str, width: int) -> None:
    words = WORDS[lang]
    widget = Widget(visits.page(lang))
    widget.open(visits.url)
    widget.say(words["human"])
    expect(widget.row(2)).to_be_visible()
    lead = admin(lang, color_scheme=scheme, reduced_motion="reduce", viewport={"width": width, "height": 844})
    page = lead.page
    lead.open(f"/conversations/{widget.conversation}")
    lead.take()
    lead.composer.fill(words["draft"])
    button = page.get_by_role("button", name=words["product"], exact=True)
    button.click()
    picker = page.get_by_role("dialog", name=words["product"])
    search = picker.get_by_label(words["find"])
    expect(search).to_be_focused()
    expect(picker.get_by_role("article").first).to_be_visible()
    assert faults(page, axe) == []
    shot(page, f"product-picker-{lang}-{width}")
    box = picker.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    page.keyboard.press("Escape")
    expect(picker).to_have_count(0)
    expect(button).to_be_focused()

    if width > 1000:  # the palette opens it, too
        page.keyboard.press("Control+k")
        page.keyboard.type(words["product"])
        page.keyboard.press("Enter")
    else:
        button.click()
    search.fill(words["name"])
    picker.get_by_role("button", name=words["send"]).click()
    expect(picker).to_have_count(0)
    expect(page.locator(".msg.agent .card")).to_have_text(re.compile(words["name"]))
    expect(widget.panel.locator(".row.agent .card b")).to_have_text(words["name"])
    expect(lead.composer).to_have_value(words["draft"])
    expect(lead.composer).to_be_focused()
