"""Normalisation holds for any text a visitor can send."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from zhike.search.split import clauses
from zhike.search.terms import strip_politeness, terms
from zhike.search.text import loosen, normalise, understand

_LETTERS = "请问多久发货發貨退换吗？！。，, .?aeKI'’-5％👍éｶﾞ\u0301\u200d\t\n"
texts = st.one_of(st.text(max_size=60),
                  st.text(st.sampled_from(_LETTERS), max_size=40))


@given(texts)
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


@given(texts)
def test_norm_is_tidy(text: str) -> None:
    norm = normalise(text)
    assert norm == norm.strip()
    assert "  " not in norm
    assert not any(c in "\n\t\r" for c in norm)
    assert (norm == "") == (not text.strip() or not normalise(text))


@given(texts, st.sampled_from(["", "zh", "zh-CN", "en", "en-GB", "fr", "x"]))
def test_a_question_is_always_complete(text: str, hint: str) -> None:
    question = understand(text, hint)
    assert question.text == text
    assert question.norm == normalise(text)
    assert len(question.fingerprint) == 16
    assert question.lang in ("zh", "en")


@given(texts)
def test_case_and_outer_space_do_not_matter(text: str) -> None:
    assert normalise(f"  {text}\n") == normalise(text)
    ascii_text = "".join(c for c in text if c.isascii())
    assert normalise(ascii_text.upper()) == normalise(ascii_text.lower())


@given(texts)
def test_canonically_equal_texts_are_one(text: str) -> None:
    assert normalise(unicodedata.normalize("NFD", text)) == normalise(unicodedata.normalize("NFC", text))


@given(texts)
def test_nothing_downstream_chokes(text: str) -> None:
    norm = normalise(text)
    assert strip_politeness(norm) or not norm
    assert all(terms(norm))
    assert loosen(text) == loosen(text).strip()
    for clause in clauses(text):
        assert clause.text
        assert clause.norm
