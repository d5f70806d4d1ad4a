"""Which pages visitors look at: told by their browsers, seen by agents."""

from __future__ import annotations

from msgspec import Struct

from zhike.access.rights import AGENT, VISITOR
from zhike.domain.pages import Device, PageView, device_of
from zhike.domain.wire import MAX_HELLO_BYTES, Page
from zhike.errors import ZhikeError
from zhike.rest.decode import path_id
from zhike.rest.routes.visitor import check_inbox_origin
from zhike.rest.table import Call, Route
from zhike.store import conversations, visits


class PageBody(Page, frozen=True, tag="page", forbid_unknown_fields=True):
    """The ``page`` of the WebSocket protocol."""


class VisitView(Struct):
    """``pages``: newest first, 20 at most; the first is where the visitor is, if they are here. ``device``:
    what their browser said of itself."""

    pages: tuple[PageView, ...]
    device: Device


async def visitor_page(call: Call) -> None:
    """Says which page the visitor looks at; kept while they are in a conversation, unless the inbox or their
    browser (`DNT`, `Sec-GPC`) says otherwise."""
    body: PageBody = call.body
    check_inbox_origin(call)
    who = call.principal
    wait_s = call.to.visitor_messages.take((who.inbox_id, who.sender), call.now / 1000)
    if wait_s:
        raise ZhikeError("rate_limited", retry_after_s=round(wait_s + 0.05, 1))
    current = await call.to.store.read(conversations.latest_of_sender, who.inbox_id, who.sender)
    if current is not None and current.holder != "none":
        call.to.desk.looked(who.inbox_id, who.sender, current.id, body, device_of(call.headers))


async def list_contact_pages(call: Call) -> VisitView:
    """The pages that a contact looked at last, while they were in a conversation."""
    found = await call.to.store.read(visits.find, path_id(call.path["id"]))
    return VisitView(found.pages[::-1], found.device)


ROUTES = [
    Route(
        "POST",
        "/api/v1/visitor/page",
        visitor_page,
        VISITOR,
        ("Say which page is looked at", "告知正在看的页面"),
        status=204,
        body=PageBody,
        body_limit_bytes=MAX_HELLO_BYTES,
        cors=True,
        errors=("origin_not_allowed", "inbox_not_found", "rate_limited"),
        example={"url": "https://shop.example/dress?utm_source=mail", "title": "Summer dress"},
    ),
    Route(
        "GET",
        "/api/v1/contacts/{id}/pages",
        list_contact_pages,
        AGENT,
        ("List the pages a contact looked at", "客户看过的页面"),
        answer=VisitView,
    ),
]
