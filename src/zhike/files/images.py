"""Width and height of an image from its first bytes, so that a page can leave room for it.

Formats: PNG (ISO 15948, 11.2.2), GIF89a (section 18), JPEG (ITU T.81, B.2.2), WebP (RFC 9649, 2.4–2.7).
"""

from __future__ import annotations

from struct import error as StructError
from struct import unpack_from

MAX_PIXELS = 100_000_000
"""More than any camera makes; a picture of a gigapixel in 50 KB is meant to stop somebody's browser."""
_FRAME_HEADERS = frozenset((0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF))
"""JPEG markers that begin a frame: C4, C8 and CC are tables."""


def size_of(media_type: str, head: bytes) -> tuple[int, int] | None:
    """Pixels (width, height); None if it cannot be told, or nobody should open it.

    Args:
        media_type: as found by :func:`zhike.files.kinds.look`.
        head: the first 256 KiB at least (a JPEG may hold a preview before its own frame).
    """
    try:
        found = _READERS[media_type](head)
    except (KeyError, IndexError, StructError):  # no picture, or the bytes ended early
        return None
    if found is None or min(found) < 1 or found[0] * found[1] > MAX_PIXELS:
        return None
    return found


def _png(head: bytes) -> tuple[int, int] | None:
    return unpack_from(">II", head, 16) if head[12:16] == b"IHDR" else None


def _gif(head: bytes) -> tuple[int, int]:
    return unpack_from("<HH", head, 6)


def _jpeg(head: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(head):
        if head[at] != 0xFF:
            return None
        marker = head[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker in _FRAME_HEADERS:
            height, width = unpack_from(">HH", head, at + 5)
            return width, height
        if marker == 0xDA:  # picture data: no frame came before it
            return None
        at += 2 if 0xD0 <= marker <= 0xD8 or marker == 0x01 else 2 + unpack_from(">H", head, at + 2)[0]
    return None


def _webp(head: bytes) -> tuple[int, int] | None:
    form = head[12:16]
    if form == b"VP8X":
        width, height = (int.from_bytes(head[at:at + 3], "little") + 1 for at in (24, 27))
        return (width, height) if len(head) >= 30 else None
    if form == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        width, height = unpack_from("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    if form == b"VP8L" and head[20] == 0x2F:
        bits = unpack_from("<I", head, 21)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return None


_READERS = {"image/png": _png, "image/gif": _gif, "image/jpeg": _jpeg, "image/webp": _webp}
