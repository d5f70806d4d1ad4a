"""Answers on the wire: a body with a status and headers, and the one shape of an error."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from zhike.errors import ErrorEnvelope, Lang, ZhikeError

_encode = msgspec.json.Encoder().encode
JSON = "application/json"
Headers = list[tuple[bytes, bytes]]


class Answer:
    """A finished answer; an ASGI application that sends itself."""

    __slots__ = ("body", "headers", "status")

    def __init__(
        self, body: bytes, status: int = 200, content_type: str = JSON, headers: Headers | None = None
    ) -> None:
        self.body = body
        self.status = status
        self.headers: Headers = [(b"content-length", str(len(body)).encode())]
        if content_type:
            self.headers.append((b"content-type", content_type.encode()))
        if headers:
            self.headers += headers

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        body = b"" if scope["method"] == "HEAD" else self.body
        await send({"type": "http.response.body", "body": body, "more_body": False})

    def to_asgi_response(self, *_: Any, **__: Any) -> Answer:
        """What Litestar asks of an exception handler's result."""
        return self


def encoded(value: Any, status: int = 200, headers: Headers | None = None) -> Answer:
    """``value`` (a struct) as JSON; private data is not to be kept by caches."""
    return Answer(_encode(value), status, JSON, [(b"cache-control", b"no-store"), *(headers or [])])


def empty(headers: Headers | None = None) -> Answer:
    """204: done, nothing to say."""
    answer = Answer(b"", 204, "", headers)
    del answer.headers[0]  # RFC 9110, 8.6: no Content-Length with 204
    return answer


def error_answer(error: ZhikeError, lang: Lang, headers: Headers | None = None) -> Answer:
    """The one shape of a refusal, with ``Retry-After`` in whole seconds where there is a time."""
    extra: Headers = [(b"content-language", lang.encode()), *(headers or [])]
    retry_after_s = error.retry_after_s
    if retry_after_s is None and error.spec.http in (429, 503) and error.spec.retry == "later":
        retry_after_s = 1.0
    if retry_after_s is not None:
        extra.append((b"retry-after", str(max(1, math.ceil(retry_after_s))).encode()))
    if error.spec.http == 401:
        extra.append((b"www-authenticate", b'Bearer realm="zhike"'))
    return encoded(ErrorEnvelope(error.body(lang)), error.spec.http, extra)


def language(accept_language: str) -> Lang:
    """ "zh" or "en", whichever the header prefers; "en" for neither. Weights of equal size: the first."""
    best: tuple[float, Lang] = (0.0, "en")
    for part in accept_language[:200].split(","):
        tag, _, params = part.strip().partition(";")
        primary = tag.strip().lower().partition("-")[0]
        if primary not in ("zh", "en"):
            continue
        try:
            weight = float(params.strip().removeprefix("q=")) if params.strip().startswith("q=") else 1.0
        except ValueError:
            weight = 0.0
        if weight > best[0] and weight <= 1.0:
            best = (weight, "zh" if primary == "zh" else "en")
    return best[1]
