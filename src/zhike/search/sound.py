"""How Chinese characters sound, coarsely: for slips of the pinyin keyboard (项炼 for 项链).

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


def _coarse(reading: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFD", reading) if c.isascii() and c.isalpha())
    if plain[1:2] == "h" and plain[0] in "zcs":
        plain = plain[0] + plain[2:]
    return sys.intern(plain[:-1] if plain.endswith("ng") else plain)


@cache
def sounds() -> dict[str, str]:
    """Character → coarse sound of its commonest reading, for the basic Chinese block."""
    from importlib.util import find_spec  # here: 5 ms that the way to the first answer need not pay
    from pathlib import Path

    spec = find_spec("pypinyin")
    if spec is None or spec.origin is None:
        raise RuntimeError("pypinyin is not installed")
    table = Path(spec.origin).parent / "pinyin_dict.json"
    if table.exists():
        readings = {int(code): text for code, text in
                    msgspec.json.decode(table.read_bytes(), type=dict[str, str]).items()}
    else:  # another release of pypinyin keeps its table elsewhere: ask it the slow way
        from pypinyin.pinyin_dict import pinyin_dict as readings
    return {chr(code): _coarse(text.split(",", 1)[0]) for code, text in readings.items()
            if _FIRST <= code <= _LAST}
