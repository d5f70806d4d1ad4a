"""Flows: conversations with a fixed course."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from zhike.access.rights import ADMIN
from zhike.clock import to_datetime
from zhike.domain.flow import Flow, FlowBody
from zhike.errors import ZhikeError
from zhike.rest.decode import Id, path_id
from zhike.rest.paging import page, position
from zhike.rest.routes.articles import check_bot, given
from zhike.rest.routes.tools import KeyedQuery, body_of, change_of
from zhike.rest.table import Call, Route
from zhike.rest.views import Page
from zhike.rest.write import audited
from zhike.store import flows as rows
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


def flow_view(flow: Flow) -> FlowView:
    return FlowView(
        **msgspec.structs.asdict(flow.body),
        id=flow.id,
        bot_id=flow.bot_id,
        key=flow.key,
        enabled=flow.enabled,
        created_at=to_datetime(flow.created_at),
        updated_at=to_datetime(flow.updated_at),
    )


async def list_flows(call: Call) -> Page[FlowView]:
    """Flows in the order of their ids."""
    query: KeyedQuery = call.query
    after = position(query.cursor, 1)
    found = await call.to.store.read(
        rows.list_flows,
        bot_id=query.bot_id,
        enabled=query.enabled,
        text=query.q.strip(),
        after_id=after[0] if after else 0,
        limit=query.limit + 1,
    )
    return page(found, query.limit, flow_view, lambda flow: (flow.id,))


async def _find(call: Call) -> Flow:
    flow = await call.to.store.read(rows.get_flow, path_id(call.path["id"]))
    if flow is None:
        raise ZhikeError("not_found")
    return flow


async def get_flow(call: Call) -> FlowView:
    """One flow."""
    return flow_view(await _find(call))


async def create_flow(call: Call) -> FlowView:
    """Adds a flow; rules can begin it when this returns."""
    body: NewFlow = call.body
    await check_bot(call, body.bot_id)
    new = Flow(0, body.bot_id, body.key, body_of(FlowBody, msgspec.structs.asdict(body)), body.enabled)
    flow = await audited(
        call,
        "flow.created",
        lambda made: f"flow:{made.id}",
        {"key": body.key},
        rows.create_flow,
        new,
        call.now,
    )
    await call.to.desk.knowledge_changed(flow.bot_id)
    return flow_view(flow)


async def change_flow(call: Call) -> FlowView:
    """Changes a flow; conversations that are in it are told so at their next message."""
    old = await _find(call)
    values = given(call.body)
    enabled = values.pop("enabled", old.enabled)
    new = msgspec.structs.replace(old, enabled=enabled, body=msgspec.structs.replace(old.body, **values))
    flow = await audited(
        call,
        "flow.updated",
        f"flow:{old.id}",
        {"fields": sorted(given(call.body))},
        rows.update_flow,
        new,
        call.now,
    )
    await call.to.desk.knowledge_changed(flow.bot_id)
    return flow_view(flow)


async def delete_flow(call: Call) -> None:
    """Removes a flow that no rule begins."""
    old = await _find(call)
    await audited(
        call, "flow.deleted", f"flow:{old.id}", {"key": old.key}, rows.delete_flow, old.id, call.now
    )
    await call.to.desk.knowledge_changed(old.bot_id)


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
