"""Who may use a route. Every route declares one :class:`Right`; one function decides; no right, no entry.

Kinds of callers: anybody, a visitor (signed token), an agent (session cookie and CSRF token), a key (an
integrator's program), and within agents and keys the roles agent < supervisor < admin < owner. A key is never
an owner. An analyst passes where an agent may *read* (GET), and where a right says so. Which rows of what a
route shows is another question: :class:`zhike.domain.agent.Scope`, carried by the principal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zhike.domain.agent import EVERYTHING, RANK, Role, Scope
from zhike.errors import ZhikeError

Kind = Literal["anonymous", "visitor", "agent", "key"]
KeyRole = Literal["agent", "admin", "analyst"]
SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))


@dataclass(frozen=True, slots=True)
class Right:
    """Who may enter.

    Attributes:
        who: ``public`` (anybody, with a ``reason``), ``visitor``, ``staff``, or ``key`` (programs only).
        role: for staff and keys: the least role.
        key: for staff: whether an API key of that role may, too.
        analyst: whether an analyst may: where agents may, they may read; ``always``: whatever the method.
        reason: for public: why this may be open. Held by a test.
    """

    who: Literal["public", "visitor", "staff", "key"]
    role: Role = "owner"
    key: bool = False
    reason: str = ""
    analyst: Literal["as_agent", "always"] = "as_agent"

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
SELF = Right("staff", "agent", analyst="always")
"""Everybody's own account."""
SUPERVISOR = Right("staff", "supervisor", key=True)
SUPERVISOR_ONLY = Right("staff", "supervisor")
REPORT = Right("staff", "supervisor", key=True, analyst="always")
"""Figures about the desk and its people."""
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
    scope: Scope = EVERYTHING

    @property
    def actor(self) -> str:
        """Who, in the audit."""
        return f"{self.kind}:{self.id} {self.name}".strip() if self.kind in ("agent", "key") else self.kind


ANONYMOUS = Principal()


def names(role: Role) -> list[str]:
    """What a role may, in words that a page can ask for: ``read``, ``speak`` (answer and change conversations
    and contacts), ``supervise`` (every team), ``report``, ``administer``, ``own``."""
    rank = RANK[role]
    least = {"read": 0, "speak": RANK["agent"], "supervise": RANK["supervisor"],
             "report": RANK["supervisor"], "administer": RANK["admin"], "own": RANK["owner"]}
    return [name for name, needed in least.items()
            if rank >= needed or (name == "report" and role == "analyst")]


def reaches(right: Right, role: Role, method: str) -> bool:
    """True if ``role`` is enough for a staff or key ``right`` with this HTTP method."""
    if role == "analyst":
        return right.analyst == "always" or (right.role == "agent" and right.who == "staff"
                                             and method in SAFE_METHODS)
    return RANK[role] >= RANK[right.role]


def check(right: Right, principal: Principal, method: str = "GET") -> None:
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
        if not reaches(right, principal.role, method):
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
