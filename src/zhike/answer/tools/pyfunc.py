"""Tools that are Python functions of the shop's own: ``package.module:function``.

The function gets its arguments by name and returns JSON values; None: there is nothing. It may be
``async``; others run in a few threads of their own. Only functions that the *process* settings list are
called: whoever edits tools in the console must not thereby run code on the machine.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec


class NotAllowedError(Exception):
    """The function is not among ``tools.python``, or cannot be imported."""


class PythonTools:
    """Calls functions by their import strings.

    Args:
        allowed: what may be called.
        threads: calls of plain functions at a time. A call that is given up still holds its thread until the
            function returns: nobody can stop a thread, but nobody waits for it either.
    """

    def __init__(self, allowed: tuple[str, ...], threads: int) -> None:
        self._allowed = frozenset(allowed)
        self._threads = threads
        self._pool: ThreadPoolExecutor | None = None
        self._functions: dict[str, Callable[..., Any]] = {}
        self.in_threads_count = 0

    def allows(self, name: str) -> bool:
        """True if the settings list this import string."""
        return name in self._allowed

    async def call(self, name: str, arguments: dict[str, Any]) -> Any:
        """What the function returns, as JSON values.

        Raises:
            NotAllowedError: see the class.
            Exception: whatever the function raises.
        """
        if name not in self._allowed:
            raise NotAllowedError(f"{name} is not listed in tools.python")
        function = self._functions.get(name)
        if function is None:
            function = self._functions[name] = await self._in_thread(_load, name)
        if inspect.iscoroutinefunction(function):
            found = await function(**arguments)
        else:
            found = await self._in_thread(function, **arguments)
        return msgspec.to_builtins(found, str_keys=True)

    async def _in_thread(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="zhike-tool")
        loop = asyncio.get_running_loop()
        self.in_threads_count += 1
        future = self._pool.submit(function, *args, **kwargs)
        future.add_done_callback(lambda _done: _tell(loop, self._freed))
        return await asyncio.wrap_future(future)

    def _freed(self) -> None:
        self.in_threads_count -= 1

    def close(self) -> None:
        """Takes no more calls; what hangs in a thread is left behind."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


def _tell(loop: asyncio.AbstractEventLoop, what: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(what)
    except RuntimeError:  # the loop is closed: nobody counts any more
        return


def _load(name: str) -> Callable[..., Any]:
    module, _, attribute = name.partition(":")
    try:
        function = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise NotAllowedError(f"{name}: {error}") from error
    if not callable(function):
        raise NotAllowedError(f"{name} is no function")
    return function  # type: ignore[no-any-return]
