"""The places of everybody who waits, for visitors who come back and ask."""

from __future__ import annotations

import asyncio

from zhike.clock import NowMs
from zhike.desk.registry import Registry
from zhike.desk.routing.plan import places_of
from zhike.desk.routing.router import homes
from zhike.domain.wire import QueuePlace
from zhike.store import routing as rows
from zhike.store.engine import Store

FRESH_S = 2.0
"""One look at the whole queue serves everybody who asks within this time: after a restart of the desk all
who wait come back at once."""


class Board:
    """See the module. Changes are told by the router."""

    def __init__(self, store: Store, registry: Registry, now_ms: NowMs) -> None:
        self._store = store
        self._registry = registry
        self._now_ms = now_ms
        self._places: dict[int, QueuePlace] = {}
        self._read_at_s = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def place(self, conversation_id: int) -> QueuePlace | None:
        """Where this conversation stands; None: it does not wait, or far behind."""
        loop = asyncio.get_running_loop()
        if loop.time() - self._read_at_s > FRESH_S or conversation_id not in self._places:
            if self._reading is None:
                self._reading = loop.create_task(self._read(loop), name="places")
            await asyncio.shield(self._reading)
        return self._places.get(conversation_id)

    async def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            now = self._now_ms()
            seen = await self._store.read(rows.read, now)
            self._places = places_of(seen, homes(self._registry), now)
            self._read_at_s = loop.time()
        finally:
            self._reading = None
