"""A REST call as a source of messages for the pipeline, and as a listener for what comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from zhike.bus.base import Event, Stored
from zhike.domain.wire import SendMessage
from zhike.errors import ZhikeError
from zhike.rest.ports import Desk

if TYPE_CHECKING:
    from zhike.rest.context import Context

T = TypeVar("T")

STORE_TIMEOUT_S = 15.0
"""Longer than any commit takes in health. The client may send again: the id makes that harmless."""


class HttpSource:
    """One message sent over HTTP. See ``pipeline/ports.py``: Source."""

    __slots__ = (
        "_stored",
        "agent_id",
        "agent_name",
        "contact",
        "conversation_id",
        "inbox_id",
        "lang",
        "last_client_msg_id",
        "sender",
    )

    def __init__(
        self,
        inbox_id: int,
        sender: str,
        lang: str,
        *,
        agent_id: int = 0,
        agent_name: str = "",
        conversation_id: int = 0,
        contact: dict[str, str] | None = None,
    ) -> None:
        self.inbox_id = inbox_id
        self.sender = sender
        self.lang = lang
        self.agent_id = agent_id
        self.agent_name = agent_name
        self.conversation_id = conversation_id
        self.contact = contact
        self.last_client_msg_id = ""
        self._stored: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()

    def on_control(self, frame: Any) -> None:
        """Never: only messages are sent over HTTP."""

    def on_stored(self, event: Event) -> None:
        if event.ack is not None and not self._stored.done():
            self._stored.set_result(event.ack)

    def on_refused(self, client_msg_id: str, error: ZhikeError) -> None:
        if not self._stored.done():
            self._stored.set_exception(error)

    def deliver(self, event: Event) -> None:
        """Other people's events do not concern a single call."""

    async def send(self, desk: Desk, message: SendMessage) -> Stored:
        """Hands the message to the pipeline and waits until it is stored.

        Raises:
            ZhikeError: what the pipeline refuses it with; ``overloaded`` if no outcome came in time.
        """
        loop = asyncio.get_running_loop()
        refusal = desk.put(self, message, loop.time())
        if refusal is not None:
            raise refusal
        try:
            async with asyncio.timeout(STORE_TIMEOUT_S):
                return await self._stored
        except TimeoutError as error:
            raise ZhikeError(
                "overloaded", "Send it again with the same client_msg_id.", retry_after_s=2.0
            ) from error


class Bell:
    """Rings when something numbered happened; what it was is read from the store."""

    __slots__ = ("_rung",)

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def deliver(self, event: Event) -> None:
        if event.seq:  # typing and read marks are not worth a look into the store
            self._rung.set()

    def ring(self) -> None:
        """Ends the wait."""
        self._rung.set()

    def reset(self) -> None:
        """Before reading the store: what comes later rings again."""
        self._rung.clear()

    async def wait(self, until_s: float, gone: Any) -> bool:
        """True if it rang before ``until_s`` (loop time) and before the client left."""
        loop = asyncio.get_running_loop()
        timeout_s = until_s - loop.time()
        if timeout_s <= 0:
            return False
        rung = asyncio.ensure_future(self._rung.wait())
        left = asyncio.ensure_future(gone()) if gone is not None else None
        tasks = {rung} if left is None else {rung, left}
        try:
            done, _ = await asyncio.wait(tasks, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            return rung in done
        finally:
            for task in tasks:
                task.cancel()


async def wait_for(
    context: Context,
    bell: Bell,
    wait_s: float,
    gone: Any,
    read: Callable[[], Awaitable[T]],
    found: Callable[[T], Any],
) -> T:
    """Reads until ``found`` says that there is something, the time is over, the client has left, or the
    process stops. ``bell`` must be subscribed already: what is stored between two reads rings it."""
    until_s = asyncio.get_running_loop().time() + wait_s
    context.waiting.add(bell)
    try:
        while True:
            bell.reset()
            result = await read()
            if found(result) or not wait_s or context.draining or not await bell.wait(until_s, gone):
                return result
    finally:
        context.waiting.discard(bell)
