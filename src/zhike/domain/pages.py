"""Pages of the shop that a visitor looked at: what is kept of an address, and what a browser says of itself.

An address holds more than a place: order numbers and addresses in its query, a key in its fragment, a name in
its path. What may be kept is said here by name (:data:`KEPT`, and what an inbox adds); all else is cut off
before it is stored, so that no later reader has to remember it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlsplit

from msgspec import Struct

MAX_PAGES: Final = 20
"""Of one contact; the oldest go."""
MAX_URL_CHARS: Final = 500
MAX_TITLE_CHARS: Final = 200
MAX_SENT_CHARS: Final = 2000
"""Of an address as a browser gives it; what is kept of it is shorter."""
KEPT: Final = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
"""Names in a query that say where somebody came from, and not who they are."""
HIDDEN: Final = "***"

_PERSONAL = re.compile(
    r"[\w.+-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+"  # a mail address
    r"|(?<!\d)(?:\+?86[- ]?)?1[3-9]\d{9}(?!\d)"  # a mobile telephone of China
    r"|\d{15,}[Xx]?"  # a card, an identity card
    r"|[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"
    r"|(?=[A-Za-z_=]*\d)(?=[0-9_=]*[A-Za-z])[A-Za-z0-9_=]{20,}")  # a key: long, of letters and digits
_MOBILE = re.compile(r"Mobi|iPhone|Android.*Mobile")
_TABLET = re.compile(r"iPad|Tablet|Android(?!.*Mobile)")
_BROWSERS: Final = (
    ("MicroMessenger/", "WeChat"), ("aweme", "Douyin"), ("DingTalk/", "DingTalk"), ("Edg/", "Edge"),
    ("EdgA/", "Edge"), ("OPR/", "Opera"), ("MQQBrowser/", "QQ Browser"), ("UCBrowser/", "UC Browser"),
    ("SamsungBrowser/", "Samsung Internet"), ("FxiOS/", "Firefox"), ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"), ("Chrome/", "Chrome"), ("Version/", "Safari"))
"""In this order: browsers name those that they want to be taken for, too."""
_SYSTEMS: Final = (
    ("HarmonyOS", "HarmonyOS"), ("OpenHarmony", "HarmonyOS"), ("Android", "Android"), ("iPhone", "iOS"),
    ("iPad", "iPadOS"), ("Windows", "Windows"), ("Mac OS X", "macOS"), ("CrOS", "ChromeOS"),
    ("Linux", "Linux"))


class PageView(Struct, frozen=True, omit_defaults=True):
    """One page that was looked at, from ``at`` on. ``referrer``: the other site that led to it."""

    url: str
    at: datetime
    title: str = ""
    referrer: str = ""


class Device(Struct, frozen=True, omit_defaults=True):
    """What a browser says of itself: ``browser`` with its version, ``system``, ``kind`` (``phone``,
    ``tablet`` or ``desktop``), ``lang`` (what it asks for first). Not known: empty."""

    browser: str = ""
    system: str = ""
    kind: str = ""
    lang: str = ""


def wanted(settings: Mapping[str, Any]) -> tuple[bool, tuple[str, ...]]:
    """Whether an inbox keeps pages, and which names of a query beside :data:`KEPT` (such as ``id``, where a
    product has its number there)."""
    pages = settings.get("pages") or {}
    return bool(pages.get("enabled", True)), tuple(pages.get("keep") or ())


def clean_url(url: str, keep: Sequence[str] = ()) -> str:
    """What may be kept of an address: no user, no query but :data:`KEPT` and ``keep``, no fragment but that
    of a page that lives there (``#/cart``), and ``***`` for what looks personal or like a key. "": it is no
    address of a web page."""
    try:
        parts = urlsplit(url[:MAX_SENT_CHARS].strip())
        port = parts.port
        pairs = parse_qsl(parts.query, max_num_fields=100)
    except ValueError:
        return ""
    host = parts.hostname
    if parts.scheme not in ("http", "https") or not host or not host.isprintable() or " " in host:
        return ""
    shown = f"[{host}]" if ":" in host else host
    found = f"{parts.scheme}://{shown}" + (f":{port}" if port else "") + _place(parts.path or "/")
    query = "&".join(f"{quote(name, safe='')}={quote(clean_text(value)[:100], safe='*')}"
                     for name, value in pairs if name in KEPT or name in keep)
    if query:
        found += f"?{query}"
    if parts.fragment.startswith(("/", "!/")):
        found += f"#{_place(parts.fragment.partition('?')[0])}"
    return found[:MAX_URL_CHARS]


def clean_text(text: str, limit: int = MAX_TITLE_CHARS) -> str:
    """One line of at most ``limit`` characters, without what looks personal or like a key."""
    line = " ".join("".join(ch if ch.isprintable() else " " for ch in text[:4 * limit]).split())
    return _PERSONAL.sub(HIDDEN, line)[:limit]


def view_of(url: str, title: str, referrer: str, at: datetime, keep: Sequence[str] = ()) -> PageView | None:
    """A page as it is kept; None: it is none. A referrer of the same site says nothing and is left out."""
    cleaned = clean_url(url, keep)
    if not cleaned:
        return None
    came = clean_url(referrer)
    if urlsplit(came).netloc == urlsplit(cleaned).netloc:
        came = ""
    return PageView(cleaned, at, clean_text(title), came)


def joined(old: Sequence[PageView], new: Sequence[PageView]) -> tuple[PageView, ...]:
    """The newest :data:`MAX_PAGES` of both, oldest first. A page that is told of again stays one."""
    found: list[PageView] = []
    for view in sorted((*old, *new), key=lambda one: one.at):
        if not found or found[-1].url != view.url:
            found.append(view)
    return tuple(found[-MAX_PAGES:])


def device_of(headers: Mapping[str, str]) -> Device | None:
    """What the headers of a request (names in lower case) say of the browser; None: it asks not to be
    followed (Do Not Track, or Global Privacy Control)."""
    if headers.get("dnt") == "1" or headers.get("sec-gpc") == "1":
        return None
    return _device(headers.get("user-agent", "")[:400], headers.get("accept-language", "")[:100])


@lru_cache(maxsize=2048)
def _device(agent: str, languages: str) -> Device:
    browser = next((_named(agent, mark, name) for mark, name in _BROWSERS if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    kind = ""
    if agent:
        kind = "tablet" if _TABLET.search(agent) else "phone" if _MOBILE.search(agent) else "desktop"
    lang = re.match(r"\s*([A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)", languages)
    return Device(browser, system, kind if browser or system else "", lang[1] if lang else "")


def _named(agent: str, mark: str, name: str) -> str:
    version = re.match(r"\d{1,4}", agent[agent.index(mark) + len(mark):])
    return f"{name} {version[0]}" if version else name


def _place(path: str) -> str:
    """A path as it may be kept, in ASCII."""
    plain = "".join(ch for ch in _PERSONAL.sub(HIDDEN, path) if ch.isprintable())
    return quote(plain, safe="/%:@!$&'()*+,;=~-._")
