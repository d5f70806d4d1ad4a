"""Single sign-on: away to the identity provider, and back."""

from __future__ import annotations

import logging
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from zhike.access.rights import public
from zhike.access.sessions import set_cookie
from zhike.access.sso import CALLBACK, COOKIE, WAY_S, Identity, host_of
from zhike.errors import ZhikeError
from zhike.rest.answer import Answer, Headers
from zhike.rest.routes.account import note
from zhike.rest.table import Call, Route
from zhike.store import identities

log = logging.getLogger(__name__)
SIGN_IN = "/console/sign-in"
MAX_ISSUER, MAX_SUBJECT = 190, 255


class SsoStart(Struct, forbid_unknown_fields=True):
    """``to``: the console's page to come back to."""

    to: Annotated[str, Meta(max_length=200)] = ""


class SsoBack(Struct):
    """What the provider sends people back with; it may say more, which is not looked at."""

    OTHERS_MAY_ADD: ClassVar[bool] = True

    code: Annotated[str, Meta(max_length=4000)] = ""
    state: Annotated[str, Meta(max_length=200)] = ""
    error: Annotated[str, Meta(max_length=200)] = ""


def _cookie(call: Call, value: str) -> bytes:
    # Lax: it must come along when the provider sends the browser back
    return (f"{COOKIE}={value}; Path={CALLBACK}; HttpOnly; SameSite=Lax; Max-Age={WAY_S if value else 0}"
            + ("; Secure" if call.secure else "")).encode()


def _away(to: str, headers: Headers) -> Answer:
    return Answer(b"", 303, "text/plain", [(b"location", to.encode("ascii")), (b"cache-control", b"no-store"),
                                 (b"referrer-policy", b"no-referrer"), *headers])


def _cookie_of(call: Call) -> str:
    for part in call.headers.get("cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE and len(value) <= 4000:
            return value
    return ""


async def begin_sso(call: Call) -> Answer:
    """Sends the browser to the identity provider."""
    query: SsoStart = call.query
    try:
        url, cookie = await call.to.sso.begin(query.to)
    except ZhikeError as error:
        return _refused(call, error)
    return _away(url, [(b"set-cookie", _cookie(call, cookie))])


async def finish_sso(call: Call) -> Answer:
    """Takes the browser back from the identity provider and signs in; what went wrong stands on the sign-in
    page."""
    query: SsoBack = call.query
    try:
        if query.error or not query.code:
            raise ZhikeError("sso_refused", f"The provider says: {query.error or 'no code'}.")
        identity, to = await call.to.sso.finish(query.code, query.state, _cookie_of(call))
        return await _signed_in(call, identity, to)
    except ZhikeError as error:
        return _refused(call, error)


async def _signed_in(call: Call, identity: Identity, to: str) -> Answer:
    sso = call.to.sso
    sso.check_domain(identity)
    if len(identity.issuer) > MAX_ISSUER or len(identity.subject) > MAX_SUBJECT:
        raise ZhikeError("sso_failed", "The provider's issuer or subject is too long.")
    found = await call.to.store.write(
        identities.find_or_link, identity.issuer, identity.subject, identity.email, identity.name,
        sso.new_role, call.now)
    agent = found.agent
    if found.how != "known":
        await note(call, agent, f"agent.sso_{found.how}", issuer=identity.issuer, subject=identity.subject)
    await note(call, agent, "agent.signed_in", by=host_of(identity.issuer))
    token, _ = await call.to.access.sessions.open(agent, call.address, call.user_agent)
    return _away(to, [(b"set-cookie", set_cookie(token, secure=call.secure).encode()),
                      (b"set-cookie", _cookie(call, ""))])


def _refused(call: Call, error: ZhikeError) -> Answer:
    log.warning("single sign-on failed", extra={"cause": error.detail or error.code})
    return _away(f"{SIGN_IN}?sso={error.code}", [(b"set-cookie", _cookie(call, ""))])


ROUTES = [
    Route("GET", "/api/v1/sso/start", begin_sso,
          public("Signing in is how a session begins; it sends the browser to the provider that is set."),
          ("Begin single sign-on", "开始单点登录"), status=303, query=SsoStart, text="text/plain"),
    Route("GET", CALLBACK, finish_sso,
          public("The provider sends the browser here; a signed cookie and the provider's token prove it."),
          ("Come back from single sign-on", "单点登录返回"), status=303, query=SsoBack, text="text/plain"),
]
