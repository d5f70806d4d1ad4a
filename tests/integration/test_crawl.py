"""A site becomes knowledge: a real HTTP server on loopback, politeness, bounds, no forbidden address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from zhike.access import targets as target
from zhike.access.outbound import Outbound
from zhike.clock import now_ms
from zhike.domain.knowledge import Bot
from zhike.ops.kbdocs.bring import bring_file, bring_site
from zhike.ops.kbdocs.crawl import Crawl, Refused, fetch
from zhike.store import articles, bots
from zhike.store.engine import Store, open_store

PAGES = {
    "/robots.txt": (200, "text/plain", "User-agent: *\nDisallow: /help/secret\nCrawl-delay: 2\n"),
    "/help/": (200, "text/html", "<title>Help</title><h1>Returns</h1><p>Within seven days of delivery.</p>"
                                 "<nav><a href=fees.html>f</a><a href=secret.html>s</a><a href="
                                 "gone.html>g</a><a href=../blog/>b</a><a href=moved.html>m</a>"
                                 "<a href=a.pdf>p</a><a href=copy.html>c</a>"
                                 "<a href=data.bin>d</a><a href=out.html>o</a></nav>"),
    "/help/fees.html": (200, "text/html", "<title>Fees</title><h1>Fees</h1><p>We pay for our faults.</p>"),
    "/help/copy.html": (200, "text/html", "<title>Fees</title><h1>Fees</h1><p>We pay for our faults.</p>"),
    "/help/secret.html": (200, "text/html", "<h1>Secret</h1><p>Nobody should read this here.</p>"),
    "/help/moved.html": (302, "", "/help/new.html"),
    "/help/new.html": (200, "text/html; charset=utf-8", "<h1>New</h1><p>Moved here for a while.</p>"),
    "/help/out.html": (302, "", "http://169.254.169.254/latest/meta-data/"),
    "/help/data.bin": (200, "application/octet-stream", "x"),
    "/blog/": (200, "text/html", "<h1>Blog</h1><p>Not below the folder of the start.</p>"),
}


class Site:
    """A small web server that answers from ``pages``."""

    def __init__(self) -> None:
        self.pages = dict(PAGES)
        self.asked: list[str] = []
        self.pauses: list[float] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = head.split(" ")[1]
        self.asked.append(path)
        status, kind, body = self.pages.get(path, (404, "text/html", "no"))
        extra = f"Location: {body}\r\n" if status == 302 else f"Content-Type: {kind}\r\n"
        data = b"" if status == 302 else body.encode()
        writer.write(f"HTTP/1.1 {status} X\r\n{extra}Content-Length: {len(data)}\r\n"
                     "Connection: close\r\n\r\n".encode() + data)
        await writer.drain()
        writer.close()

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def crawl(self, url: str, **options: object) -> Crawl:
        return Crawl(url, sleep=self.pause, **options)  # type: ignore[arg-type]


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    one = Site()
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    one.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield one


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[tuple[Store, int]]:
    store = open_store(f"sqlite:///{tmp_path}/zhike.db", tmp_path)
    await store.open()
    bot = await store.write(bots.create_bot, Bot(0, "b", "b"), 1)
    yield store, bot.id
    await store.close()


async def test_a_site_becomes_articles(site: Site, desk: tuple[Store, int]) -> None:
    store, bot_id = desk
    report = await bring_site(store, bot_id, f"{site.url}/help/", now_ms, max_pages=50, crawl=site.crawl)
    found = await store.read(articles.all_for_bot, bot_id)
    assert [(a.question, a.answer, a.source.removeprefix(site.url)) for a in found] == [
        ("Returns", "Within seven days of delivery.", "/help/"),
        ("Fees", "We pay for our faults.", "/help/fees.html"),
        ("New", "Moved here for a while.", "/help/moved.html")]
    left = {row.where.removeprefix(site.url): row.en for row in report.skipped}
    assert left["/help/secret.html"] == "robots.txt does not allow it"
    assert left["/help/gone.html"] == "the server answered 404"
    assert left["/help/data.bin"].startswith("is no page")
    assert left["/help/out.html"].startswith("may not be called")
    assert "/help/secret.html" not in site.asked
    assert "/blog/" not in site.asked
    assert "/help/a.pdf" not in site.asked
    assert set(site.pauses) == {2.0}  # as robots.txt asks


async def test_again_it_follows_the_site(site: Site, desk: tuple[Store, int]) -> None:
    store, bot_id = desk
    await bring_site(store, bot_id, f"{site.url}/help/", now_ms, max_pages=50, crawl=site.crawl)
    site.pages["/help/fees.html"] = (200, "text/html", "<h1>Charges</h1><p>There are none any more.</p>")
    report = await bring_site(store, bot_id, f"{site.url}/help/", now_ms, max_pages=50, crawl=site.crawl)
    assert (report.counts.added, report.counts.same, report.removed) == (2, 2, 1)
    assert {a.question for a in await store.read(articles.all_for_bot, bot_id)} == {
        "Returns", "Charges", "New", "Fees"}  # the copy under another address is read now


async def test_no_more_pages_than_allowed(site: Site, desk: tuple[Store, int]) -> None:
    store, bot_id = desk
    report = await bring_site(None, bot_id, f"{site.url}/help/", now_ms, max_pages=2, crawl=site.crawl)
    assert len(site.asked) == 3  # robots.txt and two pages
    assert "2 pages are read" in report.skipped[-1].en
    assert await store.read(articles.count_articles, bot_id) == 0


async def test_a_site_in_trouble_is_left_alone(site: Site, desk: tuple[Store, int]) -> None:
    site.pages["/robots.txt"] = (503, "text/plain", "")
    report = await bring_site(None, desk[1], f"{site.url}/help/", now_ms, max_pages=50, crawl=site.crawl)
    assert site.asked == ["/robots.txt"]
    assert report.skipped[0].en == "robots.txt does not allow it"


@pytest.mark.parametrize("url", ["http://169.254.169.254/", "https://10.0.0.1/", "ftp://x/", "http://[::]/"])
async def test_forbidden_addresses_are_never_called(url: str) -> None:
    with pytest.raises(Refused, match="不允许访问"):
        await fetch(url, Outbound())
    assert target.check_url("https://shop.example/") == ("https", "shop.example", 443)


async def test_a_document_that_changed_loses_what_it_no_longer_says(tmp_path: Path,
                                                                   desk: tuple[Store, int]) -> None:
    store, bot_id = desk
    path = tmp_path / "guide.md"
    path.write_text("# A\n\nThe first of two texts.\n\n# B\n\nThe second of two texts.\n", "utf-8")
    assert (await bring_file(store, bot_id, path, now_ms)).counts.added == 2
    path.write_text("# A\n\nThe first of two texts.\n", "utf-8")
    report = await bring_file(store, bot_id, path, now_ms)
    assert (report.counts.same, report.removed) == (1, 1)
    assert [a.question for a in await store.read(articles.all_for_bot, bot_id)] == ["A"]
