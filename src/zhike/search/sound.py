"""How Chinese characters sound, coarsely: for slips of the pinyin keyboard (项炼 for 项链) and for
questions typed in pinyin altogether (tuihuo zenme ban).

Tones are dropped, and so are the differences many speakers do not make (zh/z, ch/c, sh/s, -ng/-n).
The readings are pypinyin's own table, read as data: importing the package costs 500 ms and 58 MB,
the table 20–50 ms and 2.4 MB, once, when the first Chinese slip is looked at.
"""

from __future__ import annotations

import sys
import unicodedata
from functools import cache

import msgspec

_FIRST, _LAST = 0x4E00, 0x9FFF
_MAX_READINGS = 3
"""Readings kept of one character: the table lists the common ones first (行: xing, hang, heng)."""


def _plain(reading: str) -> str:
    """lǜ → lv, as it is typed; zhōng → zhong."""
    plain = unicodedata.normalize("NFD", reading.replace("ü", "v").replace("ǜ", "v").replace("ǚ", "v")
                                  .replace("ǘ", "v").replace("ǖ", "v"))
    return "".join([c for c in plain if c.isascii() and c.isalpha()])


def coarse(plain: str) -> str:
    """A typed syllable without the differences many do not make: shang → san."""
    if plain[1:2] == "h" and plain[0] in "zcs":
        plain = plain[0] + plain[2:]
    return sys.intern((plain[:-1] if plain.endswith("ng") else plain).replace("v", "u"))


@cache
def _table() -> dict[int, str]:
    """Code point → readings, comma separated."""
    from importlib.util import find_spec  # here: 5 ms that the way to the first answer need not pay
    from pathlib import Path

    spec = find_spec("pypinyin")
    if spec is None or spec.origin is None:
        raise RuntimeError("pypinyin is not installed")
    table = Path(spec.origin).parent / "pinyin_dict.json"
    if table.exists():
        return {int(code): text for code, text in
                msgspec.json.decode(table.read_bytes(), type=dict[str, str]).items()}
    # another release of pypinyin keeps its table elsewhere: ask it the slow way
    from pypinyin.pinyin_dict import pinyin_dict

    return dict(pinyin_dict)


@cache
def sounds() -> dict[str, str]:
    """Character → coarse sound of its commonest reading, for the basic Chinese block."""
    return {chr(code): coarse(_plain(text.split(",", 1)[0])) for code, text in _table().items()
            if _FIRST <= code <= _LAST}


def readings(char: str) -> list[str]:
    """The coarse sounds of a character's common readings, the commonest first; [] if unknown."""
    found = _table().get(ord(char), "")
    return list(dict.fromkeys([coarse(_plain(one)) for one in found.split(",")[:_MAX_READINGS] if one]))


@cache
def syllables() -> dict[str, str]:
    """Every syllable as it is typed → its coarse sound (some 400)."""
    common = {_plain(one) for code, text in _table().items() if _FIRST <= code <= _LAST
              for one in text.split(",", 1)[:1]}
    return {one: coarse(one) for one in common if one.isalpha() and (len(one) > 1 or one in "aeo")}
