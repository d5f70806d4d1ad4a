"""Links to files: whoever has one may read that file until it expires, and nothing else.

Pictures and players of a page cannot send a header, so the link itself carries the right. It is made for
somebody whose right was checked, and a link of the same hour is the same text, so that browsers keep what
they have loaded.
"""

from __future__ import annotations

import hmac
from typing import NamedTuple
from urllib.parse import quote

from zhike.errors import ZhikeError

STEP_S = 3600
"""A link lives for one to two hours."""


class Link(NamedTuple):
    """``path``: on our own origin. ``expires_s``: seconds since 1970."""

    path: str
    expires_s: int


class Links:
    """Signs and checks links.

    Args:
        secret: the instance's secret.
    """

    def __init__(self, secret: bytes) -> None:
        # a key of its own for this one use: nothing else signed by the instance can pass for a link
        self._key = hmac.digest(secret, b"zhike file link v1", "sha256")

    def make(self, file_id: int, name: str, now_s: int, *, steps: int = 1) -> Link:
        """A link to a file; ``name``: what it is saved as; ``steps``: hours that it lives at least."""
        expires_s = (now_s // STEP_S + 1 + steps) * STEP_S
        signed = self._sign(file_id, expires_s)
        return Link(f"/files/{file_id}/{quote(name, safe='')}?expires={expires_s}&sig={signed}", expires_s)

    def check(self, file_id: int, expires_s: int, sig: str, now_s: int) -> None:
        """Lets a link pass or raises.

        Raises:
            ZhikeError: ``file_link_expired``, also for one that nobody signed.
        """
        good = hmac.compare_digest(self._sign(file_id, expires_s).encode(), sig.encode("utf-8", "replace"))
        if not good or expires_s <= now_s:
            raise ZhikeError("file_link_expired")

    def _sign(self, file_id: int, expires_s: int) -> str:
        return hmac.digest(self._key, b"%d:%d" % (file_id, expires_s), "sha256").hex()[:32]
