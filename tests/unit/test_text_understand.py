"""One spelling, one fingerprint, one language."""

from __future__ import annotations

import pytest

from zhike.search.text import _simplified, loosen, normalise, understand


@pytest.mark.parametrize("same", [
    ("多久发货", "多久发货？", " 多久 发货 ?? ", "多久發貨", "多久\u200b发货", "多久发货😭"),
    ("iPhone15手机壳", "ｉＰｈｏｎｅ１５ 手机壳", "IPHONE15手机壳！"),
    ("don't fit", "Dont fit", "DON’T  FIT.", "don‘t fit"),
    ("café", "cafe\u0301", "CAFÉ"),
    ("can I return it?", "Can I return it", "can i\treturn\nit"),
    ("我要退货", "我要退貨", "我要退貨。。。"),
])
def test_one_meaning_has_one_fingerprint(same: tuple[str, ...]) -> None:
    assert len({understand(text).norm for text in same}) == 1
    assert len({understand(text).fingerprint for text in same}) == 1


@pytest.mark.parametrize(("one", "other"), [
    ("3.5折", "35折"), ("1-2天", "12天"), ("能退吗", "不能退吗"), ("c++", "c"), ("5%", "5"), ("$20", "20"),
    ("👍", "👎"), ("？", "！"), ("ab c", "a bc"), ("在", "在吗"), ("退货", "换货"),
])
def test_what_differs_stays_apart(one: str, other: str) -> None:
    assert understand(one).fingerprint != understand(other).fingerprint


@pytest.mark.parametrize(("text", "hint", "lang"), [
    ("多久发货", "", "zh"), ("多久发货", "en", "zh"), ("how long", "", "en"), ("how long", "zh-CN", "en"),
    ("iPhone 15 手机壳有货吗", "", "zh"), ("I want to buy a 旗袍", "", "en"), ("where is 我的 order now",
                                                                               "", "en"),
    ("CH326", "zh-CN", "zh"), ("CH326", "en-US", "en"), ("12345", "", "zh"), ("12345", "en", "en"),
    ("👍", "en", "en"), ("👍", "", "zh"), ("ok", "", "en"), ("Où est ma commande", "", "en"), ("請問幾天到",
                                                                                               "", "zh"),
])
def test_language(text: str, hint: str, lang: str) -> None:
    assert understand(text, hint).lang == lang


def test_only_signs_keep_what_they_say() -> None:
    assert normalise("👍👍") == "👍👍"
    assert normalise("") == ""
    assert normalise(" \t\n") == ""


def test_patterns_see_the_punctuation_inside() -> None:
    assert loosen("  You’re LATE, again!! ") == "you're late, again"
    assert loosen("訂單號：ZK-123？") == "订单号:zk-123"


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    # It may be stored; a change here is a change of a stored format.
    assert understand("多久发货？").fingerprint.hex() == "e066d31c42de710ab4157ca7ab659bfc"


def test_the_table_of_simplified_characters_is_what_opencc_says() -> None:
    import opencc

    han = [chr(code) for code in (*range(0x3400, 0x4DC0), *range(0x4E00, 0xA000))]
    said = opencc.OpenCC("t2s").convert("\n".join(han)).split("\n")
    expected = {a: b for a, b in zip(han, said, strict=True) if a != b and len(b) == 1}
    assert len(expected) > 3_000
    assert _simplified() == expected
