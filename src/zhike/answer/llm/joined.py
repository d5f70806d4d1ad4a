"""The ports of this package, joined with the parts they stand for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from zhike.answer.llm.context import Ask, Parts, Prompt
from zhike.domain.prompt import Template
from zhike.domain.tool import Caller

if TYPE_CHECKING:
    from zhike.answer.tools.toolbox import Toolbox


def real_parts(compose: Callable[[Template, Ask], Prompt]) -> Parts:
    """Mask, guard and compression as they are; ``compose`` is that of the prompts."""
    from zhike.answer.compress import compress
    from zhike.answer.guard import Guard
    from zhike.answer.mask import Mask

    return Parts(compose=compose, mask=Mask, guard=Guard, compress=compress)


class CallersTools:
    """A :class:`zhike.answer.llm.context.Tools`: the tools a template names, for one visitor.

    Args:
        keys: the allow-list.
        caller: who asks, from the server.
    """

    def __init__(self, toolbox: Toolbox, bot_id: int, keys: Sequence[str], caller: Caller) -> None:
        self._toolbox = toolbox
        self._bot_id = bot_id
        self._keys = tuple(keys)
        self._caller = caller

    def specs(self) -> list[dict[str, Any]]:
        """See the port."""
        return self._toolbox.specs(self._bot_id, self._keys, self._caller)

    async def call(self, name: str, arguments: dict[str, Any]) -> str:
        """See the port."""
        result = await self._toolbox.call(self._bot_id, name, arguments, self._caller, allowed=self._keys)
        return result.for_model()
