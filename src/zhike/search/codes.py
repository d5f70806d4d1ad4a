"""Codes of things (CH326, H10682): written as they come, found all the same, never mixed up."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence

_in_text = re.compile(r"(?<![a-z0-9])([a-z]{1,6})[-_./]?([0-9]{2,9})[-_]?([a-z]{0,2})(?![a-z0-9])").finditer
"""As an article writes it (lower case): CH326, ch-326, H10682, X100F. Sizes and units (100ml, 3xl) and
numbers alone are none."""
_spaced = re.compile(r"(?<![a-z0-9])([a-z]{1,6}) ([0-9]{2,9}) ?([a-z]{0,2})(?![a-z0-9])").sub
_joined = re.compile(r"(?<![a-z0-9])[a-z]{1,6}[0-9]{2,9}[a-z]{0,2}(?![a-z0-9])").findall
has_digit = re.compile("[0-9]").search


class CodeBook:
    """Reads codes in questions.

    Args:
        named: the codes that the knowledge names (truthy if there may be any).
        letters: what those codes begin with.
    """

    def __init__(self, named: Container[str], letters: Container[str]) -> None:
        self._known = named
        self._letters = letters

    def join(self, norm: str) -> str:
        """"ch 326" → "ch326" where that is a code, or looks like one of those that are known."""
        if not self._known or has_digit(norm) is None:
            return norm
        return _spaced(self._joined, norm)

    def _joined(self, found: re.Match[str]) -> str:
        for code, rest in ((found[1] + found[2] + found[3], ""),
                           (found[1] + found[2], f" {found[3]}" if found[3] else "")):
            if code in self._known:
                return code + rest
        known = len(found[1]) > 1 and found[1] in self._letters
        return found[1] + found[2] + found[3] if known else found[0]

    def find(self, norm: str) -> list[str]:
        """The codes in a joined text, known or not."""
        return _joined(norm) if self._known and has_digit(norm) is not None else []


class Codes(CodeBook):
    """The codes that one knowledge base names.

    Args:
        documents: for each, the texts that ask for it and the text that answers, as written.
    """

    def __init__(self, documents: Iterable[tuple[Sequence[str], str]]) -> None:
        self.named: dict[str, set[int]] = {}
        """Code → the documents that name it."""
        self.asked: list[frozenset[str]] = []
        """Per document: the codes its phrasings name."""
        for number, (phrasings, answer) in enumerate(documents):
            asked = frozenset(code for text in phrasings for code in _codes(text))
            self.asked.append(asked)
            for code in asked.union(_codes(answer)):
                self.named.setdefault(code, set()).add(number)
        super().__init__(self.named, {letters(code) for code in self.named})


def letters(code: str) -> str:
    """What a code begins with: ch326 → ch."""
    return code.rstrip("abcdefghijklmnopqrstuvwxyz").rstrip("0123456789")


def _codes(text: str) -> list[str]:
    if has_digit(text) is None:
        return []
    return ["".join(found.groups()) for found in _in_text(text.lower())]
