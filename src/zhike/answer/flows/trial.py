"""A flow that is being written, walked through as a visitor would."""

from __future__ import annotations

from typing import Any, cast

from zhike.answer.flows.flows import Flows
from zhike.answer.flows.knows import Knows
from zhike.answer.flows.state import read_state
from zhike.answer.tools import Toolbox
from zhike.answer.tools.trial import TrialTools
from zhike.clock import NowMs
from zhike.domain.flow import Flow
from zhike.domain.tool import Caller, Tool
from zhike.domain.trial import FlowTried
from zhike.search.text import Lang, understand


async def try_flow(toolbox: Toolbox, knows: Knows, tools: dict[str, Tool], flow: Flow, text: str, state: str,
                   caller: Caller, now: NowMs) -> FlowTried:
    """One message to a flow as it is written, saved or not: it begins with the first, whatever that says.

    Args:
        tools: of the bot; what the flow calls is really called, and counts nowhere.
        state: as the step before gave it back; "" begins anew.
    """
    trial = TrialTools(toolbox, tools)
    flows = Flows(cast("Any", trial), knows, now=now)
    flows.use(flow.bot_id, [flow])
    lang = cast("Lang", caller.lang)
    question = understand(text, lang)
    reply = await flows.step(flow.bot_id, state, question, caller, lang) if state else None
    if reply is None:
        reply = await flows.begin(flow.bot_id, flow.key, question, caller, lang)
    after = read_state(reply.flow) if reply.flow else None
    waits = flow.body.steps[after.at] if after is not None and after.at < len(flow.body.steps) else None
    return FlowTried(reply.text, reply.buttons, reply.action, reply.flow or "",
                     after.at if after is not None else None, waits.ask if waits is not None else "",
                     dict(after.slots) if after is not None else {}, reply.trace, tuple(trial.calls))
