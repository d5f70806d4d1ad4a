"""The way to a browser: Web Push (RFC 8030), signed and encrypted by the desk itself.

::

    POST <the address that the browser gave>
    Authorization: vapid t=…, k=…          (access/webpush.py)
    Content-Encoding: aes128gcm
    TTL: 3540                              s for which the push service keeps it: later it is no news
    Topic: c42                             what comes later of the same conversation takes its place
    Urgency: high

The body is JSON for the console's sw.ts: ``title``, ``body``, ``tag``, ``url``. The push service sees none of
it, and visitors' words are never part of it; names are veiled, for they may stand on a locked screen.

201 (or another 2xx): the service has it. 404, 410: the browser is gone for good. All else is tried again by
the notifier's own rule.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import msgspec

from zhike.access import webpush
from zhike.access.outbound import Outbound
from zhike.access.targets import BadTarget, is_this_machine
from zhike.access.targets import Target as Address
from zhike.clock import NowMs
from zhike.desk.notify.post import Gone, NotTold, post, short
from zhike.desk.notify.words import Link, line, many, title
from zhike.domain.notice import Notice, Target
from zhike.store.notify import EXPIRES_MS

MAX_SINGLE = 3
"""What comes at once beyond it is told as a number: a telephone that rings twenty times tells nothing."""
FRESH_S = 3600
"""A token is used again until it has this long to live."""
CALM = ("trouble_over", "test")
GONE = (404, 410)
SHOWN_CHARS = 200


class Shown(msgspec.Struct):
    """What the browser shows. ``tag``: takes the place of what it shows under the same one."""

    title: str
    body: str
    tag: str
    url: str


class _Message(NamedTuple):
    shown: Shown
    topic: str
    ttl_s: int
    urgency: str


class PushWay:
    """See the module.

    Args:
        key: the desk's private key.
        subject: where the people of a push service reach whoever runs this desk.
        link: conversation → the address under which agents open it; 0: the list.
        veil: hides what is personal in a visitor's name.
        allow_private: push services of one's own network, for desks that have such.
    """

    def __init__(self, outbound: Outbound, key: Callable[[], Awaitable[str]], now_ms: NowMs, subject: str,
                 link: Link, veil: Callable[[str], str], *, allow_private: bool = False) -> None:
        self._out = outbound
        self._key = key
        self._now_ms = now_ms
        self._subject = subject
        self._link = link
        self._veil = veil
        self._allow_private = allow_private
        self._tokens: dict[str, tuple[int, str]] = {}

    async def checked(self, endpoint: str) -> Address:
        """The address of a push service, looked up. Agents give these, so this very machine, which a robot of
        an admin's may be on, is out of reach, too.

        Raises:
            BadTarget: nothing of ours may go there.
            OSError: the name cannot be looked up now.
        """
        address = await self._out.resolve(endpoint)
        if address.scheme != "https":
            raise BadTarget("must start with https://")
        if not self._allow_private and any(map(is_this_machine, address.addresses)):
            raise BadTarget(f"{address.host} is this machine")
        return address

    async def tell(self, target: Target, notices: Sequence[Notice]) -> None:
        """Tells a browser these.

        Raises:
            NotTold: one of them did not arrive (:class:`Gone`: nothing ever will).
        """
        try:
            address = await self.checked(target.body.address)
        except (BadTarget, OSError) as error:
            raise NotTold(str(error)) from error
        key = await self._key()
        loop = asyncio.get_running_loop()
        for message in self._messages(target, notices):
            headers, body = await loop.run_in_executor(None, self._sealed, key, address, target, message)
            status, answer = await post(self._out, address, headers, body)
            if status in GONE:
                raise Gone(f"the push service answered {status}: it does not know this browser any more")
            if not 200 <= status < 300:
                raise NotTold(f"the push service answered {status}: {short(answer)}")

    def _messages(self, target: Target, notices: Sequence[Notice]) -> list[_Message]:
        now, lang = self._now_ms(), target.body.lang
        ttl_s = max(60, (EXPIRES_MS - (now - min(one.at for one in notices))) // 1000)
        if len(notices) > MAX_SINGLE:
            shown = Shown(many(len(notices), lang), line(self._veiled(notices[-1]), lang, now)[:SHOWN_CHARS],
                          "zhike-many", self._link(0))
            return [_Message(shown, "many", ttl_s, "high")]
        found: list[_Message] = []
        for one in notices:
            topic = f"c{one.conversation}" if one.conversation else one.kind.partition("_")[0]
            shown = Shown(title(one, lang), line(self._veiled(one), lang, now)[:SHOWN_CHARS],
                          f"zhike-{one.conversation or topic}", self._link(one.conversation))
            found.append(_Message(shown, topic, ttl_s, "normal" if one.kind in CALM else "high"))
        return found

    def _veiled(self, notice: Notice) -> Notice:
        return msgspec.structs.replace(notice, who=self._veil(notice.who)) if notice.who else notice

    def _sealed(self, key: str, address: Address, target: Target, message: _Message
                ) -> tuple[dict[str, str], bytes]:
        """Headers and body. In a thread: the library is imported here, and a curve is a millisecond."""
        origin = f"https://{address.host}" + (f":{address.port}" if address.port != 443 else "")
        now_s = self._now_ms() // 1000
        good_until_s, header = self._tokens.get(origin, (0, ""))
        if good_until_s - now_s < FRESH_S:
            header = webpush.authorization(key, origin, self._subject, now_s)
            self._tokens[origin] = (now_s + webpush.LIFETIME_S, header)
        p256dh, _, auth = target.body.secret.partition(".")
        body = webpush.encrypt(msgspec.json.encode(message.shown), *webpush.browser_keys(p256dh, auth))
        return {"Authorization": header, "Content-Encoding": "aes128gcm",
                "Content-Type": "application/octet-stream", "TTL": str(message.ttl_s),
                "Topic": message.topic, "Urgency": message.urgency}, body
