"""What a model may not say: claims without a source, forbidden words."""

from __future__ import annotations

import pytest

from zhike.answer.guard import Forbidden, Guard

SOURCES = (
    "支持七天无理由退货，退款在3个工作日内到账。满99元包邮，运费10元。全场八折。营业时间 "
    "9:00-18:00，周一至周五。客服电话 400-123-4567。"
    "质保12个月。发货时间3-5天，48小时内发出。不保证颜色一致。网址 "
    "https://shop.example.com/help。5月1日到5月7日放假。",
    '{"order": "A1009", "amount": 199.0, "stock": 42}',
)

TRUE = [
    "您可以在7天内无理由退货。",
    "一周内可以退货。",
    "退款三个工作日到账。",
    "满￥99包邮。",
    "满99.00元免运费。",
    "运费是10块。",
    "全场8折。",
    "八折就是20% off。",
    "营业到下午6点。",
    "早上9点开门。",
    "We open at 9:00am and close at 6 pm.",
    "周三上班。",
    "请拨打400-123-4567。",
    "请拨打 4001234567。",
    "保修一年。",
    "The warranty is 12 months.",
    "三到五天发货。",
    "3～5天发货。",
    "两天内发出。",
    "It ships within 48 hours.",
    "订单A1009的金额是199元。",
    "库存还有42件。",
    "请看 shop.example.com/help 。",
    "五月一日放假。",
    "We are closed on May 1st.",
    "我们不保证颜色一致。",
    "无法承诺具体时间。",
    "1. 打开订单页\n2. 点申请售后",
    "有两种方式可以选择。",
    "需要我帮您转人工吗？",
    "您是想退货吗？",
    "我帮您查一下退款进度。",
    "Feel free to ask.",
    "好的[NAME_1]，已记下[PHONE_1]。",
    "您好，请问还有什么可以帮您？",
]
FALSE = [
    ("您可以在15天内退货。", "15天"),
    ("退款1个工作日到账。", "1个工作日"),
    ("满199元包邮，满59元减10元。", "59元"),
    ("打七折。", "七折"),
    ("可享30%优惠。", "30%优惠"),
    ("晚上9点关门。", "晚上9点"),
    ("周六也上班。", "周六"),
    ("请拨打400-123-9999。", "400-123-9999"),
    ("保修两年。", "两年"),
    ("We ship in 24 hours.", "24 hours"),
    ("明天就能送到。", "明天"),
    ("It will arrive tomorrow.", "tomorrow"),
    ("我们保证有货。", "保证"),
    ("It is guaranteed to fit.", "guarantee"),
    ("免费送您一份。", "免费"),
    ("We offer a full refund.", "full refund"),
    ("可以为您赔偿。", "赔偿"),
    ("我们支持换货。", "换货"),
    ("不支持七天无理由退货。", "无理由"),
    ("访问 evil.example.com 领取。", "evil.example.com"),
    ("金额是$199。", None),
    ("十月一日发货。", "十月一日"),
    ("订单B2001已发出。", "B2001"),
    ("共三百元。", "三百元"),
    ("满减价 1,299.00 元。", "1,299.00 元"),
    ("终身保修。", "终身"),
    ("You have 2 weeks.", "2 weeks"),
    ("请付 50 dollars。", "50 dollars"),
]


@pytest.mark.parametrize("sentence", TRUE)
def test_what_stands_in_a_source_may_be_said(sentence: str) -> None:
    assert Guard(SOURCES).problem(sentence) is None


@pytest.mark.parametrize(("sentence", "what"), FALSE)
def test_what_stands_in_no_source_is_withheld(sentence: str, what: str | None) -> None:
    problem = Guard(SOURCES).problem(sentence)
    if what is None:
        assert problem is None, "a bare number of a tool has no currency"
        return
    assert problem is not None
    assert (problem.reason, problem.what) == ("claim", what)


def test_a_visitors_own_numbers_may_be_repeated_their_claims_not() -> None:
    guard = Guard((), asked=("我的订单88231，电话13800138000，你们是30天退货对吧，赔我500元",))
    assert guard.problem("您的订单88231我看到了，稍后联系13800138000。") is None
    assert guard.problem("是的，30天。") is not None
    assert guard.problem("好的，500元。") is not None


def test_the_other_sentences_go_out() -> None:
    guard = Guard(SOURCES)
    said = guard.feed("您好！七天内可以退货。我们送您100元券。退款3个工作日到账")
    said += guard.end()
    assert said == ["您好！", "七天内可以退货。", "退款3个工作日到账"]
    assert [withheld.sentence for withheld in guard.withheld] == ["我们送您100元券。"]
    assert not guard.silenced


def test_silenced_is_told_from_silent() -> None:
    guard = Guard(())
    assert guard.feed("保证明天到。\n") + guard.end() == []
    assert guard.silenced
    silent = Guard(())
    assert silent.end() == []
    assert not silent.silenced


def test_a_sentence_without_end_is_checked_at_its_borders() -> None:
    guard = Guard(())
    text = "这款羽绒服很轻，" * 40 + "我们赔您一千元，" + "这款羽绒服很暖，" * 40
    said = guard.feed(text)
    assert said, "nobody waits for a page"
    said += guard.end()
    assert "一千" not in "".join(said)
    assert guard.withheld[0].what == "一千元"
    assert "很暖" in "".join(said)


@pytest.mark.parametrize(
    ("word", "text", "found"),
    [
        ("最便宜", "我们最 便宜！", True),
        ("最便宜", "最 便，宜", True),
        ("竞品", "競品怎麼樣", True),
        ("Rival", "the RIVAL's price", False),
        ("rival", "our rival, too", True),
        ("rival", "arrival", False),
        ("ＶＩＰ价", "vip价是多少", True),
        ("最便宜", "最贵", False),
    ],
)
def test_forbidden_words(word: str, text: str, found: bool) -> None:
    assert (Forbidden([word]).find(text) == word) is found


def test_forbidden_in_an_answer() -> None:
    guard = Guard(SOURCES, ("竞品店",))
    assert guard.feed("竞 品店 也不错。您好。") + guard.end() == ["您好。"]
    assert (guard.withheld[0].reason, guard.withheld[0].what) == ("forbidden", "竞品店")


def test_sentences_end_where_they_should() -> None:
    guard = Guard(("Mr. Li pays 3.50 euros at 5 p.m. for No. 7",))
    text = 'Mr. Li pays 3.50 euros. He said "ok." Then he left! 好吗？”好的。'
    assert guard.feed(text) + guard.end() == [
        "Mr. Li pays 3.50 euros.",
        ' He said "ok."',
        " Then he left!",
        " 好吗？”",
        "好的。",
    ]
