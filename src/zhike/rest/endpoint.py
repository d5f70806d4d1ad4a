"""From a row of the table to a Litestar handler: decode, call, encode."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast

from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Guard

from zhike.access.addresses import bucket_of
from zhike.errors import ZhikeError
from zhike.rest.answer import Answer, empty, encoded
from zhike.rest.context import Context
from zhike.rest.decode import BodyDecoder, QueryDecoder
from zhike.rest.guard import admit
from zhike.rest.privacy import check_change, is_veiled, veiled, veiled_value
from zhike.rest.reach import check_fields, check_path
from zhike.rest.table import Call, Route
from zhike.rest.upload import Upload

log = logging.getLogger(__name__)
BODY_TIMEOUT_S = 15.0
"""A body that trickles in must not hold a place for longer."""


async def read_body(receive: Any, headers: dict[str, str], limit_bytes: int) -> bytes:
    """The whole request body.

    Raises:
        ZhikeError: unsupported_type, too_long, request_timeout, bad_request (the client left).
    """
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        # also what keeps plain forms of other sites out: they cannot send this type
        raise ZhikeError("unsupported_type", f"({content_type[:60]})" if content_type else "")
    declared = headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > 12 or int(declared) > limit_bytes):
        raise ZhikeError("too_long", f"(> {limit_bytes} bytes)")
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ZhikeError("bad_request", "The body ended early.")
                part = message.get("body", b"")
                size += len(part)
                if size > limit_bytes:
                    raise ZhikeError("too_long", f"(> {limit_bytes} bytes)")
                parts.append(part)
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError as error:
        raise ZhikeError("request_timeout") from error


def _bodiless(headers: dict[str, str]) -> bool:
    """True for a request that says it has no body."""
    length = headers.get("content-length")
    return length == "0" or (length is None and not {"transfer-encoding", "content-type"} & set(headers))


def _gone(receive: Any) -> Any:
    async def wait() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    return wait


def _finish(route: Route, result: Any) -> Answer:
    if isinstance(result, Answer):
        return result
    if result is None:
        return empty()
    return encoded(result, route.status)


def endpoint(context: Context, route: Route) -> HTTPRouteHandler:
    """The Litestar handler of ``route``."""
    decode_query = QueryDecoder(route.query) if route.query is not None else None
    decode_body = BodyDecoder(route.body) if route.body is not None else None
    room = context.rooms.get(route.budget)
    limit_bytes = route.body_limit_bytes or context.settings.api.body_limit_bytes

    async def run(request: Request[Any, Any, Any]) -> ASGIApp:
        call = cast(Call, request.scope["zhike_call"])  # type: ignore[typeddict-item]
        call.path = {name: str(value) for name, value in request.scope["path_params"].items()}
        household = bucket_of(call.address)
        if room is not None:
            room.enter(household)
        try:
            await check_path(call, route)
            if decode_query is not None:
                call.query = decode_query(request.scope["query_string"])
            if decode_body is not None and not (route.body_optional and _bodiless(call.headers)):
                call.body = decode_body(await read_body(request.receive, call.headers, limit_bytes))
            if route.upload:
                call.body = Upload(request.receive, call.headers, context.settings.files.max_bytes)
            check_fields(call)
            call.gone = _gone(request.receive)
            veils = is_veiled(call, route)
            if veils:
                check_change(call, route)
            try:
                answer = _finish(route, await route.handler(call))
            except ZhikeError as error:
                if veils and error.details:
                    error.details = veiled_value(error.details)
                raise
            return cast(ASGIApp, veiled(answer) if veils else answer)
        finally:
            if room is not None:
                room.leave(household)

    async def guard(connection: Any, _handler: Any) -> None:
        await admit(context, route, connection.scope)

    methods: Any = (
        [route.method, "HEAD"] if route.method == "GET" and route.budget == "none" else [route.method]
    )
    path = route.path if ":path" in route.path else route.path.replace("}", ":str}")
    return HTTPRouteHandler(
        path,
        http_method=methods,
        guards=[cast(Guard, guard)],
        opt={"route": route},
        name=route.name,
        status_code=200,
        include_in_schema=False,
    )(run)


def refuse(error: Exception) -> ZhikeError:
    """Any exception as one of ours; what nobody foresaw is logged."""
    from litestar.exceptions import HTTPException

    if isinstance(error, ZhikeError):
        return error
    if isinstance(error, HTTPException):
        code = {
            404: "not_found",
            405: "method_not_allowed",
            413: "too_long",
            401: "unauthenticated",
            403: "forbidden",
            415: "unsupported_type",
        }.get(error.status_code)
        if code is None and error.status_code < 500:
            code = "bad_request"
        if code is not None:
            return ZhikeError(code)
    from sqlalchemy.exc import IntegrityError

    if isinstance(error, IntegrityError):  # a row came or went between our look and our write
        log.info("a write met another one", exc_info=error)
        return ZhikeError("conflict")
    log.error("request failed", exc_info=error)
    internal = ZhikeError("internal", retry_after_s=5.0)
    internal.__cause__ = error
    return internal
