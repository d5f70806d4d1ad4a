"""Sends what the outbox holds for webhooks: signed JSON, in the order of each conversation.

::

    POST <url>
    Content-Type: application/json
    Idempotency-Key: evt_1024                  (the event; the same at every attempt)
    X-Zhike-Event: message.created
    X-Zhike-Signature: t=1790000000,v1=…       (access/signature.py; two while a secret is replaced)

The receiver answers 2xx once it has the event for good. 400, 405, 413, 414, 415 and 422: it will never take
this one, and the next goes on. 410: it wants nothing any more, and the webhook is paused. Everything else is
tried again for a day (:mod:`zhike.jobs.outbox`).

A webhook that has taken nothing for a day, or for which too much waits, is paused: what waited has failed and
can be sent again from the console; operators are told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from zhike.access.outbound import Outbound, said
from zhike.access.signature import HEADER, sign
from zhike.access.targets import BadTarget, Target
from zhike.clock import NowMs
from zhike.domain.hook import HookEvent, Tried, Webhook, hook_id
from zhike.domain.knowledge import Inbox
from zhike.jobs.outbox import Failed, Outcome, Retry, Sent
from zhike.store import webhooks
from zhike.store.engine import Store
from zhike.store.outbox import OutboxRow
from zhike.webhooks.payload import InboxPart, body_of, complete, event_id, load, sample, written

REFUSED_FOR_GOOD = frozenset({400, 405, 413, 414, 415, 422})
GONE = 410
CONNECT_S = 5.0
ANSWER_S = 10.0
TIMEOUT_S = 20.0
"""One whole attempt, name look-up included."""
MAX_RETRY_AFTER_S = 3600.0
PAUSE_AFTER_MS = 24 * 3_600_000
"""As long as a row is tried: what comes after that has no chance either."""
MAX_WAITING = 20_000
"""Rows that wait for one webhook: some twenty megabytes."""
COUNT_EVERY_S = 10.0
MAX_ANSWER_BYTES = 4096
MAX_SHOWN_CHARS = 2000

Trouble = Callable[[str, str], Awaitable[None]]
"""Told of a webhook that was paused: (part, why)."""


class HookSender:
    """See the module; a :class:`zhike.jobs.outbox.Carrier`.

    Args:
        inboxes: the inboxes in memory, by id. ``names``: of agents.
        changed: awaited when a webhook was paused or works again: whoever keeps them reads them anew.
    """

    resend = True
    timeout_s = TIMEOUT_S
    together = False

    def __init__(self, store: Store, outbound: Outbound, now_ms: NowMs, *,
                 inboxes: Callable[[], Mapping[int, Inbox]], names: Callable[[], Mapping[int, str]],
                 changed: Callable[[], Awaitable[object]], trouble: Trouble) -> None:
        self._store = store
        self._out = outbound
        self._now_ms = now_ms
        self._inboxes = inboxes
        self._names = names
        self._changed = changed
        self._trouble = trouble
        self._counted_s: dict[int, float] = {}

    async def close(self) -> None:
        """Closes idle connections."""
        await self._out.close()

    # ---- one row -------------------------------------------------------------------------------

    async def carry(self, row: OutboxRow) -> Outcome:
        """See :class:`zhike.jobs.outbox.Carrier`."""
        hook = await self._store.read(webhooks.get, hook_id(row.channel))
        what = row.note.event
        if hook is None or what is None:
            return Failed("the webhook was deleted")
        if not hook.active:
            return Failed(webhooks.OFF if not hook.enabled else "the webhook is paused")
        if await self._too_much(hook):
            return Failed("too much waits for this webhook")
        found = await self._store.read(load, row, what)
        if not complete(row, what, found):
            return Failed("what it tells of was deleted before it was sent")
        body = body_of(row, what, found, self._inboxes().get(row.inbox_id), self._names())
        data = await _off_loop(written, body, hook)
        outcome = await self._post(hook, event_id(row.seq), what.event, data)
        return await self._settle(hook, outcome)

    async def _settle(self, hook: Webhook, outcome: Outcome) -> Outcome:
        """How the webhook stands after an attempt. Only the first success after failures is written."""
        if isinstance(outcome, Sent):
            if hook.failing_since is not None:
                await self._store.write(webhooks.works, hook.id)
            return outcome
        if not isinstance(outcome, Failed | Retry):
            return outcome
        why = outcome.why
        if isinstance(outcome, Failed) and why.endswith(str(GONE)):
            await self._pause(hook, why)
            return outcome
        if isinstance(outcome, Retry):
            now = self._now_ms()
            since = await self._store.write(webhooks.fails, hook.id, why, now)
            if now - since >= PAUSE_AFTER_MS:
                await self._pause(hook, f"nothing has arrived for a day: {why}")
                return Failed(why)
        return outcome

    async def _too_much(self, hook: Webhook) -> bool:
        """Looked at now and then: a receiver may also be too slow without ever failing."""
        now_s = asyncio.get_running_loop().time()
        if now_s - self._counted_s.get(hook.id, -COUNT_EVERY_S) < COUNT_EVERY_S:
            return False
        self._counted_s[hook.id] = now_s
        if await self._store.read(webhooks.waiting, hook.id, MAX_WAITING + 1) <= MAX_WAITING:
            return False
        await self._pause(hook, f"more than {MAX_WAITING:,} events wait: the receiver is too slow or away")
        return True

    async def _pause(self, hook: Webhook, why: str) -> None:
        if await self._store.write(webhooks.pause, hook.id, why, self._now_ms()):
            await self._changed()
            await self._trouble(f"webhook {hook.name}", why)

    # ---- a test --------------------------------------------------------------------------------

    async def test(self, hook: Webhook, event: HookEvent) -> Tried:
        """Sends a sample at once, past the outbox, and waits for the answer."""
        first = next(iter(self._inboxes().values()), None)
        inbox = self._inboxes().get(hook.body.inbox_ids[0]) if hook.body.inbox_ids else first
        part = InboxPart(inbox.id, inbox.key, inbox.name) if inbox is not None else None
        now = self._now_ms()
        data = await _off_loop(written, sample(event, part, now, test=True), hook)
        headers = self._headers(hook, f"test_{now}", event, data)
        began_s = asyncio.get_running_loop().time()
        status, answer, error = 0, "", ""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                status, answer, _ = await self._request(await self._out.resolve(hook.body.url), headers, data)
        except TimeoutError:
            error = f"no answer within {TIMEOUT_S:.0f} s"
        except (BadTarget, OSError) as problem:
            error = str(problem)
        except Exception as problem:
            if not _is_transport(problem):
                raise
            error = said(problem)
        took_ms = (asyncio.get_running_loop().time() - began_s) * 1000
        return Tried(hook.body.url, headers, data.decode(), status, answer, error, took_ms)

    # ---- one request -----------------------------------------------------------------------------

    def _headers(self, hook: Webhook, key: str, event: str, body: bytes) -> dict[str, str]:
        now = self._now_ms()
        return {"Content-Type": "application/json", "User-Agent": "zhike", "Idempotency-Key": key,
                "X-Zhike-Event": event, HEADER: sign(hook.body.secrets(now), body, now // 1000)}

    async def _post(self, hook: Webhook, key: str, event: str, body: bytes) -> Outcome:
        began_s = asyncio.get_running_loop().time()
        try:
            target = await self._out.resolve(hook.body.url)
        except (BadTarget, OSError) as error:
            return Retry(str(error))
        try:
            status, _, after = await self._request(target, self._headers(hook, key, event, body), body)
        except Exception as error:
            if not _is_transport(error):
                raise
            return Retry(said(error))
        if 200 <= status < 300:
            return Sent(f"{status} · {(asyncio.get_running_loop().time() - began_s) * 1000:.0f} ms")
        why = f"the receiver answered {status}"
        if status == GONE or status in REFUSED_FOR_GOOD:
            return Failed(why)
        return Retry(why, _seconds(after))

    async def _request(self, target: Target, headers: dict[str, str], body: bytes) -> tuple[int, str, str]:
        """(status, the beginning of the answer, Retry-After)."""
        async with self._out.request("POST", target, headers=headers, body=body, timeout_s=ANSWER_S,
                                     connect_s=CONNECT_S) as response:
            return response.status_code, await _beginning(response), response.headers.get("retry-after", "")


async def _beginning(response: Any) -> str:
    data = b""
    try:
        async for chunk in response.aiter_bytes():
            data += chunk
            if len(data) > MAX_ANSWER_BYTES:
                break
    except Exception:  # the status has said how it went; the rest is a courtesy
        return ""
    return data[:MAX_ANSWER_BYTES].decode(errors="replace").replace("\0", "")[:MAX_SHOWN_CHARS]


def _seconds(retry_after: str) -> float:
    """Of a Retry-After header (dates are not read: our own pauses do)."""
    if not (retry_after.isascii() and retry_after.isdigit()):
        return 0.0
    return min(float(retry_after), MAX_RETRY_AFTER_S)


def _is_transport(error: Exception) -> bool:
    import httpx2

    return isinstance(error, httpx2.HTTPError | httpx2.InvalidURL)


async def _off_loop(fn: Callable[..., bytes], *args: object) -> bytes:
    """In a thread: masking a long text takes a while, its patterns longer the first time."""
    return await asyncio.get_running_loop().run_in_executor(None, fn, *args)
