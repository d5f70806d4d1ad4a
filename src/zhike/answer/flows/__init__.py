"""Flows: conversations with a fixed course that an admin has written.

    flows = Flows(toolbox, EngineKnows(engine, search_thread))
    await flows.load_bot(bot_id)                                     # and again after each edit
    reply = await flows.begin(bot_id, "order-status", question, caller)
    reply = await flows.step(bot_id, conversation.flow, question, caller)

``reply.flow`` is the state to keep (``conversations.flow``); "" = the flow is over.
"""

from zhike.answer.flows.flows import Flows
from zhike.answer.flows.knows import EngineKnows, Knows

__all__ = ["EngineKnows", "Flows", "Knows"]
