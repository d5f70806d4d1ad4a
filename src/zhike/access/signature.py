"""Signs callbacks and notices, so that the receiver knows who calls and that nothing was replayed.

The header ``X-Zhike-Signature`` is ``t=<unix seconds>,v1=<hex>``, where hex is the HMAC-SHA256 of
``<t>.<body>`` under the secret that both sides know. The receiver computes the same over the raw
body, compares in constant time, and refuses a ``t`` more than five minutes off.
"""

from __future__ import annotations

import hashlib
import hmac

HEADER = "X-Zhike-Signature"
TOLERANCE_S = 300


def sign(secret: str, body: bytes, at_s: int) -> str:
    """The header's value."""
    digest = hmac.new(secret.encode(), b"%d." % at_s + body, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={digest}"


def verify(secret: str, body: bytes, header: str, now_s: int) -> bool:
    """What a receiver does; here for tests and for integrators who write Python."""
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    try:
        at_s = int(parts["t"])
    except (KeyError, ValueError):
        return False
    fresh = abs(now_s - at_s) <= TOLERANCE_S
    return hmac.compare_digest(sign(secret, body, at_s).encode(), header.encode()) and fresh
