"""Brings a table of questions and answers into one bot, in batches, and reports what it left out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from zhike.clock import NowMs
from zhike.errors import Lang
from zhike.ops.kbrows import Bad, Good, Row, read_rows
from zhike.ops.progress import Progress
from zhike.store.articles import Counts, put_articles

BATCH = 500
"""Articles per transaction: 100,000 take 200 commits, and the desk's own writes go between them."""
KEPT = 1000
"""Skipped rows told one by one; beyond it only their number."""


class Writer(Protocol):
    """What the import needs of the store."""

    async def write(self, fn: Any, *args: Any) -> Any:
        """Runs ``fn(conn, *args)`` in one transaction."""


class Report:
    """What an import did."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.skipped: list[Bad] = []
        self.skipped_count = 0
        self.removed = 0

    def add(self, counts: Counts) -> None:
        """One batch was stored."""
        self.counts = Counts(*(a + b for a, b in zip(self.counts, counts, strict=True)))

    def skip(self, row: Bad) -> None:
        """One row was left out."""
        self.skipped_count += 1
        if len(self.skipped) < KEPT:
            self.skipped.append(row)

    def lines(self, lang: Lang, most: int = 20) -> list[str]:
        """The report for people, naming the first ``most`` skipped rows."""
        zh = lang == "zh"
        said = [_place(row, zh) + (row.zh if zh else row.en) for row in self.skipped[:most]]
        if self.skipped_count > most:
            more = self.skipped_count - most
            said.append(f"… 还有 {more} 处" if zh else f"… and {more} more")
        if self.skipped_count:
            said.insert(0, f"跳过 {self.skipped_count} 处：" if zh else f"skipped: {self.skipped_count}")
        added, changed, same = self.counts
        said.append(f"新增 {added}，修改 {changed}，不变 {same}" if zh else
                    f"{added} added, {changed} changed, {same} the same")
        if self.removed:
            said[-1] += f"，移除 {self.removed}（来源里已没有）" if zh else \
                f", {self.removed} removed (no longer in their source)"
        return said


def _place(row: Bad, zh: bool) -> str:
    if row.where:
        return f"{row.where}：" if zh else f"{row.where}: "
    if not row.line:
        return ""
    return f"第 {row.line} 行：" if zh else f"line {row.line}: "


async def import_rows(store: Writer | None, bot_id: int, rows: Iterable[Row], now_ms: NowMs,
                      progress: Progress | None = None) -> Report:
    """Stores good rows in batches of 500, one transaction each; ``store`` None only checks.

    An import that is stopped half-way has stored whole batches; running it again goes on.
    """
    report = Report()
    batch: list[Good] = []

    async def store_batch() -> None:
        if store is not None and batch:
            report.add(await store.write(put_articles, bot_id, [row.article for row in batch], now_ms()))
        if progress is not None and batch:
            progress.to(batch[-1].at)
        batch.clear()

    for row in rows:
        if isinstance(row, Bad):
            report.skip(row)
            continue
        batch.append(row)
        if len(batch) == BATCH:
            await store_batch()
    await store_batch()
    return report


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


async def import_file(store: Writer | None, bot_id: int, path: Path, now_ms: NowMs, *, format: str = "",
                      lang: str = "", label: str = "") -> Report:
    """As :func:`import_rows`, from a file, with a progress bar at a terminal."""
    with Progress(label or path.name, _size(path)) as progress:
        return await import_rows(store, bot_id, read_rows(path, format, lang), now_ms, progress)


