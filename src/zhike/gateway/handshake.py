"""The HTTP head of a connection, and the WebSocket handshake (RFC 6455 section 4.2), without I/O.

picows can do the handshake too, but accepts only ``Connection: Upgrade`` alone (Firefox sends
``keep-alive, Upgrade``) and keeps every header for the life of the connection.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec

from zhike.errors import ErrorEnvelope, Lang, ZhikeError

MAX_HEAD_BYTES: Final = 16 * 1024
MAX_HEADERS: Final = 100
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TOKEN: Final = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_PHRASES: Final = {400: "Bad Request", 404: "Not Found", 408: "Request Timeout", 426: "Upgrade Required",
                   431: "Request Header Fields Too Large", 503: "Service Unavailable"}
_encode = msgspec.json.Encoder().encode


class Request:
    """The head of an HTTP request. Header names are in lower case, repeated ones joined by comma."""

    __slots__ = ("headers", "method", "path", "version")

    def __init__(self, method: str, path: str, version: str, headers: Mapping[str, str]) -> None:
        self.method = method
        self.path = path
        self.version = version
        self.headers = headers

    @property
    def wants_websocket(self) -> bool:
        """True if this asks to become a WebSocket."""
        return "websocket" in _items(self.headers.get("upgrade", "")) and "upgrade" in _items(
            self.headers.get("connection", ""))

    @property
    def lang(self) -> Lang:
        """The language for a refusal: Chinese if the client prefers any kind of it."""
        return "zh" if self.headers.get("accept-language", "").lower().startswith("zh") else "en"


class Refused(Exception):
    """The request cannot become a WebSocket: answer with ``status`` and close."""

    def __init__(self, status: int, error: ZhikeError) -> None:
        self.status = status
        self.error = error
        super().__init__(f"{status} {error}")


def parse(head: bytes) -> Request:
    """Reads a request head, up to but without the empty line.

    Raises:
        Refused: it is not HTTP/1.x.
    """
    first, *lines = head.split(b"\r\n")
    parts = first.split(b" ")
    if len(parts) != 3 or not parts[2].startswith(b"HTTP/1.") or not parts[1]:
        raise _bad("the request line is not HTTP/1.1")
    if len(lines) > MAX_HEADERS:
        raise _bad(f"more than {MAX_HEADERS} headers")
    headers: dict[str, str] = {}
    for line in lines:
        raw_name, colon, raw_value = line.partition(b":")
        if not colon or not raw_name or not _TOKEN.issuperset(raw_name):
            raise _bad("a header line is malformed")
        name = raw_name.decode("ascii").lower()
        value = raw_value.strip(b" \t").decode("latin-1")
        if "\r" in value or "\n" in value or "\0" in value:
            raise _bad("a header value holds control characters")
        # cookies join by semicolon, everything else by comma (RFC 9110 section 5.3)
        joint = "; " if name == "cookie" else ", "
        headers[name] = f"{headers[name]}{joint}{value}" if name in headers else value
    target = parts[1].decode("latin-1")
    return Request(parts[0].decode("latin-1"), target.partition("?")[0], parts[2].decode("latin-1"), headers)


def accept(request: Request) -> bytes:
    """The 101 response to a valid upgrade.

    Raises:
        Refused: what is missing or wrong (RFC 6455 section 4.2.1).
    """
    headers = request.headers
    if request.method != "GET" or request.version != "HTTP/1.1":
        raise _bad("a WebSocket starts with GET and HTTP/1.1")
    if not request.wants_websocket:
        raise Refused(426, ZhikeError("bad_request", "Connect with a WebSocket client."))
    if "host" not in headers:
        raise _bad("Host is missing")
    if headers.get("sec-websocket-version") != "13":
        raise Refused(426, ZhikeError("bad_request", "Sec-WebSocket-Version must be 13."))
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        raise _bad("an upgrade has no body")
    key = headers.get("sec-websocket-key", "")
    try:
        right = len(binascii.a2b_base64(key, strict_mode=True)) == 16
    except ValueError:  # covers binascii.Error and keys that are not ASCII
        right = False
    if not right:
        raise _bad("Sec-WebSocket-Key is not 16 bytes in base64")
    answer = binascii.b2a_base64(hashlib.sha1(key.encode() + _GUID).digest(), newline=False)
    return (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + answer + b"\r\n\r\n")


def refusal(status: int, error: ZhikeError, lang: Lang = "en") -> bytes:
    """A whole HTTP response that says no, in the one error shape."""
    body = _encode(ErrorEnvelope(error.body(lang)))
    extra = ""
    if status == 426:
        extra += "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    if error.retry_after_s is not None:
        extra += f"Retry-After: {max(1, round(error.retry_after_s))}\r\n"
    head = (f"HTTP/1.1 {status} {_PHRASES[status]}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\n{extra}Connection: close\r\n\r\n")
    return head.encode() + body


def _items(value: str) -> list[str]:
    return [item.strip().lower() for item in value.split(",")]


def _bad(detail: str) -> Refused:
    return Refused(400, ZhikeError("bad_request", f"{detail[0].upper()}{detail[1:]}."))
