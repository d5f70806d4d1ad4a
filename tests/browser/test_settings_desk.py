"""The settings of the desk: inboxes with the widget beside them, knowledge from files, rules, people."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from zhike.testing.deskprocess import DeskProcess
from zhike.testing.pages import PASSWORD, Console, Visits, Widget, state_of

ADD = """body => fetch('/api/v1/me').then(r => r.json()).then(me => fetch('/api/v1/agents', {method: 'POST',
  headers: {'Content-Type': 'application/json', 'X-CSRF-Token': me.csrf_token}, body: JSON.stringify(body)}))
  .then(r => r.status)"""


@pytest.fixture(scope="module")
def shop(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A desk of its own, for what is changed here: its address, and the owner's state."""
    folder = tmp_path_factory.mktemp("settings-desk")
    with DeskProcess(folder) as desk:
        visits = Visits(chromium, desk.url)
        person = Console(visits.page("en"), desk.url)
        person.set_up(desk.link, "Ann Field", "ann@shop.example")
        for name in ("Bo", "Cy"):
            assert person.page.evaluate(ADD, {"email": f"{name.lower()}@shop.example", "name": name,
                                              "role": "agent", "lang": "en", "password": PASSWORD}) == 201
        state = state_of(person.page.context, folder / "state.json")
        visits.close()
        yield desk.url, state


@pytest.fixture
def visits(chromium: Browser, shop: tuple[str, str]) -> Iterator[Visits]:
    """Pages of this desk."""
    opened = Visits(chromium, shop[0])
    yield opened
    opened.close()
    assert opened.faults == []


@pytest.fixture
def page(visits: Visits, shop: tuple[str, str]) -> Page:
    """The console of the owner, in English."""
    url, state = shop
    return visits.page("en", storage_state=state, base_url=f"{url}/console/")


def test_an_inbox_is_set_up_and_the_widget_shows_it(page: Page, visits: Visits) -> None:
    page.goto("inboxes/1")
    preview = page.frame_locator("iframe")
    expect(preview.locator(".panel")).to_be_visible()
    page.get_by_role("tab", name="Welcome").click()
    page.get_by_label("Greeting in English").fill("Welcome to the workshop.")
    page.get_by_label("First questions in English").fill("Do you repair kettles?\nWhere are you?")
    page.get_by_role("button", name="Save").click()
    expect(preview.locator(".log")).to_contain_text("Welcome to the workshop.")  # loaded anew by itself
    expect(preview.locator(".act").first).to_have_text("Do you repair kettles?")

    page.get_by_role("tab", name="Hours").click()
    page.get_by_role("switch", name="People have hours").click()
    friday = page.get_by_role("group", name="Friday")
    friday.get_by_label("Friday: to").fill("15:30")
    page.get_by_role("group", name="Sunday").get_by_label("Sunday: add a time").click()
    page.get_by_label("Also closed on").fill("2026-12-31")
    page.get_by_label("Message outside hours in English").fill("We are back on Monday.")
    page.get_by_role("tab", name="Afterwards").click()
    page.get_by_role("switch", name="Ask for a rating").click()
    page.get_by_label("Wrap-ups").fill("Refund\nDelivery")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("button", name="Save")).to_be_disabled()
    page.reload()
    page.get_by_role("tab", name="Hours").click()
    expect(friday.get_by_label("Friday: to")).to_have_value("15:30")
    expect(page.get_by_label("Sunday: from")).to_have_value("09:00")
    expect(page.get_by_label("Message outside hours in English")).to_have_value("We are back on Monday.")


def test_a_refused_field_opens_its_tab_and_says_why(page: Page) -> None:
    page.goto("inboxes/1")
    page.get_by_role("tab", name="Install").click()
    page.get_by_label("Sites").fill("https://shop.example\nshop.example/path")
    page.get_by_role("tab", name="General").click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("tab", name="Install")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_label("Sites")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("alert")).to_contain_text("shop.example/path")
    page.get_by_role("tab", name="Install").press("ArrowLeft")
    expect(page.get_by_role("tab", name="Afterwards")).to_be_focused()
    page.get_by_role("tab", name="Install").click()
    page.get_by_label("Sites").fill("https://shop.example")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("button", name="Save")).to_be_disabled()


