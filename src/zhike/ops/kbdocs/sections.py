"""What every reader brings: the sections of a document, and what it had to leave out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

MAX_FILE_BYTES = 50 << 20
"""A larger file is no manual but a mistake; it would also be held in memory whole."""
MAX_SECTIONS = 20_000
"""Bounds what one document may bring: about 10,000 printed pages."""


class Section(NamedTuple):
    """A piece of text under its headings, outermost first. ``place``: where it stands, for people ("page 3",
    "line 12")."""

    headings: tuple[str, ...]
    text: str
    place: str = ""


class Left(NamedTuple):
    """Something that was left out, and why."""

    where: str
    zh: str
    en: str


@dataclass
class Document:
    """One document, read. ``title`` "" = the file's name serves. ``links``: of a page, for a crawl."""

    title: str = ""
    sections: list[Section] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    links: list[str] = field(default_factory=list)

    def skip(self, where: str, zh: str, en: str) -> None:
        """Notes what was left out."""
        self.left.append(Left(where, zh, en))


class Outline:
    """Keeps the headings above the present text: a heading of level n ends all of level n and deeper."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._levels: list[tuple[int, str]] = []
        self._lines: list[str] = []
        self._place = ""
        self._full = False

    def heading(self, level: int, text: str, place: str = "") -> None:
        """A new section begins."""
        self.end()
        text = " ".join(text.split())
        if not text:
            return
        self._levels = [(known, said) for known, said in self._levels if known < level]
        self._levels.append((level, text))
        self._place = place

    def text(self, text: str, place: str = "") -> None:
        """A paragraph, list item or table row of the present section."""
        if text.strip():
            if not self._lines and place:
                self._place = place
            self._lines.append(text.strip())

    def end(self) -> None:
        """The present section is complete."""
        if self._lines and len(self._document.sections) < MAX_SECTIONS:
            self._document.sections.append(Section(
                tuple([said for _, said in self._levels]), "\n".join(self._lines), self._place))
        elif self._lines and not self._full:
            self._full = True
            self._document.skip(self._place, f"文档超过 {MAX_SECTIONS} 节，其余部分未读",
                                f"the document has more than {MAX_SECTIONS} sections; the rest was not read")
        self._lines = []
