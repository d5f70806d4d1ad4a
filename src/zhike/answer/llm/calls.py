"""The tools of one turn: the allow-list is kept, time is limited, and nothing is called twice.

Two models may work on one question, and a try may begin anew: the same call with the same
arguments is made once, and all who ask for it get its one result.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec

from zhike.answer.llm.context import Tools
from zhike.answer.llm.masking import Masking
from zhike.answer.llm.reply import ToolCall

CALL_S = 5.0
"""One call. Three rounds of it still leave time to speak."""
MAX_RESULT_CHARS = 8_000
MAX_TURN_CALLS = 8
"""Different calls in one turn, all models together."""
_sorted = msgspec.json.Encoder(order="deterministic").encode

log = logging.getLogger("zhike.models")


class Malformed(Exception):
    """A call that cannot be made; the text tells the model why."""


class TurnTools:
    """See the module. ``results``: what tools said, unmasked, for the guard."""

    def __init__(self, tools: Tools | None, masking: Masking) -> None:
        self._tools = tools
        self._masking = masking
        self.specs: list[dict[str, Any]] = list(tools.specs()) if tools is not None else []
        self._allowed = {str(spec.get("function", {}).get("name", "")) for spec in self.specs}
        self._made: dict[tuple[str, bytes], asyncio.Task[str]] = {}
        self.results: list[str] = []
        self.names: list[str] = []

    async def call(self, call: ToolCall) -> str:
        """The result, masked, as the model gets it.

        Raises:
            Malformed: the name is not on the list, or the arguments are no JSON object.
        """
        if call.name not in self._allowed or self._tools is None:
            raise Malformed(f"error: there is no tool {call.name[:60]!r}; there are: "
                            f"{', '.join(sorted(self._allowed))}")
        arguments = self._unmasked(self._arguments(call))
        key = (call.name, _sorted(arguments))
        task = self._made.get(key)
        if task is None:
            if len(self._made) >= MAX_TURN_CALLS:
                return "error: no more calls in this turn; answer with what you know"
            task = self._made[key] = asyncio.get_running_loop().create_task(
                self._call(self._tools, call.name, arguments), name=f"tool {call.name}")
        # shielded: the call is also another model's, and must not stop half-way when one leaves
        result = await asyncio.shield(task)
        return await self._masking.run(len(result), lambda mask: mask.mask(result))

    async def _call(self, tools: Tools, name: str, arguments: dict[str, Any]) -> str:
        self.names.append(name)
        try:
            async with asyncio.timeout(CALL_S):
                result = await tools.call(name, arguments)
        except TimeoutError:
            return f"error: {name} did not answer within {CALL_S:g} s"
        except Exception:
            log.exception("a tool failed", extra={"tool": name})
            return f"error: {name} failed"
        result = result[:MAX_RESULT_CHARS]
        self.results.append(result)
        return result

    def _arguments(self, call: ToolCall) -> dict[str, Any]:
        try:
            found = msgspec.json.decode(call.arguments or "{}")
        except (msgspec.DecodeError, RecursionError) as error:
            raise Malformed(f"error: the arguments are not valid JSON: {error}") from error
        if not isinstance(found, dict):
            raise Malformed("error: the arguments must be a JSON object")
        return found

    def _unmasked(self, value: Any) -> Any:
        """The real values in place of placeholders, in every string of it."""
        if isinstance(value, str):
            return self._masking.mask.unmask(value)
        if isinstance(value, dict):
            return {key: self._unmasked(inner) for key, inner in value.items()}
        return [self._unmasked(inner) for inner in value] if isinstance(value, list) else value

    def close(self) -> None:
        """The turn is over: nobody waits for what still runs."""
        for task in self._made.values():
            task.cancel()
