"""The settings of the bot: models, prompts with their playground, tools, flows, cases, thresholds."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from zhike.testing.deskprocess import DeskProcess
from zhike.testing.obedient import ObedientModel
from zhike.testing.pages import Console, Visits, state_of

NOBODY = "http://127.0.0.1:9/v1"


@pytest.fixture(scope="module")
def shop(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A desk with a model that answers and one that is not there: its address, and the owner's state."""
    folder = tmp_path_factory.mktemp("bot-desk")
    with ObedientModel() as model, DeskProcess(folder, env={
            "ZHIKE_MODELS__SHOP__BASE_URL": model.url, "ZHIKE_MODELS__SHOP__MODEL": "obedient",
            "ZHIKE_MODELS__SPARE__BASE_URL": NOBODY, "ZHIKE_MODELS__SPARE__MODEL": "none"}) as desk:
        visits = Visits(chromium, desk.url)
        person = Console(visits.page("en"), desk.url)
        person.set_up(desk.link, "Ann Field", "ann@shop.example")
        state = state_of(person.page.context, folder / "state.json")
        visits.close()
        yield desk.url, state


@pytest.fixture
def page(chromium: Browser, shop: tuple[str, str]) -> Iterator[Page]:
    """The console of the owner, in English."""
    url, state = shop
    visits = Visits(chromium, url)
    yield visits.page("en", storage_state=state, base_url=f"{url}/console/")
    visits.close()
    assert visits.faults == []


def test_a_model_is_tested_by_a_button(page: Page) -> None:
    page.goto("models")
    page.locator(".one", has_text="shop").get_by_role("button", name="Test").click()
    expect(page.locator(".one", has_text="shop").locator(".result.good")).to_contain_text("first word after")
    gone = page.locator(".one", has_text="spare")
    gone.get_by_role("button", name="Test").click()
    expect(gone.locator(".result.bad")).to_contain_text("cannot be reached")
    expect(gone.locator(".state")).to_have_text("Fails")


def test_a_template_is_written_tried_compared_and_rolled_back(page: Page) -> None:
    page.goto("prompts")
    page.get_by_role("button", name="New template").first.click()
    words = page.get_by_label("Instructions to the model")
    expect(words).to_have_value(re.compile("online support assistant"))  # the built-in one is the beginning
    page.get_by_role("textbox", name="Name").fill("repairs")
    words.fill("你是{shop}的客服。")
    play = page.get_by_role("region", name="Playground")
    play.get_by_label("Questions").fill("washer is loud\n\nkettle is cold")
    play.get_by_role("button", name="Ask").click()  # nothing was saved yet
    expect(play.locator("article")).to_have_count(2)
    expect(play.locator(".text").first).to_contain_text("5. ")
    page.get_by_role("button", name="Save as new version").click()
    page.wait_for_url("**/console/prompts/repairs")

    words.fill("你是{shop}的客服。最多三个方案，以问句结尾。")
    page.get_by_label("What changed").fill("three at most")
    play.get_by_text("Check the answers").click()
    play.get_by_label("At most points").fill("3")
    play.locator(".n-base-selection").first.click()
    page.get_by_text("Version 1, in use", exact=True).click()
    play.get_by_role("button", name="Ask").click()
    first = play.locator("article").first.locator(".answer")
    expect(first).to_have_count(2)
    expect(first.nth(0)).to_contain_text("passes")
    expect(first.nth(1)).to_contain_text("fails")
    expect(play.locator(".sum")).to_contain_text("As in the editor: 2 of 2 pass")
    page.get_by_role("button", name="Save as new version").click()

    versions = page.get_by_role("region", name="Versions")
    expect(versions.locator("li")).to_have_count(2)
    newest = versions.locator("li").first
    expect(newest).to_contain_text("three at most")
    newest.get_by_role("button", name="Changes").click()
    expect(newest.locator(".after")).to_contain_text("最多三个方案")
    versions.locator("li").nth(1).get_by_role("button", name="Use this one").click()
    expect(versions.locator("li").nth(1)).to_contain_text("in use")
    expect(newest.get_by_role("button", name="Use this one")).to_be_visible()


