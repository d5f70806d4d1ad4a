"""Trials and gates for the HTTP API, made when the first is asked for: no start waits for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zhike.domain.case import Case
from zhike.domain.flow import Flow
from zhike.domain.prompt import Template
from zhike.domain.tool import Caller, Tool
from zhike.domain.trial import FlowTried, GateReport, ModelState, ModelTried, ToolTried, Tried
from zhike.errors import ZhikeError

if TYPE_CHECKING:
    from zhike.answer.tools import Toolbox
    from zhike.app.core import Core
    from zhike.ops.quality.service import Quality


class LazyQuality:
    """See :class:`zhike.rest.ports.Quality`. The models are the desk's own: places and spending are shared
    with the visitors."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._quality: Quality | None = None

    def _made(self) -> Quality:
        if self._quality is None:
            from zhike.ops.quality.service import Quality

            part = self._core.models
            if part is None:  # the rungs are made after the line has started
                raise ZhikeError("starting", retry_after_s=1.0)
            self._quality = Quality(self._core.store, part.models, self._core.now, self._core.settings)
        return self._quality

    def models(self) -> list[ModelState]:
        """See the port."""
        return self._made().models()

    async def try_model(self, key: str) -> ModelTried:
        """See the port."""
        return await self._made().try_model(key)

    async def gate_bot(self, bot_id: int) -> GateReport:
        """See the port."""
        return await self._made().gate_bot(bot_id)

    async def gate_template(self, bot_id: int, template: Template) -> GateReport:
        """See the port."""
        return await self._made().gate_template(bot_id, template)

    async def try_templates(self, bot_id: int, templates: Sequence[Template], questions: Sequence[Case],
                            model: str = "") -> list[tuple[Tried, ...]] | None:
        """See the port."""
        return await self._made().try_templates(bot_id, templates, questions, model)

    async def try_tool(self, tool: Tool, arguments: Mapping[str, Any], caller: Caller) -> ToolTried:
        """See the port."""
        from zhike.answer.tools.trial import try_tool

        return await try_tool(self._toolbox(), tool, arguments, caller)

    async def try_flow(self, flow: Flow, text: str, state: str, caller: Caller) -> FlowTried:
        """See the port."""
        from zhike.answer.flows import EngineKnows
        from zhike.answer.flows.trial import try_flow
        from zhike.store import tools

        core, toolbox = self._core, self._toolbox()
        kept = await core.store.read(tools.all_for_bot, flow.bot_id)
        knows = EngineKnows(core.engine, core.search_thread)
        return await try_flow(toolbox, knows, {tool.key: tool for tool in kept if tool.enabled}, flow, text,
                              state, caller, core.now)

    def _toolbox(self) -> Toolbox:
        if self._core.toolbox is None:
            raise ZhikeError("starting", retry_after_s=1.0)
        return self._core.toolbox
