"""A webhook as an admin sets it up: empty page, secret once, test, what arrived and failed, off, gone."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Locator, Page, expect

from zhike.access.signature import verify
from zhike.clock import now_ms
from zhike.testing.pages import Visits, Widget, shot


class Receiver(ThreadingHTTPServer):
    """A program of the shop: keeps what it is told and answers ``status``."""

    daemon_threads = True

    def __init__(self) -> None:
        self.got: list[tuple[str, bytes]] = []
        self.status = 200
        super().__init__(("127.0.0.1", 0), Told)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/zhike"


class Told(BaseHTTPRequestHandler):
    """One request."""

    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.headers["X-Zhike-Signature"], body))
        answer = b'{"noted": true}' if self.server.status == 200 else b'{"why": "no such order"}'
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Tests print nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def until(page: Page, reached: Callable[[], bool], press: Locator | None = None) -> None:
    """Waits for what comes by itself; ``press``: the button that asks for news meanwhile."""
    for _ in range(200):
        if reached():
            return
        if press is not None:
            press.click()
        page.wait_for_timeout(100)
    pytest.fail("it never came")


def test_from_the_empty_page_to_what_arrived(visits: Visits, manager: str, receiver: Receiver) -> None:
    page = visits.page("en", storage_state=manager, base_url=f"{visits.url}/console/")
    page.goto("webhooks")
    expect(page.get_by_text("No program is told yet")).to_be_visible()
    shot(page, "hooks-empty-en")
    page.get_by_role("button", name="New webhook").last.click()
    drawer = page.get_by_role("dialog", name="New webhook")
    expect(drawer.get_by_role("button", name="Add webhook")).to_be_disabled()
    drawer.get_by_label("Name").fill("ERP")
    drawer.get_by_label("Address").fill("ftp://erp.example/zhike")
    expect(drawer.get_by_role("checkbox", name="Message", exact=True)).to_be_checked()
    shot(page, "hooks-new-en")
    drawer.get_by_role("button", name="Add webhook").click()
    expect(drawer.get_by_role("alert")).to_contain_text("http")
    expect(drawer.get_by_label("Name")).to_have_value("ERP")
    drawer.get_by_label("Address").fill(receiver.url)
    drawer.get_by_role("button", name="Add webhook").click()
    once = page.get_by_role("dialog", name="Secret of the webhook")
    secret = once.locator("code, pre").first.inner_text().strip()
    assert secret.startswith("whsec_")
    shot(page, "hooks-secret-en")

    # The test shows both sides as they were.
    once.get_by_role("button", name="Send a test").click()
    drawer = page.get_by_role("dialog", name="ERP")
    drawer.get_by_role("button", name="Send", exact=True).click()
    expect(drawer.get_by_text("Arrived: 200")).to_be_visible()
    expect(drawer.locator(".answer")).to_contain_text("noted")
    signature, body = receiver.got.pop()
    assert verify(secret, body, signature, now_ms() // 1000)
    assert json.loads(body)["test"] is True
    shot(page, "hooks-test-en")

    # What really happens arrives by itself.
    widget = Widget(visits.page("en"))
    widget.open(visits.url)
    widget.say("Is the shop open on Sundays?")
    expect(widget.row(2)).to_be_visible()
    drawer.get_by_role("tab", name="Deliveries").click()
    rows = drawer.locator("li.one")
    refresh = drawer.get_by_role("button", name="Refresh")
    until(page, lambda: rows.filter(has_text="Arrived").count() >= 2, refresh)
    expect(rows.filter(has_text="Arrived")).to_have_count(2)
    said = [json.loads(body)["message"]["text"] for _, body in receiver.got]
    assert said[0] == "Is the shop open on Sundays?"

    # What it refuses has failed, is shown with its reason, and can be sent again.
    receiver.status = 422
    widget.say("And on Mondays?")
    failed = rows.filter(has_text="Failed")
    until(page, lambda: failed.count() > 0, refresh)
    expect(failed.first).to_contain_text("422")
    shot(page, "hooks-failed-en")
    receiver.status = 200
    before = len(receiver.got)
    failed.last.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("1 is sent again")).to_be_visible()
    until(page, lambda: len(receiver.got) > before)

    # The list says how it stands; what is removed can be had back.
    page.keyboard.press("Escape")
    row = page.locator("li.one").filter(has_text="ERP")
    expect(row.locator(".state")).to_be_visible()
    shot(page, "hooks-list-en")
    row.get_by_role("switch").click()
    expect(row.locator(".state")).to_have_text("Off")
    row.locator(".body").click()
    page.get_by_role("dialog", name="ERP").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("ERP is removed")).to_be_visible()
    expect(row).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(row).to_have_count(1)
