"""Beside a conversation: the contact's orders and the shop's products, looked up by the shop's own tools."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from zhike.access.rights import AGENT_ONLY
from zhike.domain.card import Card
from zhike.domain.tool import Caller, PanelUse, ToolError
from zhike.rest.routes.conversations import find
from zhike.rest.table import Call, Route


class PanelQuery(Struct, forbid_unknown_fields=True):
    """``q``: what an agent types, for tools that take a ``query``."""

    q: Annotated[str, Meta(max_length=200)] = ""


class PanelItems(Struct):
    """``configured``: a tool of the inbox's bot is opened to this part of the panel. ``searchable``: it
    takes words. ``error``: why it gave nothing (as a tool says it), "" if it answered. ``items``: to show,
    and to send as ``cards`` of a message."""

    configured: bool
    searchable: bool
    error: ToolError
    items: tuple[Card, ...]


async def _look(call: Call, use: PanelUse) -> PanelItems:
    c = (await find(call)).conversation
    inbox = call.to.desk.inbox(c.inbox_id)
    bot_id = inbox.bot_id if inbox is not None else None
    caller = Caller(c.contact_id, c.sender, "en" if c.lang.startswith("en") else "zh", c.inbox_id, c.id,
                    agent_id=call.principal.id)
    query: PanelQuery = call.query
    found = await call.to.panel.look(bot_id, use, query.q.strip(), caller) if bot_id else None
    if found is None:
        return PanelItems(False, False, "", ())
    return PanelItems(True, found.searchable, found.error, found.items)


async def list_orders(call: Call) -> PanelItems:
    """The orders of a conversation's contact, as the shop's tool tells them. Whose, the server says."""
    return await _look(call, "orders")


async def find_products(call: Call) -> PanelItems:
    """Products of the shop to show to a visitor."""
    return await _look(call, "products")


ROUTES = [
    Route("GET", "/api/v1/conversations/{id}/orders", list_orders, AGENT_ONLY,
          ("List the contact's orders", "客户的订单"), answer=PanelItems, query=PanelQuery),
    Route("GET", "/api/v1/conversations/{id}/products", find_products, AGENT_ONLY,
          ("Search products", "查找商品"), answer=PanelItems, query=PanelQuery),
]
