"""Questions that lean on what was said before, and those that do not."""

from __future__ import annotations

import pytest

from zhike.answer.carried import Spoken, fuse
from zhike.answer.knowledge import Knowledge
from zhike.answer.ports import Said
from zhike.domain.knowledge import Article
from zhike.search.followup import carry, core, leans
from zhike.search.text import understand


def article(number: int, key: str, question: str, *variants: str, **rest: object) -> Article:
    return Article(id=number, bot_id=1, key=key, lang="zh", question=question, variants=variants,
                   answer=f"answer {number}", **rest)  # type: ignore[arg-type]


ARTICLES = [article(1, "return", "怎么退货？", "支持退货吗", "退货流程", category="售后"),
            article(2, "return-fee", "退货运费谁出？", "退货要付邮费吗", category="售后"),
            article(3, "fee", "运费怎么算？", "包邮吗", "多少钱包邮", category="物流"),
            article(4, "wash-wool", "羊毛衫怎么洗？", "羊毛衫能机洗吗"),
            article(5, "wash-linen", "亚麻衣服怎么洗？", "亚麻能机洗吗"),
            article(6, "invoice", "怎么开发票？", "可以开发票吗")]
KNOWLEDGE = Knowledge(ARTICLES)


def after(topic: str) -> tuple[Said, ...]:
    return Said("visitor", "…", 1), Said("bot", "…", 2, topic=topic)


@pytest.mark.parametrize("text", ["那运费呢？", "小号的呢", "多少钱", "它能机洗吗", "为什么", "那可以退吗",
                                  "还有别的吗",
                                  "what about the small one?", "and how much is it?", "why not",
                                  "does it fit?"])
def test_these_lean(text: str) -> None:
    assert leans(text)


@pytest.mark.parametrize("text", ["怎么退货", "羊毛围巾怎么洗呢", "那边的门店几点开门", "运费多少钱",
                                  "发货后几天能收到",
                                  "How do I return something?", "how much is shipping", "where is my parcel",
                                  "", "？？"])
def test_these_stand_alone(text: str) -> None:
    assert not leans(text)


def test_what_is_left_of_a_leaning_question() -> None:
    assert core("那运费呢？") == "运费"
    assert core("And what about the small one?") == "the small one"
    assert carry("那运费呢", "怎么退货？", ["支持退货吗"]) == ["运费", "怎么退货 运费", "支持退货吗 运费"]


def test_the_topic_is_carried_over_and_the_trace_says_so() -> None:
    reply = KNOWLEDGE.follow(understand("那亚麻的呢？"), after("wash-wool")).reply
    assert reply is not None
    assert reply.source is not None
    assert (reply.source.key, reply.leans, reply.cacheable) == ("wash-linen", True, False)
    assert (reply.trace[0].step, reply.trace[0].detail) == ("followup", "wash-wool + 亚麻的")


def test_a_whole_question_is_answered_as_ever() -> None:
    reply = KNOWLEDGE.follow(understand("怎么开发票"), after("return")).reply
    assert reply is not None
    assert (reply.text, reply.leans, reply.sure) == ("answer 6", False, True)


def test_without_a_topic_there_is_nothing_to_carry() -> None:
    question = understand("那天气呢？")
    assert KNOWLEDGE.follow(question, ()).reply is None
    assert KNOWLEDGE.follow(question, after("gone")).reply is None
    assert KNOWLEDGE.follow(question, after("return")).reply is None


def test_an_answer_to_a_leaning_question_is_not_sure() -> None:
    reply = Knowledge(ARTICLES, threshold=0.05).answer(understand("那羊毛衫的呢")).reply
    assert reply is not None
    assert (reply.leans, reply.sure, reply.cacheable) == (True, False, False)


def test_the_article_talked_about_is_not_found_by_its_own_words() -> None:
    found = [Spoken(2.0, {"a": 0.3, "b": 0.9}), Spoken(5.0, {"a": 1.9, "b": 0.9})]
    ranked = fuse(found, "a", {"a": "x", "b": "x"})
    assert ranked[0][0] == "b"
    assert fuse([Spoken(1.0, {}), Spoken(1.0, {})], "a", {}) == []
