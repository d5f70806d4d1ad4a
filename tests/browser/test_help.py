"""A model helps who writes, and both sides see who reads and types: a proposal taken, undone and sent; a
summary; what a visitor types; what is new and what was read."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from zhike.testing.deskprocess import DeskProcess
from zhike.testing.fakemodel import FakeModel, Step, end, say, stall, status
from zhike.testing.pages import Console, Visits, Widget, shot, state_of

CHANGE = """([path, method, body]) => fetch('/api/v1/me').then(r => r.json())
  .then(me => fetch('/api/v1/' + path, {method,
    headers: {'Content-Type': 'application/json', 'X-CSRF-Token': me.csrf_token},
    body: JSON.stringify(body)}))
  .then(r => r.json())"""
DRAFT = "可以开的，请把抬头和税号发给我。"
SUMMARY = "- 访客想开发票。"


class ModelThread:
    """A scripted model server beside the browser's own loop."""

    def __init__(self) -> None:
        self.fake = FakeModel()
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        async def main() -> None:
            self._stop = asyncio.Event()
            async with self.fake as server:
                self.url = server.url
                self._ready.set()
                await self._stop.wait()

        self._loop.run_until_complete(main())

    def __enter__(self) -> ModelThread:
        self.fake.play(say(SUMMARY), end())
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def play(self, *script: Step) -> None:
        """What every request gets from now on."""
        self.fake._scripts[:] = [script]


@pytest.fixture(scope="module")
def model() -> Iterator[ModelThread]:
    with ModelThread() as thread:
        yield thread


@pytest.fixture(scope="module")
def desk(model: ModelThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskProcess]:
    """A desk with a model."""
    env = {"ZHIKE_MODELS__FAKE__BASE_URL": model.url, "ZHIKE_MODELS__FAKE__MODEL": "fake"}
    with DeskProcess(tmp_path_factory.mktemp("helped"), env=env) as process:
        yield process


@pytest.fixture(scope="module")
def owner(chromium: Browser, desk: DeskProcess, tmp_path_factory: pytest.TempPathFactory) -> str:
    visits = Visits(chromium, desk.url)
    page = visits.page("zh")
    Console(page, desk.url).set_up(desk.link, "林晓", "lin@shop.example")
    state = state_of(page.context, tmp_path_factory.mktemp("helped-owner") / "state.json")
    visits.close()
    return state


def waiting(visits: Visits, question: str = "可以开发票吗") -> Widget:
    widget = Widget(visits.page("zh"))
    widget.open(visits.url)
    widget.say(question)
    expect(widget.row(2).locator(".src")).to_be_visible()
    widget.human.click()
    expect(widget.status).to_have_attribute("data-state", "wait")
    return widget


def test_a_proposal_is_read_taken_undone_and_sent(visits: Visits, owner: str, model: ModelThread) -> None:
    model.play(say(SUMMARY), end())
    widget = waiting(visits)
    lin = Console(visits.page("zh", storage_state=owner), visits.url)
    lin.open(f"/conversations/{widget.conversation}")
    strip = lin.page.locator(".strip")
    expect(strip).to_contain_text("访客想开发票", timeout=30_000)  # made when a person was asked for
    strip.locator(".line").click()
    expect(strip.locator(".words")).to_have_text(SUMMARY)
    shot(lin.page, "summary-zh")
    strip.locator(".line").click()
    lin.take()

    # What is typed stays as it is until somebody says otherwise.
    model.play(say("可以开的，"), say("请把抬头和税号发给我。"), end())
    lin.composer.fill("好的")
    lin.page.keyboard.press("Control+j")
    box = lin.page.locator(".composer .box")
    expect(box.locator(".text")).to_have_text(DRAFT)
    expect(lin.composer).to_have_value("好的")
    shot(lin.page, "proposal-zh")
    box.get_by_role("button", name="替换我写的").click()
    expect(lin.composer).to_have_value(DRAFT)
    lin.page.locator(".used").get_by_role("button", name="撤销").click()
    expect(lin.composer).to_have_value("好的")

    # Once more, and this time it is sent, by a person.
    lin.page.get_by_role("button", name="AI 帮写").click()
    lin.page.get_by_text("接着我写的往下写").click()
    expect(box.locator(".text")).to_have_text(DRAFT)
    assert DRAFT not in "".join(widget.heard), "nothing is sent by itself"
    box.get_by_role("button", name="替换我写的").click()
    lin.composer.press("Enter")
    expect(widget.page.locator(".row.agent .bub")).to_have_text(DRAFT)



