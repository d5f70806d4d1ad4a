"""One's own sign-ins, and links with which somebody chooses a new password."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from zhike.access import passwords, rights, tokens
from zhike.access.addresses import bucket_of
from zhike.access.rights import ADMIN_ONLY, SELF, public
from zhike.access.sessions import LIFETIME_MS
from zhike.clock import to_datetime
from zhike.errors import ZhikeError
from zhike.ids import new_token
from zhike.rest.decode import path_id
from zhike.rest.routes.account import Password
from zhike.rest.table import Call, Route
from zhike.rest.views import Page
from zhike.rest.write import audited
from zhike.store import agents, resets
from zhike.store import sessions as rows

RESET_LIFETIME_MS = 24 * 3600 * 1000
RESET_PAGE = "/console/reset"


class SessionView(Struct):
    """One sign-in. ``last_used_at`` is exact to an hour. ``current``: the one that asks."""

    id: int
    created_at: datetime
    last_used_at: datetime
    address: str
    user_agent: str
    current: bool


class ResetLink(Struct):
    """``link``: works once, for 24 hours; shown once. The token stands after ``#``, so it reaches no log."""

    link: str
    expires_at: datetime


class Reset(Struct, forbid_unknown_fields=True):
    """``token``: what stands after ``#token=`` in the link."""

    token: Annotated[str, Meta(min_length=1, max_length=100)]
    password: Password


async def list_my_sessions(call: Call) -> Page[SessionView]:
    """Where one is signed in, the newest first."""
    assert call.session is not None
    found = await call.to.store.read(rows.of_agent, call.principal.id, call.now)
    return Page([SessionView(
        rows.number_of(row.token_hash), to_datetime(row.created_at),
        to_datetime(max(row.created_at, row.expires_at - LIFETIME_MS)), row.address, row.user_agent,
        row.token_hash == call.session.token_hash) for row in found], None)


async def end_my_session(call: Call) -> None:
    """Signs one of one's own sign-ins out, wherever it is."""
    agent_id = call.principal.id
    gone = await audited(call, "agent.session_ended", f"agent:{agent_id}", None,
                         rows.delete_numbered, agent_id, path_id(call.path["id"]))
    call.to.access.sessions.closed(agent_id, gone)


async def make_reset_link(call: Call) -> ResetLink:
    """A link with which this agent chooses a new password. An earlier one ends. Only an owner makes one for
    an owner."""
    agent = await call.to.store.read(agents.get, path_id(call.path["id"]))
    if agent is None:
        raise ZhikeError("not_found")
    rights.check_grant(call.principal.role or "agent", agent.role, None)
    if not agent.enabled:
        raise ZhikeError("conflict", "This agent is switched off.")
    token = new_token(24)
    expires_at = call.now + RESET_LIFETIME_MS
    await audited(call, "agent.reset_link_made", f"agent:{agent.id}", None, resets.put, agent.id,
                  tokens.digest(token), expires_at)
    link = f"{call.to.public_url.rstrip('/')}{RESET_PAGE}#token={token}"
    return ResetLink(link, to_datetime(expires_at))


async def reset_password(call: Call) -> None:
    """Chooses a new password with a link. All sign-ins of the account end; sign in afterwards, with the code
    of the second factor if there is one."""
    body: Reset = call.body
    access = call.to.access
    household = bucket_of(call.address)
    access.throttle.begin(f"reset {household}", household, call.now / 1000)
    digest = tokens.digest(body.token)
    agent = await call.to.store.read(resets.check, digest, call.now)
    passwords.check_strength(body.password, email=agent.email)
    stored = await access.passwords.hash(body.password)
    call.principal = rights.Principal("agent", agent.id, agent.name, agent.role)  # the token said who it is
    await audited(call, "agent.password_reset", f"agent:{agent.id}", None, resets.use, digest, stored,
                  call.now)
    access.throttle.succeeded(f"reset {household}", household)
    access.sessions.ended(agent.id)


ROUTES = [
    Route("GET", "/api/v1/me/sessions", list_my_sessions, SELF,
          ("Where I am signed in", "我的登录"), answer=Page[SessionView]),
    Route("DELETE", "/api/v1/me/sessions/{id}", end_my_session, SELF,
          ("Sign one of my sign-ins out", "退出某处登录"), status=204),
    Route("POST", "/api/v1/agents/{id}/reset-link", make_reset_link, ADMIN_ONLY,
          ("Make a password reset link", "生成重设密码的链接"), answer=ResetLink, status=201),
    Route("POST", "/api/v1/reset", reset_password,
          public("Who lost the password cannot sign in; the one-time token is the credential; throttled."),
          ("Choose a new password with a link", "用链接重设密码"), status=204, body=Reset,
          errors=("link_expired",), example={"token": "…", "password": "a long passphrase"}),
]
