"""Tools: what a bot may do in the shop's own systems. For admins: they say where its requests go.

A tool names the place of its secret and never holds it, so nothing here has to be hidden from an admin.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from zhike.access.rights import ADMIN
from zhike.domain.tool import Tool, ToolBody
from zhike.rest.decode import Id
from zhike.rest.routes.keyed import KeyedQuery, KeyedRows, change_of
from zhike.rest.table import Call, Route
from zhike.rest.views import Page
from zhike.store import tools as store

ToolKey = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]


class NewTool(ToolBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``key``: what flows and models call it by. ``parameters``: JSON schema of its arguments; ``inject``:
    what the server fills in. One of ``http`` and ``python``, as ``kind`` says."""

    bot_id: Id
    key: ToolKey
    enabled: bool = True


class ToolView(ToolBody, frozen=True, kw_only=True, omit_defaults=False):
    """One tool."""

    id: int
    bot_id: int
    key: str
    enabled: bool
    created_at: datetime
    updated_at: datetime


ToolChange = change_of("ToolChange", ToolBody, "Fields that are not given stay; bot and key always do.")
_rows: KeyedRows[Tool, ToolView] = KeyedRows(store.rows, ToolBody, ToolView)


async def list_tools(call: Call) -> Page[ToolView]:
    """Tools in the order of their ids."""
    return await _rows.list(call)


async def get_tool(call: Call) -> ToolView:
    """One tool."""
    return await _rows.get(call)


async def create_tool(call: Call) -> ToolView:
    """Adds a tool; flows and models can call it when this returns."""
    return await _rows.create(call)


async def change_tool(call: Call) -> ToolView:
    """Changes a tool; calls go by it when this returns."""
    return await _rows.change(call)


async def delete_tool(call: Call) -> None:
    """Removes a tool that no flow calls."""
    await _rows.delete(call)


EXAMPLE = {
    "bot_id": 1,
    "key": "stock",
    "kind": "http",
    "title": "查库存",
    "description": "Looks up how many of a product are left.",
    "parameters": {
        "type": "object",
        "required": ["sku"],
        "properties": {"sku": {"type": "string", "description": "the product's number"}},
    },
    "http": {
        "url": "https://shop.example/api/stock/{sku}",
        "secret_header": "Authorization",
        "secret_prefix": "Bearer ",
        "secret": "env:ZHIKE_TOOL_SHOP",
    },
    "result": {"zh": "还有 {/left} 件。", "en": "There are {/left} left."},
}

ROUTES = [
    Route(
        "GET",
        "/api/v1/tools",
        list_tools,
        ADMIN,
        ("List tools", "工具列表"),
        answer=Page[ToolView],
        query=KeyedQuery,
    ),
    Route(
        "POST",
        "/api/v1/tools",
        create_tool,
        ADMIN,
        ("Add a tool", "新建工具"),
        answer=ToolView,
        status=201,
        body=NewTool,
        errors=("conflict",),
        example=EXAMPLE,
    ),
    Route("GET", "/api/v1/tools/{id}", get_tool, ADMIN, ("Get a tool", "查看工具"), answer=ToolView),
    Route(
        "PATCH",
        "/api/v1/tools/{id}",
        change_tool,
        ADMIN,
        ("Change a tool", "修改工具"),
        answer=ToolView,
        body=ToolChange,
        example={"enabled": False},
    ),
    Route("DELETE", "/api/v1/tools/{id}", delete_tool, ADMIN, ("Remove a tool", "删除工具"), status=204),
]
