"""Who may use a route. Every route declares one :class:`Right`; one function decides; no right, no entry.

Five kinds of callers exist: anybody, a visitor (signed token), an agent (session cookie and CSRF
token), a key (an integrator's program), and within agents and keys the roles agent < admin < owner.
A key is never an owner.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zhike.domain.agent import RANK, Role
from zhike.errors import ZhikeError

Kind = Literal["anonymous", "visitor", "agent", "key"]
KeyRole = Literal["agent", "admin"]


@dataclass(frozen=True, slots=True)
class Right:
    """Who may enter.

    Attributes:
        who: ``public`` (anybody, with a ``reason``), ``visitor``, ``staff``, or ``key`` (programs only).
        role: for staff and keys: the least role.
        key: for staff: whether an API key of that role may, too.
        reason: for public: why this may be open. Held by a test.
    """

    who: Literal["public", "visitor", "staff", "key"]
    role: Role = "owner"
    key: bool = False
    reason: str = ""

    def __post_init__(self) -> None:
        if (self.who == "public") != bool(self.reason):
            raise ValueError("a public route gives its reason, and only a public one does")


def public(reason: str) -> Right:
    """Open to anybody, because of ``reason``."""
    return Right("public", reason=reason)


VISITOR = Right("visitor")
AGENT = Right("staff", "agent", key=True)
ADMIN = Right("staff", "admin", key=True)
KEY = Right("key", "agent")
AGENT_ONLY = Right("staff", "agent")
ADMIN_ONLY = Right("staff", "admin")
OWNER_ONLY = Right("staff", "owner")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who sends the request, as far as it was proved. ``id``: of the agent or key."""

    kind: Kind = "anonymous"
    id: int = 0
    name: str = ""
    role: Role | None = None
    inbox_id: int = 0
    sender: str = ""
    lang: str = ""

    @property
    def actor(self) -> str:
        """Who, in the audit."""
        return f"{self.kind}:{self.id} {self.name}".strip() if self.kind in ("agent", "key") else self.kind


ANONYMOUS = Principal()


def check(right: Right, principal: Principal) -> None:
    """Lets ``principal`` pass or raises.

    Raises:
        ZhikeError: ``unauthenticated`` if nothing of the wanted kind was shown, ``forbidden`` if it was
            and does not reach.
    """
    if right.who == "public":
        return
    if right.who == "visitor":
        if principal.kind != "visitor":
            raise ZhikeError("unauthenticated")
        return
    if principal.kind in ("agent", "key") and principal.role is not None:
        if principal.kind == "key" and not right.key and right.who == "staff":
            raise ZhikeError("forbidden", "This needs a person's session, not an API key.")
        if principal.kind == "agent" and right.who == "key":
            raise ZhikeError("forbidden", "This needs an API key, not a person's session.")
        if RANK[principal.role] < RANK[right.role]:
            raise ZhikeError("forbidden")
        return
    raise ZhikeError("unauthenticated")


def check_grant(actor: Role, before: Role | None, after: Role | None) -> None:
    """Whether someone of role ``actor`` may turn an agent of role ``before`` into ``after`` (None: no such
    agent): nobody touches or makes an agent above their own role.

    Raises:
        ZhikeError: ``forbidden``.
    """
    for role in (before, after):
        if role is not None and RANK[role] > RANK[actor]:
            raise ZhikeError("forbidden", "Only an owner may do this to an owner.")
