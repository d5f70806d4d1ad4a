"""Keys of integrators' programs: ``Authorization: Bearer zk_…``."""

from __future__ import annotations

from typing import NamedTuple

from zhike.access import tokens
from zhike.access.rights import Principal
from zhike.access.sessions import FRESH_MS, Database
from zhike.clock import NowMs
from zhike.domain.agent import Role, Scope
from zhike.errors import ZhikeError
from zhike.store import api_keys as rows

USED_STEP_MS = 60_000
"""``last_used_at`` is exact to a minute: a busy key does not cost a write per request."""
CACHE_SIZE = 4_096


class _Known(NamedTuple):
    read_at: int
    principal: Principal


class ApiKeys:
    """Finds the principal behind a key."""

    def __init__(self, store: Database, now: NowMs) -> None:
        self._store = store
        self._now = now
        self._cache: dict[bytes, _Known] = {}
        self._used: dict[int, int] = {}

    async def find(self, secret: str) -> Principal:
        """Who holds this key.

        Raises:
            ZhikeError: ``unauthenticated`` if there is no such key or it was revoked.
        """
        now = self._now()
        key = tokens.digest(secret)
        known = self._cache.get(key)
        if known is None or now - known.read_at >= FRESH_MS:
            self._cache.pop(key, None)
            row = await self._store.read(rows.find, key)
            if row is None:
                raise ZhikeError("unauthenticated", "The API key is not valid.")
            role: Role = row.role if row.role in ("admin", "analyst") else "agent"
            kept = frozenset(row.inbox_ids) or None
            known = _Known(now, Principal("key", row.id, row.name, role, scope=Scope(kept)))
            if len(self._cache) >= CACHE_SIZE:
                del self._cache[next(iter(self._cache))]
            self._cache[key] = known
        key_id = known.principal.id
        if now - self._used.get(key_id, 0) >= USED_STEP_MS:
            self._used[key_id] = now
            await self._store.write(rows.touch, key_id, now)
        return known.principal

    def forget(self, key_id: int) -> None:
        """Call after a key was revoked."""
        for key in [key for key, known in self._cache.items() if known.principal.id == key_id]:
            del self._cache[key]
