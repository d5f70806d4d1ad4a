"""Flows: conversations with a fixed course."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from zhike.access.rights import ADMIN
from zhike.domain.flow import Flow, FlowBody
from zhike.rest.decode import Id
from zhike.rest.routes.keyed import KeyedQuery, KeyedRows, change_of
from zhike.rest.table import Call, Route
from zhike.rest.views import Page
from zhike.store import flows as store
from zhike.store.checktools import MAX_FLOW_KEY_CHARS

FlowKey = Annotated[
    str, Meta(min_length=1, max_length=MAX_FLOW_KEY_CHARS, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
]


class NewFlow(FlowBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``key``: rules begin it by the action ``flow:<key>``. ``steps``: each is one of ask, call, say, branch,
    handoff, end."""

    bot_id: Id
    key: FlowKey
    enabled: bool = True


class FlowView(FlowBody, frozen=True, kw_only=True, omit_defaults=False):
    """One flow."""

    id: int
    bot_id: int
    key: str
    enabled: bool
    created_at: datetime
    updated_at: datetime


FlowChange = change_of("FlowChange", FlowBody, "Fields that are not given stay; bot and key always do.")
_rows: KeyedRows[Flow, FlowView] = KeyedRows(store.rows, FlowBody, FlowView)


async def list_flows(call: Call) -> Page[FlowView]:
    """Flows in the order of their ids."""
    return await _rows.list(call)


async def get_flow(call: Call) -> FlowView:
    """One flow."""
    return await _rows.get(call)


async def create_flow(call: Call) -> FlowView:
    """Adds a flow; rules can begin it when this returns."""
    return await _rows.create(call)


async def change_flow(call: Call) -> FlowView:
    """Changes a flow; conversations that are in it are told so at their next message."""
    return await _rows.change(call)


async def delete_flow(call: Call) -> None:
    """Removes a flow that no rule begins."""
    await _rows.delete(call)


EXAMPLE = {
    "bot_id": 1,
    "key": "callback",
    "title": "留个电话",
    "starts": ["给我回电话", "call me back"],
    "steps": [
        {
            "ask": "phone",
            "pattern": "[0-9]{7,15}",
            "prompt": {"zh": "请留下您的电话。", "en": "Your number, please."},
        },
        {"say": {"zh": "好的，我们会打 {phone}。", "en": "Thanks, we'll call {phone}."}},
        {"handoff": {"zh": "我请同事来跟进。", "en": "A colleague takes it from here."}},
    ],
}

ROUTES = [
    Route(
        "GET",
        "/api/v1/flows",
        list_flows,
        ADMIN,
        ("List flows", "流程列表"),
        answer=Page[FlowView],
        query=KeyedQuery,
    ),
    Route(
        "POST",
        "/api/v1/flows",
        create_flow,
        ADMIN,
        ("Add a flow", "新建流程"),
        answer=FlowView,
        status=201,
        body=NewFlow,
        errors=("conflict",),
        example=EXAMPLE,
    ),
    Route("GET", "/api/v1/flows/{id}", get_flow, ADMIN, ("Get a flow", "查看流程"), answer=FlowView),
    Route(
        "PATCH",
        "/api/v1/flows/{id}",
        change_flow,
        ADMIN,
        ("Change a flow", "修改流程"),
        answer=FlowView,
        body=FlowChange,
        example={"enabled": False},
    ),
    Route("DELETE", "/api/v1/flows/{id}", delete_flow, ADMIN, ("Remove a flow", "删除流程"), status=204),
]
