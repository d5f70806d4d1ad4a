"""Signing in and out, the first admin, and the caller's own account."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from sqlalchemy import Connection

from zhike.access import passwords, rights, tokens, totp
from zhike.access.addresses import bucket_of
from zhike.access.rights import AGENT, SELF, public
from zhike.access.sessions import Session, set_cookie
from zhike.clock import to_datetime
from zhike.domain.agent import Agent
from zhike.errors import ZhikeError
from zhike.rest.answer import Answer, empty, encoded
from zhike.rest.decode import printable
from zhike.rest.table import Call, Route
from zhike.rest.views import AgentView, agent_view
from zhike.rest.write import audited
from zhike.store import agents, audit, scopes, second_factors

Email = Annotated[str, Meta(min_length=3, max_length=200, pattern=r"^[^@\s]+@[^@\s]+$")]
PersonName = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\S")]
Password = Annotated[str, Meta(min_length=1, max_length=passwords.MAX_CHARS)]
Lang = Literal["", "zh", "en"]
Code = Annotated[str, Meta(max_length=64)]


class Login(Struct, forbid_unknown_fields=True):
    """Email and password of an agent. ``code``: of the authenticator app, or a recovery code, when an answer
    ``totp_required`` asked for it."""

    email: Annotated[str, Meta(min_length=1, max_length=200)]
    password: Password
    code: Code = ""


class Setup(Struct, forbid_unknown_fields=True):
    """``token``: what stands after ``#token=`` in the one-time link."""

    token: Annotated[str, Meta(min_length=1, max_length=100)]
    email: Email
    name: PersonName
    password: Password
    lang: Lang = ""


class SetupState(Struct):
    """``needed``: nobody owns the desk yet. ``sso``: what the button of single sign-on says, "" = none."""

    needed: bool
    sso: str = ""


class ApiKeyInfo(Struct):
    """The key that is used."""

    id: int
    name: str
    role: str


class Me(Struct):
    """Who calls. A session has ``agent`` and ``csrf_token``; a key has ``api_key``. ``rights``: what the role
    may, in words (read, speak, supervise, report, administer, own). ``inbox_ids`` empty: every inbox.
    ``totp``: signing in asks for a code. ``max_file_bytes``: the largest file that may be uploaded."""

    kind: Literal["agent", "key"]
    role: str
    agent: AgentView | None
    api_key: ApiKeyInfo | None
    csrf_token: str
    expires_at: datetime | None
    rights: list[str] = []
    inbox_ids: list[int] = []
    team_ids: list[int] = []
    totp: bool = False
    max_file_bytes: int = 0


class PasswordChange(Struct, forbid_unknown_fields=True):
    """The present password proves that it is you."""

    current: Password
    new: Password


class MyChange(Struct, forbid_unknown_fields=True):
    """What people change about themselves. A new password ends all other sessions."""

    name: PersonName | None = None
    lang: Lang | None = None
    password: PasswordChange | None = None


def _mine(conn: Connection, agent: Agent) -> tuple[list[int], list[int], bool]:
    factor = second_factors.get(conn, agent.id)
    inbox_ids = [] if agent.at_least("admin") else scopes.inboxes_of(conn, agent.id)
    return inbox_ids, scopes.teams_of(conn, agent.id), factor is not None and factor.on


async def me_of(call: Call, session: Session) -> Me:
    """What a page needs to know of the person who is signed in."""
    agent = session.agent
    inbox_ids, team_ids, totp = await call.to.store.read(_mine, agent)
    return Me(
        "agent",
        agent.role,
        agent_view(agent),
        None,
        session.csrf,
        to_datetime(session.expires_at),
        rights.names(agent.role),
        inbox_ids,
        team_ids,
        totp,
        call.to.settings.files.max_bytes,
    )


async def signed_in(call: Call, agent: Agent, status: int = 200) -> Answer:
    """Opens a session: the answer carries its cookie."""
    token, session = await call.to.access.sessions.open(agent, call.address, call.user_agent)
    cookie = set_cookie(token, secure=call.secure)
    return encoded(await me_of(call, session), status, [(b"set-cookie", cookie.encode())])


async def note(call: Call, agent: Agent, action: str, **detail: Any) -> None:
    """What somebody did about their own account, in the audit."""
    await call.to.store.write(
        audit.add,
        call.now,
        f"agent:{agent.id} {agent.name}",
        action,
        f"agent:{agent.id}",
        {"address": call.address, **detail},
    )


async def check_code(call: Call, agent: Agent, code: str) -> bool:
    """Whether the second factor, if there is one, was shown.

    Returns:
        False: there is one, and no code came with the request.

    Raises:
        ZhikeError: ``bad_code``, ``rate_limited``.
    """
    store, throttle = call.to.store, call.to.access.throttle
    factor = await store.read(second_factors.get, agent.id)
    if factor is None or not factor.on:
        return True
    if not code.strip():
        return False
    throttle.begin_code(agent.email, call.now / 1000)
    step = totp.matching_step(factor.secret, code, call.now, factor.last_step)
    if step is not None and await store.write(second_factors.use_step, agent.id, step):
        throttle.code_succeeded(agent.email)
        return True
    left = await store.write(second_factors.use_recovery, agent.id, totp.recovery_digest(code))
    if left is None:
        await note(call, agent, "agent.code_refused")
        raise ZhikeError("bad_code", field="code")
    throttle.code_succeeded(agent.email)
    await note(call, agent, "agent.recovery_code_used", left=left)
    return True


