"""A real desk and a real Chromium; every page is watched for faults and for third hosts.

A missing browser is a loud skip on a laptop and a failure in CI. When a test fails, pictures of
its pages stand beside its temporary files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, expect, sync_playwright

from zhike.errors import ZhikeError
from zhike.testing.deskprocess import DeskProcess
from zhike.testing.pages import PASSWORD, Console, Lang, Visits, chromium_path, launch, state_of
from zhike.web import asset_dir

OWNER = ("林晓", "lin@shop.example")
COLLEAGUE = ("Wang Lei", "wang@shop.example")
MANAGER = ("Ann Field", "ann@shop.example")
ADD = """body => fetch('/api/v1/me').then(r => r.json()).then(me => fetch('/api/v1/agents', {method: 'POST',
  headers: {'Content-Type': 'application/json', 'X-CSRF-Token': me.csrf_token}, body: JSON.stringify(body)}))
  .then(r => r.status)"""
PATIENCE_MS = 20_000
"""How long anything may take on a machine that has other things to do."""
VISITS = pytest.StashKey[Visits]()


def missing(what: str) -> None:
    """As ``missing`` in tests/conftest.py."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and this is CI")
    pytest.skip(f"{what} is missing: these tests did not run")


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One browser for all tests."""
    path = chromium_path()
    if path is None:
        missing("Chromium ($ZHIKE_CHROMIUM)")
    try:
        asset_dir("console")
        asset_dir("widget")
    except ZhikeError as error:
        missing(f"the built pages ({error})")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = launch(playwright, path or "")
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskProcess]:
    """``zhike serve`` with the sample shop, on a free port and an empty folder."""
    with DeskProcess(tmp_path_factory.mktemp("desk")) as process:
        yield process


@pytest.fixture
def visits(request: pytest.FixtureRequest, chromium: Browser, desk: DeskProcess) -> Iterator[Visits]:
    """Pages of one test. No page may throw or ask another host, whatever else the test looks at."""
    opened = Visits(chromium, desk.url)
    request.node.stash[VISITS] = opened
    yield opened
    opened.close()
    assert opened.faults == []


@pytest.fixture(scope="package")
def owner(chromium: Browser, desk: DeskProcess, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The first admin, made with the link that the first start prints; Chinese. A storage state."""
    with_browser = Visits(chromium, desk.url)
    page = with_browser.page("zh")
    Console(page, desk.url).set_up(desk.link, *OWNER)
    state = state_of(page.context, tmp_path_factory.mktemp("owner") / "state.json")
    with_browser.close()
    assert with_browser.faults == []
    return state


TIDY = """async () => {
  const me = await (await fetch('/api/v1/me')).json();
  for (let round = 0; round < 50; round++) {
    const found = await (await fetch('/api/v1/conversations?status=open&limit=100')).json();
    if (!found.items.length) return;
    await fetch('/api/v1/conversations/bulk', {method: 'POST',
      headers: {'Content-Type': 'application/json', 'X-CSRF-Token': me.csrf_token},
      body: JSON.stringify({ids: found.items.map(c => c.id), action: 'resolve'})});
  }
  throw new Error('conversations stay open');
}"""


@pytest.fixture(scope="module", autouse=True)
def tidy(chromium: Browser, desk: DeskProcess, owner: str) -> Iterator[None]:
    """Nobody waits when a module ends: lists show the longest wait first, and the next module's visitors
    would stand below the edge of the screen."""
    yield
    context = chromium.new_context(storage_state=owner, base_url=desk.url)
    page = context.new_page()
    page.goto("/console/account")
    page.evaluate(TIDY)
    context.close()


@pytest.fixture(scope="package")
def colleague(chromium: Browser, desk: DeskProcess, owner: str,
              tmp_path_factory: pytest.TempPathFactory) -> str:
    """An agent whom the owner adds in the console and who then signs in; English. A storage state."""
    both = Visits(chromium, desk.url)
    admin = Console(both.page("zh", storage_state=owner), desk.url)
    admin.open("/agents")
    admin.page.get_by_role("button", name="新建客服").click()
    fields = admin.dialog.locator("input")
    fields.nth(0).fill(COLLEAGUE[0])
    fields.nth(1).fill(COLLEAGUE[1])
    admin.dialog.locator("button[type=submit]").click()
    password = admin.dialog.locator("pre").inner_text()
    person = Console(both.page("en"), desk.url)
    person.open("/")
    person.page.wait_for_url("**/console/sign-in**")
    person.fill_sign_in(COLLEAGUE[1], password)
    person.page.wait_for_url("**/console/conversations")
    state = state_of(person.page.context, tmp_path_factory.mktemp("colleague") / "state.json")
    both.close()
    assert both.faults == []
    return state


@pytest.fixture(scope="package")
def manager(chromium: Browser, desk: DeskProcess, owner: str,
            tmp_path_factory: pytest.TempPathFactory) -> str:
    """An admin who reads English, for the pages that agents do not have. A storage state."""
    both = Visits(chromium, desk.url)
    admin = both.page("zh", storage_state=owner)
    admin.goto(f"{desk.url}/console/account")
    made: int = admin.evaluate(ADD, {"email": MANAGER[1], "name": MANAGER[0], "role": "admin", "lang": "en",
                                     "password": PASSWORD})
    assert made == 201
    person = Console(both.page("en"), desk.url)
    person.open("/sign-in")
    person.fill_sign_in(MANAGER[1])
    person.page.wait_for_url("**/console/conversations")
    state = state_of(person.page.context, tmp_path_factory.mktemp("manager") / "state.json")
    both.close()
    assert both.faults == []
    return state


@pytest.fixture
def admin(visits: Visits, owner: str, manager: str) -> Callable[..., Console]:
    """Opens the console as an admin who reads this language; further options are the context's."""
    def open_console(lang: Lang = "zh", **options: Any) -> Console:
        state = owner if lang == "zh" else manager
        return Console(visits.page(lang, storage_state=state, **options), visits.url)

    return open_console


@pytest.fixture
def agent(visits: Visits, owner: str, colleague: str) -> Callable[[Lang], Console]:
    """Opens the console as somebody who reads this language."""
    def open_console(lang: Lang = "zh") -> Console:
        state = owner if lang == "zh" else colleague
        return Console(visits.page(lang, storage_state=state), visits.url)

    return open_console


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]
                              ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Pictures of the pages of a test that failed."""
    report = yield
    visits = item.stash.get(VISITS, None)
    if call.when == "call" and report.failed and visits is not None:
        folder: Path = item.funcargs["tmp_path_factory"].getbasetemp()  # type: ignore[attr-defined]
        for number, page in enumerate(visits.pages):
            file = folder / f"{re.sub(r'[^a-zA-Z0-9]+', '-', item.name)}-{number}.png"
            try:
                page.screenshot(path=file, timeout=5_000)
            except Error as error:
                report.sections.append(("page", f"{page.url}: {error.message}"))
            else:
                report.sections.append(("page", f"{page.url}: {file}"))
    return report
