"""However a stream is cut, the same comes out: masks, sentences, claims; and budgets hold."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from zhike.answer.compress import compress
from zhike.answer.guard import Guard
from zhike.answer.mask import MAX_HOLD_CHARS, Mask, find
from zhike.answer.tokens import UNITS, count

_SAID = (
    "您好。",
    "七天内可退！",
    "我们赔您一千元。",
    "满99元包邮，",
    "明天送到",
    " It costs $5. ",
    "Free gift! ",
    "Mr. Li says no. ",
    "\n",
    "1. ",
    "2.5元",
    "保证",
    "退",
    "款",
    "100",
    "天",
    "，",
    "。",
    "”",
    " ",
    "…",
    "?",
    "abc",
    "[PHONE_1]",
    "这是一个很长很长没有标点的句子" * 12,
    "12345678" * 30,
)
texts = st.lists(st.sampled_from(_SAID), max_size=25).map("".join)
_MARKS = (
    "[PHONE_1]",
    "[NAME_1]",
    "【PHONE_1】",
    "[",
    "PHONE",
    "_",
    "1",
    "]",
    "\\[PHONE\\_1\\]",
    "[PHONE_2]",
    "您好",
    "[[",
    " ",
    "\\",
    "[TEXT_1]",
    "[phone_1]",
)
marked = st.lists(st.sampled_from(_MARKS), max_size=30).map("".join)


@st.composite
def cut(draw: st.DrawFn, source: st.SearchStrategy[str]) -> list[str]:
    text = draw(source)
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=40)))
    return [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]


def guarded(pieces: list[str]) -> tuple[list[str], list[str]]:
    guard = Guard(("七天可退，满99元包邮",), ("竞品",))
    out = [sentence for piece in pieces for sentence in guard.feed(piece)] + guard.end()
    return out, [withheld.sentence for withheld in guard.withheld]


@settings(max_examples=300, deadline=None)
@given(cut(texts))
def test_what_goes_out_does_not_depend_on_the_cuts(pieces: list[str]) -> None:
    whole = "".join(pieces)
    out, withheld = guarded(pieces)
    assert (out, withheld) == guarded([whole])
    # released and withheld together are the text; what is released is a subsequence of its sentences
    position = 0
    for sentence in out:
        position = whole.index(sentence, position) + len(sentence)
    assert sum(map(len, out)) + sum(map(len, withheld)) == len(whole)
    assert not any(claim in "".join(out) for claim in ("一千元", "$5", "Free gift", "2.5元"))


@settings(max_examples=300, deadline=None)
@given(cut(marked))
def test_unmasking_a_stream_is_unmasking_the_whole(pieces: list[str]) -> None:
    mask = Mask()
    mask.mask("我叫张晓明，电话13800138000，[PHONE_9]")
    stream = mask.stream()
    out = ""
    for piece in pieces:
        out += stream.feed(piece)
        assert len(stream._held) <= MAX_HOLD_CHARS
    assert out + stream.end() == mask.unmask("".join(pieces))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.text(max_size=30),
            st.sampled_from(
                (
                    "13800138000",
                    "我叫李雷",
                    "[PHONE_1]",
                    "a@b.com",
                    "，",
                    "地址是杭州市西湖区文三路478号",
                    "4111111111111111",
                )
            ),
        ),
        max_size=8,
    ).map("".join)
)
def test_masking_comes_back_whatever_is_typed(text: str) -> None:
    mask = Mask()
    assert mask.unmask(mask.mask(text)) == text
    spans = find(text)
    assert all(a.end <= b.start for a, b in pairwise(spans))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(("visitor", "bot", "agent")), st.text(max_size=60)), max_size=14),
    st.integers(0, 120),
    st.sampled_from((UNITS, "", "qwen", "chatglm")),
)
def test_a_budget_is_never_passed(turns: list[tuple[str, str]], budget: int, family: str) -> None:
    found = compress(turns, budget, family)
    assert count(found.text, family) == found.tokens <= budget
    assert set(found.dropped) <= set(range(len(turns)))
    assert all(isinstance(fact.text, str) for fact in found.ledger)
