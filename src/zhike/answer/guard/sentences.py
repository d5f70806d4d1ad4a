"""Cuts a stream into sentences, the same ones however it comes in pieces."""

from __future__ import annotations

import re

MAX_SENTENCE_CHARS = 160
"""A longer sentence is checked and shown at its clause borders: nobody waits for a page without an end."""

_end = re.compile(r"[。！？!?；;…\n]+[。！？!?；;…\n”’」』）)\]】\"'*]*|\.(?=[\s”’\"')\]*])[”’\"')\]*]*")
_abbreviated = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|st|no|nr|vs|etc|e\.g|i\.e|approx|inc|ltd|co|jr|sr|fig|dept|est|min|max|tel|ext|"
    r"a\.m|p\.m|u\.s|u\.k)|(?:^|[\s\n])[0-9]{1,2}|\b[A-Za-z])$",
    re.I,
).search
_clause = re.compile(r"[，,、：:—]+\s*|\s+")
_whole = "0123456789零一二两三四五六七八九十百千万半几点.,:：-–—~～/%％$￥¥€£@#_+"


class Splitter:
    """``feed`` pieces, get whole sentences and what is between them: together they are the stream."""

    def __init__(self) -> None:
        self._text = ""

    def feed(self, piece: str) -> list[str]:
        """Sentences that are complete now."""
        self._text += piece
        found: list[str] = []
        while (cut := self._cut(final=False)) is not None:
            found.append(self._text[:cut])
            self._text = self._text[cut:]
        return found

    def end(self) -> list[str]:
        """What was left."""
        found: list[str] = []
        while self._text and (cut := self._cut(final=True)) is not None:
            found.append(self._text[:cut])
            self._text = self._text[cut:]
        if self._text:
            found.append(self._text)
            self._text = ""
        return found

    def _cut(self, *, final: bool) -> int | None:
        """Where the first sentence ends; decided by its own characters and the one after it."""
        text = self._text
        start = len(text) - len(text.lstrip())
        for match in _end.finditer(text, start):
            if match.start() > MAX_SENTENCE_CHARS:
                break
            if match.end() == len(text) and not final:
                if len(text) <= 2 * MAX_SENTENCE_CHARS:
                    return None  # more marks or closing quotes may follow
                break
            if match.group()[0] == "." and _abbreviated(text[max(0, match.start() - 8) : match.start()]):
                continue
            return match.end()
        if len(text) > MAX_SENTENCE_CHARS + 1:
            return self._border(text[:MAX_SENTENCE_CHARS])
        return None

    @staticmethod
    def _border(text: str) -> int:
        """The last clause border, or a place that parts no number and no word; else the whole."""
        best = 0
        for match in _clause.finditer(text, 1):
            around = text[match.start() - 1] + text[match.end() : match.end() + 1]
            if match.end() < len(text) and not all(c in _whole for c in around):
                best = match.end()
        if best > 20:
            return best
        for cut in range(len(text) - 1, len(text) // 2, -1):
            left, right = text[cut - 1], text[cut]
            if left not in _whole and right not in _whole and not (left.isascii() and right.isascii()):
                return cut
        return len(text)
