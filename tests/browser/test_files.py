"""A picture from the visitor's phone to the agent's screen."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import FilePayload, expect

from zhike.testing.pages import Console, Lang, Visits, Widget

AgentOf = Callable[[Lang], Console]
LOADED = "e => new Promise(done => e.complete ? done(e.naturalWidth) : e.onload = () => done(e.naturalWidth))"


def test_a_picture_is_sent_and_seen_on_both_sides(visits: Visits, agent: AgentOf) -> None:
    visitor = visits.page("zh", viewport={"width": 390, "height": 844})
    widget = Widget(visitor)
    widget.open(visits.url)
    widget.say("我想转人工客服")
    expect(widget.stored.first).to_be_visible()
    picture = visitor.screenshot()
    chosen = widget.panel.locator("input[type=file]")
    chosen.set_input_files(FilePayload(name="坏了.png", mimeType="image/png", buffer=picture))
    shown = widget.panel.locator(".row.me .cards img")
    expect(shown).to_be_visible()
    assert shown.evaluate(LOADED) > 100
    chosen.set_input_files(FilePayload(name="photo.png", mimeType="image/png", buffer=b"<!doctype html>"))
    expect(widget.panel.locator(".count")).to_contain_text("不收这种文件")
    expect(shown).to_have_count(1)

    lin = agent("zh")
    lin.open("/")
    lin.page.get_by_text("坏了.png").first.click()
    there = lin.page.locator(".msg .files img")
    expect(there).to_be_visible()
    assert there.evaluate(LOADED) > 100
    expect(there).to_have_attribute("src", re.compile("^/files/"))