def test_a_new_inbox_gets_its_snippet(page: Page) -> None:
    page.goto("inboxes")
    page.get_by_role("button", name="New inbox").click()
    page.get_by_label("Name").fill("Second shop")
    page.get_by_label("Key").fill("second")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(re.compile(r"/console/inboxes/\d+$"))
    page.get_by_role("tab", name="Install").click()
    expect(page.locator("pre").first).to_contain_text('data-inbox="second"')
    expect(page.frame_locator("iframe").locator(".panel")).to_be_visible()


def test_knowledge_comes_from_a_file_and_goes_out_again(page: Page, visits: Visits,
                                                        shop: tuple[str, str]) -> None:
    page.goto("knowledge")
    page.get_by_label("Import and export").click()
    page.get_by_text("Import from a file").click()
    drawer = page.get_by_role("dialog")
    table = "question,answer\nDo you sharpen scissors?,\"Yes, in two days.\"\n,nothing\n"
    drawer.locator("input[type=file]").set_input_files(
        files={"name": "faq.csv", "mimeType": "text/csv", "buffer": table.encode()})
    expect(drawer).to_contain_text("1 article found")
    drawer.get_by_text("1 left out").click()
    expect(drawer).to_contain_text("Line 3:")
    drawer.get_by_role("button", name="Import 1 article").click()
    expect(drawer).to_contain_text("1 added, 0 changed, 0 the same")
    drawer.get_by_role("button", name="Done").click()
    page.get_by_placeholder("A visitor's question").fill("do you sharpen scissors")
    page.get_by_role("button", name="Ask").click()
    answer = page.locator(".answer")
    expect(answer).to_contain_text("Yes, in two days.")
    expect(answer.locator(".trace")).to_contain_text("Matched the article")
    answer.get_by_role("button", name="Open the article").click()
    expect(page.get_by_label("Question", exact=True)).to_have_value("Do you sharpen scissors?")
    page.get_by_label("Import and export").click()
    with page.expect_download() as export:
        page.get_by_text("Export as JSON lines").click()
    assert "Do you sharpen scissors?" in export.value.path().read_text()

    # An edit is not lost by a click on another article; the new words answer at once.
    page.get_by_label("Answer", exact=True).fill("Yes, while you wait.")
    page.locator(".side .one").first.click()
    page.get_by_role("button", name="Keep editing").click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("button", name="Save")).to_be_disabled()
    widget = Widget(visits.page("en"))
    widget.open(shop[0])
    widget.say("do you sharpen scissors")
    expect(widget.row(2)).to_contain_text("Yes, while you wait.")


def test_a_rule_is_tried_while_it_is_written(page: Page) -> None:
    page.goto("rules")
    page.get_by_role("button", name="New rule").click()
    drawer = page.get_by_role("dialog")
    drawer.get_by_label("When the visitor writes").fill("sharpen knife")
    drawer.get_by_label("Try: what a visitor might write").fill("can you sharpen my knife?")
    drawer.get_by_role("button", name="Try").click()
    expect(drawer).to_contain_text("This rule catches it.")
    drawer.get_by_label("Try: what a visitor might write").fill("my knife")
    drawer.get_by_role("button", name="Try").click()
    expect(drawer).to_contain_text("does not catch it")
    drawer.get_by_label("Reply").fill("We sharpen knives on Fridays.")
    drawer.get_by_role("button", name="Save").click()
    expect(page.locator(".rule", has_text="We sharpen knives on Fridays.")).to_be_visible()


def test_a_rule_keeps_the_flow_that_it_begins(page: Page) -> None:
    page.goto("rules")
    rule = page.locator(".rule", has=page.get_by_text(re.compile("^flow ")))
    expect(rule.first).to_be_visible()
    before = rule.count()
    rule.first.locator(".body").click()
    drawer = page.get_by_role("dialog")
    drawer.get_by_label("Position").fill("17")
    drawer.get_by_label("Position").press("Tab")
    drawer.get_by_role("button", name="Save").click()
    expect(drawer).to_have_count(0)
    page.reload()
    expect(rule).to_have_count(before)


