"""Tools and flows tried while they are written, saved or not. What a tool does in the shop is real."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from zhike.access.rights import ADMIN_ONLY
from zhike.domain.flow import MAX_STATE_CHARS, Flow, FlowBody
from zhike.domain.tool import Caller, Tool, ToolBody
from zhike.domain.trial import FlowTried, ToolTried
from zhike.rest.decode import Id
from zhike.rest.routes import flows, tools
from zhike.rest.routes.articles import check_bot
from zhike.rest.table import Call, Route
from zhike.rest.write import audited, nothing
from zhike.store.checks import refuse
from zhike.store.checktools import check_flow, check_tool

Customer = Annotated[str, Meta(max_length=100)]
Words = Annotated[str, Meta(min_length=1, max_length=4000, pattern=r"\S")]
Lang = Literal["zh", "en"]


class ToolTrial(ToolBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tool as it is written. ``arguments``: what a flow or a model would give it. ``customer_id``: tried as
    this customer of the shop, "" = as a visitor nobody knows. The call is real: an action is done."""

    bot_id: Id
    key: tools.ToolKey = "test"
    arguments: dict[str, Any] = msgspec.field(default_factory=dict)
    customer_id: Customer = ""
    lang: Lang = "zh"


class FlowTrial(FlowBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A flow as it is written, and what a visitor says. ``state``: from the answer before, "" begins anew.
    ``customer_id`` as for a tool. The tools it calls are called."""

    bot_id: Id
    key: flows.FlowKey = "test"
    say: Words
    state: Annotated[str, Meta(max_length=MAX_STATE_CHARS)] = ""
    customer_id: Customer = ""
    lang: Lang = "zh"


def _caller(call: Call, body: ToolTrial | FlowTrial) -> Caller:
    """Nobody: no contact, so that nothing is remembered of them, and wrong tries are not held against
    anybody."""
    customer = body.customer_id.strip()
    sender = f"c:{customer}" if customer else f"trial:{call.principal.id}"
    return Caller(0, sender, body.lang)


async def test_tool(call: Call) -> ToolTried:
    """Calls a tool as it is written, saved or not, and shows what was sent and what came back; secrets are
    not shown. Nothing of it counts in figures or against anybody."""
    body: ToolTrial = call.body
    await check_bot(call, body.bot_id)
    names = [field.name for field in msgspec.structs.fields(ToolBody)]
    tool = Tool(0, body.bot_id, body.key, ToolBody(**{name: getattr(body, name) for name in names}))
    refuse(check_tool(tool))
    await audited(call, "tool.tested", f"bot:{body.bot_id}", {"key": body.key}, nothing)
    return await call.to.quality.try_tool(tool, body.arguments, _caller(call, body))


async def test_flow(call: Call) -> FlowTried:
    """Says something to a flow as it is written, saved or not; the first message begins it. Nothing is
    stored, and nothing counts."""
    body: FlowTrial = call.body
    await check_bot(call, body.bot_id)
    names = [field.name for field in msgspec.structs.fields(FlowBody)]
    flow = Flow(0, body.bot_id, body.key, FlowBody(**{name: getattr(body, name) for name in names}))
    refuse(check_flow(flow))
    if not body.state:
        await audited(call, "flow.tested", f"bot:{body.bot_id}", {"key": body.key}, nothing)
    return await call.to.quality.try_flow(flow, body.say, body.state, _caller(call, body))


test_tool.__test__ = False  # type: ignore[attr-defined]
test_flow.__test__ = False  # type: ignore[attr-defined]

ROUTES = [
    Route(
        "POST",
        "/api/v1/tools/test",
        test_tool,
        ADMIN_ONLY,
        ("Try a tool that is being written", "试用正在编写的工具"),
        answer=ToolTried,
        body=ToolTrial,
        example={**tools.EXAMPLE, "arguments": {"sku": "SJ-101"}},
    ),
    Route(
        "POST",
        "/api/v1/flows/test",
        test_flow,
        ADMIN_ONLY,
        ("Walk through a flow that is being written", "走一遍正在编写的流程"),
        answer=FlowTried,
        body=FlowTrial,
        example={**flows.EXAMPLE, "say": "给我回电话"},
    ),
]
