"""The shop's own systems, as far as the bot may use them: calls over HTTP and Python functions.

    box = Toolbox(store, limits)
    await box.load_bot(bot_id)                                  # and again after each edit
    box.specs(bot_id, ("order_status",))                        # OpenAI `tools`
    await box.call(bot_id, "order_status", {"number": "…"}, caller, allowed=("order_status",))

What a call may do is decided here and not by who asks: the tool must be among those allowed, its arguments
must fit, who the caller is comes from the server, and somebody the shop has not signed proves what is theirs.
"""

from zhike.answer.tools.limits import ToolLimits
from zhike.answer.tools.toolbox import Toolbox

__all__ = ["ToolLimits", "Toolbox"]
