"""Unguessable tokens, and the allocator of small whole-number ids.

Rows have small integer ids (safe in JavaScript, easy to read aloud). They are handed out in blocks
of :data:`BLOCK_SIZE` per process, so that a batch of a thousand rows costs one round trip and two
processes on one database never collide. Gaps after a restart are normal and harmless.
"""

from __future__ import annotations

import secrets

BLOCK_SIZE = 1000


def new_token(nbytes: int = 24) -> str:
    """A URL-safe random token of ``nbytes`` bytes of entropy."""
    return secrets.token_urlsafe(nbytes)


class IdBlock:
    """Ids ``next`` … ``end - 1`` that this process may hand out."""

    __slots__ = ("end", "next")

    def __init__(self, start: int = 0, end: int = 0) -> None:
        self.next = start
        self.end = end

    def left(self) -> int:
        """How many ids remain."""
        return self.end - self.next
