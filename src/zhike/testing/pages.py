"""Chromium, and the pages as a person uses them: the widget on a shop's page, the console.

For tests and for the script that takes the pictures of the documentation. Needs the development
group (Playwright) and a Chromium of the system.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    Playwright,
    ViewportSize,
    WebSocket,
    expect,
)

Lang = Literal["zh", "en"]
LOCALES: dict[Lang, str] = {"zh": "zh-CN", "en": "en-US"}
ARGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync")
"""No sandbox: tests run as root in containers. The rest keeps Chromium from calling home."""
DESKTOP = {"viewport": {"width": 1440, "height": 900}}
PHONE_SIZE: ViewportSize = {"width": 390, "height": 844}
PHONE = {"viewport": PHONE_SIZE, "is_mobile": True, "has_touch": True}
PASSWORD = "correct horse battery staple"
OURS = ("data:", "blob:", "chrome-error:", "about:")


def chromium_path() -> str | None:
    """Of ``$ZHIKE_CHROMIUM``, else of the system's Chromium or Chrome; None if there is none."""
    wish = os.environ.get("ZHIKE_CHROMIUM")
    names = (wish,) if wish else ("/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


def launch(playwright: Playwright, path: str) -> Browser:
    """A headless Chromium."""
    return playwright.chromium.launch(executable_path=path, args=[*ARGS])


class Visits:
    """Opens pages and remembers what no page may do: throw, or ask another host.

    Args:
        url: of the desk; everything else is a third host.
    """

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser = browser
        self.url = url
        self.faults: list[str] = []
        self.pages: list[Page] = []

    def page(self, lang: Lang = "zh", **options: Any) -> Page:
        """A page in a fresh context (options are ``Browser.new_context``'s): another visitor, or
        with ``storage_state`` somebody who is signed in."""
        context = self.browser.new_context(locale=LOCALES[lang], **{**DESKTOP, **options})
        context.on("request", lambda request: self._requested(request.url))
        context.on("weberror", lambda fault: self.faults.append(f"a page threw: {fault.error}"))
        context.on("console", lambda message: self._logged(message.type, message.text))
        page = context.new_page()
        self.pages.append(page)
        return page

    def close(self) -> None:
        """Closes every context."""
        for context in {id(page.context): page.context for page in self.pages}.values():
            context.close()

    def _logged(self, kind: str, text: str) -> None:
        if kind == "error" and "Content Security Policy" in text:
            self.faults.append(f"a page wanted what its policy forbids: {text}")

    def _requested(self, url: str) -> None:
        if not url.startswith((self.url, *OURS)):
            self.faults.append(f"a third host was asked: {url}")


class Widget:
    """The chat of a visitor on the page of a shop."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.launcher = page.locator(".launch")
        self.panel = page.locator(".panel")
        self.input = page.locator(".line textarea")
        self.status = page.locator(".panel .head p")
        self.bar = page.locator(".panel .bar")
        self.waiting = page.locator(".row.wait")
        """What was said and is not stored yet."""
        self.stored = page.locator(".row[data-seq]:not([data-seq='0'])")
        self.human = page.locator(".human")
        self.heard: list[str] = []
        """Every frame that came over a WebSocket, also those that are not shown."""
        page.on("websocket", self._listen)

    @property
    def conversation(self) -> int:
        """The number of the conversation, from the last acknowledgement."""
        acks = [found for frame in self.heard if '"ack"' in frame
                for found in re.findall(r'"conversation":(\d+)', frame)]
        return int(acks[-1])

    def open(self, url: str) -> None:
        """Goes to the shop and opens the chat; returns when the greeting and its buttons are there."""
        self.page.goto(url)
        self.launcher.click()
        self.page.locator(".acts").first.wait_for()

    def say(self, text: str) -> None:
        """Types and presses Enter."""
        self.input.fill(text)
        self.input.press("Enter")

    def press(self, label: str) -> None:
        """One of the buttons that stand in the talk; the last of that name."""
        self.page.locator(".act", has_text=re.compile(f"^{re.escape(label)}$")).last.click()

    def row(self, seq: int) -> Locator:
        """The stored message with this number."""
        return self.page.locator(f".row[data-seq='{seq}']")

    def words(self, seq: int) -> str:
        """The text of a stored message; waits for it."""
        return self.row(seq).locator(".bub").inner_text()

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: self.heard.append(str(frame)))

    def talk(self) -> list[tuple[int, str, str]]:
        """(seq, who, text) of every stored message on the page; who: me bot agent system."""
        found: list[list[Any]] = self.stored.evaluate_all(
            "rows => rows.map(row => [Number(row.dataset.seq), row.classList[1],"
            " row.querySelector('.bub').textContent])")
        return [(seq, who, text) for seq, who, text in found]


class Console:
    """The pages of the people who answer."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.list = page.locator(".list .one")
        self.messages = page.locator(".msg")
        self.composer = page.locator(".composer textarea")
        self.dialog = page.locator("[role=dialog]")
        self.notice = page.locator(".notice")

    def open(self, path: str) -> None:
        """Goes to a page of the console, such as ``/conversations``."""
        self.page.goto(f"{self.url}/console{path}")

    def set_up(self, link: str, name: str, email: str) -> None:
        """Makes the first admin with the one-time link."""
        self.page.goto(link)
        fields = self.page.locator("form input")
        fields.nth(0).fill(name)
        fields.nth(1).fill(email)
        fields.nth(2).fill(PASSWORD)
        self.page.locator("button[type=submit]").click()
        self.page.wait_for_url("**/console/inboxes")

    def fill_sign_in(self, email: str, password: str = PASSWORD) -> None:
        """Fills the form at hand and sends it."""
        fields = self.page.locator("form input")
        fields.nth(0).fill(email)
        fields.nth(1).fill(password)
        fields.nth(1).press("Enter")

    def tab(self, name: Literal["needs", "mine", "bot", "all"]) -> None:
        """One of the lists that stand as tabs."""
        self.page.locator(f".list .tab[data-view='{name}']").click()

    def conversation(self, number: int) -> Locator:
        """The row of the list for this conversation."""
        return self.page.locator(f".list .one[href$='/conversations/{number}']")

    def open_here(self, number: int) -> None:
        """Goes to a conversation of the list without loading the page anew."""
        self.conversation(number).click()

    def leave_fields(self) -> None:
        """Out of any field: single keys are for commands again."""
        self.page.evaluate("document.activeElement?.blur()")

    def key(self, name: str) -> None:
        """A single key, pressed while no field has the focus."""
        self.leave_fields()
        self.page.keyboard.press(name)

    def take(self) -> None:
        """Takes the open conversation over, by its key; returns when a reply can be written."""
        self.page.locator(".composer .closed").wait_for()
        self.key("t")
        expect(self.composer).to_be_focused()

    def say(self, text: str, *, note: bool = False) -> None:
        """A reply, or a private note, through the keyboard alone."""
        self.key("n" if note else "r")
        expect(self.composer).to_be_focused()
        self.composer.fill(text)
        self.composer.press("Enter")
        self.page.locator(".msg.note" if note else ".msg.agent", has_text=text).wait_for()

    def said(self) -> list[str]:
        """The texts of the open conversation."""
        return self.messages.locator(".bubble").all_inner_texts()


def shot(page: Page, name: str) -> None:
    """Two pictures into the folder ``$ZHIKE_SHOTS``, to be looked at by people: as it is, and of a phone in
    the dark. Nothing without the folder."""
    folder = os.environ.get("ZHIKE_SHOTS")
    if not folder:
        return
    wide = page.viewport_size
    page.screenshot(path=Path(folder) / f"{name}.png", animations="disabled")
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(PHONE_SIZE)
    page.screenshot(path=Path(folder) / f"{name}-390-dark.png", animations="disabled")
    page.emulate_media(color_scheme="light")
    if wide is not None:
        page.set_viewport_size(wide)


def state_of(context: BrowserContext, file: Path) -> str:
    """Keeps a signed-in context for others; returns the file's name."""
    context.storage_state(path=file)
    return str(file)


def path_of(page: Page) -> str:
    """Of the page's address."""
    return urlsplit(page.url).path
