"""axe-core finds no serious fault on any page: names, roles, contrast, labels; light and dark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from zhike.testing.pages import PHONE, Console, Lang, Visits, Widget

from .conftest import missing

AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"
SERIOUS = ("serious", "critical")
RUN = "axe.run(document, {resultTypes: ['violations']})"
LOOKS: list[tuple[Lang, str]] = [("zh", "light"), ("en", "dark")]


@pytest.fixture(scope="module")
def axe() -> str:
    """The script; comes with the development packages of npm (`make web-test` installs them)."""
    if not AXE.is_file():
        missing("node_modules/axe-core (`npm ci`)")
    return AXE.read_text()


def faults(page: Page, axe: str) -> list[str]:
    """What axe finds that keeps people out."""
    page.evaluate(axe)
    found: Any = page.evaluate(RUN)
    return [f"{page.url}: {fault['impact']} {fault['id']}: {node['target']} {node.get('failureSummary', '')}"
            for fault in found["violations"] if fault["impact"] in SERIOUS for node in fault["nodes"]]


@pytest.mark.parametrize(("lang", "scheme"), LOOKS)
def test_shop_and_chat(visits: Visits, axe: str, lang: Lang, scheme: str) -> None:
    widget = Widget(visits.page(lang, color_scheme=scheme, reduced_motion="reduce"))
    widget.open(visits.url)
    assert faults(widget.page, axe) == []
    widget.say({"zh": "可以开发票吗", "en": "can i get an invoice"}[lang])
    expect(widget.row(2).locator(".src")).to_be_visible()
    widget.human.click()
    expect(widget.page.locator(".row.system").first).to_be_visible()
    widget.page.context.set_offline(True)
    expect(widget.bar).to_be_visible()
    widget.say("offline")
    expect(widget.waiting).to_have_count(1)
    assert faults(widget.page, axe) == []
    widget.page.context.set_offline(False)
    widget.page.goto(f"{visits.url}/sample/product.html?id=mug-clay")
    expect(widget.input).to_be_visible()
    assert faults(widget.page, axe) == []


@pytest.mark.parametrize(("lang", "scheme"), LOOKS)
def test_console(visits: Visits, admin: Callable[..., Console], axe: str, lang: Lang, scheme: str) -> None:
    visitor = Widget(visits.page(lang))
    visitor.open(visits.url)
    visitor.say({"zh": "可以开发票吗", "en": "can i get an invoice"}[lang])
    expect(visitor.row(2)).to_be_visible()
    visitor.human.click()
    expect(visitor.status).to_have_attribute("data-state", "wait")
    console = admin(lang, color_scheme=scheme, reduced_motion="reduce")
    page = console.page

    console.open("/conversations")
    expect(console.conversation(visitor.conversation)).to_be_visible()
    assert faults(page, axe) == []
    console.conversation(visitor.conversation).click()
    page.locator(".why").first.click()
    expect(page.locator(".trace")).to_be_visible()
    expect(page.locator(".context dl").first).to_be_visible()
    assert faults(page, axe) == []
    console.take()
    console.say("note", note=True)
    assert faults(page, axe) == []

    rest = [("/inboxes", ".page h1"), ("/agents", ".page .one"), ("/api-keys", ".page h1"),
            ("/account", ".page form"), ("/nowhere", ".state")]
    for path, there in [("/knowledge/1", ".editor"), *(rest if scheme == "dark" else [])]:
        console.open(path)
        expect(page.locator(there).first).to_be_visible()
        assert faults(page, axe) == []
    console.open("/rules")
    page.locator(".rule .body").nth(1).click()
    expect(console.dialog).to_be_visible()
    assert faults(page, axe) == []


@pytest.mark.parametrize(("lang", "scheme"), LOOKS)
def test_what_opens_over_the_console(visits: Visits, admin: Callable[..., Console], axe: str, lang: Lang,
                                     scheme: str) -> None:
    """Dialogs, menus, the palette and the lists of the composer."""
    visitor = Widget(visits.page(lang))
    visitor.open(visits.url)
    visitor.human.click()
    expect(visitor.status).to_have_attribute("data-state", "wait")
    console = admin(lang, color_scheme=scheme, reduced_motion="reduce")
    page = console.page
    console.open(f"/conversations/{visitor.conversation}")
    console.take()

    def look(there: str, close: str = "Escape") -> None:
        shown = page.locator(there).last
        expect(shown).to_be_visible()
        assert faults(page, axe) == []
        page.keyboard.press(close)
        expect(shown).to_be_hidden()

    console.composer.fill("/")
    look(".suggest")
    page.locator(".composer .kind").nth(1).click()
    console.composer.fill("@")
    look(".suggest")
    console.composer.fill("")
    page.get_by_role("button", name={"zh": "表情", "en": "Emoji"}[lang]).press("Enter")
    look(".grid")
    for key in ("a", "s", "l", "!", "?"):
        console.key(key)
        look("[role=dialog]")
    page.keyboard.press("Control+k")
    page.locator(".palette input").fill({"zh": "发票", "en": "invoice"}[lang])
    expect(page.locator(".palette [role=status]")).to_have_count(0)
    look(".palette")
    for button in (".list .more", ".rail button.place:last-child"):
        page.locator(button).last.click()
        look(".n-dropdown-menu")


def test_console_on_a_phone(admin: Callable[..., Console], axe: str) -> None:
    console = admin("zh", reduced_motion="reduce", **PHONE)
    pages = {"/conversations": ".rail", "/settings": ".nav .place", "/supervision": ".figures"}
    for path, there in pages.items():
        console.open(path)
        expect(console.page.locator(there).first).to_be_visible()
        assert faults(console.page, axe) == []


@pytest.mark.parametrize(("lang", "scheme"), LOOKS)
def test_before_signing_in(visits: Visits, owner: str, axe: str, lang: Lang, scheme: str) -> None:
    person = Console(visits.page(lang, color_scheme=scheme, reduced_motion="reduce"), visits.url)
    person.open("/sign-in")
    expect(person.page.locator("form")).to_be_visible()
    assert faults(person.page, axe) == []
    person.open("/setup#token=nothing")
    expect(person.page.locator("form")).to_be_visible()
    assert faults(person.page, axe) == []


def test_axe_would_find_a_fault(visits: Visits, axe: str) -> None:
    page = visits.page("en")
    page.set_content("<button></button><img src=''><p style='color:#ccc;background:#fff'>pale</p>")
    found = "\n".join(faults(page, axe))
    assert all(rule in found for rule in ("button-name", "color-contrast", "image-alt"))
