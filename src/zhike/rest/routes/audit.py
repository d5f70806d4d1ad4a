"""The audit: who changed what."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, Struct

from zhike.access.rights import ADMIN_ONLY
from zhike.clock import to_datetime
from zhike.rest.paging import Paged, page, position
from zhike.rest.table import Call, Route
from zhike.rest.views import Page
from zhike.store import audit as rows


class AuditQuery(Paged, forbid_unknown_fields=True):
    """``action``: e.g. article.updated; ``target``: e.g. article:17."""

    action: Annotated[str, Meta(max_length=64)] = ""
    target: Annotated[str, Meta(max_length=200)] = ""


class AuditEntry(Struct):
    """One change. ``actor``: e.g. ``agent:3 Li Na``."""

    id: int
    at: datetime
    actor: str
    action: str
    target: str
    detail: dict[str, Any]


def _view(entry: rows.Entry) -> AuditEntry:
    return AuditEntry(entry.id, to_datetime(entry.at), entry.actor, entry.action, entry.target, entry.detail)


async def list_audit(call: Call) -> Page[AuditEntry]:
    """Changes, newest first."""
    query: AuditQuery = call.query
    before = position(query.cursor, 1)
    found = await call.to.store.read(
        rows.page, before[0] if before else None, query.limit + 1, query.action, query.target
    )
    return page(found, query.limit, _view, lambda entry: (entry.id,))


ROUTES = [
    Route(
        "GET",
        "/api/v1/audit",
        list_audit,
        ADMIN_ONLY,
        ("List changes", "操作记录"),
        answer=Page[AuditEntry],
        query=AuditQuery,
    )
]
