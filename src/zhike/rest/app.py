"""Builds the HTTP application from the table and the ports.

    app = build(settings=…, store=…, access=…, desk=…, hub=…, probe=…, quality=…, files=…,
                outreach=…, panel=…, hooks=…, uploads=…, asyncapi=…)

Importing this file imports Litestar (the slow part of a start); ``serve`` does it in its warm-up
thread, and may build there, too: nothing here needs a running loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from litestar import Litestar, Request
from litestar.config.app import AppConfig
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, Receive, Scope, Send
from litestar.utils import normalize_path

from zhike.access.bundle import Access
from zhike.access.rights import Right
from zhike.clock import NowMs, now_ms
from zhike.config import Settings
from zhike.errors import ZhikeError
from zhike.files.uploads import Uploads
from zhike.rest import edge
from zhike.rest.answer import Answer, Headers, error_answer, language
from zhike.rest.context import Context
from zhike.rest.endpoint import endpoint, refuse
from zhike.rest.ports import (
    Desk,
    Hooks,
    Hub,
    KnowledgeFiles,
    Observe,
    Outreach,
    Panel,
    Probe,
    Quality,
    Store,
)
from zhike.rest.routes import all_routes
from zhike.rest.table import Route


def _ignore(route: str, method: str, status: int, took_s: float) -> None:
    """Nobody counts."""


METHODS: tuple[Any, ...] = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class RestApp(Litestar):
    """Litestar with our edge around every answer, 404 included."""

    __slots__ = ("context",)

    context: Context

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        await edge.serve(super().__call__, scope, receive, send, self.context.observe, self.allowed)

    def end_polls(self) -> None:
        """Answers every waiting long poll now; call it when the process begins to drain."""
        self.context.end_polls()

    def allowed(self, path: str) -> str:
        """The methods of a path, as the Allow header names them; "" if there is no such path."""
        found = []
        for method in METHODS:
            try:
                self.asgi_router.handle_routing(path=normalize_path(path), method=method)
            except HTTPException:
                continue
            found.append(method)
        return ", ".join([*found, "OPTIONS"]) if found else ""


def _on_error(request: Request[Any, Any, Any], error: Exception) -> Any:
    """The one shape, whatever went wrong and wherever."""
    call: Any = request.scope.get("zhike_call")
    lang = call.lang if call is not None else language(request.headers.get("accept-language", ""))
    refusal = refuse(error)
    headers: Headers = []
    if refusal.code == "method_not_allowed":
        allow = (getattr(error, "headers", None) or {}).get("allow", "")  # Litestar knows the others
        headers = [(b"allow", allow.encode())]
    return error_answer(refusal, lang, headers)


def check_table(routes: list[Route]) -> None:
    """Fails closed: no route without a right, none twice.

    Raises:
        ZhikeError: ``config_error`` naming the route.
    """
    seen: set[str] = set()
    for route in routes:
        if not isinstance(route.right, Right):
            raise ZhikeError("config_error", f"{route.name} declares no right.")
        if route.name in seen:
            raise ZhikeError("config_error", f"{route.name} is declared twice.")
        seen.add(route.name)


def check_app(app: Litestar) -> None:
    """Fails closed: every handler that Litestar knows comes from the table and has its guard.

    Raises:
        ZhikeError: ``config_error`` naming the route.
    """
    for http_route in app.routes:
        for handler in getattr(http_route, "route_handlers", [getattr(http_route, "route_handler", None)]):
            methods: set[str] = getattr(handler, "http_methods", set())
            if methods == {"OPTIONS"}:  # Litestar's own: names the methods of a path
                continue
            row = getattr(handler, "opt", {}).get("route")
            if not isinstance(row, Route) or not handler.guards:
                raise ZhikeError("config_error", f"{http_route.path} has no row in the table of routes.")


def build(
    *,
    settings: Settings,
    store: Store,
    access: Access,
    desk: Desk,
    hub: Hub,
    probe: Probe,
    quality: Quality,
    files: KnowledgeFiles,
    outreach: Outreach,
    panel: Panel,
    hooks: Hooks,
    uploads: Uploads,
    asyncapi: Callable[[], bytes],
    observe: Observe = _ignore,
    now: NowMs = now_ms,
    public_url: str = "",
    routes: list[Route] | None = None,
) -> RestApp:
    """The HTTP application.

    Args:
        settings: of the process.
        store, desk, hub, probe, quality, files, outreach, panel, hooks: see :mod:`zhike.rest.ports`.
        access: :class:`zhike.access.bundle.Access`, the one that the gateway uses, too.
        uploads: files that people send.
        asyncapi: gives the WebSocket protocol's document as JSON.
        observe: told of every answered request.
        public_url: the address people use, where the settings leave it open (port 0).
        routes: another table (tests).

    Raises:
        ZhikeError: ``config_error`` if a route has no right.
    """
    context = Context(
        settings=settings,
        store=store,
        access=access,
        desk=desk,
        hub=hub,
        probe=probe,
        quality=quality,
        files=files,
        outreach=outreach,
        panel=panel,
        hooks=hooks,
        uploads=uploads,
        asyncapi=asyncapi,
        observe=observe,
        now=now,
        public_url=public_url,
    )
    context.routes = all_routes(sample_shop=settings.sample.shop) if routes is None else routes
    check_table(context.routes)

    def configure(config: AppConfig) -> AppConfig:
        config.openapi_config = None  # ours is made from the table
        return config

    app = RestApp(
        route_handlers=[endpoint(context, route) for route in context.routes],
        exception_handlers={Exception: cast(Any, _on_error)},
        on_app_init=[configure],
        openapi_config=None,
        logging_config=None,
        request_max_body_size=None,
        signature_types=[ASGIApp],
    )
    app.context = context
    check_app(app)
    return app


__all__ = ["Answer", "Receive", "RestApp", "Scope", "Send", "build", "check_app", "check_table"]
