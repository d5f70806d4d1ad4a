"""Documents of every kind become articles under their headings; what is left out is named."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from zhike.config import ConfigError
from zhike.domain.knowledge import Article
from zhike.ops.kbdocs.chunks import MAX_CHARS, articles_of, cut
from zhike.ops.kbdocs.htmlpage import read_html
from zhike.ops.kbdocs.readers import read, read_docx, read_markdown, read_pdf
from zhike.ops.kbdocs.sections import Document, Section

MARKDOWN = """---
tags: [x]
---
# 售后手册

欢迎使用本店的售后手册，以下是常见问题。

## 退货

签收后 7 天内可以退货，商品要完好。

- 先在订单里申请
- 再寄回 [退货地址](https://shop.example/returns)

### 运费

| 原因 | 谁付 |
|---|---|
| 质量问题 | 本店 |
| 不喜欢 | 顾客 |

## 保修

```
保修期 12 个月
```
"""


def found(document: Document) -> list[tuple[tuple[str, ...], str]]:
    return [(section.headings, section.text) for section in document.sections]


def test_markdown_keeps_headings_lists_tables_and_links() -> None:
    document = read_markdown(MARKDOWN.encode())
    assert document.title == "售后手册"
    assert found(document) == [
        (("售后手册",), "欢迎使用本店的售后手册，以下是常见问题。"),
        (("售后手册", "退货"), "签收后 7 天内可以退货，商品要完好。\n- 先在订单里申请\n"
                           "- 再寄回 退货地址 (https://shop.example/returns)"),
        (("售后手册", "退货", "运费"), "原因 | 谁付\n质量问题 | 本店\n不喜欢 | 顾客"),
        (("售后手册", "保修"), "保修期 12 个月"),
    ]


def test_html_reads_what_people_read() -> None:
    document = read_html(b"""<!doctype html><html><head><meta charset="gb2312"><title>\xcd\xcb\xbb\xf5</title>
      <script>evil()</script></head><body><nav><a href="/a">Menu</a></nav><div role=banner>Sale!</div>
      <main><h1>Returns</h1><p>Within <b>7</b> days.</p><ul><li>Ask<li>Send</ul>
      <h2>Fees</h2><table><tr><th>Why<th>Who<tr><td>Fault<td>We</table><p hidden>secret</p>
      <p>See <a href="https://x.example/y">the list</a>.</p></main>
      <footer>Imprint</footer><a href="b.html#top">next</a><a rel=nofollow href="/no">no</a></body></html>""",
      "https://shop.example/help/a.html")
    assert document.title == "退货"
    assert found(document) == [
        (("Returns",), "Within 7 days.\n- Ask\n- Send"),
        (("Returns", "Fees"), "Why | Who\nFault | We\nSee the list (https://x.example/y)."),
    ]
    assert document.links == ["https://shop.example/a", "https://x.example/y",
                              "https://shop.example/help/b.html"]


def test_html_that_asks_not_to_be_indexed_is_left_out() -> None:
    document = read_html('<meta name=robots content="noindex, follow"><p>Something long enough.</p>', "u")
    assert not document.sections
    assert [left.en for left in document.left] == ["the page asks not to be indexed (noindex)"]


def test_deep_nesting_does_no_harm() -> None:
    document = read_html("<div>" * 5_000 + "<p>in the middle</p>")
    assert [section.text for section in document.sections] == ["in the middle"]


def test_word(tmp_path: Path) -> None:
    import docx

    book = docx.Document()
    book.add_heading("Shipping", 1)
    book.add_paragraph("We ship within two days.")
    book.add_heading("Abroad", 2)
    book.add_paragraph("Ten days to Europe.")
    table = book.add_table(rows=1, cols=2)
    table.cell(0, 0).text, table.cell(0, 1).text = "France", "9 days"
    stream = io.BytesIO()
    book.save(stream)
    assert found(read_docx(stream.getvalue())) == [
        (("Shipping",), "We ship within two days."),
        (("Shipping", "Abroad"), "Ten days to Europe.\nFrance | 9 days"),
    ]


def pdf(*pages: list[tuple[str, int]]) -> bytes:
    """A PDF whose lines are (text, size of letters)."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfgen import canvas

    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    stream = io.BytesIO()
    paper = canvas.Canvas(stream)
    for lines in pages:
        y = 800
        for text, size in lines:
            paper.setFont("STSong-Light", size)
            paper.drawString(72, y, text)
            y -= 2 * size
        paper.showPage()
    paper.save()
    return stream.getvalue()


def test_pdf_takes_large_letters_for_headings_and_names_scans() -> None:
    body = 11
    document = read_pdf(pdf(
        [("页眉", body), ("退货政策", 20), ("签收后 7 天内可以退货，", body), ("商品要完好。", body)],
        [("页眉", body), ("保修", 20), ("保修期 12 个月。", body), ("从签收之日算起。", body)],
        [("页眉", body), ("联系我们", 20), ("每天九点到十八点。", body)],
        []))
    assert found(document) == [
        (("退货政策",), "签收后 7 天内可以退货，商品要完好。"),
        (("保修",), "保修期 12 个月。\n从签收之日算起。"),
        (("联系我们",), "每天九点到十八点。"),
    ]
    assert [(left.where, left.en) for left in document.left] == [
        ("page 4", "the page holds no text (a scan?)")]
    assert document.sections[1].place == "page 2"


@pytest.mark.parametrize(("name", "data"), [("a.pdf", b"no pdf"), ("a.docx", b"no zip")])
def test_a_broken_file_is_said_to_be_one(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ConfigError, match="is no valid"):
        read(tmp_path / name)


def test_a_locked_pdf_says_what_to_do(tmp_path: Path) -> None:
    from reportlab.lib.pdfencrypt import StandardEncryption
    from reportlab.pdfgen import canvas

    path = tmp_path / "locked.pdf"
    paper = canvas.Canvas(str(path), encrypt=StandardEncryption("secret", canPrint=0))
    paper.drawString(72, 700, "hello")
    paper.save()
    with pytest.raises(ConfigError, match="remove it first"):
        read(path)


def articles(*sections: Section, title: str = "Guide") -> list[Article]:
    return articles_of(Document(title, list(sections)), "guide.md")


def test_articles_carry_headings_source_and_place() -> None:
    made = articles(Section(("Guide", "Returns"), "Within seven days of delivery."),
                    Section(("Guide", "Returns", "Fees"), "We pay for faults."))
    assert [(a.question, a.answer, a.category, a.source, a.position, a.lang) for a in made] == [
        ("Returns", "Within seven days of delivery.", "Guide", "guide.md", 0, "en"),
        ("Returns · Fees", "We pay for faults.", "Guide", "guide.md", 1, "en")]
    assert len({a.key for a in made}) == 2


def test_questions_with_answers_become_one_article_each() -> None:
    made = articles(Section(("常见问题",), "以下问题最常问到，请先看看。\n问：几天发货？\n"
                                         "答：付款后 48 小时内发货。\n"
                                         "2. Q: Do you ship abroad?\nA: Yes, to forty countries."))
    assert [(a.question, a.answer) for a in made] == [
        ("常见问题", "以下问题最常问到，请先看看。"), ("几天发货？", "付款后 48 小时内发货。"),
        ("Do you ship abroad?", "Yes, to forty countries.")]


def test_long_sections_are_cut_where_sentences_end_and_nothing_is_lost() -> None:
    text = "\n".join(f"第 {n} 条：" + "商品完好可以退换，" * 20 + "特此说明。" for n in range(12))
    parts = cut(text)
    assert "\n".join(parts) == text
    assert all(len(part) <= MAX_CHARS for part in parts)
    assert all(part.endswith("特此说明。") for part in parts)
    assert "".join(cut("字" * 5_000)) == "字" * 5_000
    made = articles(Section(("规则",), text))
    assert [a.question for a in made][:2] == ["规则", "规则 (2)"]


def test_what_is_too_short_is_named() -> None:
    document = Document("G", [Section(("A",), "ok", "line 3")])
    assert articles_of(document, "g.md") == []
    assert document.left[0].where == "line 3"


def test_the_same_document_gives_the_same_keys() -> None:
    one, two = (articles_of(read_markdown(MARKDOWN.encode()), "a.md") for _ in range(2))
    assert [a.key for a in one] == [a.key for a in two]
    other = articles_of(read_markdown(MARKDOWN.encode()), "b.md")
    assert not {a.key for a in one} & {a.key for a in other}
