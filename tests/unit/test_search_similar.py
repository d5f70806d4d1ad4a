"""Do two texts ask the same?"""

from __future__ import annotations

import random

import pytest

from zhike.search.similar import MARKS, SIGNS, PairModel, Rarities, Text, alike, differences, marks

SAME = [("怎么退货", "如何退货"), ("什么时候发货", "啥时候能发货"), ("how do I return it",
                                                                     "how can I return it")]
OTHER = [("怎么退货", "可以开发票吗"), ("可以退货吗", "今天天气好吗"), ("how do I return it",
                                                                        "where is my parcel")]


def one(_: str) -> float:
    return 1.0


@pytest.mark.parametrize(("a", "b"), [*SAME, *OTHER])
def test_marks_are_symmetric(a: str, b: str) -> None:
    assert marks(Text(a), Text(b), one, one) == marks(Text(b), Text(a), one, one)
    assert sorted(differences(Text(a), Text(b))) == sorted(differences(Text(b), Text(a)))
    assert len(marks(Text(a), Text(b), one, one)) == len(MARKS) == len(SIGNS)


def test_by_hand_what_is_the_same_is_more_alike() -> None:
    assert min(alike(Text(a), Text(b)) for a, b in SAME) > max(alike(Text(a), Text(b)) for a, b in OTHER)


def test_a_denial_and_another_number_speak_against() -> None:
    by_name = dict(zip(MARKS, marks(Text("满99元包邮吗"), Text("满199元不包邮吗"), one, one), strict=True))
    assert (by_name["denied"], by_name["numbers"], by_name["other_numbers"]) == (1, 1, 1)


def test_a_word_is_rare_that_others_do_not_say() -> None:
    texts = [Text("退货"), Text("退款")]
    rarity = Rarities(texts)
    every = rarity.of(rarity.words)
    assert every("货") > every("退")
    assert rarity.of(rarity.words, texts[:1])("货") > every("货")


def test_the_model_learns_which_words_matter() -> None:
    """Names of things turn a question around, politeness does not, though both are one word."""
    rng = random.Random(1)
    things = ("围巾", "外套", "帽子", "手套", "皮鞋", "水壶")
    pairs = []
    for _ in range(150):
        a, b = rng.sample(things, 2)
        pairs.append((Text(f"{a}怎么洗"), Text(f"{b}怎么洗"), False))
        pairs.append((Text(f"{a}怎么洗"), Text(f"{a}到底怎么洗"), True))
    model = PairModel(pairs)
    assert model.probability(Text("围巾怎么退"), Text("围巾到底怎么退")) > 0.8
    assert model.probability(Text("围巾怎么退"), Text("外套怎么退")) < 0.2
    assert all(weight >= 0 for weight in model._weights)
