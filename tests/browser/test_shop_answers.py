"""The sample shop answers: ten questions in each language, typed and by buttons, each with its article."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import pytest
import yaml
from playwright.sync_api import expect

from zhike.sample import CONFIG_FILES
from zhike.testing.pages import Lang, Visits, Widget


class Ask(NamedTuple):
    """A question and the key of the article that answers it. ``pressed``: by the button of this name."""

    text: str
    article: str
    pressed: bool = False


ASKS: dict[Lang, list[Ask]] = {
    "zh": [
        Ask("下单后多久发货？", "shipping-time", pressed=True),          # a suggestion of the greeting
        Ask("运费多少", "shipping-fee", pressed=True),                   # a button of the answer before
        Ask("退货的邮费要我自己出吗", "return-shipping-fee"),
        Ask("可以开发票吗", "invoice"),
        Ask("专票", "invoice-vat", pressed=True),
        Ask("羊毛衫能机洗么", "care-wool"),
        Ask("支持花呗分期吗", "installments"),
        Ask("你们店在哪里", "stores"),
        Ask("到店自提", "store-pickup", pressed=True),
        Ask("杯子可以放微波炉吗", "mug-dishwasher"),
    ],
    "en": [
        Ask("When will my order ship?", "shipping-time", pressed=True),
        Ask("Shipping cost", "shipping-fee", pressed=True),
        Ask("who pays for return postage", "return-shipping-fee"),
        Ask("my coupon doesn't work", "coupon-fail"),
        Ask("can I machine wash the wool cardigan", "care-wool"),
        Ask("can I pay in installments", "installments"),
        Ask("do you have a physical store", "stores"),
        Ask("Store pickup", "store-pickup", pressed=True),
        Ask("is the mug microwave safe", "mug-dishwasher"),
        Ask("how many days untill it arrives", "delivery-time"),         # with a typing error
    ],
}
SOURCE = {"zh": "来源：{}", "en": "Source: {}"}


@cache
def articles(lang: Lang) -> dict[str, dict[str, str]]:
    """Key → what the shop's files say."""
    file = next(path for path in CONFIG_FILES if path.name == f"articles.{lang}.yaml")
    return {each["key"]: each for each in yaml.safe_load(file.read_text())["articles"]}


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_ten_different_questions_get_their_articles(visits: Visits, lang: Lang) -> None:
    widget = Widget(visits.page(lang))
    widget.open(visits.url)
    assert len({ask.article for ask in ASKS[lang]}) == 10
    for number, ask in enumerate(ASKS[lang]):
        question, answer = 2 * number + 1, 2 * number + 2
        if ask.pressed:
            widget.press(ask.text)
        else:
            widget.say(ask.text)
        article = articles(lang)[ask.article]
        expect(widget.row(answer).locator(".src")).to_have_text(SOURCE[lang].format(article["question"]))
        assert widget.words(answer).strip() == article["answer"].strip()
        if not ask.pressed:
            assert widget.words(question) == ask.text
    # Every question was answered once, and nothing stands between.
    assert [(seq, who) for seq, who, _ in widget.talk()] == [
        (seq, "me" if seq % 2 else "bot") for seq in range(1, 21)]


@pytest.mark.parametrize(("lang", "asked", "meant", "article"), [
    ("zh", "优惠卷怎么用不了", "优惠券为什么用不了？", "coupon-fail"),
    ("en", "is it possible to have my name on it", None, None),
])
def test_what_is_not_certain_is_asked_back_and_a_person_offered(
        visits: Visits, lang: Lang, asked: str, meant: str | None, article: str | None) -> None:
    widget = Widget(visits.page(lang))
    widget.open(visits.url)
    widget.say(asked)
    expect(widget.row(2).locator(".act").last).to_have_text({"zh": "转人工", "en": "Talk to a person"}[lang])
    expect(widget.row(2).locator(".src")).to_have_count(0)
    if meant and article:
        widget.press(meant)
        expect(widget.row(4).locator(".src")).to_have_text(SOURCE[lang].format(meant))
        assert widget.words(4).strip() == articles(lang)[article]["answer"].strip()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_menu_leads_to_an_answer_without_a_key(visits: Visits, lang: Lang) -> None:
    """Rules, menus and articles by buttons alone."""
    widget = Widget(visits.page(lang))
    widget.open(visits.url)
    widget.say({"zh": "你好", "en": "hello"}[lang])
    for number, label in enumerate({"zh": ("全部问题", "尺码与洗护", "水壶除垢"),
                                    "en": ("All topics", "Sizes and care", "Descale the kettle")}[lang]):
        expect(widget.row(2 * number + 2).locator(".act").first).to_be_visible()
        widget.press(label)
    assert widget.words(8).strip() == articles(lang)["kettle-descale"]["answer"].strip()


def test_the_chat_stays_open_on_the_next_page(visits: Visits) -> None:
    """And speaks the page's language, whatever the browser's."""
    widget = Widget(visits.page("en"))
    widget.open(f"{visits.url}/sample/index.html?lang=zh")
    expect(widget.page.locator("html")).to_have_attribute("lang", "zh-CN")
    widget.page.locator(".card a").first.click()
    widget.page.wait_for_url("**/product.html?id=*")
    expect(widget.panel).to_be_visible()
    widget.say("可以开发票吗")
    expect(widget.row(2).locator(".src")).to_have_text("来源：怎么开发票？")
