"""A file that comes in as the body of a request: as it is, in pieces, within bounds of size and time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from zhike.errors import ZhikeError

TYPE = "application/octet-stream"
"""What the body must call itself: a form of another site cannot. What the file really is, its bytes say."""
PIECE_TIMEOUT_S = 20.0
UPLOAD_TIMEOUT_S = 600.0
"""20 MiB over the worst network that is still of use: 35 KB a second."""
GATHER_BYTES = 256 << 10
"""Pieces are handed on together: each hand-over costs a hop to a thread."""


class Upload:
    """The bytes of one request; iterate once."""

    def __init__(self, receive: Callable[[], Awaitable[Any]], headers: dict[str, str],
                 limit_bytes: int) -> None:
        self._receive = receive
        self._headers = headers
        self.limit_bytes = limit_bytes

    def check(self) -> None:
        """What can be told before anything is read.

        Raises:
            ZhikeError: unsupported_type, file_too_large.
        """
        content_type = self._headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type != TYPE:
            raise ZhikeError("unsupported_type", f"({TYPE})")
        declared = self._headers.get("content-length", "")
        if declared.isdecimal() and (len(declared) > 15 or int(declared) > self.limit_bytes):
            raise self._too_large()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Pieces of a quarter of a megabyte or so.

        Raises:
            ZhikeError: file_too_large; request_timeout; bad_request: the client left.
        """
        loop = asyncio.get_running_loop()
        until_s = loop.time() + UPLOAD_TIMEOUT_S
        gathered: list[bytes] = []
        size = held = 0
        more = True
        while more:
            try:
                async with asyncio.timeout_at(min(until_s, loop.time() + PIECE_TIMEOUT_S)):
                    message = await self._receive()
            except TimeoutError as error:
                raise ZhikeError("request_timeout") from error
            if message["type"] == "http.disconnect":
                raise ZhikeError("bad_request", "The body ended early.")
            piece = message.get("body", b"")
            more = message.get("more_body", False)
            size += len(piece)
            if size > self.limit_bytes:
                raise self._too_large()
            gathered.append(piece)
            held += len(piece)
            if held >= GATHER_BYTES or (held and not more):
                yield b"".join(gathered)
                gathered, held = [], 0

    def _too_large(self) -> ZhikeError:
        return ZhikeError("file_too_large", f"(> {self.limit_bytes >> 20} MiB)" if self.limit_bytes >> 20
                          else f"(> {self.limit_bytes} bytes)", details={"limit_bytes": self.limit_bytes})
