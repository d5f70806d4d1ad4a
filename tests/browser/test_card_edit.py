"""Two agents have the same visitor's card open: each sees what the other has made of it before it is gone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from zhike.testing.pages import Console, Lang, Visits, Widget

from .test_axe import axe, faults

__all__ = ["axe"]  # a fixture
AgentOf = Callable[[Lang], Console]
WORDS: dict[Lang, dict[str, str]] = {
    "zh": {"ask": "转人工", "addRemark": "添加备注", "remark": "备注", "add": "添加属性", "name": "名称",
           "value": "内容", "save": "保存", "mine": "用我的", "theirs": "保留同事的",
           "first": "只在晚上接电话", "level": "等级"},
    "en": {"ask": "I want a person", "addRemark": "Add a remark", "remark": "Remark",
           "add": "Add an attribute", "name": "Name", "value": "Value", "save": "Save",
           "mine": "Use mine", "theirs": "Keep theirs",
           "first": "Calls at night only", "level": "level"},
}


def write(page: Page, words: dict[str, str], what: str, text: str, button: str) -> None:
    page.locator(".context").get_by_role("button", name=button).first.click()
    field = page.locator(f".context [aria-label='{what}']")
    expect(field).to_be_focused()
    field.fill(text)
    page.locator(".context").get_by_role("button", name=words["save"]).click()


@pytest.mark.parametrize(("lang", "other"), [("zh", "en"), ("en", "zh")])
def test_nobody_overwrites_what_a_colleague_wrote(visits: Visits, agent: AgentOf, axe: str, lang: Lang,
                                                  other: Lang) -> None:
    words, theirs = WORDS[lang], WORDS[other]
    widget = Widget(visits.page(lang))
    widget.open(visits.url)
    widget.say(words["ask"])
    expect(widget.row(2)).to_be_visible()
    number = widget.conversation
    one, two = agent(lang), agent(other)
    for console, each in ((one, words), (two, theirs)):
        console.open(f"/conversations/{number}")
        expect(console.page.get_by_role("button", name=each["addRemark"])).to_be_visible()

    # The first remark stands; who began from nothing sees it, and keeps it.
    write(one.page, words, words["remark"], words["first"], words["addRemark"])
    noted = one.page.locator(".context .remark")
    expect(noted).to_have_text(words["first"])
    expect(noted.get_by_role("button")).to_be_focused()
    write(two.page, theirs, theirs["remark"], "…", theirs["addRemark"])
    alert = two.page.locator(".context [role=alert]")
    expect(alert).to_contain_text(words["first"])
    assert faults(two.page, axe) == []
    alert.get_by_role("button", name=theirs["theirs"]).click()
    expect(two.page.locator(".context .remark")).to_have_text(words["first"])

    # An attribute is added by name; Escape leaves it alone and the conversation open.
    page = one.page
    page.get_by_role("button", name=words["add"]).click()
    page.get_by_label(words["name"], exact=True).fill(words["level"])
    page.get_by_label(words["value"], exact=True).fill("VIP")
    page.keyboard.press("Enter")
    row = page.locator(".context dd", has_text="VIP")
    expect(row).to_be_visible()
    assert faults(page, axe) == []
    row.get_by_role("button").click()
    page.keyboard.type("x")
    page.keyboard.press("Escape")
    expect(row).to_have_text("VIP")
    expect(one.messages.first).to_be_visible()

    # Both change it from the same beginning; the second sees the first's, and writes over it knowingly.
    two.page.reload()
    for console, text in ((one, "SVIP"), (two, "Gold")):
        console.page.locator(".context dd", has_text="VIP").get_by_role("button").click()
        console.page.locator(f".context [aria-label='{words['level']}']").fill(text)
    one.page.keyboard.press("Enter")
    expect(one.page.locator(".context dd", has_text="SVIP").get_by_role("button")).to_be_focused()
    two.page.keyboard.press("Enter")
    expect(alert).to_contain_text("SVIP")
    alert.get_by_role("button", name=theirs["mine"]).click()
    expect(two.page.locator(".context dd", has_text="Gold")).to_be_visible()
    expect(alert).to_have_count(0)
