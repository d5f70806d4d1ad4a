"""Durations and sizes as people write them: ``"3ms"``, ``"1.2s"``, ``"24h"``, ``"256KiB"``."""

from __future__ import annotations

DURATIONS_S: dict[str, float] = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
"""Seconds per unit."""
SIZES_BYTES: dict[str, int] = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30,
                               "kB": 1000, "MB": 1000**2, "GB": 1000**3}
"""Bytes per unit."""


def _split(text: str) -> tuple[float, str]:
    body = text.strip()
    cut = len(body)
    while cut and body[cut - 1].isalpha():
        cut -= 1
    number = body[:cut].strip()
    if not number or any(c not in "0123456789." for c in number):
        raise ValueError(text)
    return float(number), body[cut:]


def parse_duration_s(text: str) -> float:
    """Seconds from ``"250ms"``, ``"3s"``, ``"5m"``, ``"24h"``, ``"7d"``.

    Raises:
        ValueError: without a unit, or with one that is not listed.
    """
    number, unit = _split(text)
    if unit not in DURATIONS_S:
        raise ValueError(text)
    return number / 1000 if unit == "ms" else number * DURATIONS_S[unit]


def parse_size_bytes(text: str) -> int:
    """Bytes from ``"64KiB"``, ``"1MiB"``, ``"10MB"``.

    Raises:
        ValueError: without a unit, or with one that is not listed.
    """
    number, unit = _split(text)
    if unit not in SIZES_BYTES:
        raise ValueError(text)
    return int(number * SIZES_BYTES[unit])


def say_duration(seconds: float) -> str:
    """The shortest exact way to write a duration."""
    for unit in ("d", "h", "m", "s"):
        if seconds and seconds % DURATIONS_S[unit] == 0:
            return f"{seconds / DURATIONS_S[unit]:g}{unit}"
    return f"{seconds:g}s" if seconds >= 1 or not seconds else f"{seconds * 1000:g}ms"


def say_size(count: int) -> str:
    """The shortest exact way to write a size in bytes."""
    for unit in ("GiB", "MiB", "KiB"):
        if count and count % SIZES_BYTES[unit] == 0:
            return f"{count // SIZES_BYTES[unit]}{unit}"
    return f"{count}B"
