"""Pictures for the README and the documentation, taken from a running `zhike demo`.

    python docs/make_screenshots.py            writes docs/screenshots/*.png
    python docs/make_screenshots.py shop inbox only these pages

Needs the development group, built pages (`make web`) and a Chromium with Chinese fonts. With Pillow
installed the pictures get a palette, which makes them a third of the size; without it they are
larger. The picture of a moment: names and questions are the demo's, times are those of the day.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Page, expect, sync_playwright

from zhike.testing.deskprocess import DeskProcess
from zhike.testing.pages import (
    PASSWORD,
    PHONE,
    Console,
    Lang,
    Visits,
    Widget,
    chromium_path,
    launch,
    state_of,
)

FOLDER = Path(__file__).parent / "screenshots"
MAX_BYTES = 150_000
COLORS = 256
WINDOW = {"viewport": {"width": 1440, "height": 1024}}
ADD = """body => fetch('/api/v1/me').then(r => r.json()).then(me => fetch('/api/v1/agents', {method: 'POST',
  headers: {'Content-Type': 'application/json', 'X-CSRF-Token': me.csrf_token}, body: JSON.stringify(body)}))
  .then(r => r.status)"""


LANGS: tuple[Lang, ...] = ("zh", "en")


class Shot(NamedTuple):
    """One picture."""

    what: str
    lang: Lang
    width: int
    scheme: str = "light"

    @property
    def file(self) -> Path:
        """Where it goes."""
        dark = "-dark" if self.scheme == "dark" else ""
        return FOLDER / f"{self.what}-{self.lang}-{self.width}{dark}.png"

    @property
    def options(self) -> dict[str, Any]:
        """Of the browser context."""
        phone = {**PHONE, "device_scale_factor": 2}
        return {**(phone if self.width < 500 else WINDOW), "color_scheme": self.scheme,
                "reduced_motion": "reduce", "timezone_id": "Asia/Shanghai"}


SHOTS = (*(Shot(what, lang, width, scheme)
           for what in ("inbox", "knowledge", "supervision", "settings", "agents", "prompts")
           for lang in LANGS for width in (1440, 390) for scheme in ("light", "dark")),
         *(Shot("list", lang, 390, scheme) for lang in LANGS for scheme in ("light", "dark")),
         Shot("shop", "zh", 1440), Shot("shop", "en", 1440), Shot("shop", "zh", 390), Shot("shop", "en", 390))
TALK: dict[Lang, dict[str, str]] = {
    "zh": {"first": "羊毛开衫会起球扎人吗", "person": "转人工", "thanks": "平时穿 M，想要燕麦色",
           "reply": "您好，这件是美利奴羊毛，贴身穿也不扎。您平时穿什么码？我帮您看看库存。",
           "note": "老顾客，上个月买过亚麻长裙", "test": "退货的邮费谁出", "search": "退货运费",
           "article": "退货运费谁出", "ask": "杯子可以放微波炉吗"},
    "en": {"first": "does the wool cardigan itch", "person": "human",
           "thanks": "Usually M, and I'd like it in oat",
           "reply": "Hello, it is merino wool, soft enough for bare skin. Which size do you usually wear? "
                    "I'll check what we have.",
           "note": "Bought the linen dress last month", "test": "who pays for return postage",
           "search": "return shipping", "article": "Who pays for return", "ask": "is the mug microwave safe"},
}
"""What is said and typed in the pictures."""


class Stage:
    """The demo with somebody signed in for each language, and a talk to look at."""

    def __init__(self, visits: Visits, desk: DeskProcess, folder: Path) -> None:
        self.visits = visits
        self.url = desk.url
        self.states: dict[Lang, str] = {}
        self.conversations: dict[Lang, int] = {}
        owner = Console(visits.page("zh"), desk.url)
        owner.set_up(desk.link, "林晓", "lin@pinelane.example")
        self.states["zh"] = state_of(owner.page.context, folder / "zh.json")
        owner.page.evaluate(ADD, {"email": "ann@pinelane.example", "name": "Ann", "role": "admin",
                                  "lang": "en", "password": PASSWORD})
        second = Console(visits.page("en"), desk.url)
        second.open("/sign-in")
        second.fill_sign_in("ann@pinelane.example")
        second.page.wait_for_url("**/console/conversations")
        self.states["en"] = state_of(second.page.context, folder / "en.json")
        for lang in TALK:
            self._talk(lang)

    def _talk(self, lang: Lang) -> None:
        words = TALK[lang]
        visitor = Widget(self.visits.page(lang))
        visitor.open(f"{self.url}/sample/product.html?id=cardigan-wool&lang={lang}")
        visitor.say(words["first"])
        expect(visitor.row(2)).to_be_visible()
        visitor.say(words["person"])
        expect(visitor.status).to_have_attribute("data-state", "wait")
        self.conversations[lang] = visitor.conversation
        agent = self.console(Shot("inbox", lang, 1440))
        agent.open(f"/conversations/{visitor.conversation}")
        agent.take()
        agent.say(words["note"], note=True)
        agent.say(words["reply"])
        visitor.say(words["thanks"])
        expect(agent.messages.filter(has_text=words["thanks"])).to_have_count(1)
        visitor.page.bring_to_front()

    def console(self, shot: Shot) -> Console:
        """The console of somebody who reads the picture's language."""
        page = self.visits.page(shot.lang, storage_state=self.states[shot.lang], **shot.options)
        return Console(page, self.url)