def test_json_that_is_wrong_says_where(page: Page) -> None:
    page.goto("flows")
    page.get_by_role("button", name="New flow").first.click()
    drawer = page.get_by_role("dialog")
    drawer.get_by_label("Key").fill("callback")
    text = drawer.get_by_label("Definition (JSON)")
    good = text.input_value()
    text.fill(good.replace('"steps": [', '"steps": [,'))
    expect(drawer.get_by_role("alert")).to_contain_text("not valid JSON")
    expect(drawer.get_by_role("button", name="Save")).to_be_disabled()
    wrong = good.replace('"ask": "phone"', '"aks": "phone"')
    text.fill(wrong)
    drawer.get_by_role("button", name="Save").click()
    line = wrong[:wrong.index('"aks"')].count("\n") + 1
    expect(drawer.get_by_role("alert")).to_contain_text(f"Line {line}")
    expect(drawer.get_by_role("alert")).to_contain_text("ask")  # what was meant
    assert text.evaluate("box => box.value.slice(box.selectionStart, box.selectionEnd)").startswith('"aks"')

    # Leaving over what was not saved is asked about; staying keeps it.
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Keep editing").click()
    expect(text).to_have_value(wrong)
    text.fill(good)
    drawer.get_by_role("button", name="Save").click()
    expect(page.locator("li", has_text="callback")).to_be_visible()
    page.locator("li", has_text="callback").get_by_role("switch").click()
    page.reload()
    expect(page.locator("li", has_text="callback").get_by_role("switch")).not_to_be_checked()


def test_a_tool_is_deleted_and_comes_back(page: Page) -> None:
    page.goto("tools")
    page.get_by_role("button", name="New tool").click()
    drawer = page.get_by_role("dialog")
    drawer.get_by_label("Key").fill("stock")
    drawer.get_by_role("button", name="Save").click()
    row = page.locator("li", has_text="stock")
    expect(row).to_be_visible()
    row.locator(".body").click()
    drawer.get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(row).to_be_visible()
    page.reload()
    expect(row).to_be_visible()


def test_cases_are_added_and_asked(page: Page) -> None:
    page.goto("cases")
    page.get_by_role("button", name="New case").first.click()
    drawer = page.get_by_role("dialog")
    drawer.get_by_label("What the visitor asks").fill("can you weld a bicycle frame")
    drawer.get_by_label("Key of the article or rule").fill("no-such-article")
    drawer.get_by_role("button", name="Save").click()
    expect(drawer).to_have_count(0)
    page.get_by_role("button", name="Ask them all").click()
    result = page.get_by_role("region", name="Result")
    expect(result).to_contain_text("right")
    expect(result.locator("li", has_text="can you weld a bicycle frame")).to_be_visible()


def test_a_bots_thresholds_stay_and_wrong_ones_are_marked(page: Page) -> None:
    page.goto("bots")
    forbidden = page.get_by_label("Forbidden words")
    forbidden.fill("cheapest\nguaranteed")
    page.get_by_label("Answers from").fill("66")
    page.get_by_label("Answers from").press("Tab")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("button", name="Save")).to_be_disabled()
    page.reload()
    expect(page.get_by_label("Answers from")).to_have_value("66")
    expect(forbidden).to_have_value("cheapest\nguaranteed")
    # Nobody loses an edit by a click on another page.
    page.get_by_role("textbox", name="Name").fill("")
    page.get_by_role("textbox", name="Name").fill("Robin")
    page.get_by_role("link", name="Models").click()
    page.get_by_role("button", name="Discard changes").click()
    page.wait_for_url("**/console/models")


def test_usage_and_audit_tell_what_was_done(page: Page) -> None:
    page.goto("usage")
    expect(page.locator("table tbody tr").first).to_contain_text("shop")
    page.goto("audit")
    page.get_by_label("What was changed, for example article:17").fill("bot:1")
    expect(page.locator(".card li")).to_have_count(1)
    page.locator(".card li summary").click()
    expect(page.locator(".card li dl")).to_contain_text("Ann Field")
    page.get_by_label("What was changed, for example article:17").fill("bot:4711")
    page.get_by_role("button", name="Clear filters").click()
    expect(page.locator("li", has_text="agent.set_up")).to_be_visible()
