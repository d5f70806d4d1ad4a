"""Tools and flows over REST: what is written comes back, what is wrong is named, and only admins may."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from zhike.clock import now_ms
from zhike.domain.flow import FlowBody
from zhike.domain.tool import ToolBody
from zhike.rest.routes import flows as flow_routes
from zhike.rest.routes import tools as tool_routes
from zhike.testing.apirig import Rig

TOOL: dict[str, Any] = {**tool_routes.EXAMPLE, "proof": {"subject": "sku", "evidence": ["pin"]}}
TOOL["parameters"] = {
    "type": "object",
    "required": ["sku"],
    "properties": {"sku": {"type": "string"}, "pin": {"type": "string"}},
}


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    made = await Rig(now_ms).start()
    yield made
    await made.stop()


async def test_a_tool_comes_back_and_is_changed_in_part(rig: Rig) -> None:
    admin = await rig.signed_in("admin")
    made = await admin("POST", "/api/v1/tools", TOOL)
    assert made.status == 201, made.body
    path = f"/api/v1/tools/{made.json['id']}"
    shown = (await admin("GET", path)).json
    assert shown == made.json
    assert {name: shown[name] for name in TOOL} == TOOL
    assert (shown["enabled"], shown["timeout_s"], shown["inject"], shown["audience"]) == (
        True,
        5.0,
        {},
        "anyone",
    )
    changed = (await admin("PATCH", path, {"timeout_s": 2.5, "enabled": False, "proof": None})).json
    assert (changed["timeout_s"], changed["enabled"], changed["proof"]) == (2.5, False, None)
    assert changed["http"] == TOOL["http"]
    listed = (await admin("GET", "/api/v1/tools?q=stock&enabled=false&limit=1")).json
    assert [item["key"] for item in listed["items"]] == ["stock"]
    assert (await admin("GET", "/api/v1/tools?bot_id=99")).json["items"] == []
    assert (await admin("POST", "/api/v1/tools", TOOL)).code == "conflict"
    version = (await admin("GET", "/api/v1/bots/1")).json["knowledge_version"]
    assert (await admin("DELETE", path)).status == 204
    assert (await admin("GET", "/api/v1/bots/1")).json["knowledge_version"] == version + 1
    assert (await admin("GET", path)).code == "not_found"
    acts = (await admin("GET", "/api/v1/audit")).json["items"]
    assert {"tool.created", "tool.updated", "tool.deleted"} <= {act["action"] for act in acts}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"bot_id": 9}, "bot_id"),
        ({"key": "two words"}, "key"),
        ({"kind": "shell"}, "kind"),
        ({"http": {"url": "https://{sku}.example/"}}, "http.url"),
        (
            {"http": {"url": "https://shop.example/", "secret": "hunter2", "secret_header": "X-Key"}},
            "http.secret",
        ),
        ({"http": {"url": "https://shop.example/", "verify": False}}, "http.verify"),
        (
            {"parameters": {"type": "object", "properties": {"sku": {"$ref": "file:///etc/passwd"}}}},
            "parameters.properties.sku.type",
        ),
        ({"inject": {"who": "caller.password"}}, "inject"),
        ({"inject": {"sku": "caller.customer_id"}}, "inject.sku"),
        ({"unknown": 1}, "unknown"),
    ],
)
async def test_what_is_wrong_with_a_tool_is_named(rig: Rig, change: dict[str, Any], field: str) -> None:
    admin = await rig.signed_in("admin")
    refused = await admin("POST", "/api/v1/tools", {**TOOL, **change})
    assert refused.status in (400, 422), refused.body
    assert str(refused.json["error"]["field"]).startswith(field)
    assert (await admin("GET", "/api/v1/tools")).json["items"] == []


async def test_a_flow_comes_back_and_needs_its_tool(rig: Rig) -> None:
    admin = await rig.signed_in("admin")
    flow: dict[str, Any] = flow_routes.EXAMPLE
    made = await admin("POST", "/api/v1/flows", flow)
    assert made.status == 201, made.body
    assert {name: made.json[name] for name in flow} == flow
    path = f"/api/v1/flows/{made.json['id']}"
    steps = [*flow["steps"], {"call": "stock", "arguments": {"sku": "{phone}"}}]
    refused = await admin("PATCH", path, {"steps": steps})
    assert refused.json["error"]["field"] == "steps[3].call"
    tool = await admin("POST", "/api/v1/tools", TOOL)
    assert len((await admin("PATCH", path, {"steps": steps, "timeout_s": 60})).json["steps"]) == 4
    assert (await admin("DELETE", f"/api/v1/tools/{tool.json['id']}")).code == "conflict"
    rule = {
        "bot_id": 1,
        "key": "call",
        "kind": "exact",
        "match": ["回电"],
        "reply": "",
        "action": "flow:callback",
    }
    assert (await admin("POST", "/api/v1/rules", {**rule, "action": "flow:gone"})).json["error"][
        "field"
    ] == "action"
    assert (await admin("POST", "/api/v1/rules", {**rule, "action": "shell"})).json["error"][
        "field"
    ] == "action"
    assert (await admin("POST", "/api/v1/rules", rule)).json["action"] == "flow:callback"
    assert (await admin("DELETE", path)).code == "conflict"
    assert [item["key"] for item in (await admin("GET", "/api/v1/flows?q=电话")).json["items"]] == [
        "callback"
    ]


async def test_only_admins_see_where_the_desk_calls(rig: Rig) -> None:
    admin, agent = await rig.signed_in("admin"), await rig.signed_in("agent")
    for noun, example in (("tools", TOOL), ("flows", flow_routes.EXAMPLE)):
        made = await admin("POST", f"/api/v1/{noun}", example)
        path = f"/api/v1/{noun}/{made.json['id']}"
        for method, where, body in (
            ("GET", f"/api/v1/{noun}", None),
            ("GET", path, None),
            ("DELETE", path, None),
            ("POST", f"/api/v1/{noun}", example),
            ("PATCH", path, {"enabled": False}),
        ):
            assert (await agent(method, where, body)).code == "forbidden"


async def test_both_are_tried_as_they_are_written(rig: Rig) -> None:
    admin = await rig.signed_in("admin")
    wish = {**TOOL, "arguments": {"sku": "A1"}, "customer_id": "7"}
    wish.pop("enabled", None)
    found = await admin("POST", "/api/v1/tools/test", wish)
    assert found.status == 200, found.body
    assert found.json["text"] == "c:7: [('sku', 'A1')]"
    wrong = {**wish, "http": {"url": "https://{sku}.example/"}}
    assert (await admin("POST", "/api/v1/tools/test", wrong)).json["error"]["field"] == "http.url"
    talk = {**flow_routes.EXAMPLE, "say": "hello", "state": "s"}
    assert (await admin("POST", "/api/v1/flows/test", talk)).json["state"] == "s+"
    assert (await admin("POST", "/api/v1/flows/test", {**talk, "steps": []})).json["error"][
        "field"
    ] == "steps"
    assert (await admin("POST", "/api/v1/flows/test", {**talk, "bot_id": 9})).json["error"][
        "field"
    ] == "bot_id"
    assert (await admin("GET", "/api/v1/tools")).json["items"] == []
    acts = [act["action"] for act in (await admin("GET", "/api/v1/audit")).json["items"]]
    assert acts.count("tool.tested") == 1
    for path, body in (("tools", wish), ("flows", talk)):
        assert (await (await rig.signed_in("agent", f"{path}@desk.example"))(
            "POST", f"/api/v1/{path}/test", body)).code == "forbidden"
        assert (await (await rig.with_key("admin"))("POST", f"/api/v1/{path}/test", body)
                ).code == "forbidden"


def test_every_field_can_be_changed() -> None:
    for change, body in ((tool_routes.ToolChange, ToolBody), (flow_routes.FlowChange, FlowBody)):
        assert {f.name for f in msgspec.structs.fields(change)} == {
            *(f.name for f in msgspec.structs.fields(body)),
            "enabled",
        }
