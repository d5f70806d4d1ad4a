"""Slips of typing."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhike.search.sound import sounds
from zhike.search.spell import PairSpeller, Speller, one_slip_apart

WORDS = Speller(["invoice", "shipping", "return", "returns", "short", "ring", "x1234567"])


@pytest.mark.parametrize(("typed", "meant"), [
    ("invioce", "invoice"), ("invoce", "invoice"), ("innvoice", "invoice"), ("imvoice", "invoice"),
    ("shippng", "shipping"), ("retrun", "return"), ("hsort", "short"), ("shor", "short"),
    ("king", ""), ("zzzzz", ""), ("invxxce", ""), ("x123456", ""), ("发票", ""),
])
def test_words(typed: str, meant: str) -> None:
    assert (WORDS.correct(typed) or [""])[0] == meant


@given(st.text("abcde", min_size=5, max_size=9), st.integers(0, 8), st.sampled_from("abcdex"),
       st.integers(0, 3))
def test_every_single_slip_is_found(word: str, place: int, letter: str, way: int) -> None:
    i = place % (len(word) - 1)
    typed = [word[:i] + letter + word[i:], word[:i] + word[i + 1:], word[:i] + letter + word[i + 1:],
             word[:i] + word[i + 1] + word[i] + word[i + 2:]][way]
    if typed != word:
        assert one_slip_apart(typed, word)
        assert Speller([word]).correct(typed) == [word]


def test_the_nearest_in_shape_comes_first() -> None:
    assert Speller(["print", "printer", "pointr"]).correct("printr") == ["pointr", "print", "printer"]


def test_two_slips_are_not_one() -> None:
    assert not one_slip_apart("invoice", "invoice")
    assert not one_slip_apart("abcdef", "badcfe")
    assert not one_slip_apart("abc", "abcde")
    assert not one_slip_apart("abcd", "xbcy")


TEXTS = ("项链多久发货", "耳机多少钱", "怎么换货", "退货地址", "能开发票吗", "不能退货吗")
KNOWN = {a + b for text in TEXTS for a, b in pairwise(text)}
PAIRS = PairSpeller(sorted(KNOWN))


@pytest.mark.parametrize(("typed", "meant"), [
    ("项炼多久发货", "项链多久发货"), ("项链多久发或", "项链多久发货"), ("耳机少多钱", "耳机多少钱"),
    ("退货地地址", "退货地址"),
    ("耳的机多少钱", "耳机多少钱"), ("能开发漂吗", "能开发票吗"), ("耳机多少钱", "耳机多少钱"),
    ("今天天气好不好", "今天天气好不好"),
])
def test_pairs(typed: str, meant: str) -> None:
    assert PAIRS.correct(typed, KNOWN) == meant


def test_no_is_never_taken_out() -> None:
    known = {"能退", "退货"}
    assert PairSpeller(sorted(known)).correct("能不退货", known) == "能不退货"


def test_sounds_are_coarse() -> None:
    known = sounds()
    assert known["链"] == known["练"]
    assert known["是"] == known["四"]
    assert known["京"] == known["金"]
    assert known["退"] != known["换"]
