"""Cards: what is taken, and what they say without being seen."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from zhike.domain.card import MAX_CARDS, Card, CardField, fault_of, words_of

ITEM = Card("product", "https://shop.example/p/7", "亚麻长裙", "水洗亚麻", "/i/7.png", "¥369", "有货", "S-7",
            (CardField("颜色", "松绿"),))


def test_a_whole_card_is_taken_from_both_sides() -> None:
    assert fault_of([ITEM], by_visitor=True) == ""
    assert fault_of([ITEM, Card("image", "https://cdn.example/a.png"), Card("order", title="ZK1")],
                    by_visitor=False) == ""


@pytest.mark.parametrize(("card", "field"), [
    (replace(ITEM, title=" "), "title"),
    (replace(ITEM, title="长" * 201), "title"),
    (replace(ITEM, url="javascript:alert(1)"), "url"),
    (replace(ITEM, url="//evil.example/a"), "url"),
    (replace(ITEM, url="https://a b"), "url"),
    (replace(ITEM, image="data:text/html,x"), "image"),
    (replace(ITEM, status="a\0"), "status"),
    (replace(ITEM, fields=(CardField("", "x"),)), "fields[0]"),
    (replace(ITEM, fields=(CardField("a", "x"),) * 9), "fields"),
    (Card("link", title="a"), "url"),
])
def test_what_is_wrong_is_named(card: Card, field: str) -> None:
    assert fault_of([ITEM, card], by_visitor=False) == f"cards[1].{field}"


def test_visitors_show_products_and_orders_only_and_nobody_shows_a_catalogue() -> None:
    assert fault_of([Card("link", "https://a.example")], by_visitor=True) == "cards[0].kind"
    assert fault_of([ITEM] * (MAX_CARDS + 1), by_visitor=False) == "cards"


def test_the_words_hold_what_matters_and_an_address_only_for_people() -> None:
    assert words_of([ITEM], links=False) == "🛍 亚麻长裙 · S-7 · ¥369 · 有货"
    order = Card("order", "https://shop.example/o/1", "订单 ZK1", ref="ZK1", status="已发货")
    assert words_of([order], links=True) == "📦 订单 ZK1 · 已发货\nhttps://shop.example/o/1"
