"""What agents look up beside a conversation: the contact's orders, and products to show.

The same tools, limits and checks as the bot's calls, for those tools that an admin has opened to the panel
(``panel`` of the tool). Whose orders they are the server says; what an agent types is only what is searched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from zhike.answer.tools.toolbox import Toolbox
from zhike.domain.card import Card, CardKind, cards_from
from zhike.domain.tool import Caller, PanelUse, ToolError

MOST_ITEMS = 20
"""Of one answer: what is more is searched for."""
QUERY = "query"
"""The parameter that what an agent types goes to."""


class Found(msgspec.Struct, frozen=True):
    """``searchable``: the tool takes words. ``error``: why there is nothing, "" = it answered."""

    searchable: bool
    error: ToolError
    items: tuple[Card, ...]


class Panel:
    """Args: ``toolbox``: the tools, or None while they are not there yet."""

    def __init__(self, toolbox: Callable[[], Toolbox | None]) -> None:
        self._toolbox = toolbox

    async def look(self, bot_id: int, use: PanelUse, query: str, caller: Caller) -> Found | None:
        """Asks the shop; None: no tool of this bot is opened to it."""
        toolbox = self._toolbox()
        tool = toolbox.for_panel(bot_id, use) if toolbox is not None else None
        if toolbox is None or tool is None:
            return None
        searchable = QUERY in tool.body.parameters.get("properties", {})
        required = tool.body.parameters.get("required", [])
        if QUERY in required and not query:
            return Found(searchable, "", ())  # nothing was asked yet
        arguments: dict[str, Any] = {QUERY: query} if searchable and query else {}
        result = await toolbox.call(bot_id, tool.key, arguments, caller, allowed=(tool.key,))
        if not result.ok:
            return Found(searchable, result.error, ())
        kind: CardKind = "order" if use == "orders" else "product"
        return Found(searchable, "", cards_from(result.data, kind, MOST_ITEMS))
