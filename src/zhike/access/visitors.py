"""Who a visitor is: a signed anonymous identity, or a customer that the shop vouches for.

A visitor token is ``v1.<payload>.<mac>``, both base64 without padding. The payload is the JSON
array ``[inbox_id, sender, issued_s, expires_s]`` (``expires_s`` 0 = never), the mac HMAC-SHA256
under the instance's secret. It says who someone is, nothing about what they may do, and
survives a restart.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from zhike.access import origins, tokens
from zhike.domain.knowledge import Inbox
from zhike.domain.wire import CustomerClaim, Hello
from zhike.errors import ZhikeError
from zhike.ids import new_token

_PREFIX = b"v1."
MAX_TOKEN_CHARS = 512
CLOCK_SLACK_S = 60
"""A shop's clock may be this much ahead of ours."""
MAX_CLAIM_S = 366 * 24 * 3600
"""A claim that never ends is a password in a page: a year is the longest."""

_decode = msgspec.json.Decoder(tuple[int, str, int, int]).decode
_encode = msgspec.json.encode


class Visitor(NamedTuple):
    """A verified visitor. ``sender`` is ``v:<visitor id>`` or ``c:<customer id>``."""

    inbox_id: int
    sender: str
    issued_s: int
    expires_s: int = 0


class Admitted(NamedTuple):
    """What a hello of a visitor came to: who it is, and what the shop said about them."""

    visitor: Visitor
    token: str
    contact: dict[str, str]


class Visitors:
    """Signs and verifies visitor tokens.

    Args:
        secret: the instance's secret (row ``secret`` of ``meta``).
    """

    __slots__ = ("_key",)

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 16:
            raise ValueError("the instance secret is too short")
        # a key of its own for this one use: nothing else signed by the instance can pass for a token
        self._key = hmac.digest(secret, b"zhike visitor token v1", "sha256")

    def sign(self, visitor: Visitor) -> str:
        """The token of ``visitor``."""
        payload = tokens.b64encode(_encode(tuple(visitor)))
        mac = tokens.b64encode(hmac.digest(self._key, _PREFIX + payload, "sha256"))
        return (_PREFIX + payload + b"." + mac).decode()

    def new(self, inbox_id: int, now_s: int) -> Visitor:
        """A visitor nobody has seen before."""
        return Visitor(inbox_id, f"v:{new_token(16)}", now_s)

    def verify(self, token: str, now_s: int) -> Visitor:
        """The visitor whose token this is. A few microseconds.

        Raises:
            ZhikeError: ``bad_identity``.
        """
        try:
            raw = token.encode("ascii")
            version, payload, mac = raw.split(b".")
            signed = raw[: len(version) + 1 + len(payload)]
            good = len(raw) <= MAX_TOKEN_CHARS and version == b"v1" and hmac.compare_digest(
                tokens.b64encode(hmac.digest(self._key, signed, "sha256")), mac)
            visitor = Visitor(*_decode(tokens.b64decode(payload))) if good else None
        except ValueError:
            visitor = None
        except msgspec.DecodeError:
            visitor = None
        if visitor is None or (visitor.expires_s and visitor.expires_s <= now_s):
            raise ZhikeError("bad_identity")
        return visitor

    def admit(self, hello: Hello, inbox: Inbox, origin: str, own: Iterable[str], now_s: int) -> Admitted:
        """Checks a visitor's hello against its inbox.

        A customer claim wins over a token; a token of another inbox, or one that ran out, is an error
        (the page drops it and comes again without).

        Raises:
            ZhikeError: ``origin_not_allowed``, ``bad_identity``.
        """
        check_origin(inbox, origin, own)
        if hello.customer is not None:
            claim = hello.customer
            verify_claim(claim, inbox, now_s)
            visitor = Visitor(inbox.id, f"c:{claim.id}", now_s, claim.expires)
            contact = {name: clean for name, value, most in
                       (("name", claim.name, 200), ("email", claim.email, 320), ("phone", claim.phone, 64))
                       if (clean := value.replace("\0", "")[:most])}  # as much as the columns hold
            return Admitted(visitor, self.sign(visitor), contact)
        if hello.token:
            visitor = self.verify(hello.token, now_s)
            if visitor.inbox_id != inbox.id:
                raise ZhikeError("bad_identity", "The token belongs to another inbox.")
            return Admitted(visitor, hello.token, {})
        visitor = self.new(inbox.id, now_s)
        return Admitted(visitor, self.sign(visitor), {})


def check_origin(inbox: Inbox, origin: str, own: Iterable[str]) -> None:
    """Raises ``origin_not_allowed`` unless the page may use the inbox. An inbox without a list is
    open to our own pages only."""
    listed: Any = inbox.settings.get("origins") or ()
    if not origins.allowed(origin, listed if isinstance(listed, list | tuple) else (), own):
        raise ZhikeError("origin_not_allowed", origin[:200], details={"origin": origin[:200]})


def claim_signature(secret: str, inbox_key: str, customer_id: str, expires: int) -> str:
    """What the shop's server computes: hex HMAC-SHA256 over inbox, id and expiry."""
    text = f"{inbox_key}\n{customer_id}\n{expires}".encode("utf-8", "surrogatepass")
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def verify_claim(claim: CustomerClaim, inbox: Inbox, now_s: int) -> None:
    """Checks a customer claim.

    Raises:
        ZhikeError: ``bad_identity``, with the reason that the shop's developer needs.
    """
    secret = inbox.settings.get("identity_secret")
    if not isinstance(secret, str) or not secret:
        raise ZhikeError("bad_identity", "The inbox has no identity_secret.")
    if not claim.id.isprintable():
        raise ZhikeError("bad_identity", "customer.id holds control characters.")
    sig = claim.sig.encode("utf-8", "surrogatepass")
    if not hmac.compare_digest(claim_signature(secret, inbox.key, claim.id, claim.expires).encode(), sig):
        raise ZhikeError("bad_identity", "customer.sig does not match.")
    if claim.expires <= now_s:
        raise ZhikeError("bad_identity", "customer.expires is in the past.")
    if claim.expires > now_s + MAX_CLAIM_S + CLOCK_SLACK_S:
        raise ZhikeError("bad_identity", "customer.expires is more than a year ahead.")