def test_a_team_and_its_members(page: Page) -> None:
    page.goto("agents")
    page.locator(".one", has_text="bo@shop.example").locator(".body").click()
    drawer = page.get_by_role("dialog")
    drawer.get_by_label("Conversations at a time").fill("3")
    drawer.get_by_role("button", name="Make a link").click()
    expect(drawer.locator("pre")).to_contain_text("/console/reset#token=")
    drawer.get_by_role("button", name="Save").click()
    expect(page.locator(".one", has_text="bo@shop.example").locator(".load")).to_have_text("0 / 3")

    page.goto("teams")
    page.get_by_role("button", name="New team").first.click()
    drawer.get_by_label("Name").fill("After-sales")
    drawer.get_by_label("Key").fill("after-sales")
    drawer.locator(".n-base-selection").first.click()
    page.get_by_text("Bo", exact=True).click()
    page.keyboard.press("Escape")
    drawer.get_by_label("Alarm when somebody waits").fill("5")
    drawer.get_by_role("button", name="Save").click()
    team = page.locator("li .one", has_text="After-sales")
    expect(team).to_contain_text("1 member · Bo")
    team.click()
    drawer.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Undo").click()
    expect(team).to_be_visible()


def test_switching_somebody_off_can_be_undone(page: Page) -> None:
    page.goto("agents")
    row = page.locator(".one", has_text="cy@shop.example")
    row.get_by_role("button", name="Disable: Cy").click()
    expect(page.get_by_text("Cy can no longer sign in")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(row.get_by_role("button", name="Disable: Cy")).to_be_visible()
    page.reload()
    expect(row.get_by_role("button", name="Disable: Cy")).to_be_visible()


def test_canned_responses_and_tags(page: Page) -> None:
    page.goto("canned")
    page.get_by_role("button", name="New response").first.click()
    drawer = page.get_by_role("dialog")
    drawer.get_by_label("Shortcut").fill("hello")
    drawer.get_by_label("Text").fill("Hello ")
    drawer.get_by_role("button", name="{{contact.name}}").click()
    drawer.get_by_role("button", name="Save").click()
    row = page.locator("li", has_text="/hello")
    expect(row).to_contain_text("Hello {{contact.name}}")
    expect(row).to_contain_text("Everybody")

    page.goto("tags")
    page.get_by_label("Name of a new tag").fill("Refund")
    page.get_by_role("button", name="Add tag").click()
    name = page.get_by_label("Name of Refund")
    name.fill("Refunds")
    name.press("Enter")
    expect(page.get_by_label("Name of Refunds")).to_be_visible()
    page.get_by_label("Name of a new tag").fill("Refunds")
    page.get_by_role("button", name="Add tag").click()
    expect(page.get_by_role("alert")).to_be_visible()  # there is one already
    page.reload()
    expect(page.get_by_label("Name of Refunds")).to_be_visible()


def test_the_record_of_changes_is_verified(page: Page) -> None:
    page.goto("audit")
    page.get_by_role("button", name="Verify").click()
    expect(page.locator(".verdict")).to_contain_text("Whole:")


def test_who_is_told_when_nobody_looks(page: Page) -> None:
    page.goto("notify")
    expect(page.get_by_role("region", name="Mail")).to_contain_text("Not set up")
    page.get_by_role("button", name="New target").first.click()
    drawer = page.get_by_role("dialog")
    drawer.get_by_label("Name").fill("Night group")
    drawer.get_by_label("Address").fill("not an address")
    drawer.get_by_role("button", name="Save").click()
    expect(drawer.get_by_label("Address")).to_have_attribute("aria-invalid", "true")
    drawer.get_by_label("Address").fill("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=11112222-abcd")
    drawer.get_by_role("button", name="Save").click()
    row = page.locator("li", has_text="Night group")
    expect(row).to_contain_text("WeCom group robot · https://qyapi.weixin.qq.com/…abcd")
    row.get_by_role("switch").click()
    page.reload()
    expect(row.get_by_role("switch")).not_to_be_checked()
    row.locator(".body").click()
    drawer.get_by_label("Name").fill("Night shift")  # the address stays, though it is not shown
    drawer.get_by_role("button", name="Save").click()
    expect(page.locator("li", has_text="Night shift")).to_contain_text("…abcd")
