"""The console by keyboard alone: single keys, a focus that can be seen and that comes back."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from zhike.testing.pages import Console, Lang, Visits, Widget, path_of

AgentOf = Callable[[Lang], Console]
FOCUS = """() => {
  let at = document.activeElement;
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  if (!at || at === document.body) return null;
  const name = at.getAttribute('aria-label') || at.innerText || at.getAttribute('title') || at.tagName;
  // Seen: an outline, or the library's ring around its own fields.
  const ring = (el, pseudo) => { const s = getComputedStyle(el, pseudo);
    return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0 || s.boxShadow !== 'none'; };
  const own = [at, at.closest('.n-input, .n-base-selection, .n-button, .line'), ...at.children]
    .filter(Boolean).some(el => ring(el) || ring(el, '::before') || ring(el, '::after')
      || el.matches('.n-base-selection--focus, .n-input--focus, .n-button__state-border'));
  const box = at.getBoundingClientRect();
  return { name: name.trim().slice(0, 40), seen: own && box.width > 0 && box.height > 0
    && box.left >= 0 && box.top >= 0 };
}"""


def walk(page: Page, stops: int) -> list[str]:
    """Names of what Tab reaches; every one of them must show that it has the focus."""
    names: list[str] = []
    for _ in range(stops):
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUS)
        if at is None:  # out of the page and into the browser's own bar
            continue
        assert at["seen"], f"{at['name']} has the focus and does not show it"
        names.append(at["name"])
    return names


def waiting(visits: Visits, people: int) -> list[int]:
    """Visitors who want a person; numbers of their conversations, longest wait first."""
    numbers = []
    for _ in range(people):
        widget = Widget(visits.page("en"))
        widget.open(visits.url)
        widget.human.click()
        expect(widget.status).to_have_text("Waiting for a person — you can keep writing")
        numbers.append(widget.conversation)
    return numbers


def test_the_keys_of_the_desk(visits: Visits, agent: AgentOf) -> None:
    first, second, third = waiting(visits, 3)
    console = agent("en")
    page = console.page

    def at(number: int) -> None:
        page.wait_for_url(f"**/conversations/{number}")
        expect(page.locator(".list .one.active")).to_have_attribute(
            "href", f"/console/conversations/{number}")

    console.open(f"/conversations/{first}")
    expect(console.conversation(third)).to_be_visible()
    expect(console.messages.first).to_be_visible()
    console.key("j")
    at(second)
    console.key("j")
    at(third)
    console.key("k")
    at(second)

    console.key("r")  # nothing can be said before taking over, and the bot is not disturbed
    expect(page.locator(".composer .closed")).to_be_visible()
    console.key("t")
    expect(console.composer).to_be_focused()
    page.keyboard.type("jk are letters here")
    expect(console.composer).to_have_value("jk are letters here")
    at(second)
    page.keyboard.press("Enter")
    expect(page.locator(".msg.agent .bubble")).to_have_text("jk are letters here")
    page.keyboard.press("Escape")  # leaves the field, not the conversation
    expect(console.composer).not_to_be_focused()
    at(second)
    page.keyboard.press("r")
    expect(console.composer).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    expect(page.get_by_role("button", name="Private note")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")

    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    assert console.dialog.locator("kbd").all_inner_texts()[:7] == ["j", "k", "r", "n", "t", "a", "e"]
    page.keyboard.press("e")  # belongs to the dialog now
    page.keyboard.press("Escape")
    expect(console.dialog).to_be_hidden()
    expect(page.locator(".over")).to_have_count(0)

    page.keyboard.press("e")
    expect(page.locator(".over")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".over")).to_have_count(0)
    console.key("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    console.key("Escape")
    page.wait_for_url("**/console/conversations")


def test_the_focus_can_be_seen_and_comes_back(visits: Visits, agent: AgentOf) -> None:
    number = waiting(visits, 1)[0]
    console = agent("en")
    page = console.page
    console.open(f"/conversations/{number}")
    expect(console.messages.first).to_be_visible()
    expect(page.locator(".context dl").first).to_be_visible()
    names = walk(page, 32)
    assert names[0] == "Skip to content"
    for expected in ("Knowledge", "Settings", "Search conversations", "Take over", "Column width"):
        assert any(name.startswith(expected) for name in names), (expected, names)

    # A dialog keeps the focus inside and gives it back to what opened it.
    console.open("/rules")
    opener = page.locator(".rule .body").first
    opener.focus()
    page.keyboard.press("Enter")
    expect(console.dialog).to_be_visible()
    expect(console.dialog.locator(":focus")).to_have_count(1)
    walk(page, 12)
    expect(console.dialog.locator(":focus")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(console.dialog).to_be_hidden()
    expect(opener).to_be_focused()


def test_escape_closes_what_is_open_and_nothing_below_it(visits: Visits, agent: AgentOf) -> None:
    number = waiting(visits, 1)[0]
    console = agent("en")
    page = console.page
    console.open(f"/conversations/{number}")
    console.take()
    here = page.url
    page.keyboard.press("Tab")
    for button, inside in ((page.get_by_role("button", name="Emoji"), page.locator(".grid")),
                           (page.locator(".composer .hint"), page.locator(".n-checkbox"))):
        button.focus()
        page.keyboard.press("Enter")
        expect(inside.first).to_be_visible()
        page.keyboard.press("Escape")
        expect(inside.first).to_be_hidden()
        expect(button).to_be_focused()
    page.locator(".list .more").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".n-dropdown-menu")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".n-dropdown-menu")).to_be_hidden()
    assert page.url == here
    console.key("Escape")
    page.wait_for_url("**/console/conversations")


def test_a_row_with_the_focus_stays_where_it_is(visits: Visits, agent: AgentOf) -> None:
    talk = []
    for _ in range(2):
        widget = Widget(visits.page("en"))
        widget.open(visits.url)
        widget.human.click()
        expect(widget.status).to_have_text("Waiting for a person — you can keep writing")
        talk.append(widget)
    older, newer = talk
    console = agent("en")
    page = console.page
    console.open("/conversations")
    console.tab("all")
    page.mouse.move(900, 400)
    row = console.conversation(newer.conversation)
    expect(console.list.first).to_have_attribute("href", f"/console/conversations/{newer.conversation}")
    page.locator(".list .more").focus()
    while not row.evaluate("row => row === document.activeElement"):
        page.keyboard.press("Tab")
    older.say("still here")
    expect(console.conversation(older.conversation)).to_contain_text("still here")
    expect(console.list.first).to_have_attribute("href", f"/console/conversations/{newer.conversation}")
    expect(row).to_be_focused()
    page.locator(".list input[type=search]").focus()  # away: the list is put in order
    expect(console.list.first).to_have_attribute("href", f"/console/conversations/{older.conversation}")


def test_signing_in_and_the_shop_show_the_focus(visits: Visits, owner: str) -> None:
    person = Console(visits.page("en"), visits.url)
    person.open("/sign-in")
    expect(person.page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(person.page.locator("input").first).to_be_focused()
    walk(person.page, 8)
    assert path_of(person.page) == "/console/sign-in"

    widget = Widget(visits.page("en"))
    widget.page.goto(visits.url)
    expect(widget.launcher).to_be_visible()
    widget.launcher.focus()
    widget.page.keyboard.press("Enter")
    expect(widget.input).to_be_focused()
    assert "Close chat" in walk(widget.page, 8)
    widget.page.reload()
    assert walk(widget.page, 6)[0] == "Skip to content"
