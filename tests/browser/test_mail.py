"""A visitor closes the page: the agent sees how a reply will arrive, it comes by real SMTP, the answer to
that mail stands in the conversation, seen live."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage

import httpx2
import pytest
from playwright.sync_api import Browser, expect

from zhike.access.signature import HEADER, sign
from zhike.testing.deskprocess import DeskProcess
from zhike.testing.pages import Console, Visits, Widget, shot, state_of
from zhike.testing.smtp import SmtpServer

SHOTS = os.environ.get("ZHIKE_SHOTS")
MAIL = "visitor@mail.example"
PIPE = "0123456789abcdef"
WAIT_MS = 60_000
"""The inbox waits ten seconds, and a page counts as open for some more."""
CHANGE = """([path, method, body]) => fetch('/api/v1/me').then(r => r.json())
  .then(me => fetch('/api/v1/' + path, {method,
    headers: {'Content-Type': 'application/json', 'X-CSRF-Token': me.csrf_token},
    body: JSON.stringify(body)}))
  .then(r => r.json())"""


class Smtp:
    """A mail server on a loop of its own."""

    def __enter__(self) -> SmtpServer:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.server = asyncio.run_coroutine_threadsafe(SmtpServer().start(), self._loop).result(10)
        return self.server

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self.server.stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


@pytest.fixture(scope="module")
def smtp() -> Iterator[SmtpServer]:
    with Smtp() as server:
        yield server


@pytest.fixture(scope="module")
def desk(smtp: SmtpServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskProcess]:
    """A desk that sends mail."""
    env = {"ZHIKE_MAIL__HOST": "127.0.0.1", "ZHIKE_MAIL__PORT": str(smtp.port),
           "ZHIKE_MAIL__SECURITY": "none", "ZHIKE_MAIL__SENDER": "Shop <help@shop.example>",
           "ZHIKE_MAIL__PIPE_SECRET": PIPE}
    with DeskProcess(tmp_path_factory.mktemp("mailing"), env=env) as process:
        yield process


@pytest.fixture(scope="module")
def owner(chromium: Browser, desk: DeskProcess, tmp_path_factory: pytest.TempPathFactory) -> str:
    visits = Visits(chromium, desk.url)
    page = visits.page("zh")
    Console(page, desk.url).set_up(desk.link, "林晓", "lin@shop.example")
    state = state_of(page.context, tmp_path_factory.mktemp("mailing-owner") / "state.json")
    visits.close()
    return state


def test_an_inbox_is_told_to_reach_visitors_who_left(visits: Visits, owner: str) -> None:
    page = visits.page("zh", storage_state=owner)
    Console(page, visits.url).open("/inboxes/1")
    page.get_by_role("tab", name="联系离开的访客").click()
    page.get_by_role("switch", name="发邮件").click()
    page.get_by_label("等多久没读再发").fill("10")
    page.get_by_label("继续对话的网页").fill("no page")
    shot(page, "reach-settings-zh")
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_role("tabpanel")).to_contain_text("http")  # refused beside its field
    page.get_by_label("继续对话的网页").fill("https://shop.example/help")
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_text("已保存", exact=True)).to_be_visible()
    saved = page.evaluate("() => fetch('/api/v1/inboxes/1').then(r => r.json())")
    assert saved["settings"]["reach"] == {"email": True, "wait_s": 10, "page": "https://shop.example/help"}
    page.goto(f"{visits.url}/console/notify")
    expect(page.get_by_text("访客的回信")).to_be_visible()
    shot(page, "mail-state-zh")


def test_the_reply_comes_by_mail_and_its_answer_into_the_conversation(
        visits: Visits, owner: str, smtp: SmtpServer, desk: DeskProcess) -> None:
    widget = Widget(visits.page("zh"))
    widget.open(visits.url)
    widget.say("什么时候发货？我要人工")
    widget.human.click()
    expect(widget.status).to_have_attribute("data-state", "wait")
    number = widget.conversation
    lin = Console(visits.page("zh", storage_state=owner), visits.url)
    lin.open(f"/conversations/{number}")
    page = lin.page
    lin.take()
    line = page.locator(".reach")
    expect(line).to_have_text("在线，立刻看到")
    shot(page, "reach-live-zh")
    row = page.evaluate(f"() => fetch('/api/v1/conversations/{number}').then(r => r.json())")
    page.evaluate(CHANGE, [f"contacts/{row['contact_id']}", "PATCH", {"email": MAIL}])

    widget.page.goto("about:blank")
    expect(line).to_contain_text("已离开，10 秒内没读就发邮件到", timeout=WAIT_MS)
    assert MAIL not in line.inner_text(), "the address is shown in part"
    shot(page, "reach-mail-zh")
    lin.say("今天发货")
    lin.say("单号稍后给您")
    ends = time.monotonic() + WAIT_MS / 1000
    while not smtp.letters and time.monotonic() < ends:
        page.wait_for_timeout(200)
    (letter,) = smtp.letters
    mail = letter.message
    body = mail.get_body(("plain",))
    assert body is not None
    words = body.get_content()
    assert letter.recipients == (MAIL,)
    assert words.index("今天发货") < words.index("单号稍后给您")
    assert "https://shop.example/help" in words
    expect(line).to_contain_text("上一条已发到", timeout=WAIT_MS)
    shot(page, "reach-sent-zh")

    answer = EmailMessage()
    answer["From"], answer["To"], answer["Message-ID"] = MAIL, str(mail["Reply-To"]), "<a1@mail.example>"
    answer["Subject"], answer["In-Reply-To"] = f"Re: {mail['Subject']}", str(mail["Message-ID"])
    answer["References"] = str(mail["Message-ID"])
    answer.set_content("好的，谢谢！\n\n> 今天发货\n> 单号稍后给您\n")
    raw = answer.as_bytes(policy=policy.SMTP)
    for outcome in ("stored", "duplicate"):
        told = httpx2.post(f"{desk.url}/api/v1/mail/incoming", content=raw, headers={
            "Content-Type": "application/octet-stream", HEADER: sign(PIPE, raw, int(time.time()))})
        assert told.json() == {"outcome": outcome}
    expect(page.get_by_text("好的，谢谢！", exact=True).last).to_be_visible()
    expect(page.locator(".mailed")).to_have_text("邮件回复")
    assert lin.said().count("好的，谢谢！") == 1
    shot(page, "reach-answer-zh")

    # Back on the page: all of it stands there, once, and nothing more goes by mail.
    widget.page.goto(visits.url)
    widget.launcher.click()
    expect(widget.page.locator(".bub", has_text="好的，谢谢！")).to_have_count(1)
    expect(widget.page.locator(".row.agent .bub")).to_have_text(["今天发货", "单号稍后给您"])
    expect(line).to_contain_text("在线，立刻看到", timeout=WAIT_MS)
    assert len(smtp.letters) == 1
