"""A canned response with a picture: made in the settings, chosen by its shortcut, seen by the visitor."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import FilePayload, expect

from zhike.testing.pages import Console, Lang, Visits, Widget

from .test_axe import axe, faults

__all__ = ["axe"]  # a fixture
WORDS: dict[Lang, dict[str, str]] = {
    "zh": {"new": "新建快捷回复", "save": "保存", "text": "请看尺码表", "remove": "移除chart.png",
           "human": "转人工"},
    "en": {"new": "New response", "save": "Save", "text": "Here is the chart",
           "human": "a person please", "remove": "Remove chart.png"},
}


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_picture_goes_with_its_words(visits: Visits, admin: Callable[..., Console], axe: str,
                                       lang: Lang) -> None:
    words = WORDS[lang]
    widget = Widget(visits.page(lang))
    widget.open(visits.url)
    widget.say(words["human"])
    expect(widget.row(2)).to_be_visible()
    lead = admin(lang)
    page = lead.page
    picture = widget.page.screenshot()
    lead.open("/canned")
    page.get_by_role("button", name=words["new"]).first.click()
    form = page.locator("form").last
    form.locator("input").first.fill(f"chart-{lang}")
    form.locator("textarea").first.fill(words["text"])
    form.locator("input[type=file]").set_input_files(
        [FilePayload(name=name, mimeType="image/png", buffer=picture) for name in ("chart.png", "other.png")])
    expect(form.locator("img")).to_have_count(2)
    form.get_by_role("button", name=words["remove"].replace("chart", "other")).click()
    expect(form.locator("img")).to_have_count(1)
    assert faults(page, axe) == []
    form.get_by_role("button", name=words["save"]).click()
    row = page.locator("li", has_text=f"/chart-{lang}")
    expect(row).to_contain_text("📎 1")
    row.get_by_role("button").click()
    expect(page.locator("form").last.locator("img")).to_have_count(1)

    lead.open(f"/conversations/{widget.conversation}")
    lead.take()
    lead.composer.press_sequentially(f"/chart-{lang}")
    expect(page.get_by_role("option", name=f"/chart-{lang}")).to_contain_text("📎 1")
    lead.composer.press("Enter")
    expect(lead.composer).to_have_value(words["text"])
    expect(page.locator(".shelf .done")).to_have_count(1)
    lead.composer.press("Enter")
    expect(widget.page.locator(".row.agent").filter(has_text=words["text"])).to_have_count(1)
    expect(widget.page.locator(".row.agent img")).to_be_visible()
