"""Secrets that people and programs carry, and the digests that the database keeps instead."""

from __future__ import annotations

import base64
import hashlib

from zhike.ids import new_token

API_KEY_PREFIX = "zk_"
"""Makes a leaked key recognisable to secret scanners and to people."""


def digest(secret: str) -> bytes:
    """The 16 bytes stored for a random secret.

    SHA-256 cut to 128 bits: the secrets have 256 bits of entropy, so a slow hash adds nothing.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()[:16]


def new_session_token() -> str:
    """The value of an agent's session cookie."""
    return new_token(32)


def new_api_key() -> str:
    """An API key; shown once, stored as its digest."""
    return API_KEY_PREFIX + new_token(32)


def b64encode(data: bytes) -> bytes:
    """URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def b64decode(data: bytes) -> bytes:
    """The reverse of :func:`b64encode`.

    Raises:
        ValueError: if ``data`` is not base64 (``binascii.Error`` is one).
    """
    return base64.urlsafe_b64decode(data + b"=" * (-len(data) % 4))
