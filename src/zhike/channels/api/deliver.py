"""Sends what the desk says to the inbox's ``callback_url``: signed JSON, once per message.

::

    POST <callback_url>
    Content-Type: application/json
    Idempotency-Key: 42-7                      (conversation-seq; the same at every attempt)
    X-Zhike-Signature: t=1790000000,v1=…       (see signature.py)

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

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from zhike.access.targets import BadTarget, Target, resolve
from zhike.channels.api.signature import HEADER, sign
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
MAX_CLIENTS = 64
MAX_ADDRESSES = 3

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
    timeout_s = TIMEOUT_S

    def __init__(self, inbox: Callable[[int], Inbox | None], now_ms: NowMs, *, allow_private: bool = False,
                 ssl_context: Any = None) -> None:
        self._inbox = inbox
        self._now_ms = now_ms
        self._allow_private = allow_private
        self._ssl_context = ssl_context
        self._clients: dict[tuple[str, str, int], Any] = {}

    async def deliver(self, row: OutboxRow, message: Message, conversation: Conversation) -> Outcome:
        """See :class:`zhike.jobs.outbox.Deliver`."""
        inbox = self._inbox(row.inbox_id)
        if inbox is None:
            return Retry("the inbox is not known (any more)", NOT_SET_UP_S)
        url, secret = (str(inbox.settings.get(name) or "") for name in ("callback_url", "callback_secret"))
        if not url or not secret:
            return Retry("the inbox has no callback_url or no callback_secret", NOT_SET_UP_S)
        try:
            target = await resolve(url, allow_private=self._allow_private)
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
        clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            await client.aclose()

    # ---- one request -------------------------------------------------------------------------

    async def _post(self, target: Target, body: bytes, headers: dict[str, str]) -> Outcome:
        client = await self._client(target)
        import httpx2

        url = httpx2.URL(target.url)
        headers["Host"] = url.netloc.decode("ascii")
        sni = {"sni_hostname": target.host} if target.scheme == "https" else {}
        problem = "no address"
        for address in target.addresses[:MAX_ADDRESSES]:
            # the connection goes to the checked address; name and certificate are those of the host
            request = client.build_request("POST", url.copy_with(host=address), content=body,
                                           headers=headers, extensions=sni)
            try:
                response = await client.send(request, stream=True)
                break
            except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
                problem = _said(error)  # certainly not arrived: the next address may do
            except (httpx2.TransportError, httpx2.InvalidURL) as error:
                return Retry(_said(error), maybe=True)
        else:
            return Retry(problem)
        try:
            return await self._judge(response)
        finally:
            await response.aclose()

    async def _judge(self, response: Any) -> Outcome:
        status = response.status_code
        if 200 <= status < 300:
            return Sent(await _receipt(response))
        if status in REFUSED_FOR_GOOD:
            return Failed(f"the receiver answered {status}")
        after_s = _retry_after_s(response.headers.get("retry-after", ""))
        return Retry(f"the receiver answered {status}", after_s, maybe=status >= 500)

    async def _client(self, target: Target) -> Any:
        key = (target.scheme, target.host, target.port)
        client = self._clients.get(key)
        if client is None:
            if len(self._clients) >= MAX_CLIENTS:
                await self._clients.pop(next(iter(self._clients))).aclose()
            client = self._clients.setdefault(
                key, await asyncio.get_running_loop().run_in_executor(None, self._make_client))
        return client

    def _make_client(self) -> Any:
        """In a thread: importing the library and loading the certificates takes a while."""
        import ssl

        import httpx2

        if self._ssl_context is None:
            self._ssl_context = ssl.create_default_context()
        # a client per host: connections checked for one name are never used for another
        return httpx2.AsyncClient(
            verify=self._ssl_context, trust_env=False, follow_redirects=False,
            timeout=httpx2.Timeout(ANSWER_S, connect=CONNECT_S),
            limits=httpx2.Limits(max_connections=8, max_keepalive_connections=4, keepalive_expiry=20.0))


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")


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
