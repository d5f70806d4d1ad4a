"""A tool, and a flow, tried by whoever writes them: as a visitor would meet them, with a look behind.

A tool's requests are real; secrets are not shown, wherever they stand: not in the request, and not in an
answer that repeats them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec

from zhike.answer.tools.request import NoSecretError, read_secret
from zhike.answer.tools.toolbox import Look, Toolbox
from zhike.domain.tool import Caller, Tool, ToolResult
from zhike.domain.trial import ToolRequest, ToolTried

HIDDEN = "••••••"
MAX_PROBLEM_CHARS = 500
MAX_CALLS = 20
"""Of one step of a flow: what is shown, not what is called."""


async def try_tool(toolbox: Toolbox, tool: Tool, arguments: Mapping[str, Any], caller: Caller) -> ToolTried:
    """Calls a tool as it is written, saved or not.

    Args:
        arguments: as a model or a flow would give them.
        caller: who it is tried as; ``contact_id`` 0.
    """
    result, look = await toolbox.try_call(tool.bot_id, tool, arguments, caller)
    return seen(toolbox, tool, result, look)


def seen(toolbox: Toolbox, tool: Tool, result: ToolResult, look: Look) -> ToolTried:
    """What a call came to, as it is shown."""
    secrets = tuple(_secrets(toolbox, tool, look))
    request = None
    if look.request is not None:
        url, body = look.request.url, (look.request.body or b"").decode("utf-8", "replace")
        headers = {name: _hide(value, secrets) for name, value in look.request.headers.items()}
        request = ToolRequest(look.request.method, _hide(url, secrets), headers, _hide(body, secrets))
    problem = _hide(look.problem, secrets)[:MAX_PROBLEM_CHARS]
    return ToolTried(tool.key, result.ok, _hide(result.text, secrets), result.error,
                     _hidden(result.data, secrets), result.missing, problem,
                     round(result.took_us / 1000, 1), request)


class TrialTools:
    """Stands in for the toolbox while a flow is tried; ``calls``: what was called."""

    def __init__(self, toolbox: Toolbox, tools: Mapping[str, Tool]) -> None:
        self.calls: list[ToolTried] = []
        self._toolbox = toolbox
        self._tools = tools

    async def call(self, bot_id: int, key: str, arguments: Mapping[str, Any] | str, caller: Caller, *,
                   allowed: Collection[str] | None = None) -> ToolResult:
        """See :meth:`Toolbox.call`."""
        tool = self._tools.get(key) if allowed is None or key in allowed else None
        result, look = await self._toolbox.try_call(bot_id, tool if tool is not None else key, arguments,
                                                    caller)
        if len(self.calls) < MAX_CALLS:
            self.calls.append(seen(self._toolbox, tool, result, look) if tool is not None else
                              ToolTried(key, result.ok, result.text, result.error))
        return result


def _secrets(toolbox: Toolbox, tool: Tool, look: Look) -> Iterator[str]:
    action = tool.body.http
    if action is None or not action.secret:
        return
    if look.request is not None:  # as it was sent: the file may have changed since
        sent = look.request.headers.get(action.secret_header, "")
        yield sent.removeprefix(action.secret_prefix)
    try:
        yield read_secret(action.secret, toolbox.limits)
    except NoSecretError:
        return


def _hide(text: str, secrets: Collection[str]) -> str:
    for secret in secrets:
        if secret:
            text = text.replace(secret, HIDDEN)
    return text


def _hidden(data: Any, secrets: Collection[str]) -> Any:
    """The same data without the secrets, however it is nested; escapes in JSON cannot keep one."""
    if not secrets:
        return data
    if isinstance(data, str):
        return _hide(data, secrets)
    if isinstance(data, Mapping):
        return {_hide(str(name), secrets): _hidden(value, secrets) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [_hidden(value, secrets) for value in data]
    return msgspec.to_builtins(data)
