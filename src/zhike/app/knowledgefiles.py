"""Files of knowledge for the HTTP API; the readers are imported when the first file comes."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from zhike.domain.knowledge import Article
from zhike.rest.ports import FileRead

if TYPE_CHECKING:
    from zhike.app.core import Core
    from zhike.ops.kbrows import Bad

TOLD = 200
"""Skipped rows named one by one; beyond it only their number."""
READS_AT_ONCE = 2
"""A PDF of a thousand pages takes seconds of a core: the desk keeps the rest."""


class KnowledgeFiles:
    """See :class:`zhike.rest.ports.KnowledgeFiles`."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._room = asyncio.Semaphore(READS_AT_ONCE)

    async def read(self, name: str, data: bytes, lang: str) -> FileRead:
        """See the port."""
        async with self._room:
            return await asyncio.to_thread(_read, name, data, lang)

    async def export(self, bot_id: int, form: Literal["csv", "jsonl"]) -> bytes:
        """See the port."""
        from zhike.ops.kbexport import as_csv, as_jsonl, rows_of

        write = {"csv": as_csv, "jsonl": as_jsonl}[form]
        return await self._core.store.read(lambda conn: "".join(write(rows_of(conn, bot_id))).encode())


def _read(name: str, data: bytes, lang: str) -> FileRead:
    """Through a file: the readers choose by its name, and stream. ``name`` is a single part of a path."""
    from zhike.ops.kbdocs.chunks import articles_of
    from zhike.ops.kbdocs.readers import kind_of, read
    from zhike.ops.kbrows import Bad, read_rows

    articles: list[Article] = []
    bad: list[Bad] = []
    with tempfile.TemporaryDirectory(prefix="zhike-") as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        if kind_of(path):
            document = read(path)
            articles = articles_of(document, name, lang)
            bad = [Bad(0, one.zh, one.en, one.where) for one in document.left]
        else:
            for row in read_rows(path, "", lang):
                if isinstance(row, Bad):
                    bad.append(row)
                else:
                    articles.append(row.article)
    return FileRead(articles, [(row.where, row.line, row.zh, row.en) for row in bad[:TOLD]], len(bad))
