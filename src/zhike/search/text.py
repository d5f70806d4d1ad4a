"""A visitor's text, understood: one spelling, one fingerprint, one language.

``understand`` runs once per message on the event loop, so it is one ``str.translate`` over a table
that holds NFKC, case folding, traditional→simplified and punctuation at once. The table fills
itself: a character is worked out when it is first seen. What OpenCC would say of single characters
stands in a file of 23 KB (importing and asking it would take 30 ms of every start, and 7 MB), which a
test compares with OpenCC.

What folds together has one meaning: case, width, script variant, punctuation, emoji beside words,
spaces next to Chinese. Particles and politeness stay (a rule may be meant for "在吗" and not for
"在"); the search weighs them down instead.
"""

from __future__ import annotations

import re
import unicodedata
from hashlib import blake2b
from pathlib import Path
from typing import Literal

import msgspec

Lang = Literal["zh", "en"]

FINGERPRINT_BYTES = 16
"""128 bits: with a billion different questions the chance of any two colliding is 1e-21."""

_KEPT_SIGNS = frozenset("%+#&@$¥£€°")
"""Signs that carry meaning in a shop's texts: 5%, c++, h&m, $20, 40°."""
_JOINING_SIGNS = frozenset("'’‘ʼ`´＇")
"""Apostrophes vanish without a gap: don't = dont."""
_MAX_TABLE = 40_000
"""Characters remembered per table: all of a busy shop's scripts; bounds what a hostile visitor
can make us keep (about 4 MB)."""
_HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"

_find_han = re.compile(f"[{_HAN}]").search
_all_han = re.compile(f"[{_HAN}]").findall
_close_han_gaps = re.compile(f" (?=[{_HAN}])|(?<=[{_HAN}]) ").sub
_EDGE = " \t\r\n.,;:!?~'\"()[]{}<>-_*/\\|^=·…、。《》「」『』【】〈〉—"


class Question(msgspec.Struct, frozen=True, gc=False):
    """A text as the engine sees it.

    ``norm`` is what rules and fingerprints compare; ``fingerprint`` is BLAKE2b-128 of it. ``inbox_id``: where
    it was asked (0 = nowhere): some articles are for some inboxes only.
    """

    text: str
    norm: str
    fingerprint: bytes
    lang: Lang
    inbox_id: int = 0


def _simplified() -> dict[str, str]:
    """Every traditional character of the basic plane that has a simplified form (OpenCC t2s)."""
    traditional, simple = Path(__file__).with_name("simplified.txt").read_text("utf-8").split()
    return dict(zip(traditional, simple, strict=True))


class _Table(dict[int, str | int]):
    """A self-filling translate table. ``loose`` keeps punctuation (for patterns people write)."""

    simplified: dict[str, str] | None = None  # shared, made once

    def __init__(self, loose: bool) -> None:
        super().__init__()
        self.loose = loose
        for code in range(128):
            self[code] = self._fold(chr(code))

    def __missing__(self, code: int) -> str | int:
        if _Table.simplified is None:
            _Table.simplified = _simplified()
        char = chr(code)
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", char).casefold())
        known = _Table.simplified
        value = self._fold("".join([known.get(c, c) for c in folded]))
        if len(self) < _MAX_TABLE:
            self[code] = value
        return value

    def _fold(self, chars: str) -> str | int:
        folded = "".join([self._one(c) for c in chars.casefold()])
        return ord(folded) if len(folded) == 1 else folded

    def _one(self, char: str) -> str:
        kind = unicodedata.category(char)
        if kind[0] in "LNM":
            return "" if "\ufe00" <= char <= "\ufe0f" else char  # variation selectors
        if kind in ("Cf", "Cs"):
            return ""
        if char in _JOINING_SIGNS:
            return "'" if self.loose else ""
        if char in _KEPT_SIGNS:
            return char
        if self.loose and kind[0] in "PS" and kind != "So":
            return char
        return " "


_strict = _Table(loose=False)
_loose = _Table(loose=True)


def warm() -> None:
    """Load what the first Chinese text needs."""
    _strict[0x6211]


def _apply(text: str, table: _Table) -> str:
    out = text.translate(table)
    if not out.isascii():
        if not unicodedata.is_normalized("NFKC", out):
            # Sequences that only compose together (e + U+0301, Jamo): rare, so paid for only here.
            out = unicodedata.normalize("NFKC", out).translate(table)
        if " " in out:
            out = _close_han_gaps("", " ".join(out.split()))
        return out
    return " ".join(out.split())


def normalise(text: str) -> str:
    """The one spelling of ``text``; idempotent. "" only for blank text.

    A text of nothing but signs ("👍", "？？") keeps them: that is all it says.
    """
    return _apply(text, _strict) or _only_signs(text)


def _only_signs(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def loosen(text: str) -> str:
    """What patterns see: as :func:`normalise`, but punctuation inside stays (half-width)."""
    return _apply(text, _loose).strip(_EDGE)


def simplify(text: str) -> str:
    """Traditional characters to simplified, everything else as it is (for patterns)."""
    if text.isascii():
        return text
    warm()
    known = _Table.simplified or {}
    return "".join([known.get(c, c) for c in text])


def detect_lang(norm: str, hint: str = "") -> Lang:
    """zh or en by script; ``hint`` (a language tag) decides where the text says nothing.

    A Chinese text may hold Latin names ("iPhone 15 手机壳"): it is English only when it has more
    Latin words than Chinese characters. A bare code ("CH326") has no language of its own.
    """
    if norm.isascii():
        if not norm.isalpha() and (" " not in norm or not any(map(str.isalpha, norm))) and hint:
            return "en" if hint[:2].lower() == "en" else "zh"
        return "en" if any(map(str.isalpha, norm)) else "zh"
    if _find_han(norm) is None:
        return "en" if any(map(str.isalpha, norm)) or hint[:2].lower() == "en" else "zh"
    if norm[0] > "⺀" or " " not in norm:
        return "zh"
    return "zh" if len(_all_han(norm)) > norm.count(" ") else "en"


def understand(text: str, lang_hint: str = "", inbox_id: int = 0) -> Question:
    """Normalise, fingerprint and recognise the language: a few microseconds, no I/O."""
    norm = _apply(text, _strict) or _only_signs(text)
    raw = norm.encode("utf-8", "surrogatepass")
    return Question(text, norm, blake2b(raw, digest_size=FINGERPRINT_BYTES).digest(),
                    detect_lang(norm, lang_hint), inbox_id)
