"""Token counts without a vocabulary."""

from __future__ import annotations

import pytest

from zhike.answer.tokens import UNITS, count, measure, units

QWEN = {  # counted with Qwen's own vocabulary
    "支持七天无理由退货吗？": 8,
    "How long does delivery take?": 6,
    "订单 A1009 到哪了": 10,
    "Where is my order? It was placed on 2024-05-01.": 21,
}


@pytest.mark.parametrize(("text", "known"), QWEN.items())
def test_close_to_the_real_vocabulary(text: str, known: int) -> None:
    assert known * 0.7 <= count(text, "qwen") <= known * 1.4


def test_pieces_add_up_and_names_of_models_are_understood() -> None:
    text = "您好 hello, 100元\n😀"
    assert abs(measure(text) - sum(measure(char) for char in text if char not in "hello")) < 4
    assert count(text, "Qwen2.5-7B-Instruct") == count(text, "qwen") == count(text)
    assert count("你好" * 50, "glm-4-9b-chat") > count("你好" * 50, "qwen")
    assert count("") == count("   ") == 0


def test_units_are_what_dialogues_are_measured_in() -> None:
    assert units("Hello，A1009号 3.5折") == ["hello", "，", "a", "1009", "号", "3", ".", "5", "折"]
    assert count("Hello，A1009号 3.5折", UNITS) == 9
