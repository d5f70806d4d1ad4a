"""Who may use what, as a table made from the declared rights, for the manual and for the tests."""

from __future__ import annotations

from typing import NamedTuple

from zhike.access.rights import Right, reaches
from zhike.domain.agent import Role
from zhike.rest.reach import noun_of
from zhike.rest.table import Route

CALLERS = ("owner", "admin", "supervisor", "agent", "analyst", "admin key", "agent key", "analyst key",
           "visitor", "anybody")
"""Everybody who may come; the keys are integrators' programs."""
FILTERED = {"/api/v1/conversations": "conversations/{id}", "/api/v1/contacts": "contacts/{id}",
            "/api/v1/inboxes": "inboxes/{id}", "/api/v1/conversations/counts": "conversations/{id}",
            "/api/v1/search": "conversations/{id}", "/api/v1/mentions": "conversations/{id}"}
"""Lists that hold only what their reader may see."""
REACH = {"": "", "conversations/{id}": "inboxes, teams", "contacts/{id}": "inboxes",
         "inboxes/{id}": "inboxes"}
"""What keeps a caller to some rows of a noun."""


class Line(NamedTuple):
    """One route: ``may`` by caller; ``rows``: what the rows it shows depend on."""

    method: str
    path: str
    may: dict[str, bool]
    rows: str


def may(right: Right, caller: str, method: str) -> bool:
    """True if ``caller`` (one of :data:`CALLERS`) passes the guard."""
    if right.who == "public":
        return True
    if right.who == "visitor":
        return caller == "visitor"
    if caller in ("visitor", "anybody"):
        return False
    name, _, key = caller.partition(" ")
    if (key and right.who == "staff" and not right.key) or (not key and right.who == "key"):
        return False
    role: Role = name  # type: ignore[assignment]
    return reaches(right, role, method)


def matrix(routes: list[Route]) -> list[Line]:
    """Every route, in the order of the table."""
    return [Line(route.method, route.path, {caller: may(route.right, caller, route.method)
                                            for caller in CALLERS},
                 REACH[noun_of(route.path) or FILTERED.get(route.path, "")]
                 if route.right.who in ("staff", "key") else "own" if route.right.who == "visitor" else "")
            for route in routes]


FRAMES: dict[str, tuple[str, str, str]] = {
    "hello": ("yes", "yes, with a session", "yes, with a session"),
    "message": ("own", "replies where they hold it, notes where they may look", "no"),
    "typing": ("own", "where they watch", "no"),
    "page": ("own", "no", "no"),
    "read": ("own", "where they watch", "no"),
    "resume": ("own", "where they watch", "where they watch"),
    "history": ("own", "where they watch", "where they watch"),
    "watch": ("no", "inboxes, teams", "inboxes"),
    "rate": ("own, when asked", "no", "no"),
    "active": ("no", "for themselves", "for themselves"),
    "assist": ("no", "where they watch", "no"),
    "assist_stop": ("no", "their own", "no"),
    "ping": ("yes", "yes", "yes"),
}
"""What each may send over the socket: visitor, agent and above, analyst. Tried in
``tests/integration/test_rights_socket.py``."""
EVENTS: dict[str, tuple[str, str]] = {
    "message, messages, delta, withdrawn, typing, read": (
        "own conversation", "watched conversations; a watch ends when the conversation goes out of reach"),
    "conversation, alarm": ("own conversation", "every conversation of their inboxes and teams, for lists"),
    "gone": ("no", "its number alone, when a conversation may have left their lists for another team"),
    "summary, visitor, visited": ("no", "watched conversations"),
    "assist_delta, assist_done, assist_failed": (
        "no", "the connection that asked; where the role does not see personal data: the finished one, with "
        "it hidden"),
    "unread": ("no", "one's own"),
    "presence": ("no", "everybody's"),
}
"""What each hears: visitor, and agents of any role."""
