"""The one place where a tool is called, and where it is decided whether it may be.

Way of a call: is the tool one of those allowed → do the arguments fit its schema → who is the caller (from
the server) → has a stranger proven what is theirs → a place among the running calls → the call, within its
time → words. Whatever is wrong comes back as a :class:`ToolResult`; nothing here raises for what a visitor, a
model or the shop's server does. Arguments and answers are people's data: they are not logged.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from time import perf_counter
from typing import Any, Protocol

import msgspec

from zhike.access.targets import BadTarget
from zhike.answer.tools.http import HttpTools, TooLargeError
from zhike.answer.tools.limits import ToolLimits
from zhike.answer.tools.proofs import Proofs
from zhike.answer.tools.pyfunc import NotAllowedError, PythonTools
from zhike.answer.tools.request import BadValueError, HttpCall, NoSecretError, build
from zhike.answer.tools.telling import call_id, failed, found_text, injected, parse
from zhike.clock import NowMs, now_ms
from zhike.domain.argschema import check_arguments
from zhike.domain.tool import Caller, PanelUse, Tool, ToolResult
from zhike.store import tools as rows

log = logging.getLogger("zhike.tools")

ToolSpec = dict[str, Any]
"""One entry of ``tools`` in a request to an OpenAI-compatible server."""
NO_ARGUMENTS: dict[str, Any] = {"type": "object", "properties": {}}
MAX_DATA_BYTES = 65_536
"""Of what a Python function returns; a request has its own ``max_bytes``."""


class Look:
    """What whoever tries a tool sees of the call: the request, and what went wrong in its own words."""

    def __init__(self) -> None:
        self.request: HttpCall | None = None
        self.problem = ""


class Store(Protocol):
    """The open store, as far as tools need it."""

    async def read(self, fn: Any, *args: Any) -> Any: ...
    async def write(self, fn: Any, *args: Any) -> Any: ...


class Toolbox:
    """The tools of all bots.

    ``counts``: (tool, outcome) → calls, outcome ``ok`` or an error's code; ``running_count``: calls in hand.
    """

    def __init__(self, store: Store, limits: ToolLimits | None = None, *, now: NowMs = now_ms,
                 ssl_context: Any = None) -> None:
        self.limits = limits or ToolLimits()
        self.counts: Counter[tuple[str, str]] = Counter()
        self.running_count = 0
        self.waiting_count = 0
        self._store = store
        self._now = now
        self._bots: dict[int, dict[str, Tool]] = {}
        self._proofs = Proofs(store, now)
        self._places = asyncio.Semaphore(self.limits.concurrency)
        self._python = PythonTools(self.limits.python, self.limits.threads)
        self._http = HttpTools(allow_private=self.limits.allow_private, ssl_context=ssl_context)

    # ---- what there is -----------------------------------------------------------------------

    async def load_bot(self, bot_id: int) -> None:
        """Reads the bot's tools; call it at start and when its ``knowledge_version`` has risen."""
        self.use(bot_id, await self._store.read(rows.all_for_bot, bot_id))

    def use(self, bot_id: int, tools: Iterable[Tool]) -> None:
        """These are the bot's tools from now on."""
        self._bots[bot_id] = {tool.key: tool for tool in tools if tool.enabled}
        for tool in self._bots[bot_id].values():
            if tool.body.kind == "python" and not self._python.allows(tool.body.python):
                log.warning("a tool names a function that tools.python does not list",
                            extra={"tool": tool.key, "function": tool.body.python})

    def drop_bot(self, bot_id: int) -> None:
        """Forgets a bot that was deleted."""
        self._bots.pop(bot_id, None)

    def for_panel(self, bot_id: int, use: PanelUse) -> Tool | None:
        """The tool that is opened to this part of the agents' panel; of several, the oldest."""
        found = [tool for tool in self._bots.get(bot_id, {}).values() if tool.body.panel == use]
        return min(found, key=lambda tool: tool.id, default=None)

    def specs(self, bot_id: int, keys: Iterable[str], caller: Caller | None = None) -> list[ToolSpec]:
        """The tools among ``keys`` that exist, for a model; with ``caller``, those they may use."""
        known = self._bots.get(bot_id, {})
        found = [known[key] for key in dict.fromkeys(keys) if key in known]
        if caller is not None and not caller.customer_id:
            found = [tool for tool in found if tool.body.audience != "customers"]
        return [{"type": "function", "function": {
            "name": tool.key, "description": tool.body.description,
            "parameters": {**(tool.body.parameters or NO_ARGUMENTS), "additionalProperties": False},
        }} for tool in found]

    # ---- a call ------------------------------------------------------------------------------

    async def call(self, bot_id: int, key: str, arguments: Mapping[str, Any] | str, caller: Caller, *,
                   allowed: Collection[str] | None = None) -> ToolResult:
        """Calls a tool; never raises for what the outside does (cancelling it does, and ends the call).

        Args:
            arguments: values by name, or the JSON text a model wrote.
            caller: from the server; see :class:`Caller`.
            allowed: the keys that may be called here (a template's ``tools``); None: all of the bot's.
        """
        began_s = perf_counter()
        tool = self._bots.get(bot_id, {}).get(key)
        if tool is None or (allowed is not None and key not in allowed):
            tool = None
            result = failed("unknown_tool", caller.lang)
        else:
            try:
                result = await self._checked(tool, bot_id, arguments, caller)
            except Exception as error:  # the database, for one: a job goes on without the tool
                log.warning("a tool could not be called", extra={"tool": key, "problem": _where(error)})
                result = failed("failed", caller.lang)
        # a name that a model made up is no label: there must not be as many as it can invent
        self.counts[tool.key if tool is not None else "?", result.error or "ok"] += 1
        return msgspec.structs.replace(result, took_us=round((perf_counter() - began_s) * 1e6))

    async def try_call(self, bot_id: int, tool: Tool | str, arguments: Mapping[str, Any] | str,
                       caller: Caller) -> tuple[ToolResult, Look]:
        """A call for whoever writes the tool, stored or not (its key: the bot's own). What it does in the
        shop is real; here nothing of it counts: no figure, no wrong try, no proof."""
        began_s = perf_counter()
        look = Look()
        found = self._bots.get(bot_id, {}).get(tool) if isinstance(tool, str) else tool
        result = failed("unknown_tool", caller.lang) if found is None else \
            await self._checked(found, bot_id, arguments, caller, Proofs(self._store, self._now), look)
        return msgspec.structs.replace(result, took_us=round((perf_counter() - began_s) * 1e6)), look

    async def _checked(self, tool: Tool, bot_id: int, given: Mapping[str, Any] | str, caller: Caller,
                       proofs: Proofs | None = None, look: Look | None = None) -> ToolResult:
        body, lang = tool.body, caller.lang
        arguments = parse(given)
        if arguments is None:
            return failed("bad_arguments", lang)
        wrong = list(check_arguments(body.parameters or NO_ARGUMENTS, arguments))
        if wrong:
            return failed("bad_arguments", lang, tuple(dict.fromkeys(w.path for w in wrong))[:10],
                          "; ".join(f"{w.path}: {w.zh if lang == 'zh' else w.en}" for w in wrong[:5]))
        if body.audience == "customers" and not caller.customer_id:
            return failed("not_identified", lang)
        attempt = await (proofs or self._proofs).attempt(tool, bot_id, arguments, caller)
        if isinstance(attempt, ToolResult):
            return attempt
        number = call_id(bot_id, tool.key, arguments, caller)
        sent = {name: value for name, value in arguments.items() if name not in attempt.without}
        values = {**sent, **injected(body, caller, number, proven=attempt.proven)}
        try:
            data, result = await self._run(tool, values, number, lang, look or Look())
            if result is None:
                result = await attempt.judge(data, found_text(body, data, lang) if data is not None else "")
        finally:
            attempt.close()
        return result

    async def _run(self, tool: Tool, values: dict[str, Any], number: str, lang: str,
                   look: Look) -> tuple[Any, ToolResult | None]:
        """(what it returned, None) or (None, what went wrong)."""
        if self.waiting_count >= self.limits.waiting:
            return None, failed("busy", lang)
        try:
            async with asyncio.timeout(tool.body.timeout_s):
                self.waiting_count += 1
                try:
                    await self._places.acquire()
                finally:
                    self.waiting_count -= 1
                self.running_count += 1
                try:
                    return await self._send(tool, values, number, look), None
                finally:
                    self.running_count -= 1
                    self._places.release()
        except TimeoutError:
            return None, failed("timeout", lang)
        except BadValueError as error:
            return None, failed("bad_arguments", lang, (error.name,))
        except TooLargeError:
            return None, failed("too_large", lang)
        except (BadTarget, NoSecretError, NotAllowedError) as error:
            look.problem = str(error)
            log.warning("a tool is not set up correctly", extra={"tool": tool.key, "problem": look.problem})
            return None, failed("bad_target", lang)
        except Exception as error:  # the shop's function or server: anything may go wrong there
            look.problem = f"{type(error).__name__}: {error}"
            log.warning("a tool failed", extra={"tool": tool.key, "problem": _where(error)})
            return None, failed("failed", lang)

    async def _send(self, tool: Tool, values: dict[str, Any], number: str, look: Look) -> Any:
        body = tool.body
        if body.http is not None:
            look.request = build(body.http, values, number, self.limits)
            return await self._http.send(look.request, body.timeout_s, body.http.max_bytes)
        data = await self._python.call(body.python, values)
        if data is not None and len(msgspec.json.encode(data)) > MAX_DATA_BYTES:
            raise TooLargeError
        return data

    async def close(self) -> None:
        """Closes connections and threads. What still runs is cancelled by its own task's end."""
        self._python.close()
        await self._http.close()


def _where(error: BaseException) -> str:
    """The kind of error and where it arose, without its words: they may hold what a visitor wrote."""
    frames = traceback.extract_tb(error.__traceback__)
    at = f" at {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{at}"
