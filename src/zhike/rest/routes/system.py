"""What operators and readers see: health, metrics, the documents of the API."""

from __future__ import annotations

import hmac
from typing import Literal

from msgspec import Struct

import zhike
from zhike.access.addresses import is_loopback
from zhike.access.rights import public
from zhike.errors import ZhikeError
from zhike.rest.answer import JSON, Answer, encoded
from zhike.rest.openapi import document
from zhike.rest.table import Call, Route

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip")


class Live(Struct):
    """The process runs."""

    status: Literal["live"]
    version: str


class Ready(Struct):
    """Whether it can store and answer. ``checks``: part → "ok" or what is wrong."""

    status: Literal["ready", "not_ready"]
    checks: dict[str, str]


async def live(_call: Call) -> Live:
    """Answers as long as the process runs."""
    return Live("live", zhike.__version__)


async def ready(call: Call) -> Answer:
    """503 while starting, draining, or without its database."""
    health = await call.to.probe.health()
    return encoded(
        Ready("ready" if health.ready else "not_ready", health.checks), 200 if health.ready else 503
    )


async def metrics(call: Call) -> Answer:
    """Prometheus text. From this machine freely; from elsewhere with the token of the settings."""
    token = call.to.settings.metrics.token
    shown = call.headers.get("authorization", "").partition(" ")[2].strip()
    if token and shown and hmac.compare_digest(shown.encode("utf-8", "replace"), token.encode()):
        pass
    elif not is_loopback(call.address) or any(name in call.headers for name in _FORWARDED):
        # a proxy on this machine speaks for somebody, whether we trust its word or not: not local
        raise ZhikeError("unauthenticated")
    return Answer(call.to.probe.metrics(), 200, METRICS_TYPE, [(b"cache-control", b"no-store")])


async def openapi(call: Call) -> Answer:
    """This API as OpenAPI 3.1."""
    return Answer(
        document(call.to),
        200,
        JSON,
        [(b"cache-control", b"no-cache"), (b"access-control-allow-origin", b"*")],
    )


async def asyncapi(call: Call) -> Answer:
    """The WebSocket protocol as AsyncAPI 3."""
    return Answer(
        call.to.asyncapi(),
        200,
        JSON,
        [(b"cache-control", b"no-cache"), (b"access-control-allow-origin", b"*")],
    )


_PROBES = public("Load balancers and orchestrators ask without a credential; the answer names no data.")
_MANUAL = public("The documentation of the API is no secret; it is the same in every installation.")

ROUTES = [
    Route(
        "GET",
        "/health/live",
        live,
        _PROBES,
        ("Is the process alive", "进程是否存活"),
        answer=Live,
        budget="none",
    ),
    Route(
        "GET",
        "/health/ready",
        ready,
        _PROBES,
        ("Can it store and answer", "是否可以服务"),
        answer=Ready,
        other=(503,),
        budget="none",
    ),
    Route(
        "GET",
        "/metrics",
        metrics,
        public("Scrapers on this machine have no credential; from elsewhere the handler asks for the token."),
        ("Metrics", "监控指标"),
        text=METRICS_TYPE,
        budget="none",
        errors=("unauthenticated",),
    ),
    Route(
        "GET",
        "/api/v1/openapi.json",
        openapi,
        _MANUAL,
        ("This document", "接口文档（JSON）"),
        text=JSON,
        budget="none",
    ),
    Route(
        "GET",
        "/api/v1/asyncapi.json",
        asyncapi,
        _MANUAL,
        ("The WebSocket protocol", "WebSocket 协议"),
        text=JSON,
        budget="none",
    ),
]
