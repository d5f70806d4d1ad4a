"""Mail: whether it is set up, and a test. It is set in the settings file."""

from __future__ import annotations

import asyncio
from datetime import datetime
from tempfile import TemporaryFile
from typing import IO, Annotated, Literal

from msgspec import Meta, Struct

from zhike.access.rights import ADMIN, ADMIN_ONLY, public
from zhike.access.signature import HEADER, verify
from zhike.clock import to_datetime
from zhike.errors import ZhikeError
from zhike.rest.decode import FieldFault
from zhike.rest.routes.notify_targets import Told
from zhike.rest.table import Call, Route
from zhike.rest.upload import Upload
from zhike.rest.write import audited
from zhike.store import reach
from zhike.store.notify import MAIL_ADDRESS

MAX_PIPED_BYTES = 20 << 20


class MailboxView(Struct):
    """Where answers are read. ``looked_at``: when it last went well; ``error``: what was wrong at the last
    look of any instance, "" = nothing. ``inbox``: where mails that answer none of ours begin a
    conversation."""

    host: str
    user: str
    folder: str
    inbox: str
    looked_at: datetime | None = None
    failed_at: datetime | None = None
    error: str = ""


class Checked(Struct):
    """How many mails are in the folder."""

    mails: int


class Taken(Struct):
    """What became of a mail: stored, duplicate, bounce, stopped … (see the manual)."""

    outcome: str


class MailView(Struct):
    """``sender``: the address that mail comes from; empty while it is not set up."""

    ready: bool
    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    sender: str
    mailbox: MailboxView | None = None


class MailTest(Struct, forbid_unknown_fields=True):
    """Where the test goes."""

    to: Annotated[str, Meta(min_length=3, max_length=320)]


def _time(at: int | None) -> datetime | None:
    return None if at is None else to_datetime(at)


async def get_mail(call: Call) -> MailView:
    """How mail is set up, without its password."""
    own = call.to.settings.mail
    box = None
    if own.imap_host:
        place = await call.to.store.read(reach.place, reach.box_name(own.imap_user, own.imap_host,
                                                                     own.imap_folder))
        box = MailboxView(own.imap_host, own.imap_user, own.imap_folder, own.inbox, _time(place.looked_at),
                          _time(place.failed_at), place.last_error)
    return MailView(bool(own.host), own.host, own.port, own.security, own.sender,  # type: ignore[arg-type]
                    box)


async def check_mailbox(call: Call) -> Checked:
    """Signs in to the mailbox with the answers and opens its folder; what the server says is told as it
    is."""
    return Checked(await call.to.outreach.check_mailbox())


async def incoming_mail(call: Call) -> Taken:
    """Takes one mail, as it is (RFC 5322), from a mail server that pipes it. The header ``X-Zhike-Signature``
    signs it with ``mail.pipe_secret``, as callbacks are signed. Bringing the same mail again does no harm."""
    secret = call.to.settings.mail.pipe_secret
    header = call.headers.get(HEADER.lower(), "")
    if not secret or not header:
        raise ZhikeError("unauthenticated")
    body: Upload = call.body
    body.limit_bytes = min(body.limit_bytes, MAX_PIPED_BYTES)
    body.check()
    with TemporaryFile() as file:
        async for piece in body:  # to the disk: nobody fills the memory before the signature is checked
            await asyncio.to_thread(file.write, piece)
        raw = await asyncio.to_thread(_whole, file)
    if not verify(secret, raw, header, call.now // 1000):
        raise ZhikeError("unauthenticated", "X-Zhike-Signature does not match, or is too old.")
    return Taken(await call.to.outreach.take_mail(raw))


def _whole(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


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
        "POST",
        "/api/v1/mail/check",
        check_mailbox,
        ADMIN_ONLY,
        ("Try the mailbox", "测试收信邮箱"),
        answer=Checked,
        errors=("no_mail", "mail_failed"),
    ),
    Route(
        "POST",
        "/api/v1/mail/incoming",
        incoming_mail,
        public("A mail server has no session: every mail is signed with a secret that the operator set, and "
               "nothing is taken without one."),
        ("Bring a mail", "送入一封邮件"),
        answer=Taken,
        upload=True,
        budget="upload",
        errors=("unauthenticated", "unsupported_type", "file_too_large", "request_timeout", "bad_request",
                "overloaded", "starting"),
    ),
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
