"""The agents' panel for the HTTP API, joined to the tools once they are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zhike.app.core import Core

if TYPE_CHECKING:
    from zhike.answer.tools.panel import Found
    from zhike.domain.tool import Caller, PanelUse


class LazyPanel:
    """Imports what it needs when somebody looks: nobody does at a start."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def look(self, bot_id: int, use: PanelUse, query: str, caller: Caller) -> Found | None:
        """See :class:`zhike.answer.tools.panel.Panel`."""
        from zhike.answer.tools.panel import Panel

        return await Panel(lambda: self._core.toolbox).look(bot_id, use, query, caller)
