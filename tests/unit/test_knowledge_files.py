"""Files of knowledge as the HTTP API reads them: tables row by row, documents by their headings."""

from __future__ import annotations

import pytest

from zhike.app.knowledgefiles import _read
from zhike.config import ConfigError


def test_a_table_names_the_lines_it_leaves_out() -> None:
    read = _read("faq.csv", "问题,答案\n怎么退货,7 天内\n,没有问题\n".encode(), "")
    assert [(a.question, a.answer, a.lang) for a in read.articles] == [("怎么退货", "7 天内", "zh")]
    assert [line for _, line, _, _ in read.skipped] == [3]
    assert read.skipped_count == 1


def test_a_document_keeps_its_headings_and_names_its_source() -> None:
    read = _read("Returns.md", b"# Returns\n\n## How long\n\nWithin seven days of delivery.\n", "en")
    assert [a.answer for a in read.articles] == ["Within seven days of delivery."]
    assert "How long" in read.articles[0].question
    assert read.articles[0].source == "Returns.md"


def test_what_is_no_knowledge_is_said_to_be_none() -> None:
    for name, data in (("photo.png", b"x"), ("broken.docx", b"x"), ("faq.csv", b"a,b\n1,2\n")):
        with pytest.raises(ConfigError):
            _read(name, data, "")
