"""A desk without anything: every page of the settings says what it is for and leads on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from zhike.testing.deskprocess import DeskProcess
from zhike.testing.pages import Console, Visits

NEXT = {
    "/knowledge": "New bot", "/rules": "New bot", "/tools": "New bot", "/flows": "New bot",
    "/cases": "New bot",
    "/prompts": "New bot", "/bots": "New bot", "/teams": "New team", "/canned": "New response",
    "/tags": "Name the first one", "/api-keys": "New API key", "/notify": "New target", "/usage": "Models",
}
"""Page → what its empty state offers."""


@pytest.fixture
def bare(chromium: Browser, tmp_path: Path) -> Iterator[Console]:
    with DeskProcess(tmp_path / "bare", env={"ZHIKE_SAMPLE__SHOP": "false"}) as desk:
        visits = Visits(chromium, desk.url)
        person = Console(visits.page("en"), desk.url)
        person.set_up(desk.link, "Ann Field", "ann@shop.example")
        yield person
        visits.close()
        assert visits.faults == []


@pytest.mark.timeout(300)  # thirteen pages
def test_every_empty_page_leads_on(bare: Console) -> None:
    missing = {}
    for path, name in NEXT.items():
        bare.open(path)
        box = bare.page.locator(".state")
        expect(box).to_be_visible()
        offered = box.get_by_role("button").all_inner_texts()
        if name not in offered:
            missing[path] = offered
        assert box.locator("p").first.inner_text().strip(), path
    assert missing == {}
    bare.open("/tools")
    bare.page.locator(".state").get_by_role("button").click()
    bare.page.wait_for_url("**/console/bots")
