"""However a question is written, it is the same question: synonyms, codes, pinyin, homophones."""

from __future__ import annotations

import pytest

from zhike.domain.knowledge import Bot
from zhike.search.codes import Codes
from zhike.search.index import Document, Index
from zhike.search.pinyin import Characters, Keyboard
from zhike.search.synonyms import Synonyms
from zhike.search.text import normalise
from zhike.store.checks import check_bot

SHOP = [Document(("怎么退货？", "退货怎么办", "我想退掉衣服"), "请在订单页申请退货。"),
        Document(("CH326 羽绒服多少钱？", "ch326的价格"), "CH326 售价 399 元。"),
        Document(("CH408 羽绒服多少钱？",), "CH408 售价 499 元。"),
        Document(("羽绒服怎么洗？", "羽绒服可以机洗吗"), "H10682 和其他羽绒服一样，不能机洗。"),
        Document(("How do I return something?", "return policy"), "Use your order page.")]


@pytest.fixture(scope="module")
def index() -> Index:
    return Index(SHOP, [["退货", "退掉", "退单"], ["羽绒服", "down jacket"]])


def first(index: Index, text: str) -> int:
    found = index.find(normalise(text))
    return found.matches[0].document if found.matches else -1


@pytest.mark.parametrize("text", ["如何退货", "退单咋办", "怎样退掉", "tuihuo zenme ban",
                                  "tui huo zen me ban", "tuihuozenmeban",
                                  "tui货怎么办", "怎么tuihuo", "推货怎么办", "腿货怎么办", "怎麼退貨"])
def test_returns_in_any_writing(index: Index, text: str) -> None:
    found = index.find(normalise(text))
    assert (found.matches[0].document, found.exact) == (0, True)


@pytest.mark.parametrize(("text", "meant"), [
    ("returnzenmetui", "return 怎么退"), ("zenmetuipolicy", "怎么退 policy"),
    ("returnzenmetuihuopolicy", "return 怎么退货 policy"), ("return policy zenmetui", "return policy 怎么退"),
    ("怎么tuireturnduoshaoqian", "怎么退 return 多少钱")])
def test_pinyin_typed_against_a_word_is_taken_apart(index: Index, text: str, meant: str) -> None:
    assert index._mender.mend(normalise(text)).split() == meant.split()


@pytest.mark.parametrize("text", ["can I wash the jacket", "women like it", "send me the manual",
                                  "what is the return policy", "the returnlike policy",
                                  "return policy for my size"])
def test_english_is_not_read_as_pinyin(index: Index, text: str) -> None:
    assert index._mender.mend(normalise(text)).isascii()


def test_what_the_knowledge_has_no_words_for_is_left_as_typed() -> None:
    weights = {"退": 1.0, "货": 1.0, "退货": 1.0}
    keyboard = Keyboard(weights, Characters(weights).of)
    assert keyboard.write([("tuihuo", True)]) == "退货"
    assert keyboard.write([("hongshaorou", True)]) is None
    assert not keyboard.spelt("parcel")


@pytest.mark.parametrize("text", ["CH326多少钱", "ch 326 价格", "CH-326 羽绒服价格是多少", "ch326",
                                  "how much is CH326"])
def test_a_code_finds_the_article_that_names_it(index: Index, text: str) -> None:
    assert first(index, text) == 1


def test_a_code_in_an_answer_alone_is_found(index: Index) -> None:
    assert first(index, "H10682怎么样") == 3


def test_a_wrong_code_is_no_likeness(index: Index) -> None:
    right, wrong = (index.find(normalise(f"CH{n} 羽绒服多少钱")).matches for n in (326, 999))
    assert right[0].likeness == 1.0
    assert all(match.likeness < 0.4 for match in wrong if match.document in (1, 2))


def test_sizes_and_years_are_no_codes() -> None:
    codes = Codes([(("CH-326 多少钱", "100ml 的有吗", "size 3xl"), "since 2024")])
    assert set(codes.named) == {"ch326"}
    assert codes.join("at 100 or ch 326") == "at 100 or ch326"
    assert codes.find("ch999 x") == ["ch999"]


def test_the_shops_own_groups_come_first_and_words_inside_longer_ones_stay() -> None:
    said = Synonyms([["优惠券", "券"], ["tee", "t shirt"]])
    assert said.canonical("券怎么用 优惠券如何用") == "优惠券怎么用 优惠券怎么用"
    assert said.canonical("a red t shirt please") == "a red tee please"
    assert said.canonical("shirts") == "shirts"


@pytest.mark.parametrize("value", ["退货", [["退货"]], [["a", 1]], [["a", ""]], [["a", "b"]] * 501])
def test_synonyms_that_cannot_be_are_refused(value: object) -> None:
    fault, *_ = check_bot(Bot(1, "shop", "n", {"synonyms": value}))
    assert fault.field.startswith("settings.synonyms")
    assert not list(check_bot(Bot(1, "shop", "n", {"synonyms": [["退货", "退掉"]]})))
