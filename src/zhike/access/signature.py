"""Signs callbacks and notices, so that the receiver knows who calls and that nothing was replayed.

The header ``X-Zhike-Signature`` is ``t=<unix seconds>,v1=<hex>``, where hex is the HMAC-SHA256 of
``<t>.<body>`` under the secret that both sides know. The receiver computes the same over the raw
body, compares in constant time, and refuses a ``t`` more than five minutes off. While a secret is being
replaced there are two ``v1``, the new secret's first: one that fits is enough.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

HEADER = "X-Zhike-Signature"
TOLERANCE_S = 300


def sign(secret: str | Sequence[str], body: bytes, at_s: int) -> str:
    """The header's value. Several secrets: one signature by each."""
    secrets = (secret,) if isinstance(secret, str) else secret
    return ",".join((f"t={at_s}", *(f"v1={_digest(one, body, at_s)}" for one in secrets)))


def _digest(secret: str, body: bytes, at_s: int) -> str:
    return hmac.new(secret.encode(), b"%d." % at_s + body, hashlib.sha256).hexdigest()


def verify(secret: str, body: bytes, header: str, now_s: int) -> bool:
    """What a receiver does; here for tests and for integrators who write Python."""
    parts = [part.partition("=")[::2] for part in header.split(",")]
    try:
        at_s = int(next(value for name, value in parts if name == "t"))
    except (StopIteration, ValueError):
        return False
    wanted = _digest(secret, body, at_s).encode()
    good = [hmac.compare_digest(wanted, value.encode()) for name, value in parts if name == "v1"]
    return any(good) and abs(now_s - at_s) <= TOLERANCE_S
