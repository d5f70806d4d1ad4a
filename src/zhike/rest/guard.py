"""The one guard: address, limits, identity, right. It runs before anything of the request is read.

It fails closed: a handler without a row of the table, or a row without a right, lets nobody in.
"""

from __future__ import annotations

from typing import Any

from zhike.access import addresses, origins, rights
from zhike.access.limits import Buckets
from zhike.access.rights import SAFE_METHODS, Principal
from zhike.access.sessions import CSRF_HEADER, Session, check_csrf, cookie_of
from zhike.access.tokens import API_KEY_PREFIX
from zhike.errors import ZhikeError
from zhike.rest.answer import language
from zhike.rest.context import Context
from zhike.rest.table import Call, Route

MAX_CREDENTIAL_CHARS = 4096


def headers_of(scope: Any) -> dict[str, str]:
    """Headers by lower-case name; repeated ones are joined with commas (cookies: semicolons)."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if name in headers:
            value = headers[name] + ("; " if name == "cookie" else ", ") + value
        headers[name] = value
    return headers


def open_call(context: Context, scope: Any) -> Call:
    """The call as far as it is known before anybody was identified."""
    headers = headers_of(scope)
    client = scope.get("client")
    peer = client[0] if client else ""
    address = addresses.client_address(peer, headers.get("x-forwarded-for", ""), context.proxies)
    public_url = context.settings.server.public_url
    secure = (
        scope.get("scheme") == "https"
        or public_url.startswith("https:")
        or (
            addresses.is_trusted(peer, context.proxies)
            and headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower() == "https"
        )
    )
    return Call(
        to=context,
        path={},
        address=address,
        lang=language(headers.get("accept-language", "")),
        origin=headers.get("origin", ""),
        host=headers.get("host", ""),
        user_agent=headers.get("user-agent", ""),
        now=context.now(),
        headers=headers,
        secure=secure,
    )


def _limit(buckets: Buckets, caller: object, now_ms: int) -> None:
    wait_s = buckets.take(caller, now_ms / 1000)
    if wait_s:
        raise ZhikeError("rate_limited", retry_after_s=round(wait_s + 0.05, 1))


async def identify(context: Context, call: Call) -> tuple[Principal, Session | None]:
    """Who sends the request: a bearer token says so, else the cookie.

    Raises:
        ZhikeError: unauthenticated, bad_identity, session_revoked.
    """
    scheme, _, credential = call.headers.get("authorization", "").partition(" ")
    if scheme:
        credential = credential.strip()
        if scheme.lower() != "bearer" or not credential or len(credential) > MAX_CREDENTIAL_CHARS:
            raise ZhikeError("unauthenticated", "Use `Authorization: Bearer …`.")
        if credential.startswith(API_KEY_PREFIX):
            return await context.access.api_keys.find(credential), None
        visitor = context.access.visitors.verify(credential, call.now // 1000)
        return Principal("visitor", inbox_id=visitor.inbox_id, sender=visitor.sender), None
    cookie = cookie_of(call.headers.get("cookie", ""))
    if not cookie or len(cookie) > MAX_CREDENTIAL_CHARS:
        return rights.ANONYMOUS, None
    session = await context.access.sessions.find(cookie)
    agent = session.agent
    return Principal("agent", agent.id, agent.name, agent.role, lang=agent.lang, scope=session.scope), session


async def admit(context: Context, route: Route | None, scope: Any) -> Call:
    """Lets a request in, or raises.

    Raises:
        ZhikeError: rate_limited, unauthenticated, bad_identity, session_revoked, csrf, forbidden.
    """
    call = open_call(context, scope)
    scope["zhike_call"] = call
    if route is None or not isinstance(route.right, rights.Right):
        raise ZhikeError("forbidden")
    if route.budget == "none":  # health, files: cheap, and needed most when everything else is too much
        if route.right.who != "public":
            raise ZhikeError("forbidden")
        return call
    household = addresses.bucket_of(call.address)
    _limit(context.callers_by_address, household, call.now)
    if route.right.who == "public":
        _limit(context.callers, household, call.now)
        return call
    try:
        principal, session = await identify(context, call)
    except ZhikeError:
        _limit(context.callers, household, call.now)  # guessing is slower than asking
        raise
    rights.check(route.right, principal, scope["method"])
    caller = (principal.kind, principal.id, principal.inbox_id, principal.sender)
    _limit(context.callers, caller, call.now)
    if session is not None and scope["method"] not in SAFE_METHODS:
        check_csrf(session, call.headers.get(CSRF_HEADER, ""))
        if call.origin and not origins.same_origin(call.origin, call.host, context.public_url):
            raise ZhikeError("csrf", "The request comes from another site.")
    call.principal, call.session = principal, session
    if principal.lang in ("zh", "en") and "accept-language" not in call.headers:
        call.lang = "zh" if principal.lang == "zh" else "en"
    return call
