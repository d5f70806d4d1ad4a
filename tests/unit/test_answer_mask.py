"""Personal data: what is found, what only looks like it, and the way out and back."""

from __future__ import annotations

import pytest

from zhike.answer.mask import KINDS, Mask, find, redact
from zhike.testing.personal import rows

FOUND = [
    ("打13800138000找我", "phone", "13800138000"),
    ("+86 138-0013-8000", "phone", "+86 138-0013-8000"),
    ("座机010-62345678转802", "phone", "010-62345678转802"),
    ("手机号：１３８００１３８０００", "phone", "１３８００１３８０００"),
    ("一三八零零一三八零零零", "phone", "一三八零零一三八零零零"),
    ("call (415) 555-2671 now", "phone", "(415) 555-2671"),
    ("身份证11010519491231002X", "id", "11010519491231002X"),
    ("my SSN is 123-45-6789", "id", "123-45-6789"),
    ("卡 4111 1111 1111 1111 被扣了", "card", "4111 1111 1111 1111"),
    ("发到a.b+c@mail.example.com吧", "email", "a.b+c@mail.example.com"),
    ("寄到北京市朝阳区建国路88号院3号楼1204室，谢谢", "address", "北京市朝阳区建国路88号院3号楼1204室"),
    ("ship to 12 Baker Street, London NW1 6XE please", "address", "12 Baker Street, London NW1 6XE"),
    ("我叫欧阳娜娜，", "name", "欧阳娜娜"),
    ("my name is john smith and i wait", "name", "john smith"),
    ("微信号wx_12345加我", "account", "wx_12345"),
    ("车牌京A·12B45", "plate", "京A·12B45"),
    ("护照号E12345678", "passport", "E12345678"),
]
LEFT = [
    "订单号13800138000",
    "运单SF1234567890123",
    "order 4111111111111111",
    "流水号6222021234567890128",
    "110105194912310021",  # bad check digit
    "4111 1111 1111 1112",
    "2024-01-15 13:45:20",
    "￥13,800.00",
    "型号E12345678",
    "400-123-4567",
    "1-800-555-0199",
    "3.14159265358",
    "南京路店几点关门",
    "朝阳区能送吗",
    "我是会员",
    "我叫了客服半天",
    "I'm Happy with it",
    "a 20 minute drive",
    "192.168.1.100",
    "https://shop.example.com/item/13800138000.html",
    "条码6901234567892",
    "编号：0571-12345678",
    "7天无理由退货，3-5天到账",
]


@pytest.mark.parametrize(("text", "kind", "value"), FOUND)
def test_found(text: str, kind: str, value: str) -> None:
    assert [(span.kind, text[span.start : span.end]) for span in find(text)] == [(kind, value)]


@pytest.mark.parametrize("text", LEFT)
def test_look_alikes_are_left_alone(text: str) -> None:
    assert find(text) == []


def test_the_labelled_set_is_found() -> None:
    right = said = there = 0
    texts = 0
    for row in (*rows("dev"), *rows("held")):
        wanted, found = {tuple(span) for span in row["spans"]}, {tuple(span) for span in find(row["text"])}
        right, said, there, texts = (
            right + len(wanted & found),
            said + len(found),
            there + len(wanted),
            texts + 1,
        )
        assert all(row["text"][start:end] and kind in KINDS for start, end, kind in wanted)
    assert texts >= 300
    assert right / said >= 0.97
    assert right / there >= 0.97


def test_equal_values_are_equal_and_come_back() -> None:
    mask = Mask()
    first = mask.mask("我叫张晓明，电话13800138000")
    assert first == "我叫[NAME_1]，电话[PHONE_1]"
    assert mask.mask("张晓明的号码 138-0013-8000 和 13900139000") == "[NAME_1]的号码 [PHONE_1] 和 [PHONE_2]"
    assert mask.unmask("好的[NAME_1]，打[PHONE_1]") == "好的张晓明，打13800138000"
    assert mask.found == {"name": 1, "phone": 2}


@pytest.mark.parametrize(
    "spelling",
    ["[PHONE_1]", "[phone_1]", "【PHONE_1】", "[PHONE-1]", "[ PHONE_1 ]", "\\[PHONE\\_1\\]", "［PHONE_1］"],
)
def test_models_may_spell_it_a_little_otherwise(spelling: str) -> None:
    mask = Mask()
    mask.mask("13800138000")
    assert mask.unmask(f"打{spelling}。") == "打13800138000。"


def test_what_a_visitor_types_cannot_pretend() -> None:
    mask = Mask()
    masked = mask.mask("我的电话13800138000，[PHONE_1] 和 【NAME_1】 是什么")
    assert masked == "我的电话[PHONE_1]，[TEXT_1] 和 [TEXT_2] 是什么"
    assert mask.unmask(masked) == "我的电话13800138000，[PHONE_1] 和 【NAME_1】 是什么"
    assert mask.unmask("[PHONE_2] [EMAIL_1]") == "[PHONE_2] [EMAIL_1]", "unknown ones stay"


def test_a_placeholder_in_pieces_waits_until_it_is_whole() -> None:
    mask = Mask()
    mask.mask("13800138000")
    stream = mask.stream()
    assert [stream.feed(piece) for piece in ("打[", "PHO", "NE_", "1", "]吧", " [1] ", "\\", "n [PH")] == [
        "打",
        "",
        "",
        "",
        "13800138000吧",
        " [1] ",
        "",
        "\\n ",
    ]
    assert stream.end() == "[PH"
    assert stream.end() == ""


def test_what_is_held_back_is_bounded() -> None:
    stream = Mask().stream()
    assert len(stream.feed("[" * 1000) + stream.feed("[PHONE_" + "1" * 100)) >= 1070


def test_nobody_restores_what_was_redacted() -> None:
    assert redact("找13800138000") == "找[PHONE_1]"
