"""The ways to a target: three group robots, mail, a signed webhook, and a browser (:mod:`.push`). Each tries
once.

What robots want, and how they answer. Their documents were not within reach; these facts are from
descriptions by users of each, read 2026-11-26, and marked where only one tells:

* WeCom 企业微信: ``{"msgtype": "text", "text": {"content"}}``, 2,048 bytes; ``errcode`` 0; 20 a minute, then
  45009.
* DingTalk 钉钉: the same, with ``timestamp`` (ms) and ``sign`` in the URL: base64 of HMAC-SHA256 of
  ``timestamp\\nsecret`` under the secret; ``errcode`` 0; 20 a minute.
* Feishu 飞书: ``{"timestamp", "sign", "msg_type": "text", "content": {"text"}}``; the timestamp in seconds,
  the sign base64 of HMAC-SHA256 of *nothing* under ``timestamp\\nsecret``; ``code`` 0 (or ``StatusCode``).

All three answer 200 with an error inside, so the body decides.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any
from urllib.parse import quote

import msgspec

from zhike.access.mailer import Mailer, MailError, MailUnclear
from zhike.access.outbound import Outbound, said
from zhike.access.signature import HEADER, sign
from zhike.access.targets import BadTarget
from zhike.clock import NowMs
from zhike.desk.notify.post import NotTold, post, short
from zhike.desk.notify.push import PushWay
from zhike.desk.notify.words import Link, subject, text
from zhike.domain.notice import Notice, Target
from zhike.errors import Lang
from zhike.store.notify import addresses

TIMEOUT_S = 30.0
"""One whole attempt: name look-up, several addresses, mail."""
ROBOT_BYTES = 2000
"""WeCom takes 2,048 bytes of text; the others take more."""

encode = msgspec.json.Encoder().encode


class WebhookNotice(msgspec.Struct, frozen=True):
    """What a program is sent: the notices as they are, and the words."""

    event: str
    text: str
    notices: tuple[Notice, ...]


def fit(words: str, limit_bytes: int) -> str:
    """At most so many bytes of UTF-8, whole characters and an ellipsis."""
    data = words.encode()
    if len(data) <= limit_bytes:
        return words
    return data[:limit_bytes - 3].decode(errors="ignore") + "…"


def dingtalk_url(url: str, secret: str, now_ms: int) -> str:
    """The robot's URL with its signature; as it is for a robot without signing."""
    if not secret:
        return url
    digest = hmac.new(secret.encode(), f"{now_ms}\n{secret}".encode(), hashlib.sha256).digest()
    return f"{url}&timestamp={now_ms}&sign={quote(base64.b64encode(digest).decode(), safe='')}"


def feishu_sign(secret: str, at_s: int) -> str:
    """The signature that a Feishu robot compares."""
    return base64.b64encode(hmac.new(f"{at_s}\n{secret}".encode(), b"", hashlib.sha256).digest()).decode()


def mail_of(mailer: Mailer, recipients: Sequence[str], notices: Sequence[Notice], lang: Lang, now_ms: int,
            link: Link) -> EmailMessage:
    """Notices as a mail."""
    message = EmailMessage()
    message["From"], message["To"] = mailer.settings.sender, ", ".join(recipients)
    message["Subject"] = subject(notices, lang, now_ms)
    message["Date"] = formatdate(now_ms / 1000)
    message["Message-ID"] = make_msgid(domain=mailer.address.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notice answers it
    message.set_content(text(notices, lang, now_ms, link), cte="base64")
    return message


class Ways:
    """See the module.

    Args:
        link: conversation → the address under which agents open it.
        push: the way to a browser.
    """

    def __init__(self, outbound: Outbound, mailer: Mailer, now_ms: NowMs, link: Link, push: PushWay) -> None:
        self._out = outbound
        self._push = push
        self._mailer = mailer
        self._now_ms = now_ms
        self._link = link

    async def tell(self, target: Target, notices: Sequence[Notice]) -> None:
        """Tells a target these, in one message.

        Raises:
            NotTold: it did not arrive, or nobody can say.
        """
        now, body = self._now_ms(), target.body
        words = text(notices, body.lang, now, self._link)
        short = fit(words, ROBOT_BYTES)
        match target.kind:
            case "push":
                await self._push.tell(target, notices)
            case "email":
                await self._mail(target, notices)
            case "webhook":
                await self._webhook(target, words, notices)
            case "wecom":
                await self._robot(body.address, {"msgtype": "text", "text": {"content": short}}, "errcode")
            case "dingtalk":
                await self._robot(dingtalk_url(body.address, body.secret, now),
                                  {"msgtype": "text", "text": {"content": short}}, "errcode")
            case "feishu":
                signed = ({"timestamp": str(now // 1000), "sign": feishu_sign(body.secret, now // 1000)}
                          if body.secret else {})
                await self._robot(body.address, {**signed, "msg_type": "text",
                                                 "content": {"text": short}}, "code")

    async def close(self) -> None:
        """Closes idle connections."""
        await self._out.close()

    async def _mail(self, target: Target, notices: Sequence[Notice]) -> None:
        recipients = addresses(target.body.address)
        message = mail_of(self._mailer, recipients, notices, target.body.lang, self._now_ms(), self._link)
        try:
            await self._mailer.send(message, recipients)
        except (MailError, MailUnclear) as error:
            raise NotTold(str(error)) from error

    async def _webhook(self, target: Target, words: str, notices: Sequence[Notice]) -> None:
        data = encode(WebhookNotice("notice.created", words, tuple(notices)))
        keys = hashlib.sha256("\n".join(one.key for one in notices).encode()).hexdigest()
        status, answer = await self._post(target.body.address, data, {
            "Idempotency-Key": f"{target.id}-{keys[:32]}",
            HEADER: sign(target.body.secret, data, self._now_ms() // 1000)})
        if not 200 <= status < 300:
            raise NotTold(f"the receiver answered {status}: {short(answer)}")

    async def _robot(self, url: str, body: dict[str, Any], code_name: str) -> None:
        status, answer = await self._post(url, encode(body), {})
        if status != 200:
            raise NotTold(f"the robot answered {status}: {short(answer)}")
        try:
            told = msgspec.json.decode(answer)
            code = told.get(code_name, told.get("StatusCode"))
        except (msgspec.DecodeError, AttributeError):
            raise NotTold(f"not a robot's answer: {short(answer)}") from None
        if code != 0:
            raise NotTold(f"{code}: {short(str(told.get('errmsg') or told.get('msg') or '').encode())}")

    async def _post(self, url: str, data: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        try:
            checked = await self._out.resolve(url)
        except (BadTarget, OSError) as error:
            raise NotTold(said(error) if isinstance(error, OSError) else str(error)) from error
        return await post(self._out, checked, {"Content-Type": "application/json; charset=utf-8", **headers},
                          data)
