"""How what an agent says next will arrive, and what has become of what was sent."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from zhike.access.rights import AGENT
from zhike.clock import to_datetime
from zhike.domain.reach import Way, WhyNot
from zhike.rest.decode import path_id
from zhike.rest.table import Call, Route
from zhike.store import outbox

MAX_DELIVERIES = 100
"""The newest of a conversation; older ones are of no use to who answers now."""


class DeliveryView(Struct, omit_defaults=True):
    """What has become of message ``seq`` outside the chat window. ``state``: due (goes out at ``due_at``
    unless it is read before) · sending · sent · failed · unknown (it may have arrived, and is not sent again)
    · skipped (``why``: read, here, recalled, or one of :class:`ReachView`). ``to``: hidden in part."""

    seq: int
    state: Literal["due", "sending", "sent", "failed", "unknown", "skipped"]
    via: str = ""
    to: str = ""
    why: str = ""
    due_at: datetime | None = None


class ReachView(Struct, omit_defaults=True):
    """``way``: live (a page of theirs is open) · email, sms (after ``wait_s`` seconds, if it was not read) ·
    channel (leaves at once, through the inbox's channel) · none, and ``why``: off (the inbox reaches nobody
    who left), no_address, stopped (they want no more mail), bounced (their address does not work),
    not_set_up."""

    way: Way
    here: bool = False
    to: str = ""
    wait_s: int = 0
    why: WhyNot = ""
    deliveries: tuple[DeliveryView, ...] = ()


def _view(one: outbox.Delivery) -> DeliveryView:
    due = to_datetime(one.due_at) if one.state == "due" else None
    return DeliveryView(one.seq, one.state, one.note.via, one.note.to,  # type: ignore[arg-type]
                        one.why, due)


async def get_reach(call: Call) -> ReachView:
    """How a reply in this conversation would arrive now, and what has become of those before. Watch the
    conversation to hear (frame `visitor`) when the visitor comes or goes."""
    conversation_id = path_id(call.path["id"])
    found = await call.to.outreach.reach(conversation_id)
    rows = await call.to.store.read(outbox.deliveries, conversation_id, MAX_DELIVERIES)
    return ReachView(found.route.way, found.here, found.route.to, found.wait_s, found.route.why,
                     tuple(_view(row) for row in rows))


ROUTES = [
    Route(
        "GET",
        "/api/v1/conversations/{id}/reach",
        get_reach,
        AGENT,
        ("How a reply will arrive", "回复会怎样送达"),
        answer=ReachView,
        errors=("not_found", "starting"),
    ),
]
