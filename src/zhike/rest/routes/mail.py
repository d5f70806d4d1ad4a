"""Mail: whether it is set up, and a test. It is set in the settings file."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from zhike.access.rights import ADMIN, ADMIN_ONLY
from zhike.errors import ZhikeError
from zhike.rest.decode import FieldFault
from zhike.rest.routes.notify_targets import Told
from zhike.rest.table import Call, Route
from zhike.rest.write import audited
from zhike.store.notify import MAIL_ADDRESS


class MailView(Struct):
    """``sender``: the address that mail comes from; empty while it is not set up."""

    ready: bool
    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    sender: str


class MailTest(Struct, forbid_unknown_fields=True):
    """Where the test goes."""

    to: Annotated[str, Meta(min_length=3, max_length=320)]


async def get_mail(call: Call) -> MailView:
    """How mail is set up, without its password."""
    own = call.to.settings.mail
    return MailView(bool(own.host), own.host, own.port, own.security, own.sender)  # type: ignore[arg-type]


async def test_mail(call: Call) -> Told:
    """Sends a test mail and waits for the server's answer; what the server says is told as it is."""
    body: MailTest = call.body
    if not MAIL_ADDRESS.fullmatch(body.to):
        raise FieldFault("to", "`to` is no mail address.", "`to` 不是邮箱地址。")
    if not call.to.settings.mail.host:
        raise ZhikeError("no_mail")
    await audited(call, "mail.tested", "mail", {"to": body.to}, lambda conn: None)
    return Told(round(await call.to.outreach.test_mail(body.to, call.lang), 1))


test_mail.__test__ = False  # type: ignore[attr-defined]

ROUTES = [
    Route(
        "GET", "/api/v1/mail", get_mail, ADMIN, ("See how mail is set up", "邮件的设置情况"), answer=MailView
    ),
    Route(
        "POST",
        "/api/v1/mail/test",
        test_mail,
        ADMIN_ONLY,
        ("Send a test mail", "发送测试邮件"),
        answer=Told,
        body=MailTest,
        errors=("no_mail", "mail_failed"),
        example={"to": "li.na@shop.example"},
    ),
]
