"""Tools: what a bot may do in the shop's own systems. For admins: they say where its requests go.

A tool names the place of its secret and never holds it, so nothing here has to be hidden from an admin.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from zhike.access.rights import ADMIN
from zhike.clock import to_datetime
from zhike.domain.tool import Tool, ToolBody
from zhike.errors import ZhikeError
from zhike.rest.decode import Id, path_id
from zhike.rest.paging import Paged, page, position
from zhike.rest.routes.articles import check_bot, given
from zhike.rest.table import Call, Route
from zhike.rest.views import Page
from zhike.rest.write import audited
from zhike.store import tools as rows

ToolKey = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]


class KeyedQuery(Paged, forbid_unknown_fields=True):
    """``q``: a part of key or content."""

    bot_id: Id | None = None
    enabled: bool | None = None
    q: Annotated[str, Meta(max_length=200)] = ""


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


def change_of(name: str, body: type[Struct], doc: str) -> type[Struct]:
    """A struct for PATCH: every field of ``body`` and ``enabled``, each only if it is given."""
    fields: list[tuple[str, Any, Any]] = [
        (field.name, field.type | UnsetType, UNSET) for field in msgspec.structs.fields(body)
    ]
    fields.append(("enabled", bool | UnsetType, UNSET))
    return msgspec.defstruct(
        name, fields, namespace={"__doc__": doc}, module=__name__, forbid_unknown_fields=True, kw_only=True
    )


ToolChange = change_of("ToolChange", ToolBody, "Fields that are not given stay; bot and key always do.")


def tool_view(tool: Tool) -> ToolView:
    return ToolView(
        **msgspec.structs.asdict(tool.body),
        id=tool.id,
        bot_id=tool.bot_id,
        key=tool.key,
        enabled=tool.enabled,
        created_at=to_datetime(tool.created_at),
        updated_at=to_datetime(tool.updated_at),
    )


def body_of(kind: type[Any], values: dict[str, Any]) -> Any:
    """The fields of a body among those that came over the wire."""
    return kind(
        **{field.name: values[field.name] for field in msgspec.structs.fields(kind) if field.name in values}
    )


async def list_tools(call: Call) -> Page[ToolView]:
    """Tools in the order of their ids."""
    query: KeyedQuery = call.query
    after = position(query.cursor, 1)
    found = await call.to.store.read(
        rows.list_tools,
        bot_id=query.bot_id,
        enabled=query.enabled,
        text=query.q.strip(),
        after_id=after[0] if after else 0,
        limit=query.limit + 1,
    )
    return page(found, query.limit, tool_view, lambda tool: (tool.id,))


async def _find(call: Call) -> Tool:
    tool = await call.to.store.read(rows.get_tool, path_id(call.path["id"]))
    if tool is None:
        raise ZhikeError("not_found")
    return tool


async def get_tool(call: Call) -> ToolView:
    """One tool."""
    return tool_view(await _find(call))


async def create_tool(call: Call) -> ToolView:
    """Adds a tool; flows and models can call it when this returns."""
    body: NewTool = call.body
    await check_bot(call, body.bot_id)
    new = Tool(0, body.bot_id, body.key, body_of(ToolBody, msgspec.structs.asdict(body)), body.enabled)
    tool = await audited(
        call,
        "tool.created",
        lambda made: f"tool:{made.id}",
        {"key": body.key},
        rows.create_tool,
        new,
        call.now,
    )
    await call.to.desk.knowledge_changed(tool.bot_id)
    return tool_view(tool)


async def change_tool(call: Call) -> ToolView:
    """Changes a tool; calls go by it when this returns."""
    old = await _find(call)
    values = given(call.body)
    enabled = values.pop("enabled", old.enabled)
    new = msgspec.structs.replace(old, enabled=enabled, body=msgspec.structs.replace(old.body, **values))
    tool = await audited(
        call,
        "tool.updated",
        f"tool:{old.id}",
        {"fields": sorted(given(call.body))},
        rows.update_tool,
        new,
        call.now,
    )
    await call.to.desk.knowledge_changed(tool.bot_id)
    return tool_view(tool)


async def delete_tool(call: Call) -> None:
    """Removes a tool that no flow calls."""
    old = await _find(call)
    await audited(
        call, "tool.deleted", f"tool:{old.id}", {"key": old.key}, rows.delete_tool, old.id, call.now
    )
    await call.to.desk.knowledge_changed(old.bot_id)


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
