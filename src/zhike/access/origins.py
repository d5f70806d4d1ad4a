"""Which web sites may talk to an inbox, and what counts as our own site."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import urlsplit

_DEFAULT_PORT = {"http": 80, "https": 443, "ws": 80, "wss": 443}


@lru_cache(maxsize=1024)
def normalise(origin: str) -> str:
    """``scheme://host[:port]`` in lower case, without a default port; "" if it is no web origin."""
    try:
        parts = urlsplit(origin.strip().lower())
        port = parts.port
    except ValueError:
        return ""
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    if scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{scheme}://{host}" if port in (None, _DEFAULT_PORT[scheme]) else f"{scheme}://{host}:{port}"


def allowed(origin: str, allow: Iterable[str], own: Iterable[str] = ()) -> bool:
    """True if a page of ``origin`` may use an inbox whose list is ``allow``.

    Our own pages (``own``) always may. "*" allows every site; ``https://*.example.com`` allows
    every host below example.com, not example.com itself. No Origin header at all ("") means: not
    a browser page, and such a client could invent any origin; it is let in, and holds no cookie.
    """
    if not origin:
        return True
    entries = [entry for entry in allow if isinstance(entry, str)]
    if "*" in entries:
        return True
    site = normalise(origin)
    if not site:
        return False
    if any(site == normalise(entry) for entry in own):
        return True
    scheme, _, host = site.partition("://")
    for entry in entries:
        if "://*." in entry:
            wanted, _, suffix = entry.strip().lower().rstrip("/").partition("://*")
            if scheme == wanted and host.endswith(suffix) and len(host) > len(suffix):
                return True
        elif site == normalise(entry):
            return True
    return False


def own_origins(host: str, public_url: str) -> tuple[str, ...]:
    """The origins of our own pages: the configured public address and the host asked for.

    The Host header may be either scheme: TLS ends at a reverse proxy. A browser sets it itself,
    and a foreign page cannot make a browser send our Host with its own name in Origin.
    """
    own = [public_url] if public_url else []
    if host:
        own += [f"http://{host}", f"https://{host}"]
    return tuple(own)


def same_origin(origin: str, host: str, public_url: str = "") -> bool:
    """True if ``origin`` is one of our own pages; "" (no browser page) is not."""
    site = normalise(origin) if origin else ""
    return bool(site) and any(site == normalise(entry) for entry in own_origins(host, public_url))
