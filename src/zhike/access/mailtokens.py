"""Says which conversation a mail belongs to: a short signed token in its Message-ID.

``zk-<conversation>-<seq>-<mac>``, in lower case throughout, because mail servers may fold the local part of
an address. Whoever answers a mail names its Message-ID in ``In-Reply-To`` and ``References``, whatever their
provider; that is enough. The token says where an answer goes and may stop the mail to this address; nothing
else.
"""

from __future__ import annotations

import base64
import hmac
import re
from typing import NamedTuple

MAC_CHARS = 20
"""100 bits: nobody guesses one by mail."""
_TOKEN = re.compile(r"zk-([0-9]{1,16})-([0-9]{1,16})-([a-z2-7]{20})", re.IGNORECASE | re.ASCII)
MAX_SEARCHED_CHARS = 200_000


class Named(NamedTuple):
    """What a token names: a message of a conversation (0: the conversation as a whole)."""

    conversation_id: int
    seq: int


class MailTokens:
    """Makes and finds tokens.

    Args:
        secret: the instance's secret.
    """

    def __init__(self, secret: bytes) -> None:
        # a key of its own for this one use: nothing else signed by the instance can pass for a token
        self._key = hmac.digest(secret, b"zhike mail token v1", "sha256")

    def make(self, conversation_id: int, seq: int = 0) -> str:
        """The token of a message."""
        return f"zk-{conversation_id}-{seq}-{self._mac(conversation_id, seq)}"

    def find(self, *texts: str) -> Named | None:
        """What the last genuine token in the first text that has one names: ``References`` ends with the
        message that was answered."""
        for text in texts:
            for found in reversed(list(_TOKEN.finditer(text[:MAX_SEARCHED_CHARS]))):
                conversation_id, seq = int(found[1]), int(found[2])
                if hmac.compare_digest(self._mac(conversation_id, seq), found[3].lower()):
                    return Named(conversation_id, seq)
        return None

    def _mac(self, conversation_id: int, seq: int) -> str:
        digest = hmac.digest(self._key, b"%d:%d" % (conversation_id, seq), "sha256")
        return base64.b32encode(digest).decode().lower()[:MAC_CHARS]
