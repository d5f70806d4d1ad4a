"""HTML: the main part of a page as sections; navigation, footers, scripts and hidden parts are not read."""

from __future__ import annotations

from typing import Any
from urllib.parse import urldefrag, urljoin

from zhike.ops.kbdocs.sections import Document, Outline

_NOT_CONTENT = ("script", "style", "noscript", "template", "nav", "header", "footer", "aside", "form", "svg",
                "iframe", "button", "[hidden]", "[aria-hidden=true]", "[role=navigation]", "[role=banner]",
                "[role=contentinfo]", "[role=search]", "[role=dialog]")
_MAIN = ("main", "[role=main]", "article", "#content", ".content", "body")
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = frozenset({"p", "li", "blockquote", "pre", "dt", "dd", "figcaption", "summary", "caption"})
_BREAKS = frozenset({"br", "div", "section", "ul", "ol", "table", "tr", "dl", "figure"})
_ABSOLUTE = ("http://", "https://")
MAX_LINKS = 2_000
"""Links of one page that are looked at."""


def read_html(data: bytes | str, url: str = "") -> Document:
    """The sections of a page.

    Args:
        data: bytes are read as UTF-8, or as their ``<meta charset>`` says.
        url: the page's address; links are made absolute by it.
    """
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(_text(data) if isinstance(data, bytes) else data)
    document = Document()
    title = tree.css_first("title")
    document.title = " ".join((title.text() if title else "").split())
    if _no_index(tree):
        document.skip(url, "页面声明不希望被收录（noindex）", "the page asks not to be indexed (noindex)")
    else:
        document.links = _links(tree, url)
        for selector in _NOT_CONTENT:
            for node in tree.css(selector):
                # a heading in the header of an article is content; a page's banner is not
                if node.tag == "header" and node.parent is not None and node.parent.tag == "article":
                    continue
                node.decompose()
        root = next((found for selector in _MAIN if (found := tree.css_first(selector)) is not None
                     and found.text(strip=True)), None)
        outline = Outline(document)
        if root is not None:
            _walk(root, outline)
        outline.end()
    return document


def _text(data: bytes) -> str:
    import re

    said = re.search(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([A-Za-z0-9_-]+)", data[:4096], re.IGNORECASE)
    for encoding in (said[1].decode("ascii") if said else "utf-8", "utf-8", "gb18030"):
        try:
            return data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    return data.decode("utf-8", "replace")


def _no_index(tree: Any) -> bool:
    return any("noindex" in (node.attributes.get("content") or "").lower()
               for node in tree.css("meta[name=robots]"))


def _links(tree: Any, url: str) -> list[str]:
    found: dict[str, None] = {}
    for node in tree.css("a[href]")[:MAX_LINKS]:
        if "nofollow" in (node.attributes.get("rel") or ""):
            continue
        try:
            target = urldefrag(urljoin(url, (node.attributes.get("href") or "").strip())).url
        except ValueError:
            continue
        if target.startswith(_ABSOLUTE):
            found.setdefault(target)
    return list(found)


def _walk(root: Any, outline: Outline) -> None:
    """Depth first without recursion: a hostile page nests ten thousand deep."""
    line: list[str] = []

    def flush(prefix: str = "") -> None:
        text = " ".join("".join(line).split())
        line.clear()
        if text:
            outline.text(prefix + text)

    stack: list[tuple[Any, bool]] = [(root, False)]
    while stack:
        node, leaving = stack.pop()
        tag = node.tag
        if leaving:
            flush("- " if tag == "li" else "")
            continue
        if tag == "-text":
            line.append(node.text(deep=False))
            continue
        if tag in _HEADINGS:
            flush()
            outline.heading(_HEADINGS[tag], node.text(deep=True, separator=" "))
            continue
        if tag == "tr":
            flush()
            cells = [" ".join(cell.text(separator=" ").split()) for cell in node.css("td, th")]
            outline.text(" | ".join(cells))
            continue
        if tag == "pre":
            flush()
            outline.text(node.text(deep=True))
            continue
        if tag in _BLOCKS or tag in _BREAKS:
            flush()
            stack.append((node, True))
        elif tag == "a" and (href := node.attributes.get("href") or "").startswith(_ABSOLUTE):
            line.append(f"{node.text(deep=True)} ({href})")
            continue
        children = []
        child = node.child
        while child is not None:
            children.append((child, False))
            child = child.next
        stack.extend(reversed(children))
    flush()
