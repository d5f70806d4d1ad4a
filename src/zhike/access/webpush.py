"""What Web Push asks of a sender: a signed word that it is us, and a message that only the browser can read.

RFC 8292 (VAPID: an ES256 JSON Web Token under a key of our own) and RFC 8291 (the keys of a message, on
RFC 8188 ``aes128gcm``). Pure functions; the curve and the cipher are ``cryptography``'s, which is imported
when the first of them is called: not at a start, and not on the event loop.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import Any

import msgspec

from zhike.access.tokens import b64decode, b64encode

RECORD_BYTES = 4096
"""RFC 8291 section 4: one record, and no push service needs to take more."""
MAX_PLAIN_BYTES = RECORD_BYTES - 86 - 17
"""What is left of it for us: the head has 86 bytes, the tag and the mark of the end 17."""
POINT_BYTES, AUTH_BYTES, SCALAR_BYTES = 65, 16, 32
LIFETIME_S = 12 * 3600
"""Of a token; RFC 8292 section 2 allows 24 hours, and clocks differ."""


class BadKeys(ValueError):
    """Not the keys of a browser; the text says why."""


def _curve() -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec


def _private(key: str) -> Any:
    ec = _curve()
    return ec.derive_private_key(int.from_bytes(b64decode(key.encode())), ec.SECP256R1())


def _point(key: Any) -> bytes:
    """A public key as 65 bytes: 4, x, y."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    point: bytes = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return point


def new_key() -> str:
    """A private key of P-256: its 32 bytes, base64url."""
    ec = _curve()
    scalar: int = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    return b64encode(scalar.to_bytes(SCALAR_BYTES)).decode()


def public_key(key: str) -> str:
    """The public half of a private key, as browsers want it: 65 bytes, base64url."""
    return b64encode(_point(_private(key).public_key())).decode()


def browser_keys(p256dh: str, auth: str) -> tuple[bytes, bytes]:
    """The keys of a subscription as bytes: a point of P-256, and 16 secret bytes.

    Raises:
        BadKeys: they are not.
    """
    try:
        point, secret = b64decode(p256dh.encode("ascii")), b64decode(auth.encode("ascii"))
    except ValueError:
        raise BadKeys("not base64url") from None
    if len(point) != POINT_BYTES or len(secret) != AUTH_BYTES:
        raise BadKeys(f"p256dh has {POINT_BYTES} bytes and auth {AUTH_BYTES}")
    ec = _curve()
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        raise BadKeys("p256dh is no point of P-256") from None
    return point, secret


def _derive(salt: bytes, secret: bytes, info: bytes, size: int) -> bytes:
    """HKDF with SHA-256 (RFC 5869) for at most 32 bytes: one round."""
    extracted = hmac.digest(salt, secret, hashlib.sha256)
    return hmac.digest(extracted, info + b"\x01", hashlib.sha256)[:size]


def encrypt(plain: bytes, point: bytes, secret: bytes, *, sender: str = "", salt: bytes = b"") -> bytes:
    """A message for one browser, as the body of a push.

    Args:
        point, secret: as :func:`browser_keys` gives them.
        sender, salt: for the vector of the RFC; new ones otherwise, as each message must have.

    Raises:
        ValueError: more than :data:`MAX_PLAIN_BYTES`.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if len(plain) > MAX_PLAIN_BYTES:
        raise ValueError(f"{len(plain)} bytes are more than a push can hold")
    ec = _curve()
    own = _private(sender) if sender else ec.generate_private_key(ec.SECP256R1())
    salt = salt or os.urandom(16)
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    own_point = _point(own.public_key())
    common = _derive(secret, own.exchange(ec.ECDH(), theirs), b"WebPush: info\0" + point + own_point, 32)
    key = _derive(salt, common, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derive(salt, common, b"Content-Encoding: nonce\0", 12)
    sealed: bytes = AESGCM(key).encrypt(nonce, plain + b"\x02", None)
    return salt + RECORD_BYTES.to_bytes(4) + bytes([POINT_BYTES]) + own_point + sealed


def authorization(key: str, origin: str, subject: str, now_s: int) -> str:
    """The ``Authorization`` header for a push service.

    Args:
        key: our private key.
        origin: the push service's, such as ``https://push.example``: the token is good for it alone.
        subject: where its people reach us, ``mailto:`` or ``https:``.
    """
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    private = _private(key)
    claims = {"aud": origin, "exp": now_s + LIFETIME_S, "sub": subject}
    head = b".".join(b64encode(msgspec.json.encode(part))
                     for part in ({"typ": "JWT", "alg": "ES256"}, claims))
    r, s = decode_dss_signature(private.sign(head, _curve().ECDSA(hashes.SHA256())))
    signature = b64encode(r.to_bytes(SCALAR_BYTES) + s.to_bytes(SCALAR_BYTES))
    token = (head + b"." + signature).decode()
    return f"vapid t={token}, k={b64encode(_point(private.public_key())).decode()}"
