"""The audit: who changed what, and whether the record is whole."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from zhike.access.rights import ADMIN_ONLY
from zhike.clock import to_datetime
from zhike.rest.answer import Answer
from zhike.rest.decode import MAX_ID
from zhike.rest.paging import Paged, page, position
from zhike.rest.table import Call, Route
from zhike.rest.views import Page
from zhike.store import audit as rows

VERIFY_ROWS = 2_000
"""Read at a time: a long record must not keep a reader for itself."""
EXPORT_ROWS = 10_000
Moment = Annotated[datetime, Meta(tz=True)]
_encode = msgspec.json.Encoder().encode


class AuditQuery(Paged, forbid_unknown_fields=True, rename={"since": "from", "until": "to"}):
    """``action``: e.g. article.updated; ``target``: e.g. article:17; ``actor``: e.g. agent:3; ``from`` and
    ``to``: the first moment and the one after the last."""

    action: Annotated[str, Meta(max_length=64)] = ""
    target: Annotated[str, Meta(max_length=200)] = ""
    actor: Annotated[str, Meta(max_length=200)] = ""
    since: Moment | None = None
    until: Moment | None = None


class AuditEntry(Struct):
    """One change. ``actor``: e.g. ``agent:3 Li Na``. ``digest``: hex SHA-256 over the digest before and this
    entry; "" on entries from before there were any."""

    id: int
    at: datetime
    actor: str
    action: str
    target: str
    detail: dict[str, Any]
    digest: str


class AuditVerdict(Struct):
    """``checked``: entries whose place in the chain was looked at. ``broken_at``: the first id that is
    missing or was changed; null if there is none. ``last_digest``: compare it with an earlier export, which
    shows a chain that was rewritten as a whole."""

    ok: bool
    checked: int
    broken_at: int | None
    last_id: int
    last_digest: str


class ExportQuery(Struct, forbid_unknown_fields=True):
    """``after``: the id of the last entry one has."""

    after: Annotated[int, Meta(ge=0, le=MAX_ID)] = 0
    limit: Annotated[int, Meta(ge=1, le=EXPORT_ROWS)] = EXPORT_ROWS


def _view(entry: rows.Entry) -> AuditEntry:
    return AuditEntry(entry.id, to_datetime(entry.at), entry.actor, entry.action, entry.target, entry.detail,
                      entry.digest)


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)


async def list_audit(call: Call) -> Page[AuditEntry]:
    """Changes, newest first."""
    query: AuditQuery = call.query
    before = position(query.cursor, 1)
    wanted = rows.Filter(query.action, query.target, query.actor, _ms(query.since), _ms(query.until))
    found = await call.to.store.read(rows.page, before[0] if before else None, query.limit + 1, wanted)
    return page(found, query.limit, _view, lambda entry: (entry.id,))


async def verify_audit(call: Call) -> AuditVerdict:
    """Follows the whole chain of digests: shows whether an entry was changed, removed or slipped in."""
    store = call.to.store
    until = await store.read(rows.newest)
    state = rows.Checked(0, "", 0, 0)
    while state.last_id < until and not state.broken_at:
        state = await store.read(rows.verify, state, until, VERIFY_ROWS)
    broken_at = state.broken_at or None
    return AuditVerdict(broken_at is None, state.rows, broken_at, state.last_id, state.digest)


async def export_audit(call: Call) -> Answer:
    """Entries in their order as JSON lines, at most 10,000: ask again with the last id as ``after``. ``at``
    is in ms and ``detail`` the JSON text as stored: with ``digest`` all that it takes to follow the chain."""
    query: ExportQuery = call.query
    found = await call.to.store.read(rows.raw, query.after, query.limit)
    body = b"".join(_encode(line) + b"\n" for line in found)
    return Answer(body, 200, "application/x-ndjson", [
        (b"content-disposition", b"attachment; filename=audit.jsonl"), (b"cache-control", b"no-store")])


ROUTES = [
    Route("GET", "/api/v1/audit", list_audit, ADMIN_ONLY, ("List changes", "操作记录"),
          answer=Page[AuditEntry], query=AuditQuery),
    Route("GET", "/api/v1/audit/verify", verify_audit, ADMIN_ONLY,
          ("Is the record of changes whole", "核对操作记录"), answer=AuditVerdict),
    Route("GET", "/api/v1/audit/export", export_audit, ADMIN_ONLY,
          ("Export the record of changes", "导出操作记录"), query=ExportQuery, text="application/x-ndjson"),
]
