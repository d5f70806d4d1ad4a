"""Becoming the first admin, signing in, and who may see what."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from zhike.testing.deskprocess import DeskProcess
from zhike.testing.pages import PASSWORD, Console, Lang, Visits, path_of

OWNER_EMAIL = "lin@shop.example"


def test_the_link_makes_one_admin_and_no_second(visits: Visits, owner: str, desk: DeskProcess) -> None:
    """``owner`` used it."""
    late = Console(visits.page("en"), visits.url)
    late.page.goto(desk.link)
    fields = late.page.locator("form input")
    for number, value in enumerate(("Mallory", "mallory@shop.example", PASSWORD)):
        fields.nth(number).fill(value)
    assert "token" not in late.page.url  # it must not stand in the history of a shared machine
    late.page.locator("button[type=submit]").click()
    expect(late.page.get_by_role("heading", name="This link does not work")).to_be_visible()
    expect(late.page.locator("pre")).to_have_text("zhike admin link")
    late.page.get_by_role("link", name="I have an account: sign in").click()
    expect(late.page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_signing_in_and_out(visits: Visits, owner: str) -> None:
    person = Console(visits.page("zh"), visits.url)
    person.open("/knowledge")
    person.page.wait_for_url("**/console/sign-in?to=/knowledge")
    person.fill_sign_in(OWNER_EMAIL, "not this one at all")
    expect(person.page.get_by_role("alert")).to_contain_text("密码")
    expect(person.page.locator("form input").nth(1)).to_have_value("")
    person.fill_sign_in(OWNER_EMAIL)
    person.page.wait_for_url("**/console/knowledge")  # where the person wanted to go
    session = next(each for each in person.page.context.cookies() if each["name"] == "zhike_session")
    assert session["httpOnly"]
    assert session["sameSite"] in ("Lax", "Strict")
    person.page.get_by_role("button", name="林晓的菜单").click()
    person.page.get_by_text("退出登录").click()
    person.page.wait_for_url("**/console/sign-in")
    person.open("/knowledge")
    person.page.wait_for_url("**/console/sign-in?to=/knowledge")


def test_an_agent_sees_what_an_agent_needs(agent: Callable[[Lang], Console]) -> None:
    person = agent("en")
    person.open("/conversations")
    places = person.page.locator(".rail .place[href]")
    expect(places).to_have_count(3)
    person.open("/agents")
    person.page.wait_for_url("**/console/conversations")
    person.open("/rules")
    person.page.locator(".rule .body").first.click()
    expect(person.dialog).to_be_visible()
    expect(person.dialog.locator("button[type=submit]")).to_have_count(0)


def test_the_language_that_somebody_chooses_stays(visits: Visits, agent: Callable[[Lang], Console]) -> None:
    person = agent("zh")
    person.open("/account")
    for name, lang, title in (("English", "en", "My account"), ("中文", "zh-CN", "我的账号")):
        with person.page.expect_response("**/api/v1/me") as kept:
            person.page.get_by_role("button", name=name).click()
        assert kept.value.ok
        expect(person.page.locator("html")).to_have_attribute("lang", lang)
        person.page.reload()
        expect(person.page.get_by_role("heading", name=title)).to_be_visible()
    assert path_of(person.page) == "/console/account"
