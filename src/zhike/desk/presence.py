"""Who is here: tells the database of the agents' pages that this process holds.

Every process writes its own rows and prolongs their lease; what all of them say together is read from
there (:mod:`zhike.store.presence`), so that instances agree whichever of them an agent is connected to.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from zhike.clock import NowMs
from zhike.store import presence as rows
from zhike.store.engine import Store
from zhike.store.presence import Pages

LEASE_MS = 30_000
"""A process that was killed keeps its agents here for so long at most."""
PROLONG_S = 10.0

log = logging.getLogger("zhike.desk")


class PresenceKeeper:
    """See the module.

    Args:
        node: the name of this process; another one after each start.
        changed: called when something was stored.
    """

    def __init__(self, store: Store, node: str, now_ms: NowMs, changed: Callable[[], None]) -> None:
        self._store = store
        self._node = node
        self._now_ms = now_ms
        self._changed = changed
        self._pages: dict[int, Pages] = {}
        self._dirty: dict[int, Pages] = {}
        self._flushing: asyncio.Task[None] | None = None

    @property
    def open_count(self) -> int:
        """Pages of agents that are open here."""
        return sum(pages.sockets for pages in self._pages.values())

    def pages(self, agent_id: int, sockets: int, active: int) -> None:
        """An agent has so many pages open here now."""
        pages = Pages(agent_id, sockets, active)
        self._dirty[agent_id] = pages
        if sockets:
            self._pages[agent_id] = pages
        else:
            self._pages.pop(agent_id, None)
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().create_task(self._flush(), name="presence")

    async def _flush(self) -> None:
        try:
            while self._dirty:
                dirty, self._dirty = self._dirty, {}
                try:
                    await self._store.write(rows.put, self._node, list(dirty.values()), self._now_ms(),
                                            LEASE_MS)
                except Exception:
                    self._dirty = {**dirty, **self._dirty}  # the next beat tries again
                    log.warning("who is here was not stored", exc_info=True)
                    return
                self._changed()
        finally:
            self._flushing = None

    async def beat(self) -> None:
        """Prolongs the lease of what is open here, and stores what could not be stored before."""
        if self._dirty and self._flushing is None:
            await self._flush()
        if self._pages:
            # written anew, not only prolonged: after a stall longer than the lease the rows may be gone
            open_here = list(self._pages.values())
            await self._store.write(rows.put, self._node, open_here, self._now_ms(), LEASE_MS)

    async def run(self) -> None:
        """Beats until cancelled."""
        while True:
            await asyncio.sleep(PROLONG_S)
            try:
                await self.beat()
            except Exception:
                log.warning("presence was not prolonged; it is tried again", exc_info=True)

    async def close(self) -> None:
        """This process ends: its agents are gone from here."""
        if self._flushing is not None:
            await self._flushing
        await self._store.write(rows.close, self._node, self._now_ms())
