"""Sends what the desk says to the inbox's ``callback_url``: signed JSON, once per message.

::

    POST <callback_url>
    Content-Type: application/json
    Idempotency-Key: 42-7                      (conversation-seq; the same at every attempt)
    X-Zhike-Signature: t=1790000000,v1=…       (access/signature.py)

    {"event": "message.created", "inbox": "shop", "contact": "c:1001", "lang": "zh",
     "message": {"conversation": 42, "seq": 7, "direction": "outgoing", "text": "…", …}}

The receiver answers 2xx once it has the message for good, and acts on each ``Idempotency-Key``
once; it may answer ``{"id": "…"}``, which is kept as a receipt. Other answers:

With ``mask_pii: true`` phones, addresses and the like in ``text`` are placeholders such as
``[PHONE_1]``, and the values do not leave the desk.

* 400, 405, 410, 413, 414, 415, 422: it will never take this message → ``failed``.
* everything else (3xx too: redirects are not followed) → tried again, not before ``Retry-After``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from zhike.access.outbound import Outbound, not_arrived, said
from zhike.access.signature import HEADER, sign
from zhike.access.targets import BadTarget, Target
from zhike.clock import NowMs
from zhike.domain.conversation import Conversation
from zhike.domain.knowledge import Inbox
from zhike.domain.message import Message
from zhike.domain.views import view_of
from zhike.domain.wire import MessageView
from zhike.jobs.outbox import Failed, Outcome, Retry, Sent
from zhike.store.outbox import OutboxRow

REFUSED_FOR_GOOD = frozenset({400, 405, 410, 413, 414, 415, 422})
CONNECT_S = 5.0
ANSWER_S = 10.0
TIMEOUT_S = 20.0
"""One whole attempt, name look-up included."""
MAX_RETRY_AFTER_S = 3600.0
NOT_SET_UP_S = 60.0
"""An inbox without address or secret: the admin will set it; messages wait up to a day."""
MAX_ANSWER_BYTES = 4096

encode = msgspec.json.Encoder().encode


class Callback(msgspec.Struct, frozen=True):
    """The body."""

    event: str
    inbox: str
    contact: str
    lang: str
    message: MessageView


class Receipt(msgspec.Struct, frozen=True):
    """What the receiver may answer."""

    id: str = ""


class ApiChannel:
    """See the module; a :class:`zhike.jobs.outbox.Deliver`.

    Args:
        inbox: an inbox as it is in memory, by id.
        allow_private: callbacks may go to addresses of private networks.
        ssl_context: for tests with their own certificate authority; default: the system's.
    """

    resend = True
    together = False
    timeout_s = TIMEOUT_S

    def __init__(self, inbox: Callable[[int], Inbox | None], now_ms: NowMs, *, allow_private: bool = False,
                 ssl_context: Any = None) -> None:
        self._inbox = inbox
        self._now_ms = now_ms
        self._out = Outbound(allow_private=allow_private, ssl_context=ssl_context)

    async def deliver(self, row: OutboxRow, message: Message, conversation: Conversation) -> Outcome:
        """See :class:`zhike.jobs.outbox.Deliver`."""
        inbox = self._inbox(row.inbox_id)
        if inbox is None:
            return Retry("the inbox is not known (any more)", NOT_SET_UP_S)
        url, secret = (str(inbox.settings.get(name) or "") for name in ("callback_url", "callback_secret"))
        if not url or not secret:
            return Retry("the inbox has no callback_url or no callback_secret", NOT_SET_UP_S)
        try:
            target = await self._out.resolve(url)
        except BadTarget as error:
            return Retry(f"callback_url: {error}", NOT_SET_UP_S)
        except OSError as error:
            return Retry(f"callback_url: {error}")
        view = view_of(message, for_agent=False)
        if inbox.settings.get("mask_pii"):
            from zhike.answer.mask import redact  # its patterns take a while to build

            view = msgspec.structs.replace(view, text=redact(view.text))
        body = encode(Callback("message.created", inbox.key, conversation.sender, conversation.lang, view))
        headers = {"Content-Type": "application/json", "User-Agent": "zhike",
                   "Idempotency-Key": row.idempotency_key,
                   HEADER: sign(secret, body, self._now_ms() // 1000)}
        return await self._post(target, body, headers)

    async def close(self) -> None:
        """Closes idle connections."""
        await self._out.close()

    # ---- one request -------------------------------------------------------------------------

    async def _post(self, target: Target, body: bytes, headers: dict[str, str]) -> Outcome:
        import httpx2

        try:
            async with self._out.request("POST", target, headers=headers, body=body, timeout_s=ANSWER_S,
                                         connect_s=CONNECT_S) as response:
                return await self._judge(response)
        except (httpx2.TransportError, httpx2.InvalidURL) as error:
            return Retry(said(error), maybe=not not_arrived(error))

    async def _judge(self, response: Any) -> Outcome:
        status = response.status_code
        if 200 <= status < 300:
            return Sent(await _receipt(response))
        if status in REFUSED_FOR_GOOD:
            return Failed(f"the receiver answered {status}")
        after_s = _retry_after_s(response.headers.get("retry-after", ""))
        return Retry(f"the receiver answered {status}", after_s, maybe=status >= 500)


async def _receipt(response: Any) -> str:
    """The receiver's id of the message, if it gave one. Whatever else it says is not read."""
    body = b""
    try:
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MAX_ANSWER_BYTES:
                return ""
        return msgspec.json.decode(body, type=Receipt).id if body else ""
    except Exception:  # the status said that it arrived; the rest is a courtesy
        return ""


def _retry_after_s(value: str) -> float:
    """Seconds of a Retry-After header (dates are not read: our own pauses do)."""
    return min(float(value), MAX_RETRY_AFTER_S) if value.isascii() and value.isdigit() else 0.0
