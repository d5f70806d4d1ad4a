"""Notifications while the console is closed: the page's states, and the service worker in a real Chromium.

A headless Chromium without the internet reaches no push service, so ``PushManager.subscribe`` is a stub here,
with the keys of RFC 8291's example; what the desk sends is proved against a push service on this machine
(tests/integration/test_push_desk.py). The worker, its registration and what it shows are the real ones: the
messages are handed to it by the browser's own debugging protocol.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from zhike.testing.pages import PHONE, Console, Lang, Visits

STUB = """(() => {
  const b64 = (text) => Uint8Array.from(
    atob(text.replace(/-/g, '+').replace(/_/g, '/')), (letter) => letter.charCodeAt(0));
  const KEYS = {
    p256dh: 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4',
    auth: 'BTBZMqHH6r4Tts7J_aSIgg' };
  const make = (key) => ({
    options: { applicationServerKey: b64(key).buffer },
    toJSON: () => ({ endpoint: 'https://push.invalid/send/' + key.slice(2, 12), keys: KEYS }),
    unsubscribe: async () => { localStorage.removeItem('stub'); return true; } });
  PushManager.prototype.getSubscription = async () => {
    const key = localStorage.getItem('stub');
    return key ? make(key) : null; };
  PushManager.prototype.subscribe = async (options) => {
    if (window.noService) throw new DOMException('Registration failed - push service error', 'AbortError');
    const key = btoa(String.fromCharCode(...options.applicationServerKey));
    localStorage.setItem('stub', key);
    return make(key); };
})()"""
BLOCKED = "Object.defineProperty(Notification, 'permission', { get: () => 'denied' })"
NONE = "delete window.PushManager"
INSECURE = "Object.defineProperty(window, 'isSecureContext', { get: () => false })"
SHOWN = """async () => (await (await navigator.serviceWorker.ready).getNotifications())
  .map(one => ({ title: one.title, body: one.body, tag: one.tag, url: one.data.url }))"""
CLICK = """async () => {
  const [notification] = await registration.getNotifications();
  dispatchEvent(new NotificationEvent('notificationclick', { notification })); }"""
ON = {"zh": "本设备会收到通知。", "en": "This device is told."}
OFF = {"zh": "本设备不会收到通知。", "en": "This device is not told."}


def section(page: Page) -> Any:
    return page.locator("section[aria-labelledby=push]")


def account(visits: Visits, state: str, lang: Lang, *scripts: str, **options: Any) -> Console:
    """The account page where the browser lets this site notify."""
    page = visits.page(lang, storage_state=state, **options)
    page.context.grant_permissions(["notifications"], origin=visits.url)
    for script in scripts:
        page.add_init_script(script)
    console = Console(page, visits.url)
    console.open("/account")
    return console


def deliver(page: Page, shown: dict[str, str]) -> None:
    """A push, as if the push service had sent it."""
    cdp = page.context.new_cdp_session(page)
    found: list[str] = []

    def registered(event: Any) -> None:
        found.extend(one["registrationId"] for one in event["registrations"] if not one["isDeleted"])

    cdp.on("ServiceWorker.workerRegistrationUpdated", registered)
    cdp.send("ServiceWorker.enable")
    while not found:
        page.wait_for_timeout(20)
    origin = page.evaluate("location.origin")
    cdp.send("ServiceWorker.deliverPushMessage",
             {"origin": origin, "registrationId": found[-1], "data": json.dumps(shown)})
    cdp.detach()


@pytest.mark.parametrize(("script", "zh", "en"), [
    (BLOCKED, "浏览器禁止了本站的通知", "This browser blocks notifications"),
    (NONE, "这个浏览器不支持", "This browser cannot"),
    (INSECURE, "需要通过 https 访问", "Only over https")])
def test_where_it_cannot_be_the_page_says_why_and_what_to_do(visits: Visits, owner: str, manager: str,
                                                             script: str, zh: str, en: str) -> None:
    for lang, state, words in (("zh", owner, zh), ("en", manager, en)):
        console = account(visits, state, lang, script)  # type: ignore[arg-type]
        expect(section(console.page).get_by_role("status")).to_contain_text(words)
        expect(section(console.page).get_by_role("button")).to_have_count(0)


def test_on_tested_and_off_again_by_keyboard(visits: Visits, manager: str) -> None:
    console = account(visits, manager, "en", STUB)
    here = section(console.page)
    expect(here.get_by_role("status")).to_contain_text(OFF["en"])
    here.get_by_role("button", name="Notify this device").focus()
    console.page.keyboard.press("Enter")
    expect(here.get_by_role("status")).to_contain_text(ON["en"])
    expect(here.get_by_role("listitem")).to_contain_text("This browser")
    here.get_by_role("button", name="Send a test").press("Enter")
    expect(here.get_by_role("alert")).to_contain_text("The push did not arrive")  # there is no such service
    console.page.reload()
    expect(here.get_by_role("status")).to_contain_text(ON["en"])
    here.get_by_role("button", name="Stop notifying it").press("Enter")
    expect(here.get_by_role("status")).to_contain_text(OFF["en"])
    expect(here.get_by_role("listitem")).to_have_count(0)


def test_a_push_service_out_of_reach_is_named_for_people(visits: Visits, owner: str) -> None:
    console = account(visits, owner, "zh", STUB, "window.noService = true")
    section(console.page).get_by_role("button", name="接收通知").click()
    expect(section(console.page).get_by_role("status")).to_contain_text("请改用 Edge、Firefox 或 Safari")


def test_other_devices_can_be_removed_on_a_telephone(visits: Visits, owner: str) -> None:
    """The telephone signs in for itself: a browser that is told belongs to a sign-in."""
    desk = account(visits, owner, "zh", STUB)
    section(desk.page).get_by_role("button", name="接收通知").click()
    expect(section(desk.page).get_by_role("status")).to_contain_text(ON["zh"])
    phone = Console(visits.page("zh", **PHONE), visits.url)
    phone.open("/sign-in")
    phone.fill_sign_in("lin@shop.example")
    phone.page.wait_for_url("**/console/conversations")
    phone.open("/account")
    here = section(phone.page)
    expect(here.get_by_role("status")).to_contain_text(OFF["zh"])
    here.get_by_role("button", name="移除").click()
    expect(here.get_by_role("listitem")).to_have_count(0)
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= 390
    desk.page.reload()
    expect(section(desk.page).get_by_role("status")).to_contain_text(OFF["zh"])


def test_the_worker_shows_what_comes_and_a_click_leads_there(visits: Visits, owner: str) -> None:
    console = account(visits, owner, "zh", STUB)
    page = console.page
    section(page).get_by_role("button", name="接收通知").click()
    expect(section(page).get_by_role("status")).to_contain_text(ON["zh"])
    waiting = {"title": "有访客在等待", "body": "张三在“官网”等待人工客服", "tag": "zhike-42",
               "url": "/console/conversations/42"}
    deliver(page, {**waiting, "tag": "zhike-test", "title": "知客"})
    page.wait_for_function(f"async () => (await ({SHOWN})()).length === 1")
    deliver(page, waiting)  # somebody looks at the console: it is there already
    deliver(page, {**waiting, "tag": "zhike-test", "title": "again"})
    page.wait_for_function(f"async () => (await ({SHOWN})())[0].title === 'again'")
    assert [one["tag"] for one in page.evaluate(SHOWN)] == ["zhike-test"], "and a tag takes its own place"
    worker = page.context.service_workers[-1]  # the browser may have stopped and begun it again
    worker.evaluate(CLICK)
    page.wait_for_url("**/console/conversations/42")
    assert page.evaluate(SHOWN) == []