def shop(stage: Stage, shot: Shot) -> Page:
    """The shop with an open chat."""
    widget = Widget(stage.visits.page(shot.lang, **shot.options))
    widget.open(f"{stage.url}/sample/index.html?lang={shot.lang}")
    widget.say(TALK[shot.lang]["ask"])
    expect(widget.row(2).locator(".src")).to_be_visible()
    return widget.page


def inbox(stage: Stage, shot: Shot) -> Page:
    """The list, a conversation with bot, note and person, and who asks; on a phone the conversation."""
    console = stage.console(shot)
    console.open("/conversations")
    if shot.width > 500:
        console.tab("all")
    console.list.first.wait_for()
    console.open(f"/conversations/{stage.conversations[shot.lang]}")
    expect(console.messages.filter(has_text=TALK[shot.lang]["thanks"])).to_be_in_viewport(ratio=1)
    if shot.width > 500:
        console.page.locator(".context dl").first.wait_for()
        console.page.locator(".why").first.click()
        console.page.get_by_role("log").evaluate("log => { log.scrollTop = log.scrollHeight }")
    return console.page


def phone_list(stage: Stage, shot: Shot) -> Page:
    """What a phone shows first: who needs somebody."""
    console = stage.console(shot)
    console.open("/conversations")
    console.tab("all")
    console.list.first.wait_for()
    return console.page


def people(stage: Stage, shot: Shot) -> Page:
    """Who answers here."""
    console = stage.console(shot)
    console.open("/agents")
    console.page.locator(".page .one").first.wait_for()
    return console.page


def knowledge(stage: Stage, shot: Shot) -> Page:
    """An article and the hit test; on a phone the list."""
    console = stage.console(shot)
    page = console.page
    console.open("/knowledge")
    page.locator(".side .one").first.wait_for()
    if shot.width < 500:
        return page
    page.get_by_role("searchbox").fill(TALK[shot.lang]["search"])
    page.locator(".side .one", has_text=TALK[shot.lang]["article"]).click()
    page.locator(".editor").wait_for()
    page.locator(".test input").fill(TALK[shot.lang]["test"])
    page.locator(".test input").press("Enter")
    page.locator(".answer").wait_for()
    return page


def supervision(stage: Stage, shot: Shot) -> Page:
    """The desk as it is now."""
    console = stage.console(shot)
    console.open("/supervision")
    console.page.locator(".figures").wait_for()
    return console.page


def settings(stage: Stage, shot: Shot) -> Page:
    """An inbox with the widget beside it; on a phone the list of the settings."""
    console = stage.console(shot)
    if shot.width < 500:
        console.open("/settings")
        console.page.locator(".nav .place").first.wait_for()
        return console.page
    console.open("/inboxes/1")
    console.page.frame_locator("iframe").locator(".panel").wait_for()
    return console.page


def prompts(stage: Stage, shot: Shot) -> Page:
    """The templates of the bot."""
    console = stage.console(shot)
    console.open("/prompts")
    console.page.locator(".page h1, .page-head h1").first.wait_for()
    console.page.wait_for_load_state("networkidle")
    return console.page


PAGES: dict[str, Callable[[Stage, Shot], Page]] = {
    "shop": shop, "inbox": inbox, "knowledge": knowledge, "supervision": supervision, "settings": settings,
    "prompts": prompts, "list": phone_list, "agents": people}


def shrink(file: Path) -> None:
    """Gives the picture a palette, if Pillow is installed."""
    try:
        image: Any = importlib.import_module("PIL.Image")
    except ImportError:
        return
    picture = image.open(file).convert("RGB")
    # MAXCOVERAGE keeps a small dot of a rare colour, which the median cut turns grey; k-means brings
    # the large surfaces back to their own colours.
    picture.quantize(COLORS, method=image.Quantize.MAXCOVERAGE, kmeans=2, dither=image.Dither.NONE).save(
        file, optimize=True)


def take(shots: list[Shot], path: str) -> None:
    """Starts the demo and takes the pictures."""
    FOLDER.mkdir(exist_ok=True)
    expect.set_options(timeout=20_000)
    with tempfile.TemporaryDirectory() as folder, DeskProcess(Path(folder), "demo") as desk, \
            sync_playwright() as playwright:
        browser = launch(playwright, path)
        visits = Visits(browser, desk.url)
        stage = Stage(visits, desk, Path(folder))
        for shot in shots:
            page = PAGES[shot.what](stage, shot)
            page.mouse.move(0, 0)
            page.evaluate("document.fonts.ready")
            page.screenshot(path=shot.file)
            shrink(shot.file)
            size = shot.file.stat().st_size
            print(f"{shot.file.relative_to(FOLDER.parent.parent)}  {size // 1000} kB"
                  + ("  TOO LARGE" if size > MAX_BYTES else ""))
        browser.close()
    if visits.faults:
        sys.exit("\n".join(visits.faults))


def main() -> None:
    """All pictures, or those of the pages named."""
    names = sys.argv[1:] or list(PAGES)
    if unknown := set(names) - set(PAGES):
        sys.exit(f"there is no page {sorted(unknown)[0]}; choose of {', '.join(PAGES)}")
    path = chromium_path()
    if path is None:
        sys.exit("no Chromium: install one, or name it in ZHIKE_CHROMIUM")
    take([shot for shot in SHOTS if shot.what in names], path)


if __name__ == "__main__":
    main()
