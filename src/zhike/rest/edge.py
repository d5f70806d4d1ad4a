"""Around every answer: security headers, cross-origin headers, and a line for the metrics."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

from zhike.rest.answer import Headers, empty
from zhike.rest.ports import Observe

_BASE: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
]
_OWN: Headers = [(b"cross-origin-resource-policy", b"same-origin")]
_SHARED: Headers = [(b"cross-origin-resource-policy", b"cross-origin")]
_NO_FRAME = (b"x-frame-options", b"DENY")

# style-src: the component library and the widget put <style> elements into the page. Scripts never
# come inline.
_PAGE = (
    b"default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    b"media-src 'self' blob:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; "
    b"form-action 'self'; "
)
# The decoder of voices is WebAssembly. It works in a worker, which goes by the policy of its own file.
_WORKER = [*_BASE, *_OWN, _NO_FRAME,
           (b"content-security-policy", b"default-src 'none'; script-src 'self' 'wasm-unsafe-eval'")]
_WORKERS = "/console/assets/amr.worker-"
_CONSOLE = [*_BASE, *_OWN, _NO_FRAME, (b"content-security-policy", _PAGE + b"frame-ancestors 'none'")]
_SHOP = [
    *_BASE,
    *_OWN,
    # the widget decodes voices on these pages
    (b"content-security-policy", _PAGE.replace(b"script-src 'self'", b"script-src 'self' 'wasm-unsafe-eval'")
     + b"frame-ancestors 'self'"),
    (b"x-frame-options", b"SAMEORIGIN"),
]
_DATA_CSP = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_DATA = [*_BASE, *_OWN, _NO_FRAME, _DATA_CSP]
_PUBLIC_DATA = [*_BASE, *_SHARED, _NO_FRAME, _DATA_CSP]

# A file that somebody sent: shown on the pages of shops, and whatever it is, it runs nothing. Its link is the
# right to it, no cookie is asked for: scripts may read it, too (a voice is decoded by the widget).
_FILE = [*_BASE, *_SHARED, _NO_FRAME, (b"access-control-allow-origin", b"*"),
         (b"content-security-policy", b"default-src 'none'; sandbox; frame-ancestors 'none'")]

VISITOR_PREFIX = "/api/v1/visitor/"
_SHARED_PATHS = frozenset(("/widget.js", "/widget-amr.js", "/api/v1/openapi.json", "/api/v1/asyncapi.json"))


def headers_for(path: str) -> Headers:
    """The fixed headers of an answer to ``path``."""
    if path.startswith(VISITOR_PREFIX) or path in _SHARED_PATHS:
        return _PUBLIC_DATA
    if path.startswith("/files/"):
        return _FILE
    if path.startswith(_WORKERS):
        return _WORKER
    if path.startswith(("/console", "/api/docs", "/mail/")):
        return _CONSOLE
    if path == "/" or path.startswith("/preview"):
        return _SHOP
    if path.startswith("/sample") and not path.startswith("/sample/api/"):
        return _SHOP
    return _DATA


def cross_origin(path: str, origin: bytes) -> Headers:
    """What lets pages of other sites read an answer of the visitor routes.

    Every origin is let through here, because a browser's preflight does not say which inbox is meant; the
    handler checks the inbox's list. No credentials: the token travels in a header that the page sets.
    """
    if not path.startswith(VISITOR_PREFIX) or origin.split() != [origin] or not origin.isascii():
        return []
    return [
        (b"access-control-allow-origin", origin),
        (b"vary", b"Origin"),
        (b"access-control-expose-headers", b"Retry-After, Content-Language"),
    ]


PREFLIGHT: Headers = [
    (b"access-control-allow-methods", b"GET, POST"),
    (b"access-control-allow-headers", b"authorization, content-type, accept-language"),
    (b"access-control-max-age", b"600"),
]


async def serve(
    app: Any, scope: Any, receive: Any, send: Any, observe: Observe, allowed: Callable[[str], str]
) -> None:
    """Runs ``app`` for one HTTP request and adds to its answer; OPTIONS is answered here.

    Args:
        allowed: the methods of a path, for the Allow header; "" if there is no such path.
    """
    started = perf_counter()
    path = scope["path"]
    origin = next((value for name, value in scope["headers"] if name == b"origin"), b"")[:300]
    extra = [*headers_for(path), *cross_origin(path, origin)]
    status = 500

    async def outgoing(message: Any) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            message = {**message, "headers": [*message["headers"], *extra]}
        await send(message)

    try:
        methods = allowed(path) if scope["method"] == "OPTIONS" else ""
        if methods:
            preflight = PREFLIGHT if origin and path.startswith(VISITOR_PREFIX) else []
            await empty([(b"allow", methods.encode()), *preflight])(scope, receive, outgoing)
        else:
            await app(scope, receive, outgoing)
    finally:
        observe(scope.get("path_template") or "", scope["method"], status, perf_counter() - started)