async def login(call: Call) -> Answer:
    """Signs in. The answer to a wrong password and to an unknown address is the same and takes as long."""
    body: Login = call.body
    access = call.to.access
    household = bucket_of(call.address)
    access.throttle.begin(body.email, household, call.now / 1000)
    agent = await call.to.store.read(agents.by_email, body.email)
    right = await access.passwords.verify(agent.password_hash if agent is not None else "", body.password)
    if agent is None or not right or not agent.enabled:
        raise ZhikeError("bad_credentials")
    if not await check_code(call, agent, body.code):
        access.throttle.unfinished(body.email, household)
        raise ZhikeError("totp_required", field="code")
    access.throttle.succeeded(body.email, household)
    if passwords.needs_rehash(agent.password_hash):
        stored = await access.passwords.hash(body.password)
        await call.to.store.write(agents.change, agent.id, {"password_hash": stored}, end_sessions=False)
    await note(call, agent, "agent.signed_in")
    return await signed_in(call, agent)


async def logout(call: Call) -> Answer:
    """Ends this session."""
    assert call.session is not None
    await call.to.access.sessions.close(call.session)
    return empty([(b"set-cookie", set_cookie("", secure=call.secure).encode())])


async def get_me(call: Call) -> Me:
    """Who calls, and the CSRF token of the session."""
    if call.session is not None:
        return await me_of(call, call.session)
    who = call.principal
    role = who.role or "agent"
    inbox_ids = sorted(who.scope.inbox_ids or ())
    info = ApiKeyInfo(who.id, who.name, role)
    return Me("key", role, None, info, "", None, rights.names(role), inbox_ids,
              max_file_bytes=call.to.settings.files.max_bytes)


async def change_me(call: Call) -> Any:
    """Changes one's own name, language or password."""
    body: MyChange = call.body
    assert call.session is not None
    access = call.to.access
    agent_id = call.principal.id
    values: dict[str, Any] = {}
    if body.name is not None:
        values["name"] = printable("name", body.name)
    if body.lang is not None:
        values["lang"] = body.lang
    if body.password is not None:
        agent = await call.to.store.read(agents.get, agent_id)
        if agent is None:
            raise ZhikeError("session_revoked")
        access.throttle.begin(agent.email, bucket_of(call.address), call.now / 1000)
        if not await access.passwords.verify(agent.password_hash, body.password.current):
            raise ZhikeError("invalid_field", "password.current", field="password.current")
        access.throttle.succeeded(agent.email, bucket_of(call.address))
        passwords.check_strength(body.password.new, email=agent.email)
        values["password_hash"] = await access.passwords.hash(body.password.new)
    changed = await audited(
        call,
        "agent.updated",
        f"agent:{agent_id}",
        {"fields": sorted(values)},
        agents.change,
        agent_id,
        values,
        end_sessions=body.password is not None,
    )
    if body.password is not None:
        access.sessions.ended(agent_id)
        return await signed_in(call, changed)
    access.sessions.forget(agent_id)
    return await me_of(call, call.session._replace(agent=changed))


async def get_setup(call: Call) -> SetupState:
    """Whether the first admin has to be made, and whether there is single sign-on."""
    sso = call.to.sso.settings.name if call.to.sso.on else ""
    return SetupState(not await call.to.store.read(agents.owner_exists), sso)


async def post_setup(call: Call) -> Answer:
    """Makes the first admin (or lets one back in) with the one-time link, and signs in."""
    body: Setup = call.body
    access = call.to.access
    access.throttle.begin("setup", bucket_of(call.address), call.now / 1000)
    digest = tokens.digest(body.token)
    await call.to.store.read(agents.check_setup_link, digest, call.now)
    name, email = printable("name", body.name), printable("email", body.email)
    passwords.check_strength(body.password, email=email)
    stored = await access.passwords.hash(body.password)
    agent = await audited(
        call,
        "agent.set_up",
        lambda made: f"agent:{made.id}",
        None,
        agents.use_setup_link,
        digest,
        email,
        name,
        stored,
        body.lang,
        call.now,
    )
    access.throttle.succeeded("setup", bucket_of(call.address))
    access.sessions.ended(agent.id)
    return await signed_in(call, agent, 201)


ROUTES = [
    Route(
        "POST",
        "/api/v1/login",
        login,
        public("Signing in is how a session begins; attempts are throttled."),
        ("Sign in", "登录"),
        answer=Me,
        body=Login,
        errors=("bad_credentials", "totp_required", "bad_code"),
        example={"email": "li.na@shop.example", "password": "a long passphrase"},
    ),
    Route("POST", "/api/v1/logout", logout, SELF, ("Sign out", "退出登录"), status=204),
    Route("GET", "/api/v1/me", get_me, AGENT, ("Who am I", "当前身份"), answer=Me),
    Route(
        "PATCH",
        "/api/v1/me",
        change_me,
        SELF,
        ("Change my name, language or password", "修改自己的姓名、语言或密码"),
        answer=Me,
        body=MyChange,
        example={"lang": "zh"},
    ),
    Route(
        "GET",
        "/api/v1/setup",
        get_setup,
        public("The console must know whether to show sign-in or set-up before anybody can sign in."),
        ("Is set-up needed", "是否需要建立管理员"),
        answer=SetupState,
    ),
    Route(
        "POST",
        "/api/v1/setup",
        post_setup,
        public("The first admin cannot be signed in yet; the one-time token is the credential."),
        ("Make the first admin with the one-time link", "用一次性链接建立第一个管理员"),
        answer=Me,
        status=201,
        body=Setup,
        errors=("link_expired", "setup_done", "conflict"),
        example={
            "token": "…",
            "email": "li.na@shop.example",
            "name": "Li Na",
            "password": "a long passphrase",
        },
    ),
]
