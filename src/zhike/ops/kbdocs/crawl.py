"""A site as knowledge: its pages, politely, within bounds, and never an address we must not call.

Only pages of the start address's own host and below its folder. ``robots.txt`` is obeyed, one request
at a time, with a pause between them (longer if the site asks for it). Every address, also one that a
redirect names, is looked up and checked before it is called, and the call goes to the address that
was checked: a page cannot talk the crawler into the owner's own network.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from hashlib import blake2b
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit
from urllib.robotparser import RobotFileParser

from zhike.access.outbound import Outbound, said
from zhike.access.targets import BadTarget, Target
from zhike.ops.kbdocs.htmlpage import read_html
from zhike.ops.kbdocs.sections import Document

USER_AGENT = "zhike"
MAX_PAGES = 200
MAX_DEPTH = 5
PAUSE_S = 0.5
"""Between two requests: a shop's server hardly feels it, and 200 pages take two minutes."""
MAX_PAUSE_S = 10.0
"""A site that asks for longer pauses (Crawl-delay) is told no more than this; it would take for ever."""
TIMEOUT_S = 10.0
MAX_PAGE_BYTES = 4 << 20
MAX_REDIRECTS = 4
_NOTHING = ("User-agent: *", "Disallow: /")
_NOT_PAGES = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".svg", ".css", ".js", ".zip", ".gz", ".mp4", ".mp3",
              ".pdf", ".docx", ".xlsx", ".exe", ".woff", ".woff2", ".ico", ".xml", ".json")


class Page(NamedTuple):
    """One page, read."""

    url: str
    document: Document


class Refused(Exception):
    """A page that was not read; the two texts say why (zh, en)."""


class Fetched(NamedTuple):
    """An answer: ``body`` b"" unless ``status`` is 200."""

    status: int
    url: str
    kind: str
    body: bytes


Sleep = Callable[[float], Awaitable[None]]


class Crawl:
    """One crawl from ``start``.

    Args:
        allow_private: addresses of private networks may be called (a wiki in the office).
        seen_pages: told of every page looked at, for the progress bar.
    """

    def __init__(self, start: str, *, max_pages: int = MAX_PAGES, max_depth: int = MAX_DEPTH,
                 allow_private: bool = False, pause_s: float = PAUSE_S, sleep: Sleep = asyncio.sleep,
                 seen_pages: Callable[[int], None] = lambda _: None) -> None:
        self._start = start
        self._max_pages = max_pages
        self._max_depth = max_depth
        self._out = Outbound(allow_private=allow_private)
        self._pause_s = pause_s
        self._sleep = sleep
        self._seen_pages = seen_pages
        parts = urlsplit(start)
        self._origin = (parts.scheme, parts.netloc)
        self._folder = parts.path.rpartition("/")[0] + "/"
        self._bodies: set[bytes] = set()
        self.summary = Document()
        """``left`` tells of pages that were not read."""

    async def pages(self) -> AsyncIterator[Page]:
        """Every page that could be read, breadth first."""
        try:
            async for page in self._pages():
                yield page
        finally:
            await self._out.close()

    async def _pages(self) -> AsyncIterator[Page]:
        robots = await self._robots()
        pause_s = min(float(robots.crawl_delay(USER_AGENT) or self._pause_s), MAX_PAUSE_S)
        queue = deque([(self._start, 0)])
        known = {self._start}
        count = 0
        while queue:
            url, depth = queue.popleft()
            if count >= self._max_pages:
                more = len(queue) + 1
                self.summary.skip(url, f"已到 {self._max_pages} 页，至少还有 {more} 页未读（见 --max-pages）",
                                  f"{self._max_pages} pages are read; at least {more} more were not "
                                  "(see --max-pages)")
                return
            if not robots.can_fetch(USER_AGENT, url):
                self.summary.skip(url, "robots.txt 不允许", "robots.txt does not allow it")
                continue
            if count:
                await self._sleep(pause_s)
            count += 1
            self._seen_pages(count)
            document = await self._read(url)
            if document is None:
                continue
            if document.sections:
                yield Page(url, document)
            for link in document.links:
                if link not in known and len(known) < 50 * self._max_pages and self._ours(link):
                    known.add(link)
                    if depth < self._max_depth:
                        queue.append((link, depth + 1))

    def _ours(self, url: str) -> bool:
        parts = urlsplit(url)
        return ((parts.scheme, parts.netloc) == self._origin and (parts.path or "/").startswith(self._folder)
                and not parts.path.lower().endswith(_NOT_PAGES))

    async def _robots(self) -> RobotFileParser:
        """The site's rules; without any, everything is allowed; if it fails (5xx), nothing is."""
        robots = RobotFileParser()
        url = urljoin(self._start, "/robots.txt")
        try:
            answer = await fetch(url, self._out)
        except Refused as refused:
            self.summary.skip(url, *refused.args)
            robots.parse(_NOTHING)
            return robots
        if answer.status == 200:
            robots.parse(answer.body.decode("utf-8", "replace").splitlines())
        else:
            robots.parse(_NOTHING if answer.status >= 500 or answer.status in (401, 403) else [])
        return robots

    async def _read(self, url: str) -> Document | None:
        try:
            answer = await fetch(url, self._out)
            if answer.status != 200:
                raise Refused(f"服务器回答 {answer.status}", f"the server answered {answer.status}")
            if answer.url != url and not self._ours(answer.url):
                raise Refused(f"转到了别处：{answer.url}", f"leads elsewhere: {answer.url}")
            if "html" not in answer.kind:
                raise Refused(f"不是网页（{answer.kind or '没有类型'}）",
                              f"is no page ({answer.kind or 'no type'})")
        except Refused as refused:
            self.summary.skip(url, *refused.args)
            return None
        digest = blake2b(answer.body, digest_size=16).digest()
        if digest in self._bodies:
            return None  # the same page under another address
        self._bodies.add(digest)
        document = await asyncio.get_running_loop().run_in_executor(None, read_html, answer.body, answer.url)
        self.summary.left += document.left
        return document


async def fetch(url: str, out: Outbound) -> Fetched:
    """One GET with its redirects, each checked before it is followed.

    Raises:
        Refused: not allowed, not reachable, too large.
    """
    for _ in range(MAX_REDIRECTS + 1):
        try:
            target = await out.resolve(url)
        except BadTarget as error:
            raise Refused(f"不允许访问：{error}", f"may not be called: {error}") from None
        except (OSError, UnicodeError) as error:
            raise Refused(f"找不到这个地址：{error}", f"cannot be found: {error}") from None
        answer, location = await _get(target, out)
        if not location:
            return answer
        url = urljoin(url, location)
    raise Refused("重定向太多", "too many redirects")


async def _get(target: Target, out: Outbound) -> tuple[Fetched, str]:
    import httpx2

    headers = {"User-Agent": USER_AGENT, "Accept": "text/html,text/plain"}
    try:
        async with out.request("GET", target, headers=headers, timeout_s=TIMEOUT_S,
                               connect_s=TIMEOUT_S) as response:
            location = response.headers.get("location", "") if response.is_redirect else ""
            body = b"" if location or response.status_code != 200 else await _body(response)
            kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            return Fetched(response.status_code, target.url, kind, body), location
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        problem = said(error)
        raise Refused(f"读取失败：{problem}", f"could not be read: {problem}") from None


async def _body(response: Any) -> bytes:
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_PAGE_BYTES:
            raise Refused(f"超过 {MAX_PAGE_BYTES >> 20} MB", f"is larger than {MAX_PAGE_BYTES >> 20} MB")
    return body
