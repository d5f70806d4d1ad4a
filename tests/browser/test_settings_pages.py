"""Every page of the settings: found by search, whole on a phone, open to everybody's eyes and readers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from zhike.testing.pages import PHONE, Console, Lang

from .test_axe import axe, faults

__all__ = ["axe"]
PAGES = ("/settings", "/rules", "/flows", "/bots", "/prompts", "/prompts/new", "/models", "/cases", "/tools",
         "/inboxes", "/inboxes/1", "/agents", "/teams", "/canned", "/tags", "/notify", "/webhooks",
         "/api-keys", "/usage", "/audit", "/account")
LOOKS: list[tuple[Lang, str]] = [("zh", "light"), ("en", "dark")]
WIDER = "[...document.querySelectorAll('.page')].some(e => e.scrollWidth > e.clientWidth)"
HREFS = "links => links.map(a => a.getAttribute('href'))"


def loaded(page: Page) -> None:
    """Its heading is there and nothing loads any more."""
    expect(page.locator("h1").first).to_be_visible()
    expect(page.locator("[role=status] .one")).to_have_count(0)


@pytest.mark.parametrize(("lang", "scheme"), LOOKS)
def test_no_page_keeps_anybody_out(admin: Callable[..., Console], axe: str, lang: Lang, scheme: str) -> None:
    console = admin(lang, color_scheme=scheme, reduced_motion="reduce")
    found: list[str] = []
    for path in PAGES:
        console.open(path)
        loaded(console.page)
        found += faults(console.page, axe)
    assert found == []


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_page_fits_a_phone(admin: Callable[..., Console], lang: Lang) -> None:
    console = admin(lang, **PHONE)
    page = console.page
    for path in PAGES:
        console.open(path)
        loaded(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert not page.evaluate(WIDER), path
        if path != "/settings":
            assert page.locator(".up").is_visible(), path  # the way back
    page.locator(".up").tap()
    page.wait_for_url("**/console/settings")


def test_a_setting_is_found_by_what_stands_in_it(admin: Callable[..., Console]) -> None:
    console = admin("en")
    page = console.page
    console.open("/settings")
    page.get_by_role("searchbox").fill("greeting widget")
    expect(page.locator(".nav .place")).to_have_count(1)
    page.get_by_role("searchbox").press("Enter")
    page.wait_for_url("**/console/inboxes")
    page.get_by_role("searchbox").fill("no such thing")
    expect(page.locator(".nav")).to_contain_text("No setting matches")


def test_an_agent_sees_only_what_an_agent_may_use(agent: Callable[[Lang], Console]) -> None:
    person = agent("en")
    person.open("/settings")
    expect(person.page.locator(".nav .place").first).to_be_visible()
    places = set(person.page.locator(".nav .place").evaluate_all(HREFS))
    assert {"/console/account", "/console/rules"} <= places
    assert not places & {"/console/agents", "/console/prompts", "/console/audit", "/console/inboxes"}
    person.open("/prompts")
    person.page.wait_for_url("**/console/conversations")
