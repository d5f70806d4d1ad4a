"""What models were asked, and what it cost."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from zhike.access.rights import REPORT
from zhike.clock import to_datetime
from zhike.rest.decode import FieldFault
from zhike.rest.table import Call, Route
from zhike.store.usage import Usage
from zhike.store.usage import list_usage as read_usage

DAYS = 31
MOST_DAYS = 366


class UsageQuery(Struct, forbid_unknown_fields=True):
    """``since`` and ``until``: days (UTC), both included; ``bot_id`` 0: all bots."""

    since: date | None = None
    until: date | None = None
    bot_id: Annotated[int, Meta(ge=0)] = 0


class UsageView(Struct):
    """One day (UTC), bot and model. ``cost``: in the currency of the prices in the settings."""

    day: date
    bot_id: int
    model: str
    requests: int
    prompt_tokens: int
    completion_tokens: int
    cost: float


class UsageList(Struct):
    """All rows of the days asked for; ``cost`` is their sum."""

    items: list[UsageView]
    cost: float


def _view(row: Usage) -> UsageView:
    return UsageView(date.fromisoformat(row.day), row.bot_id, row.model, row.requests, row.prompt_tokens,
                     row.completion_tokens, row.cost_micros / 1_000_000)


async def list_usage(call: Call) -> UsageList:
    """Requests, tokens and cost by day (UTC), bot and model, newest first; the last 31 days unless told
    otherwise. Counts of the last seconds may be missing."""
    query: UsageQuery = call.query
    until = query.until or to_datetime(call.now).date()
    since = query.since or until - timedelta(days=DAYS - 1)
    if not 0 <= (until - since).days < MOST_DAYS:
        raise FieldFault("since", f"`since` must be 0 to {MOST_DAYS - 1} days before `until`.",
                         f"`since` 要在 `until` 之前 0 到 {MOST_DAYS - 1} 天。")
    rows = await call.to.store.read(read_usage, since.isoformat(), until.isoformat(), query.bot_id)
    return UsageList([_view(row) for row in rows], sum(row.cost_micros for row in rows) / 1_000_000)


ROUTES = [
    Route("GET", "/api/v1/usage", list_usage, REPORT, ("What models cost", "模型用量"), answer=UsageList,
          query=UsageQuery)
]
