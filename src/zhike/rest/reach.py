"""Whether the caller may see the rows that a request names; asked once, before any handler runs.

A route below ``/conversations/{id}``, ``/contacts/{id}`` or ``/inboxes/{id}`` shows or changes that row, and
a field ``inbox_id`` names one too. What is out of reach looks as if it did not exist. Lists are filtered by
the same scope in the store (:mod:`zhike.store.scopes`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from zhike.domain.agent import Scope
from zhike.errors import ZhikeError
from zhike.rest.decode import path_id
from zhike.rest.table import Call, Route
from zhike.store import scopes

Sees = Callable[[Connection, Scope, int], bool]

_PREFIX = "/api/v1/"
NOUNS: dict[str, Sees] = {
    "conversations/{id}": scopes.sees_conversation,
    "contacts/{id}": scopes.sees_contact,
    "inboxes/{id}": lambda conn, scope, inbox_id: scope.sees_inbox(inbox_id),
}
"""What a path may name, and who decides."""


def noun_of(path: str) -> str:
    """The kind of row that a path names: ``conversations/{id}`` …, or ""."""
    below = path.removeprefix(_PREFIX)
    return next((noun for noun in NOUNS if below == noun or below.startswith(f"{noun}/")), "")


async def check_path(call: Call, route: Route) -> None:
    """Refuses a row that the path names and the caller may not see, before anything of the request is read.
    Costs nothing for those who see everything.

    Raises:
        ZhikeError: ``not_found``.
    """
    scope = call.principal.scope
    if not scope.limited:
        return
    noun = noun_of(route.path)
    if noun and not await call.to.store.read(NOUNS[noun], scope, path_id(call.path["id"])):
        raise ZhikeError("not_found")


def check_fields(call: Call) -> None:
    """The same for a field ``inbox_id`` of query or body.

    Raises:
        ZhikeError: ``not_found``.
    """
    scope = call.principal.scope
    if not scope.limited:
        return
    for given in (call.query, call.body):
        inbox_id: Any = getattr(given, "inbox_id", None)
        if isinstance(inbox_id, int) and not scope.sees_inbox(inbox_id):
            raise ZhikeError("not_found", field="inbox_id")
