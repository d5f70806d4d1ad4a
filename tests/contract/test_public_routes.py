"""Who may use which route: the public list is held by hand, everything else by a generated matrix."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from litestar import Litestar, get

from zhike.access import rights
from zhike.clock import now_ms
from zhike.config.sections import Api
from zhike.domain.agent import Role
from zhike.errors import ZhikeError
from zhike.rest.app import build, check_app, check_table
from zhike.rest.routes import all_routes
from zhike.rest.table import Route
from zhike.rest.zh import DESCRIPTIONS
from zhike.testing.apirig import Client, Rig

ROUTES = all_routes(sample_shop=True) + all_routes(sample_shop=False)[-1:]
CLOSED = [route for route in ROUTES if route.right.who != "public"]

ROLES: tuple[Role, ...] = ("analyst", "agent", "supervisor", "admin", "owner")
KEY_ROLES = ("analyst", "agent", "admin")
PUBLIC = {
    "GET /": "the shop's first page, or the way to the console",
    "GET /api/docs": "the manual",
    "GET /api/docs/{name}": "the manual",
    "GET /api/v1/asyncapi.json": "the manual",
    "GET /api/v1/openapi.json": "the manual",
    "GET /api/v1/setup": "sign-in or set-up?",
    "GET /console": "files only",
    "GET /console/{name:path}": "files only",
    "GET /favicon.ico": "files only",
    "GET /files/{id}/{name}": "signed link that names one file and expires",
    "GET /health/live": "load balancers",
    "GET /health/ready": "load balancers",
    "GET /mail/stop": "signed token of a mail",
    "POST /mail/stop": "signed token of a mail",
    "GET /metrics": "loopback, else a token asked for by the handler",
    "GET /preview": "files only",
    "GET /preview/{name}": "files only",
    "GET /sample": "files only",
    "GET /sample/api/orders/{number}": "invented orders, proved by number and phone tail, throttled",
    "GET /sample/{name:path}": "files only",
    "GET /widget.js": "files only",
    "GET /widget-amr.js": "files only",
    "GET /api/v1/sso/callback": "signed cookie and the provider's token",
    "GET /api/v1/sso/start": "sends to the provider that is set",
    "POST /api/v1/mail/incoming": "signed with a secret of the operator; refused without",
    "POST /api/v1/login": "throttled",
    "POST /api/v1/reset": "one-time token, throttled",
    "POST /api/v1/setup": "one-time token, throttled",
    "POST /api/v1/visitor/hello": "origin list, signed claims",
}
"""A new public route must be added here by hand, with a reason that convinces the reviewer."""


def test_the_public_routes_are_exactly_these() -> None:
    assert {route.name for route in ROUTES if route.right.who == "public"} == set(PUBLIC)


def test_every_public_route_gives_its_reason() -> None:
    for route in ROUTES:
        assert (len(route.right.reason) > 20) is (route.right.who == "public"), route.name


def test_a_route_without_a_right_does_not_start() -> None:
    broken = replace(ROUTES[0], right=None)  # type: ignore[arg-type]
    with pytest.raises(ZhikeError, match="declares no right"):
        check_table([broken])
    with pytest.raises(ZhikeError, match="declared twice"):
        check_table([ROUTES[0], ROUTES[0]])


def test_a_handler_outside_the_table_does_not_start() -> None:
    @get("/back-door")
    async def back_door() -> str:
        return "open"

    with pytest.raises(ZhikeError, match="/back-door"):
        check_app(Litestar([back_door], openapi_config=None))


def test_the_table_is_complete_and_says_everything_twice() -> None:
    for route in ROUTES:
        assert all(text.strip() for text in route.summary), route.name
        assert any("\u4e00" <= char <= "\u9fff" for char in route.summary[1]), route.name
        assert route.handler.__doc__, route.name
    assert {route.operation for route in ROUTES if route.listed} == set(DESCRIPTIONS)
    names = [route.operation for route in ROUTES if route.listed]
    assert len(names) == len(set(names))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def callers() -> AsyncIterator[dict[str, Client]]:
    """One caller of each kind, on one desk."""
    rig = await Rig(now_ms, api=Api(requests_per_minute=1_000_000)).start()
    visitor, _ = await rig.visitor()
    made = {"anonymous": rig.http, "visitor": visitor}
    for role in ROLES:
        made[role] = await rig.signed_in(role)
    for kept in KEY_ROLES:
        made[f"{kept} key"] = await rig.with_key(kept)
    yield made
    await rig.stop()


def expected(route: Route, caller: str) -> str:
    """"" = in; else the code. Written without the guard's own function."""
    kind, _, key = caller.partition(" ")
    who = route.right.who
    if who == "visitor":
        return "" if caller == "visitor" else "unauthenticated"
    if caller in ("anonymous", "visitor"):
        return "unauthenticated"
    if who == "key":
        return "" if key and kind != "analyst" else "forbidden"
    if key and not route.right.key:
        return "forbidden"
    if kind == "analyst":
        reads = route.method == "GET" and route.right.role == "agent"
        return "" if reads or route.right in (rights.SELF, rights.REPORT) else "forbidden"
    return "" if ROLES.index(kind) >= ROLES.index(route.right.role) else "forbidden"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("route", CLOSED, ids=lambda route: route.name)
async def test_matrix(callers: dict[str, Client], route: Route) -> None:
    # an id that does not exist and a body that is not JSON: who gets past the guard changes nothing
    path = route.path.replace("{id}", "4711")
    for caller, client in callers.items():
        if route.operation == "logout" and expected(route, caller) == "":
            continue  # it would end the session of the callers to come
        answer = await client(route.method, path, raw=b"{" if route.body is not None else None)
        want = expected(route, caller)
        if want:
            assert answer.code == want, (caller, answer.body)
        else:
            assert answer.status not in (401, 403), (caller, answer.body)
            assert answer.status < 500, (caller, answer.body)


@pytest.mark.asyncio(loop_scope="module")
async def test_the_matrix_notices_an_opened_route(callers: dict[str, Client]) -> None:
    """The matrix test itself can fail: a route opened by mistake is found."""
    route = next(route for route in CLOSED if route.operation == "list_agents")
    opened = replace(route, right=rights.public("by mistake, as a test of the test"))
    context: Any = callers["anonymous"].app.context
    app = build(settings=context.settings, store=context.store, access=context.access, desk=context.desk,
                hub=context.hub, probe=context.probe, quality=context.quality, files=context.knowledge_files,
                outreach=context.outreach, panel=context.panel, hooks=context.hooks,
                uploads=context.uploads,
                asyncapi=context.asyncapi, routes=[opened])
    answer = await Client(app)("GET", route.path)
    assert answer.code != expected(route, "anonymous")
