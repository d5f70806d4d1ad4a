"""The second factor of one's own account, and an admin's way to take a lost one away."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from zhike.access import qr, rights, totp
from zhike.access.addresses import bucket_of
from zhike.access.rights import ADMIN_ONLY, SELF
from zhike.domain.agent import Agent
from zhike.errors import ZhikeError
from zhike.rest.decode import FieldFault, path_id
from zhike.rest.routes.account import Password
from zhike.rest.table import Call, Route
from zhike.rest.write import audited
from zhike.store import agents
from zhike.store import second_factors as rows

ISSUER = "zhike"
MAX_QR_BYTES = 400
"""An address so long that it does not fit is typed."""


class TotpBegun(Struct):
    """``secret`` to type, ``uri`` for an app to read, ``qr_svg`` the same as a picture ("" = too long for
    one). It counts once a code was confirmed."""

    secret: str
    uri: str
    qr_svg: str


class TotpCode(Struct, forbid_unknown_fields=True):
    """The 6 digits that the app shows."""

    code: Annotated[str, Meta(min_length=1, max_length=16)]


class RecoveryCodes(Struct):
    """Each signs in once instead of a code; shown this once."""

    recovery_codes: list[str]


class PasswordProof(Struct, forbid_unknown_fields=True):
    """The present password proves that it is you."""

    password: Password


async def _me(call: Call) -> Agent:
    agent = await call.to.store.read(agents.get, call.principal.id)
    if agent is None:
        raise ZhikeError("session_revoked")
    return agent


async def begin_totp(call: Call) -> TotpBegun:
    """A new secret for an authenticator app. Nothing changes until a code of it was confirmed."""
    agent = await _me(call)
    secret = totp.new_secret()
    if not await call.to.store.write(rows.begin, agent.id, secret):
        raise ZhikeError("conflict", "A second factor is on already; switch it off first.")
    uri = totp.uri(secret, agent.email, ISSUER)
    return TotpBegun(secret, uri, qr.svg(uri) if len(uri) <= MAX_QR_BYTES else "")


async def confirm_totp(call: Call) -> RecoveryCodes:
    """Switches the second factor on; from now on signing in asks for a code."""
    body: TotpCode = call.body
    agent = await _me(call)
    throttle = call.to.access.throttle
    factor = await call.to.store.read(rows.get, agent.id)
    if factor is None or factor.on:
        raise ZhikeError("conflict", "Begin first.")
    throttle.begin_code(agent.email, call.now / 1000)
    step = totp.matching_step(factor.secret, body.code, call.now, 0)
    if step is None:
        raise FieldFault("code", "`code` is not what the app shows now; check the phone's clock.",
                         "`code` 不是验证器现在显示的数字；请检查手机时间。")
    throttle.code_succeeded(agent.email)
    codes = totp.new_recovery_codes()
    digests = [totp.recovery_digest(code) for code in codes]
    done = await audited(call, "agent.totp_on", f"agent:{agent.id}", None, rows.confirm, agent.id,
                         factor.secret, step, digests, call.now)
    if not done:
        raise ZhikeError("conflict", "Begin again.")
    return RecoveryCodes(codes)


async def remove_totp(call: Call) -> None:
    """Switches one's own second factor off."""
    body: PasswordProof = call.body
    agent = await _me(call)
    access = call.to.access
    household = bucket_of(call.address)
    access.throttle.begin(agent.email, household, call.now / 1000)
    if not await access.passwords.verify(agent.password_hash, body.password):
        raise FieldFault("password", "`password` is not right.", "密码不正确。")
    access.throttle.succeeded(agent.email, household)
    await audited(call, "agent.totp_off", f"agent:{agent.id}", None, rows.remove, agent.id)


async def take_totp_away(call: Call) -> None:
    """For somebody who lost their phone and the recovery codes: signing in takes the password alone, until
    they set up a new one. Their sessions end."""
    agent = await call.to.store.read(agents.get, path_id(call.path["id"]))
    if agent is None:
        raise ZhikeError("not_found")
    rights.check_grant(call.principal.role or "agent", agent.role, None)
    await audited(call, "agent.totp_taken", f"agent:{agent.id}", None, rows.remove, agent.id)
    await call.to.store.write(agents.change, agent.id, {}, end_sessions=True)
    call.to.access.sessions.ended(agent.id)


ROUTES = [
    Route("POST", "/api/v1/me/totp/begin", begin_totp, SELF,
          ("Begin a second factor", "开始设置两步验证"), answer=TotpBegun),
    Route("POST", "/api/v1/me/totp/confirm", confirm_totp, SELF,
          ("Switch the second factor on", "开启两步验证"), answer=RecoveryCodes, body=TotpCode,
          example={"code": "287082"}),
    Route("DELETE", "/api/v1/me/totp", remove_totp, SELF,
          ("Switch my second factor off", "关闭自己的两步验证"), status=204, body=PasswordProof,
          example={"password": "a long passphrase"}),
    Route("DELETE", "/api/v1/agents/{id}/totp", take_totp_away, ADMIN_ONLY,
          ("Take a lost second factor away", "取消他人丢失的两步验证"), status=204),
]
