"""Signed tokens of an identity provider: RS256, checked against its published keys (RFC 7515, 7517, 8017).

Checking a signature uses public numbers only, so nothing here has to hide how long it takes; it is one
modular power and a comparison of the whole padded block, which leaves no padding to be parsed (and so none to
be forged). Only RS256 is taken: the algorithm is ours to choose and not the token's.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, NamedTuple

import msgspec

from zhike.access.tokens import b64decode

MIN_BITS, MAX_BITS = 2048, 8192
"""RFC 7518 section 3.3 asks for 2048 at least; beyond 8192 a key is only there to keep us busy."""
MAX_EXPONENT = 1 << 32
MAX_TOKEN_CHARS = 16_000
_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")
"""DigestInfo of SHA-256, RFC 8017 section 9.2 note 1."""


class BadToken(ValueError):
    """A token that proves nothing; the text says why."""


class Key(NamedTuple):
    """A public RSA key: modulus and exponent."""

    n: int
    e: int


def _number(text: Any) -> int:
    return int.from_bytes(b64decode(text.encode("ascii"))) if isinstance(text, str) else 0


def keys_of(document: Any) -> dict[str, Key]:
    """The usable signature keys of a JWK set, by ``kid`` ("" = without)."""
    found: dict[str, Key] = {}
    listed = document.get("keys") if isinstance(document, dict) else None
    for row in listed if isinstance(listed, list) else ():
        if not isinstance(row, dict) or row.get("kty") != "RSA" or row.get("use", "sig") != "sig":
            continue
        if row.get("alg", "RS256") != "RS256":
            continue
        try:
            key = Key(_number(row.get("n")), _number(row.get("e")))
        except ValueError:
            continue
        if MIN_BITS <= key.n.bit_length() <= MAX_BITS and key.e & 1 and 3 <= key.e <= MAX_EXPONENT:
            found[str(row.get("kid", ""))] = key
    return found


def verify_rs256(key: Key, message: bytes, signature: bytes) -> bool:
    """RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 section 8.2.2)."""
    size = (key.n.bit_length() + 7) // 8
    number = int.from_bytes(signature)
    if len(signature) != size or number >= key.n:
        return False
    digest = _SHA256 + hashlib.sha256(message).digest()
    wanted = b"\x00\x01" + b"\xff" * (size - len(digest) - 3) + b"\x00" + digest
    return hmac.compare_digest(pow(number, key.e, key.n).to_bytes(size), wanted)


def kid_of(token: str) -> str:
    """Which key a token says it was signed with ("" = it does not).

    Raises:
        BadToken: it is no RS256 token.
    """
    header = _part(token, 0)
    if header.get("alg") != "RS256" or "crit" in header:
        raise BadToken(f"alg is {header.get('alg')!r}, RS256 is wanted")
    return str(header.get("kid", ""))


def claims_of(token: str, key: Key) -> dict[str, Any]:
    """What a token says, once its signature was found to be right.

    Raises:
        BadToken: it is not signed with this key.
    """
    kid_of(token)
    head, _, signature = token.rpartition(".")
    try:
        right = verify_rs256(key, head.encode("ascii"), b64decode(signature.encode("ascii")))
    except ValueError:
        right = False
    if not right:
        raise BadToken("the signature is not right")
    return _part(token, 1)


def _part(token: str, index: int) -> dict[str, Any]:
    parts = token.split(".") if len(token) <= MAX_TOKEN_CHARS else []
    try:
        if len(parts) != 3:
            raise ValueError
        value = msgspec.json.decode(b64decode(parts[index].encode("ascii")))
    except (ValueError, msgspec.DecodeError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise BadToken("not a signed token")
    return value
