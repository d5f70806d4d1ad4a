"""What is left of a dialogue at a third of its tokens."""

from __future__ import annotations

from zhike.answer.compress import Compressed, compress, summarised
from zhike.answer.tokens import UNITS, count

ZH = [
    ("visitor", "你好，在吗？我想问一下上周买的那件羽绒服什么时候能发货呀？"),
    ("bot", "您好，很高兴为您服务！请您提供一下订单号，我帮您查一下。"),
    ("visitor", "好的，订单号是CH20326，谢谢啦"),
    ("bot", "好的，查到了，订单CH20326买的是云朵长款羽绒服，颜色雾霾蓝，尺码XL，预计5月12日发货。"),
    ("visitor", "哦哦，那运费是多少呢？"),
    ("bot", "满199元包邮的，您这一单是399元，所以不用运费。"),
    ("visitor", "好的明白了。我想改一下收货地址可以吗？"),
    ("bot", "可以的，请您把新的收货地址和电话发给我。"),
    ("visitor", "改到杭州市西湖区文三路478号，电话13812345678，收件人陈晨"),
    ("bot", "好的，已经为您登记了，我们会在24小时内处理好。"),
    ("visitor", "太好了，另外你们支持开专用发票吗？"),
    ("bot", "支持的，专用发票在确认收货后7天内开具。"),
    ("visitor", "行，那就这样吧，谢谢！"),
    ("bot", "不客气，祝您生活愉快！还有其他可以帮您的吗？"),
]
EN = [
    ("visitor", "Hi there, I would like some help with my order please."),
    ("bot", "Of course, I'd be happy to help you. What is the order number?"),
    ("visitor", "It's A10093, I ordered two Nordic Walking poles."),
    ("bot", "Thank you. Order A10093 left our Rotterdam warehouse on Tuesday."),
    ("visitor", "Okay, great. When will it arrive?"),
    ("bot", "It should arrive by 14:30 on Friday, the parcel number is LX42CN."),
    ("visitor", "Can I also send one of them back?"),
    ("bot", "Yes, you can send it back within 30 days, the refund is 49.90 euros."),
    ("visitor", "Perfect, thank you very much for your help!"),
    ("bot", "You're welcome. Is there anything else I can help you with today?"),
]


def third(turns: list[tuple[str, str]]) -> Compressed:
    whole = sum(count(role, UNITS) + count(text, UNITS) for role, text in turns)
    found = compress(turns, whole // 3, UNITS)
    assert found.tokens == count(found.text, UNITS) <= whole // 3
    return found


def test_chinese_facts_survive_and_politeness_does_not() -> None:
    text = third(ZH).text
    for fact in (
        "CH20326",
        "云朵长款羽绒服",
        "雾霾蓝",
        "5月12日",
        "399元",
        "杭州市西湖区文三路478号",
        "13812345678",
        "陈晨",
        "7天",
    ):
        assert fact in text
    for talk in ("您好", "谢谢", "生活愉快", "不客气"):
        assert talk not in text


def test_english_facts_survive_and_politeness_does_not() -> None:
    text = third(EN).text
    for fact in (
        "A10093",
        "two Nordic Walking poles",
        "Rotterdam",
        "Tuesday",
        "14:30",
        "Friday",
        "LX42CN",
        "30 days",
        "49.90 euros",
    ):
        assert fact in text
    assert "welcome" not in text
    assert "happy" not in text


def test_visitors_begin_a_line_and_answers_are_indented() -> None:
    lines = third(ZH).text.split("\n")
    assert any(line.startswith("  ") and "云朵" in line for line in lines)
    assert any(not line.startswith(" ") and "13812345678" in line for line in lines)


def test_what_is_said_twice_is_kept_once() -> None:
    assert third(ZH).text.count("CH20326") == 1


def test_what_was_dropped_is_told() -> None:
    found = compress(ZH, 30, UNITS)
    assert found.tokens <= 30
    kept = {turn for turn, _ in found.turns}
    assert set(found.dropped) - kept, "some turn went whole"
    assert all(0 <= turn < len(ZH) for turn in found.dropped)
    assert compress(ZH, 10_000, UNITS).dropped == ()


def test_the_ledger_names_its_facts() -> None:
    facts = {(fact.kind, fact.turn): fact.text for fact in third(ZH).ledger}
    assert facts["promise", 9] == "好的，已经为您登记了，我们会在24小时内处理好。"
    assert ("address", 8) in facts
    assert facts["phone", 8] == "13812345678" or "13812345678" in facts["phone", 8]
    open_facts = [fact for fact in compress(ZH[:11], 200, UNITS).ledger if fact.kind == "open"]
    assert [fact.text for fact in open_facts] == ["太好了，另外你们支持开专用发票吗？"]


def test_budgets_hold_for_models_too() -> None:
    for family in ("", "qwen", "chatglm"):
        for budget in (0, 1, 7, 40, 90):
            found = compress(ZH + EN, budget, family)
            assert count(found.text, family) == found.tokens <= budget
    assert compress([], 100).text == ""
    assert compress([("visitor", "  "), ("bot", "。。。")], 100).text.strip("。") == ""


def test_traditional_characters_are_read_and_kept_as_they_are() -> None:
    turns = [
        ("visitor", "您好，請問一下這個訂單TW8899什麼時候會發貨呢？"),
        ("bot", "謝謝您，預計週三會寄出喔。"),
    ]
    text = compress(turns, 12, UNITS).text
    assert "TW8899" in text
    assert "請問" not in text


def test_a_very_long_dialogue_is_read_from_its_end() -> None:
    turns = [("visitor", f"第{n}句 代号K{n}，" + "补充" * 2000) for n in range(40)]
    found = compress(turns, 60, UNITS)
    assert 0 in found.dropped
    assert min(turn for turn, _ in found.turns) > 20


async def test_a_summary_goes_on_top_only_if_it_fits() -> None:
    asked: list[int] = []

    async def short(text: str, room: int) -> str:
        asked.append(room)
        return "Delivery on Friday; one pole goes back."

    async def long(text: str, room: int) -> str:
        return "very " * (room + 1)

    found = third(EN)
    assert await summarised(found, short, found.tokens + 10, UNITS) == found.text
    assert asked == []
    with_summary = await summarised(found, short, found.tokens + 40, UNITS)
    assert with_summary == f"Delivery on Friday; one pole goes back.\n{found.text}"
    assert count(with_summary, UNITS) <= found.tokens + 40
    assert await summarised(found, long, found.tokens + 40, UNITS) == found.text


def test_things_side_by_side_stay_apart_and_whole() -> None:
    turns = [("bot", "推荐桃花源(东门店)和云水谣(西门店)，评分4.5分以上门票150-200元，"
              "营业时间为周一至周日 09:00-21:00"),
             ("visitor", "好的谢谢，那就去云水谣(西门店)吧"), ("bot", "不客气，祝您生活愉快")]
    lines = compress(turns, 50, UNITS).text
    for fact in ("桃花源(东门店)", "云水谣(西门店)", "4.5分以上", "门票150-200元", "周一至周日 09:00-21:00"):
        assert fact in lines
    assert lines.count("云水谣") == 1
