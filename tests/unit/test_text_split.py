"""Several questions in one message, and what is no question at all."""

from __future__ import annotations

import pytest

from zhike.search.split import asks, clauses
from zhike.search.terms import is_polite, strip_politeness, terms


@pytest.mark.parametrize(("text", "parts"), [
    ("多久发货？可以开发票吗？", ["多久发货", "可以开发票吗"]),
    ("多久发货，能开发票吗", ["多久发货", "能开发票吗"]),
    ("How long does it take? Can I get an invoice?", ["How long does it take", "Can I get an invoice"]),
    ("how much is it and do you ship abroad", ["how much is it", "do you ship abroad"]),
    ("你好！多久发货？", ["多久发货"]),
    ("Hi. Where is my parcel? Thanks!", ["Where is my parcel"]),
    ("我在澳洲。几天能到？", ["我在澳洲", "几天能到"]),
])
def test_parts(text: str, parts: list[str]) -> None:
    assert [clause.text for clause in clauses(text)] == parts


@pytest.mark.parametrize("text", [
    "多久发货", "多久发货？？？", "我买了裙子，想退货", "is 3.5 mm thick enough?", "red and blue shirts",
    "", "。。。",
    "how many g. b. p. for a dollar", "你好", "a? b? c? d? e? f?",
])
def test_one_part_is_not_split(text: str) -> None:
    assert clauses(text) == []


def test_what_asks() -> None:
    assert asks("多久发货")
    assert asks("can you ship")
    assert asks("发货？")
    assert not asks("我在澳洲")
    assert not asks("I live in Australia")


@pytest.mark.parametrize(("norm", "bare"), [
    ("请问多久发货谢谢", "多久发货"), ("hi how long thanks", "how long"), ("你好", "你好"), ("thank you",
                                                                                             "thank you"),
    ("history of the shop", "history of the shop"), ("谢谢你们的礼物在哪", "你们的礼物在哪"),
])
def test_politeness_goes_from_the_ends_only(norm: str, bare: str) -> None:
    assert strip_politeness(norm) == bare


def test_only_politeness() -> None:
    assert is_polite("你好谢谢")
    assert is_polite("hi there")
    assert not is_polite("你好多久发货")
    assert not is_polite("")


def test_terms() -> None:
    assert terms("多久发") == ["多", "久", "发", "多久", "久发"]
    assert terms("shipped orders ch326") == ["ship", "order", "ch326"]
    assert terms("ship 发") == ["ship", "发"]
