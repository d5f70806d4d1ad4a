"""Stores the articles of documents and sites; what a source no longer says is removed with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import Connection

from zhike.clock import NowMs
from zhike.domain.knowledge import Article
from zhike.ops.kbdocs.chunks import articles_of
from zhike.ops.kbdocs.crawl import Crawl
from zhike.ops.kbdocs.readers import read
from zhike.ops.kbdocs.sections import Left
from zhike.ops.kbimport import BATCH, Report, Writer
from zhike.ops.kbrows import Bad
from zhike.ops.progress import Progress
from zhike.store.articles import Counts, delete_articles, ids_of_source, put_articles


async def bring_file(store: Writer | None, bot_id: int, path: Path, now_ms: NowMs, *, kind: str = "",
                     lang: str = "") -> Report:
    """One document; ``store`` None only checks.

    Raises:
        ConfigError: the file cannot be read at all.
    """
    loop = asyncio.get_running_loop()
    with Progress(path.name, 1) as progress:
        document = await loop.run_in_executor(None, read, path, kind)
        articles = articles_of(document, path.name, lang)
        report = Report()
        _left(report, document.left)
        await _keep(store, bot_id, path.name, articles, report, now_ms)
        progress.to(1)
    return report


async def bring_site(store: Writer | None, bot_id: int, url: str, now_ms: NowMs, *, lang: str = "",
                     max_pages: int, allow_private: bool = False,
                     crawl: Callable[..., Crawl] = Crawl) -> Report:
    """The pages of a site, stored page by page; a crawl that is stopped has stored whole pages."""
    report = Report()
    with Progress(url, max_pages) as progress:
        site = crawl(url, max_pages=max_pages, allow_private=allow_private,
                     seen_pages=lambda count: progress.to(count))
        async for page in site.pages():
            articles = articles_of(page.document, page.url, lang)
            await _keep(store, bot_id, page.url, articles, report, now_ms)
        _left(report, site.summary.left)
    return report


def _left(report: Report, left: Sequence[Left]) -> None:
    for one in left:
        report.skip(Bad(0, one.zh, one.en, one.where))


async def _keep(store: Writer | None, bot_id: int, source: str, articles: Sequence[Article], report: Report,
                now_ms: NowMs) -> None:
    if store is None:
        report.add(Counts(len(articles)))
        return
    for start in range(0, len(articles), BATCH):
        report.add(await store.write(put_articles, bot_id, articles[start:start + BATCH], now_ms()))
    report.removed += await store.write(_remove, bot_id, source, {a.key for a in articles}, now_ms())


def _remove(conn: Connection, bot_id: int, source: str, keys: set[str], now: int) -> int:
    """Articles of this source that it no longer has."""
    gone = [number for number, key in ids_of_source(conn, bot_id, source) if key not in keys]
    return delete_articles(conn, bot_id, gone, now) if gone else 0
