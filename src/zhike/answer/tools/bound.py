"""The tools of one turn, as a model's client sees them: bound to a bot, an allow-list and a caller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zhike.answer.tools.toolbox import Toolbox, ToolSpec
from zhike.domain.tool import Caller


class BoundTools:
    """See :class:`zhike.answer.llm.context.Tools`. Whatever name or argument a model writes, bot, list and
    caller stay what they were when the turn began."""

    def __init__(self, toolbox: Toolbox, bot_id: int, keys: Sequence[str], caller: Caller) -> None:
        self._toolbox = toolbox
        self._bot_id = bot_id
        self._keys = tuple(keys)
        self._caller = caller

    def specs(self) -> list[ToolSpec]:
        """Those of the allow-list that exist and that this caller may use."""
        return self._toolbox.specs(self._bot_id, self._keys, self._caller)

    async def call(self, name: str, arguments: dict[str, Any]) -> str:
        """The result as text, or what went wrong, said so that a model can mend it."""
        result = await self._toolbox.call(self._bot_id, name, arguments, self._caller, allowed=self._keys)
        return result.for_model()
