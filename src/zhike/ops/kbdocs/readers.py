"""One reader for each kind of file; :func:`read` chooses by the name.

Libraries do the reading (markdown-it-py, mammoth, pypdfium2, selectolax), imported when the first
file of their kind comes.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from zhike.config import ConfigError, Problem
from zhike.ops.kbdocs.htmlpage import read_html
from zhike.ops.kbdocs.sections import MAX_FILE_BYTES, Document, Outline

KINDS = {".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html", ".docx": "docx",
         ".pdf": "pdf"}
"""Endings of documents. (Tables of questions and answers: :mod:`zhike.ops.kbrows`.)"""
HEADING_SIZE = 1.15
"""A line is a heading when its letters are this much larger than most of the document's."""


def kind_of(path: Path) -> str:
    """The kind of document a name tells, "" for none of them."""
    return KINDS.get(path.suffix.lower(), "")


def read(path: Path, kind: str = "") -> Document:
    """The sections of a document.

    Raises:
        ConfigError: the file cannot be read at all (missing, too large, locked, not of its kind).
    """
    kind = kind or kind_of(path)
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise _problem(path, f"太大（{size >> 20} MB，最多 {MAX_FILE_BYTES >> 20} MB）",
                           f"is too large ({size >> 20} MB, {MAX_FILE_BYTES >> 20} MB at most)")
        data = path.read_bytes()
    except OSError as error:
        raise _problem(path, f"读不了：{error.strerror}", f"cannot be read: {error.strerror}") from error
    reader = {"markdown": read_markdown, "html": read_html, "docx": read_docx, "pdf": read_pdf}[kind]
    try:
        document: Document = reader(data)
    except ConfigError:
        raise
    except Exception as error:  # whatever a library says of a broken file
        name = type(error).__name__
        raise _problem(path, f"不是有效的 {kind} 文件（{name}: {error}）",
                       f"is no valid {kind} file ({name}: {error})") from error
    document.title = document.title or path.stem
    if not document.sections and not document.left:
        document.skip(path.name, "没有文字", "holds no text")
    return document


def _problem(path: Path | str, zh: str, en: str) -> ConfigError:
    return ConfigError([Problem(str(path), zh, en)])


def read_markdown(data: bytes) -> Document:
    """CommonMark with tables; the first heading of level 1 is the title."""
    from markdown_it import MarkdownIt

    document = Document()
    outline = Outline(document)
    text = data.decode("utf-8-sig", "replace")
    if "\ufffd" in text:
        document.skip("", "有读不出的字符，请另存为 UTF-8", "holds characters that are not UTF-8")
    if text.startswith("---\n") and (end := text.find("\n---\n", 4)) > 0:
        text = text[end + 5:]  # front matter is for machines
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    level, prefix = 0, ""
    cells: list[str] | None = None
    for token in tokens:
        place = f"line {token.map[0] + 1}" if token.map else ""
        if token.type == "heading_open":
            level = int(token.tag[1])
        elif token.type == "list_item_open":
            prefix = "- "
        elif token.type == "tr_open":
            cells = []
        elif token.type == "tr_close":
            outline.text(" | ".join(cells or ()))
            cells = None
        elif token.type in ("fence", "code_block"):
            outline.text(token.content, place)
        elif token.type == "inline":
            said = _inline(token)
            if level:
                if level == 1 and not document.title:
                    document.title = said
                outline.heading(level, said, place)
                level = 0
            elif cells is not None:
                cells.append(said)
            else:
                outline.text(prefix + said, place)
                prefix = ""
    outline.end()
    return document


def _inline(token: Any) -> str:
    """The words of an inline token; links keep their address."""
    said: list[str] = []
    href = ""
    for child in token.children or ():
        if child.type in ("text", "code_inline"):
            said.append(child.content)
        elif child.type in ("softbreak", "hardbreak"):
            said.append("\n")
        elif child.type == "link_open":
            href = str(child.attrs.get("href", ""))
        elif child.type == "link_close" and href.startswith(("http://", "https://")):
            said.append(f" ({href})")
        elif child.type == "image":
            said.append(child.content)
    return "".join(said)


def read_docx(data: bytes) -> Document:
    """Word: headings by their styles, through HTML."""
    import io

    import mammoth

    result = mammoth.convert_to_html(io.BytesIO(data), convert_image=mammoth.images.img_element(lambda _: {}))
    document = read_html(result.value)
    for message in result.messages[:20]:
        if message.type == "error":
            document.skip("", f"Word：{message.message}", f"Word: {message.message}")
    return document


def read_pdf(data: bytes) -> Document:
    """PDF: text in reading order; larger letters are headings. Scanned pages hold no text and are named."""
    import pypdfium2

    document = Document()
    outline = Outline(document)
    try:
        pdf = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if "assword" in str(error):
            raise _problem("PDF", "有密码保护，请先去掉密码",
                           "is locked by a password; remove it first") from error
        raise
    try:
        document.title = str(pdf.get_metadata_dict().get("Title") or "").strip()
        pages = [_lines(pdf[number]) for number in range(len(pdf))]
    finally:
        pdf.close()
    sizes = Counter[float]()
    repeated = Counter[str]()
    for lines in pages:
        repeated.update({text for text, _ in lines[:1] + lines[-1:]})
        for text, size in lines:
            sizes[round(size, 1)] += len(text)
    body = sizes.most_common(1)[0][0] if sizes else 0.0
    levels = {size: level for level, size in enumerate(
        sorted((s for s in sizes if s >= body * HEADING_SIZE), reverse=True)[:6], 1)}
    for number, lines in enumerate(pages, 1):
        place = f"page {number}"
        if not lines:
            document.skip(place, "这一页没有文字（可能是扫描件）", "the page holds no text (a scan?)")
        paragraph: list[str] = []
        for text, size in lines:
            if len(pages) > 2 and repeated[text] > len(pages) // 2:
                continue  # running heads and page feet
            if (level := levels.get(round(size, 1))) is not None and len(text) <= 80:
                outline.text(_joined(paragraph), place)
                paragraph = []
                outline.heading(level, text, place)
            else:
                paragraph.append(text)
                if text.endswith(("。", "！", "？", ".", "!", "?", "：", ":", "；")):
                    outline.text(_joined(paragraph), place)
                    paragraph = []
        outline.text(_joined(paragraph), place)
    outline.end()
    return document


def _joined(lines: list[str]) -> str:
    """Lines of one paragraph: Chinese without a gap, Latin words with one."""
    out = ""
    for line in lines:
        if out and out[-1].isascii() and line[:1].isascii():
            out = out[:-1] if out.endswith("-") and line[:1].islower() else out + " "
        out += line
    return out


def _lines(page: Any) -> list[tuple[str, float]]:
    """(text, size of its letters) of every line of a page, in reading order."""
    import pypdfium2.raw as pdfium

    text_page = page.get_textpage()
    try:
        text = text_page.get_text_range()
        lines: list[tuple[str, float]] = []
        at = 0
        for line in text.splitlines(keepends=True):
            said = line.strip().replace("\ufffe", "").replace("\u0002", "")
            if said:
                first = at + len(line) - len(line.lstrip())
                size = float(pdfium.FPDFText_GetFontSize(text_page.raw, first))
                lines.append((" ".join(said.split()), size))
            at += len(line)
        return lines
    finally:
        text_page.close()
        page.close()
