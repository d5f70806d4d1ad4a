"""Uploads of one app instance: taking files in, links to them, removing what nobody sent.

The order is: bytes on the disk, row in the database, file to its place, answer. So an id that somebody was
told always has its bytes, and a process that dies anywhere leaves at most what :meth:`Uploads.sweep` finds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import Connection

from zhike.clock import NowMs
from zhike.domain.attachment import Attachment
from zhike.errors import ZhikeError
from zhike.files.folder import Folder, Part, new_token
from zhike.files.kinds import Looked, clean_name, look
from zhike.files.links import Link, Links
from zhike.store import canned_files, files

P = ParamSpec("P")
T = TypeVar("T")
Row = Callable[[Connection, str, Attachment, int], Attachment]
"""Stores the row of a file: (token, what it is, now) → the same with its id."""
UNSENT_MS = 24 * 3_600_000
"""What was uploaded and not sent for a day will not be sent any more."""
SWEEP_PAGE = 500


class Database(Protocol):
    """What is needed of the store."""

    def write(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args,
              **kwargs: P.kwargs) -> Awaitable[T]: ...
    def read(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args,
             **kwargs: P.kwargs) -> Awaitable[T]: ...


class Uploads:
    """See the module.

    Args:
        store: the open store.
        root: the folder; several instances share one.
        secret: the instance's secret, for the links.
    """

    def __init__(self, store: Database, root: Path, secret: bytes, now_ms: NowMs) -> None:
        self._store = store
        self._now_ms = now_ms
        self.folder = Folder(root)
        self.links = Links(secret)

    async def take(self, parts: AsyncIterator[bytes], name: str, inbox_id: int, sender: str) -> Attachment:
        """Stores a file for ``sender``, who can send it with a message then.

        Args:
            parts: its bytes, as they come.
            name: as the sender calls it; what is kept ends as the file's real kind does.

        Raises:
            ZhikeError: storage_full, file_refused, too_many_files, and whatever ``parts`` raises.
        """
        def row(conn: Connection, token: str, what: Attachment, now: int) -> Attachment:
            return files.add(conn, token, inbox_id, sender, what, now)

        return await self._take(parts, name, row)

    async def take_canned(self, parts: AsyncIterator[bytes], name: str, canned_id: int) -> Attachment:
        """Stores a file of a canned response.

        Raises:
            ZhikeError: storage_full, file_refused, not_found, conflict, and whatever ``parts`` raises.
        """
        def row(conn: Connection, token: str, what: Attachment, now: int) -> Attachment:
            return canned_files.add(conn, token, canned_id, what, now)

        return await self._take(parts, name, row)

    async def _take(self, parts: AsyncIterator[bytes], name: str, row: Row) -> Attachment:
        part = await asyncio.to_thread(self.folder.begin)
        try:
            async for data in parts:
                await asyncio.to_thread(part.write, data)
            found = await asyncio.to_thread(_finish, part)
            if found is None:
                raise ZhikeError("file_refused")
            kind = found.kind
            what = Attachment(0, clean_name(name, kind), kind.type, kind.kind, part.size_bytes, found.width,
                              found.height)
            token = new_token()
            given = await self._store.write(row, token, what, self._now_ms())
            await asyncio.to_thread(self.folder.keep, part, token)
        except BaseException:
            part.drop()
            raise
        return given

    def link(self, file: Attachment) -> Link:
        """A link that reads ``file`` for an hour or two. The right to it was checked before."""
        return self.links.make(file.id, file.name, self._now_ms() // 1000)

    async def linked(self, file_id: int, expires_s: int, sig: str) -> tuple[Attachment, Path]:
        """What a link names, and where it lies.

        Raises:
            ZhikeError: file_link_expired; not_found: the message was recalled, or the file is gone.
        """
        self.links.check(file_id, expires_s, sig, self._now_ms() // 1000)
        found = await self._store.read(_find, file_id)
        if found is None:
            raise ZhikeError("not_found")
        what, token = found
        return what, self.folder.path(token)

    async def sweep(self, _job: Any = None) -> None:
        """Removes what was uploaded and not sent, what was recalled, and what canned responses lost: first
        the right to send it, then its bytes, then its row. Whatever is killed in between, the next sweep
        goes on."""
        now = self._now_ms()
        while doomed := await self._store.write(files.doom, now - UNSENT_MS, SWEEP_PAGE):
            await asyncio.to_thread(self._remove, list(doomed.values()))
            await self._store.write(files.forget, list(doomed))
        while doomed := await self._store.read(canned_files.doomed, SWEEP_PAGE):
            await asyncio.to_thread(self._remove, list(doomed.values()))
            await self._store.write(canned_files.forget, list(doomed))
        await asyncio.to_thread(self.folder.sweep, (now - UNSENT_MS) / 1000)

    def _remove(self, tokens: list[str]) -> None:
        for token in tokens:
            self.folder.remove(token)


def _find(conn: Connection, file_id: int) -> tuple[Attachment, str] | None:
    """A file that may be read, and its token: one that was uploaded, or one of a canned response."""
    sent = files.get(conn, file_id)
    if sent is not None:
        return (sent.attachment, sent.token) if sent.sender else None
    return canned_files.get(conn, file_id)


def _finish(part: Part) -> Looked | None:
    part.finish()
    return look(part.path)
