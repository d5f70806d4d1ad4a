"""The owner's own way to send an SMS: one signed request that hands over number, text and link.

::

    POST <sms_url>
    Content-Type: application/json
    Idempotency-Key: 42-7-sms                  (the same at every attempt)
    X-Zhike-Signature: t=1790000000,v1=…       (access/signature.py, the inbox's callback_secret)

    {"event": "visitor.missed", "inbox": "shop", "conversation": 42, "lang": "zh", "to": "13800138000",
     "text": "【商店】…", "link": "https://shop.example/help"}

The receiver answers 2xx once it will send it, and acts on each ``Idempotency-Key`` once.
"""

from __future__ import annotations

import msgspec

from zhike.access.outbound import Outbound, not_arrived, said
from zhike.access.signature import HEADER, sign
from zhike.access.targets import BadTarget
from zhike.jobs.outbox import Failed, Outcome, Retry, Sent

REFUSED_FOR_GOOD = frozenset({400, 405, 410, 413, 414, 415, 422})
CONNECT_S = 5.0
ANSWER_S = 10.0
NOT_SET_UP_S = 60.0

encode = msgspec.json.Encoder().encode


class Sms(msgspec.Struct, frozen=True):
    """The body."""

    event: str
    inbox: str
    conversation: int
    lang: str
    to: str
    text: str
    link: str


async def send(out: Outbound, url: str, secret: str, key: str, sms: Sms, now_ms: int) -> Outcome:
    """Tries once. A time-out may have arrived: the same key makes another attempt harmless."""
    import httpx2

    body = encode(sms)
    headers = {"Content-Type": "application/json", "User-Agent": "zhike", "Idempotency-Key": key,
               HEADER: sign(secret, body, now_ms // 1000)}
    try:
        target = await out.resolve(url)
        async with out.request("POST", target, headers=headers, body=body, timeout_s=ANSWER_S,
                               connect_s=CONNECT_S) as response:
            status = int(response.status_code)
    except BadTarget as error:
        return Retry(f"sms_url: {error}", NOT_SET_UP_S)
    except (httpx2.TransportError, httpx2.InvalidURL) as error:
        return Retry(said(error), maybe=not not_arrived(error))
    except OSError as error:
        return Retry(f"sms_url: {error}")
    if 200 <= status < 300:
        return Sent()
    if status in REFUSED_FOR_GOOD:
        return Failed(f"the SMS action answered {status}")
    return Retry(f"the SMS action answered {status}", maybe=status >= 500)
