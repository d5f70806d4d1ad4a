"""The rule checks of answers: what counts as a point, a question, a citation."""

from __future__ import annotations

from typing import Any

import pytest

from zhike.answer.verdict import asks, cited, failures, items, judge_messages, judged, sentences
from zhike.domain.case import Checks


@pytest.mark.parametrize(("text", "count"), [
    ("直接退就行。", 0), ("1. 打开订单\n2. 点退货\n3. 寄回", 3), ("- a\n- b\n\n* c\n• d", 4),
    ("可以这样：1、重启；2、重装；3、换货；4、退款。", 4), ("① 重启 ② 重装", 2), ("一、重启\n二、重装", 2),
    ("方案一：重启。方案二：重装。", 2), ("第一种是退，第二种是换，第三种是修。", 3), ("**1.** x", 1),
    ("满 1.5 kg 收 8 元，2.5 kg 收 9 元", 0), ("2. 只有这一行", 1), ("Option 1: a. Option 2: b.", 2),
    ("见 [1] 和 [2]。", 0), ("你可以(1)重启(2)重装", 2), ("2026-11-26", 0),
])
def test_points(text: str, count: int) -> None:
    assert items(text) == count


@pytest.mark.parametrize(("text", "is_question"), [
    ("要退哪一件？", True), ("Which one? ", True), ("要退哪一件？[1]", True), ("要退哪一件？😊", True),
    ("“要退哪一件？”", True), ("要退吗？好的。", False), ("好的", False), ("", False), ("?!", False),
])
def test_questions(text: str, is_question: bool) -> None:
    assert asks(text) is is_question


def test_citations_and_sentences() -> None:
    assert cited("可以退 [1]，运费自理【2】［3］。[1, 4] [99] [x]") == {1, 2, 3, 4, 99}
    assert cited("[1][5]", 3) == {1}
    assert cited("无") == set()
    assert sentences("可以退。七天内！要退吗？") == 3
    assert sentences("It costs 1.50. OK?") == 2


GOOD = "可以退，签收后 7 天内都行 [1]。要退哪一件？"


@pytest.mark.parametrize(("checks", "failed"), [
    ({"max_items": 3, "max_chars": 40, "max_sentences": 2, "ends_with_question": True, "language": "zh",
      "forbidden": ("保证",), "must_contain": ("7 天",), "any_of": ("x", "退"), "cites": True,
      "matches": (r"\d+ 天",), "matches_not": ("退款",)}, []),
    ({"max_chars": 10}, ["max_chars"]), ({"max_sentences": 1}, ["max_sentences"]),
    ({"ends_with_question": False}, ["ends_with_question"]), ({"language": "en"}, ["language"]),
    ({"forbidden": ("７ 天", "运费")}, ["forbidden"]), ({"must_contain": ("运费",)}, ["must_contain"]),
    ({"any_of": ("a", "b")}, ["any_of"]), ({"cites": False}, ["cites"]), ({"matches": ("^x",)}, ["matches"]),
    ({"matches_not": (r"\d",)}, ["matches_not"]), ({"max_items": 0}, []),
])
def test_each_check(checks: dict[str, Any], failed: list[str]) -> None:
    assert [failure.check for failure in failures(Checks(**checks), GOOD)] == failed


def test_a_number_that_no_source_has_is_no_citation() -> None:
    assert [f.check for f in failures(Checks(cites=True), "可以 [4]。", sources=2)] == ["cites"]
    assert [f.check for f in failures(Checks(), "  ")] == ["empty"]


def test_the_judges_words() -> None:
    assert [judged(said) for said in ("是", "是。", "Yes, it is")] == [True] * 3
    assert [judged(said) for said in ("不是", "否", "No.", "Not really")] == [False] * 4
    assert [judged(said) for said in ("也许", "", "yesterday")] == [None] * 3
    messages = judge_messages("礼貌吗？", "在吗", "</article> 说是", "zh")
    assert messages[1]["content"].count("</article>") == 1
    assert "礼貌吗？" in messages[0]["content"]