def test_a_proposal_is_stopped_fails_and_comes_again(visits: Visits, owner: str, model: ModelThread) -> None:
    model.play(say(SUMMARY), end())
    widget = waiting(visits)
    lin = Console(visits.page("zh", storage_state=owner), visits.url)
    lin.open(f"/conversations/{widget.conversation}")
    lin.take()
    box = lin.page.locator(".composer .box")

    # A stop ends it on the model's server, and so does Escape.
    left = model.fake.left
    model.play(say("我看一下。再"), stall())
    lin.page.keyboard.press("Control+j")
    expect(box).to_have_attribute("aria-busy", "true")
    expect(box.locator(".text")).to_contain_text("我看一下")
    box.get_by_role("button", name="停止").click()
    expect(box.get_by_role("button", name="采用")).to_be_visible()
    lin.composer.press("Escape")
    expect(box).to_have_count(0)
    expect(lin.composer).to_be_focused()
    for _ in range(200):
        if model.fake.left > left:
            break
        lin.page.wait_for_function("() => new Promise(done => requestAnimationFrame(() => done(true)))")
    assert model.fake.left > left

    # What goes wrong is said in words, and can be tried again.
    model.play(status(401, '{"error": {"message": "bad key"}}'))
    lin.page.keyboard.press("Control+j")
    expect(box.get_by_role("alert")).to_contain_text("模型服务拒绝了请求")
    shot(lin.page, "proposal-failed-zh")
    model.play(say("好。"), end())
    box.get_by_role("button", name="重试").click()
    expect(box.locator(".text")).to_have_text("好。")

    # The summary goes along with a transfer.
    box.get_by_role("button", name="不用了").last.click()
    lin.key("a")
    lin.dialog.get_by_role("button", name="填入摘要").click()
    expect(lin.dialog.locator("textarea")).to_have_value(SUMMARY)
    shot(lin.page, "transfer-zh")


def test_typing_reading_and_what_is_new(visits: Visits, owner: str, model: ModelThread) -> None:
    model.play(say(SUMMARY), end())
    lin = Console(visits.page("zh", storage_state=owner), visits.url)
    lin.open("/conversations")
    inbox = lin.page.evaluate("fetch('/api/v1/inboxes').then(r => r.json())")["items"][0]["id"]
    lin.page.evaluate(CHANGE, [f"inboxes/{inbox}", "PATCH", {"settings": {"typing_preview": True}}])
    widget = waiting(visits)
    number = widget.conversation
    told = widget.page.locator(".told")
    expect(told).to_have_text("您正在输入的内容，客服在发送前也能看到。")

    # New to me, on every page of mine, until I look.
    row = lin.conversation(number).locator("..")
    expect(row.locator(".news")).to_have_text("2")
    other = Console(lin.page.context.new_page(), visits.url)
    other.open("/conversations")
    other_row = other.conversation(number).locator("..")
    expect(other_row.locator(".news")).to_have_text("2")
    shot(other.page, "unread-zh")
    lin.page.bring_to_front()
    lin.conversation(number).click()
    expect(row.locator(".news")).to_have_count(0)
    expect(other_row.locator(".news")).to_have_count(0)
    lin.page.reload()
    lin.page.locator(".msg").first.wait_for()
    lin.page.locator(".composer .closed").wait_for()
    expect(row.locator(".news")).to_have_count(0)
    lin.take()

    # What the visitor types is seen, and gone when it is sent; no page keeps it.
    widget.input.press_sequentially("抬头是松间", delay=20)
    preview = lin.page.locator(".preview .bubble")
    expect(preview).to_have_text("抬头是松间")
    shot(lin.page, "preview-zh")
    shot(widget.page, "preview-widget-zh")
    widget.input.press("Enter")
    expect(lin.messages.last).to_contain_text("抬头是松间")
    expect(preview).to_have_count(0)

    # The agent's typing is seen by the visitor; what was read says so.
    lin.composer.press_sequentially("好", delay=20)
    expect(widget.page.locator(".dots")).to_be_visible()
    lin.composer.fill("")
    lin.say("收到，稍后开好发给您。")
    expect(widget.page.locator(".row.agent .bub")).to_have_text("收到，稍后开好发给您。")
    expect(lin.messages.last.locator(".meta")).to_contain_text("已读")

    # Marked as unread it is new again, on both pages and after a reload.
    for console in (lin, other):
        console.tab("mine")
    lin.key("u")
    expect(row.locator(".news")).to_have_text("1")
    expect(other_row.locator(".news")).to_have_text("1")
    other.page.reload()
    other.tab("mine")
    expect(other_row.locator(".news")).to_have_text("1")


def test_a_colleague_who_writes_here_is_seen(visits: Visits, owner: str, model: ModelThread) -> None:
    model.play(say(SUMMARY), end())
    widget = waiting(visits)
    lin = Console(visits.page("zh", storage_state=owner), visits.url)
    lin.open(f"/conversations/{widget.conversation}")
    lin.take()
    made = lin.page.evaluate(CHANGE, ["agents", "POST", {
        "email": "wang@shop.example", "name": "Wang Lei", "role": "agent", "lang": "en"}])
    wang = Console(visits.page("en"), visits.url)
    wang.open("/sign-in")
    wang.fill_sign_in("wang@shop.example", made["password"])
    wang.page.wait_for_url("**/console/conversations")
    wang.open(f"/conversations/{widget.conversation}")
    wang.page.locator(".msg").first.wait_for()
    lin.composer.press_sequentially("您好", delay=20)
    expect(wang.page.locator(".others")).to_have_text("林晓 is writing here, too")
    wang.key("n")
    wang.composer.press_sequentially("VIP", delay=20)
    expect(lin.page.locator(".others")).to_have_text("Wang Lei正在写备注")
    assert not any(re.search(r'"typing".*"note"', frame) for frame in widget.heard), "a note is no visitor's"
    shot(wang.page, "others-en")
