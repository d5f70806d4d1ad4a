"""What became of the events that a webhook was told, and sending them again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from zhike.access.rights import ADMIN, ADMIN_ONLY
from zhike.clock import to_datetime
from zhike.domain.hook import Happening, HookEvent
from zhike.errors import ZhikeError
from zhike.rest.decode import Id
from zhike.rest.paging import Paged, page, position
from zhike.rest.routes.webhooks import at_ms, find
from zhike.rest.table import Call, Route
from zhike.rest.views import Page
from zhike.rest.write import audited
from zhike.store import webhooks as rows

Some = Annotated[tuple[Id, ...], Meta(min_length=1, max_length=200)]
State = Literal["waiting", "sending", "sent", "failed"]


class DeliveryQuery(Paged, forbid_unknown_fields=True):
    """``state``: only these."""

    state: State | UnsetType = UNSET


class DeliveryView(Struct):
    """One event for one webhook. ``event_id``: the same for all who hear of it. ``answer``: of an arrival,
    status and time taken; ``error``: of the last attempt that failed. ``next_at``: when it is tried next."""

    id: int
    event_id: str
    event: HookEvent
    conversation_id: int | None
    contact_id: int | None
    state: State
    attempts: int
    at: datetime
    next_at: datetime | None
    arrived_at: datetime | None
    answer: str
    error: str


class Again(Struct, forbid_unknown_fields=True):
    """``ids``: of deliveries that failed or arrived; absent: all that failed, the oldest 1,000."""

    ids: Some | UnsetType = UNSET


class AgainDone(Struct):
    """How many are sent again."""

    count: int


def delivery_view(row: rows.Delivery) -> DeliveryView:
    """One row of the outbox as a webhook's page shows it."""
    state: State = next(name for name, states in rows.ROW_STATES.items() if row.state in states)  # type: ignore[misc]
    what = row.note.event or Happening("message.created")
    return DeliveryView(
        row.id,
        f"evt_{row.seq}",
        what.event,
        row.conversation_id if row.conversation_id > 0 else None,
        what.contact_id or None,
        state,
        row.attempts,
        to_datetime(row.created_at),
        to_datetime(row.due_at) if state == "waiting" else None,
        at_ms(row.note.ended_at) if state == "sent" else None,
        row.note.receipt,
        row.last_error,
    )


async def list_deliveries(call: Call) -> Page[DeliveryView]:
    """What a webhook was told and is to be told, the newest first. What arrived is kept for three days, what
    did not for thirty."""
    query: DeliveryQuery = call.query
    before = position(query.cursor, 1)
    found = await call.to.store.read(
        rows.deliveries,
        (await find(call)).id,
        "" if query.state is UNSET else query.state,
        before_id=before[0] if before else None,
        limit=query.limit + 1,
    )
    return page(found, query.limit, delivery_view, lambda row: (row.id,))


async def redeliver(call: Call) -> AgainDone:
    """Sends deliveries again, under the same event id."""
    body: Again = call.body if call.body is not None else Again()
    hook = await find(call)
    if not hook.active:
        raise ZhikeError("conflict", "It is off or paused: switch it on first. / 已停用或暂停，请先启用。")
    ids = None if body.ids is UNSET else body.ids
    count = await audited(
        call,
        "webhook.redelivered",
        f"webhook:{hook.id}",
        {"ids": ids or "failed"},
        rows.again,
        hook.id,
        ids,
        call.now,
    )
    return AgainDone(count)


_PATH = "/api/v1/webhooks/{id}"

ROUTES = [
    Route(
        "GET",
        f"{_PATH}/deliveries",
        list_deliveries,
        ADMIN,
        ("List a webhook's deliveries", "投递记录"),
        answer=Page[DeliveryView],
        query=DeliveryQuery,
    ),
    Route(
        "POST",
        f"{_PATH}/redeliver",
        redeliver,
        ADMIN_ONLY,
        ("Send deliveries again", "重新投递"),
        answer=AgainDone,
        body=Again,
        body_optional=True,
        errors=("conflict",),
        example={"ids": [17]},
    ),
]
