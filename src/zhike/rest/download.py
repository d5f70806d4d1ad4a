"""A stored file as an answer: in pieces, with one range (players ask for the part they play)."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from zhike.errors import ZhikeError
from zhike.rest.answer import Answer, Headers

PIECE_BYTES = 256 << 10
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})", re.ASCII)


def range_of(header: str, size_bytes: int) -> tuple[int, int] | None:
    """First byte and length of what a Range header asks for; None: everything (RFC 9110, 14.2: several
    ranges and what cannot be read may be ignored).

    Raises:
        ValueError: it asks for what is not there.
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        first, last = max(0, size_bytes - int(found[2])), size_bytes - 1
        if not int(found[2]):
            raise ValueError(header)
    else:
        first, last = int(found[1]), min(int(found[2] or size_bytes), size_bytes - 1)
        if found[2] and int(found[2]) < first:
            return None
    if first >= size_bytes:
        raise ValueError(header)
    return first, last - first + 1


class FileAnswer(Answer):
    """Sends a part of a file; the connection's own flow control says how fast."""

    __slots__ = ("_first", "_length", "_path")

    def __init__(self, path: Path, status: int, content_type: str, headers: Headers, first: int,
                 length: int) -> None:
        super().__init__(b"", status, content_type, headers)
        self.headers[0] = (b"content-length", str(length).encode())
        self._path = path
        self._first = first
        self._length = length

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] == "HEAD":
            await super().__call__(scope, receive, send)
            return
        with await asyncio.to_thread(self._path.open, "rb") as file:
            await asyncio.to_thread(file.seek, self._first)
            await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
            left = self._length
            while left > 0 and (piece := await asyncio.to_thread(file.read, min(left, PIECE_BYTES))):
                left -= len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": left > 0})


async def answer(path: Path, name: str, content_type: str, *, inline: bool, request: dict[str, str],
                 etag: str, cache: str) -> Answer:
    """The file, or the part of it that ``request`` (headers by lower-case name) asks for.

    Args:
        inline: shown in place; else saved under ``name``.

    Raises:
        ZhikeError: ``not_found``: its bytes are gone.
    """
    try:
        size_bytes = (await asyncio.to_thread(path.stat)).st_size
    except FileNotFoundError as error:
        raise ZhikeError("not_found") from error
    shown = "inline" if inline else "attachment"
    headers: Headers = [
        (b"cache-control", cache.encode()), (b"etag", etag.encode()), (b"accept-ranges", b"bytes"),
        (b"content-disposition", f"{shown}; filename*=UTF-8''{quote(name, safe='')}".encode()),
    ]
    if etag in {tag.strip().removeprefix("W/") for tag in request.get("if-none-match", "").split(",")}:
        unchanged = Answer(b"", 304, "", headers)
        del unchanged.headers[0]
        return unchanged
    wanted = request.get("range", "")
    if wanted and request.get("if-range", etag) == etag:
        try:
            part = range_of(wanted, size_bytes)
        except ValueError:
            return Answer(b"", 416, "", [(b"content-range", f"bytes */{size_bytes}".encode())])
        if part is not None:
            first, length = part
            headers.append((b"content-range", f"bytes {first}-{first + length - 1}/{size_bytes}".encode()))
            return FileAnswer(path, 206, content_type, headers, first, length)
    return FileAnswer(path, 200, content_type, headers, 0, size_bytes)
