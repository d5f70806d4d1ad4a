"""The second factor, one's own sign-ins, reset links: in the pages, as people use them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from zhike.access import totp
from zhike.testing.pages import PASSWORD, Console, Visits

POST = """([path, body]) => fetch('/api/v1/me').then(r => r.json()).then(me => fetch(path, {method: 'POST',
  headers: {'Content-Type': 'application/json', 'X-CSRF-Token': me.csrf_token},
  ...(body ? {body: JSON.stringify(body)} : {})})).then(r => r.json())"""


def add(admin: Console, name: str, email: str) -> int:
    """A colleague with the usual password; their number."""
    admin.open("/account")
    made: dict[str, Any] = admin.page.evaluate(POST, ["/api/v1/agents", {
        "name": name, "email": email, "password": PASSWORD, "lang": "zh"}])
    return int(made["agent"]["id"])


def sign_in(visits: Visits, email: str, password: str = PASSWORD) -> Console:
    person = Console(visits.page("zh"), visits.url)
    person.open("/account")
    person.page.wait_for_url("**/sign-in**")
    person.fill_sign_in(email, password)
    return person


def next_code(secret: str) -> str:
    """The code of the next step: it counts already, and was not used yet."""
    return totp.code_at(secret, totp.step_at(int(time.time() * 1000)) + 1)


def test_setting_up_two_steps_and_signing_in_with_them(visits: Visits, admin: Callable[..., Console]) -> None:
    add(admin("zh"), "周敏", "zhou@shop.example")
    person = sign_in(visits, "zhou@shop.example")
    page = person.page
    steps = page.locator("section[aria-labelledby=totp]")
    steps.get_by_role("button", name="开始设置").click()
    secret = steps.locator("pre").inner_text()
    assert page.get_by_alt_text("密钥的二维码").evaluate("image => image.naturalWidth > 0"), "it is drawn"
    page.get_by_label("2. 输入应用现在显示的 6 位数字。").fill("000000")
    steps.get_by_role("button", name="开启").click()
    expect(page.get_by_role("alert")).to_contain_text("验证器")
    code = totp.code_at(secret, totp.step_at(int(time.time() * 1000)))
    page.get_by_label("2. 输入应用现在显示的 6 位数字。").fill(code)
    steps.get_by_role("button", name="开启").click()
    expect(page.get_by_role("heading", name="恢复码")).to_be_visible()
    recovery = steps.locator("pre").inner_text().split()
    assert len(recovery) == totp.RECOVERY_CODES
    page.get_by_role("button", name="我已保存好").click()
    expect(page.get_by_text("已开启。登录时要输入")).to_be_visible()

    phone = sign_in(visits, "zhou@shop.example")
    field = phone.page.get_by_label("验证码")
    expect(field).to_be_focused()
    field.fill(code)
    field.press("Enter")
    expect(phone.page.get_by_role("alert")).to_contain_text("用过")
    field.fill(next_code(secret))
    field.press("Enter")
    phone.page.wait_for_url("**/console/account")

    tablet = sign_in(visits, "zhou@shop.example")
    tablet.page.get_by_label("验证码").fill(recovery[0].upper())
    tablet.page.locator("button[type=submit]").click()
    tablet.page.wait_for_url("**/console/account")
    tablet.page.get_by_role("button", name="关闭", exact=True).click()
    tablet.page.locator("section[aria-labelledby=totp]").get_by_label("当前密码").fill(PASSWORD)
    tablet.page.locator("section[aria-labelledby=totp]").get_by_role("button", name="关闭").click()
    expect(tablet.page.get_by_text("未开启。开启后")).to_be_visible()


def test_signing_one_browser_out_from_another(visits: Visits, admin: Callable[..., Console]) -> None:
    add(admin("zh"), "孙涛", "sun@shop.example")
    here, there = sign_in(visits, "sun@shop.example"), sign_in(visits, "sun@shop.example")
    for person in (here, there):
        person.page.wait_for_url("**/console/account")
    here.page.reload()
    rows = here.page.locator("section[aria-labelledby=signins] li")
    expect(rows).to_have_count(2)
    expect(rows.get_by_text("本机")).to_have_count(1)
    rows.get_by_role("button").click()
    expect(rows).to_have_count(1)
    there.page.wait_for_url("**/console/sign-in**")  # its live connection was closed, and it says so
    here.page.reload()
    expect(rows).to_have_count(1)


def test_choosing_a_new_password_with_a_link(visits: Visits, admin: Callable[..., Console]) -> None:
    boss = admin("zh")
    number = add(boss, "吴桐", "wu@shop.example")
    link: str = boss.page.evaluate(POST, [f"/api/v1/agents/{number}/reset-link", None])["link"]
    page = visits.page("zh")
    page.goto(link)
    expect(page.get_by_role("heading", name="设置新密码")).to_be_visible()
    assert "token" not in page.url
    page.get_by_label("新密码").fill("一个很长的新密码 2026")
    page.get_by_role("button", name="保存新密码").click()
    expect(page.get_by_role("heading", name="新密码已生效")).to_be_visible()
    page.get_by_role("link", name="去登录").click()
    expect(page.get_by_role("heading", name="登录")).to_be_visible()
    sign_in(visits, "wu@shop.example", "一个很长的新密码 2026").page.wait_for_url("**/console/account")
    late = visits.page("zh")
    late.goto(link)
    late.get_by_label("新密码").fill("另一个很长的新密码 2026")
    late.get_by_role("button", name="保存新密码").click()
    expect(late.get_by_role("heading", name="链接无法使用")).to_be_visible()


def test_what_went_wrong_at_the_companys_sign_in_is_said(visits: Visits, owner: str) -> None:
    page = visits.page("zh")
    page.goto(f"{visits.url}/console/sign-in?sso=sso_refused")
    expect(page.get_by_role("alert")).to_contain_text("公司账号")
    assert page.get_by_role("link", name="登录").count() == 0, "no provider is set, so there is no button"
