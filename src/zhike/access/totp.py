"""One-time codes of an authenticator app (RFC 6238 over RFC 4226), and recovery codes for a lost phone."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from urllib.parse import quote, urlencode

from zhike.access.tokens import digest

STEP_S = 30
DIGITS = 6
WINDOW = 1
"""Steps before and after the present one that count too: clocks differ, and typing takes time."""
SECRET_BYTES = 20
"""What RFC 4226 section 4 recommends: as long as the output of HMAC-SHA-1."""
RECOVERY_CODES = 10
_RECOVERY_CHARS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without what people confuse: i l o 0 1."""
_RECOVERY_GROUPS = (4, 4, 4, 4)
"""31^16 codes, 79 bits: what a fast digest keeps safe even from somebody who has the database."""


def new_secret() -> str:
    """A secret as authenticator apps take it: base32 without padding."""
    return base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode().rstrip("=")


def hotp(key: bytes, counter: int, digits: int = DIGITS, algorithm: str = "sha1") -> str:
    """RFC 4226 section 5.3."""
    mac = hmac.new(key, counter.to_bytes(8), getattr(hashlib, algorithm)).digest()
    start = mac[-1] & 0x0F
    number = int.from_bytes(mac[start:start + 4]) & 0x7FFF_FFFF
    return str(number % 10**digits).zfill(digits)


def step_at(now_ms: int) -> int:
    """The time step of RFC 6238."""
    return now_ms // 1000 // STEP_S


def code_at(secret: str, step: int) -> str:
    """The code of one step."""
    return hotp(base64.b32decode(secret + "=" * (-len(secret) % 8)), step)


def matching_step(secret: str, code: str, now_ms: int, after: int) -> int | None:
    """The step that ``code`` belongs to, if near ``now_ms`` and later than ``after`` (the last one used).

    Every step of the window is compared, in constant time each.
    """
    shown = "".join(code.split())
    found = None
    present = step_at(now_ms)
    for step in range(present - WINDOW, present + WINDOW + 1):
        same = hmac.compare_digest(code_at(secret, step).encode(), shown.encode("utf-8", "replace"))
        if same and step > after:
            found = step
    return found


def uri(secret: str, account: str, issuer: str) -> str:
    """What an authenticator app reads from a QR code (the key URI format of Google Authenticator, which the
    others read too)."""
    label = quote(f"{issuer}:{account}", safe="")
    return f"otpauth://totp/{label}?" + urlencode({"secret": secret, "issuer": issuer}, quote_via=quote)


def new_recovery_codes() -> list[str]:
    """Codes that each work once; shown once."""
    def group(size: int) -> str:
        return "".join(secrets.choice(_RECOVERY_CHARS) for _ in range(size))

    return ["-".join(map(group, _RECOVERY_GROUPS)) for _ in range(RECOVERY_CODES)]


def recovery_digest(code: str) -> str:
    """What the database keeps of a recovery code, however it was typed."""
    return digest("".join(char for char in code.lower() if char.isalnum())).hex()
