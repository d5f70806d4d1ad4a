"""Personal data out before a model, a log or a webhook sees a text; back in before the visitor does.

A value becomes ``[PHONE_1]``: letters and digits that models repeat as they are, told from anything a visitor
may type by being masked itself when a visitor types it (``[TEXT_1]``), so that nothing in a text can
pretend to be a placeholder. Equal values get equal placeholders for the life of a :class:`Mask`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from zhike.answer.mask.address import addresses
from zhike.answer.mask.names import accounts, bare_names, names
from zhike.answer.mask.numbers import Span, digits_of, numbers

__all__ = ["KINDS", "Mask", "Span", "Unmasker", "find", "redact"]

KINDS = ("email", "id", "card", "phone", "passport", "plate", "account", "address", "name")
"""What is found. Where two overlap the longer wins, then the earlier of this list."""
_RANK = {kind: rank for rank, kind in enumerate(KINDS)}
_BESIDE = frozenset(("phone", "card", "address", "id"))
_LABELS = frozenset(kind.upper() for kind in KINDS) | {"TEXT"}
MAX_HOLD_CHARS = 28
"""The longest spelling of a placeholder: what an :class:`Unmasker` may hold back."""

_email = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9](?:[A-Za-z0-9._%+-]{0,62}[A-Za-z0-9_])?@"
    r"[A-Za-z0-9-]{1,62}(?:\.[A-Za-z0-9-]{1,62}){0,4}\.[A-Za-z]{2,12}(?![A-Za-z0-9_])"
).finditer
_link = re.compile(r"(?:https?://|www\.)[^\s\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]+").finditer
"""A link works only whole; what is in it is not looked at."""
_full_width = {0xFF10 + n: ord("0") + n for n in range(10)} | {
    ord("＠"): ord("@"),
    ord("＋"): ord("+"),
    ord("－"): ord("-"),
    ord("‐"): ord("-"),
    ord("–"): ord("-"),
    ord("—"): ord("-"),
}
_MARK = r"\\?[\[【［]\s?\\?([A-Za-z]{2,8})\s?\\?[_ -]\s?([0-9]{1,4})\s?\\?[\]】］]"
_mark = re.compile(_MARK)
_begun = re.compile(
    r"\\?(?:[\[【［](?:\s?\\?(?:[A-Za-z]{1,8}(?:\s?\\?(?:[_ -]\s?(?:[0-9]{1,4}\s?\\?)?)?)?)?)?)?$"
).search
"""The beginning of a placeholder at the end of a piece."""


def find(text: str) -> list[Span]:
    """What is personal in ``text``, in order, without overlaps: a tenth of a millisecond for a message."""
    flat = text if text.isascii() else text.translate(_full_width)
    spans: list[Span] = []
    if "@" in flat:
        spans += [Span(*match.span(), "email") for match in _email(flat)]
    if not flat.isascii() or any(map(str.isdigit, flat)):
        spans += numbers(flat)
    spans += accounts(flat)
    spans += addresses(flat)
    spans += names(flat)
    if spans and not flat.isascii():
        near = [span for span in spans if span.kind in _BESIDE]
        if near:
            spans += bare_names(flat, near)
    if not spans:
        return spans
    if "://" in flat or "www." in flat:
        links = [match.span() for match in _link(flat)]
        spans = [span for span in spans if not any(start <= span.start < end for start, end in links)]
    if len(spans) < 2:
        return spans
    spans.sort(key=lambda span: (_RANK[span.kind] if span.kind != "address" else -1, span.start - span.end))
    taken: list[Span] = []
    for span in spans:
        if all(span.end <= other.start or span.start >= other.end for other in taken):
            taken.append(span)
    return sorted(taken)


class Mask:
    """The placeholders of one conversation turn: what went out, and what it stood for."""

    def __init__(self) -> None:
        self._marks: dict[tuple[str, str], str] = {}
        self._values: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def mask(self, text: str) -> str:
        """``text`` with placeholders. Mask a text once: masking what is masked hides the placeholders."""
        spans: list[Span] = (
            [
                Span(*match.span(), "text")
                for match in _mark.finditer(text)
                if match.group(1).upper() in _LABELS
            ]
            if "[" in text or "【" in text or "［" in text
            else []
        )
        spans += [
            span for span in find(text) if all(span.end <= s.start or span.start >= s.end for s in spans)
        ]
        spans += self._known(text, spans)
        if not spans:
            return text
        spans.sort()
        parts: list[str] = []
        last = 0
        for start, end, kind in spans:
            parts += (text[last:start], self._placeholder(kind, text[start:end]))
            last = end
        parts.append(text[last:])
        return "".join(parts)

    def unmask(self, text: str) -> str:
        """``text`` with the values back. What stands for nothing known stays as it is."""
        return _mark.sub(self._restore, text) if self._values else text

    def stream(self) -> Unmasker:
        """For an answer that comes in pieces."""
        return Unmasker(self)

    @property
    def found(self) -> dict[str, int]:
        """How many different values of each kind were masked."""
        return dict(self._counts)

    def _known(self, text: str, spans: list[Span]) -> Iterator[Span]:
        """Names that were told before ("我叫…") wherever they stand again."""
        for name in self._names:
            start = text.find(name)
            while start >= 0:
                end = start + len(name)
                whole = not name.isascii() or not (
                    text[start - 1 : start].isalnum() or text[end : end + 1].isalnum()
                )
                if whole and all(end <= s.start or start >= s.end for s in spans):
                    yield Span(start, end, "name")
                start = text.find(name, end)

    def _placeholder(self, kind: str, value: str) -> str:
        key = digits_of(value) if kind in ("phone", "id", "card") and any(map(str.isdigit, value)) else value
        mark = self._marks.get((kind, key))
        if mark is None:
            number = self._counts[kind] = self._counts.get(kind, 0) + 1
            name = f"{kind.upper()}_{number}"
            mark = self._marks[kind, key] = f"[{name}]"
            self._values[name] = value
            if kind == "name" and len(value) > 1:
                self._names[value] = name
        return mark

    def _restore(self, match: re.Match[str]) -> str:
        value = self._values.get(f"{match.group(1).upper()}_{int(match.group(2))}")
        return match.group() if value is None else value


class Unmasker:
    """Restores values in pieces of text; what may be the beginning of a placeholder waits for the rest."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._held = ""

    def feed(self, piece: str) -> str:
        """What can be shown now; "" while a placeholder is not whole."""
        text = self._held + piece
        begun = _begun(text)
        if begun is None or begun.start() == len(text) or len(text) - begun.start() > MAX_HOLD_CHARS:
            self._held = ""
            return self._mask.unmask(text)
        self._held = text[begun.start() :]
        return self._mask.unmask(text[: begun.start()])

    def end(self) -> str:
        """What was still held back."""
        held, self._held = self._held, ""
        return self._mask.unmask(held)


def redact(text: str) -> str:
    """``text`` for a log or a webhook: placeholders that nobody can restore."""
    return Mask().mask(text)
