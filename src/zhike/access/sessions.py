"""Agents' sign-in sessions: a random cookie, its digest in the database, a CSRF token beside it."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Protocol

from zhike.access import tokens
from zhike.clock import NowMs
from zhike.domain.agent import EVERYTHING, Agent, Scope
from zhike.errors import ZhikeError
from zhike.ids import new_token
from zhike.store import scopes
from zhike.store import sessions as rows

COOKIE = "zhike_session"
SECURE_COOKIE = f"__Host-{COOKIE}"
"""Its name over TLS: browsers let nobody but this very host set a cookie with that prefix, so a page on a
neighbouring subdomain cannot slip its own session under an agent's."""
CSRF_HEADER = "x-csrf-token"
LIFETIME_MS = 14 * 24 * 3600 * 1000
"""Two weeks without use; use prolongs it (at most once in :data:`PROLONG_AFTER_MS`)."""
PROLONG_AFTER_MS = 3600 * 1000
FRESH_MS = 5_000
"""How long a session read from the database is believed: the time within which the end of a session on
another node takes effect here. On the node where it ends it takes effect at once."""
CACHE_SIZE = 4_096


class Database(Protocol):
    """The store, as far as it is needed here."""

    def write(self, fn: Callable[..., Any], *args: Any) -> Awaitable[Any]:
        """Runs ``fn(conn, *args)`` in one transaction."""

    def read(self, fn: Callable[..., Any], *args: Any) -> Awaitable[Any]:
        """The same, reading."""


class Session(NamedTuple):
    """A valid session, and what its agent sees."""

    agent: Agent
    csrf: str
    token_hash: bytes
    expires_at: int
    scope: Scope = EVERYTHING

    @property
    def number(self) -> int:
        """Its number for people."""
        return rows.number_of(self.token_hash)


class Sessions:
    """Opens, finds and ends sessions.

    ``on_end`` (set by the app) hears of agents whose sessions ended, with the number of the one session (0 =
    all of them), so that their sockets are closed too. ``on_change`` hears of agents who see other rows now:
    their sockets come back.
    """

    def __init__(self, store: Database, now: NowMs) -> None:
        self._store = store
        self._now = now
        self._cache: dict[bytes, tuple[int, Session]] = {}
        self.on_end: Callable[[int, int], None] = lambda agent_id, number: None
        self.on_change: Callable[[int], None] = lambda agent_id: None

    async def open(self, agent: Agent, address: str, user_agent: str) -> tuple[str, Session]:
        """A new session; returns the cookie's value, which exists nowhere else, and the session."""
        token = tokens.new_session_token()
        now = self._now()
        session = Session(agent, new_token(24), tokens.digest(token), now + LIFETIME_MS,
                          await self._store.read(scopes.scope, agent))
        await self._store.write(rows.add, session.token_hash, agent.id, session.csrf, now,
                                session.expires_at, address[:64], user_agent[:300])
        return token, session

    async def find(self, token: str) -> Session:
        """The session of a cookie.

        Raises:
            ZhikeError: ``unauthenticated`` without a cookie, ``session_revoked`` if it ended, ran out,
                or the agent was disabled.
        """
        if not token:
            raise ZhikeError("unauthenticated")
        key = tokens.digest(token)
        now = self._now()
        cached = self._cache.get(key)
        if cached is not None and now - cached[0] < FRESH_MS and cached[1].expires_at > now:
            return cached[1]
        self._cache.pop(key, None)
        row = await self._store.read(rows.find, key, now)
        if row is None:
            raise ZhikeError("session_revoked")
        agent, scope, csrf, expires_at = row
        if expires_at - now < LIFETIME_MS - PROLONG_AFTER_MS:
            expires_at = now + LIFETIME_MS
            await self._store.write(rows.prolong, key, expires_at, agent.id, now)
        session = Session(agent, csrf, key, expires_at, scope)
        if len(self._cache) >= CACHE_SIZE:
            del self._cache[next(iter(self._cache))]
        self._cache[key] = (now, session)
        return session

    async def close(self, session: Session) -> None:
        """Signs out."""
        self._cache.pop(session.token_hash, None)
        await self._store.write(rows.delete_one, session.token_hash)
        self.on_end(session.agent.id, session.number)

    def closed(self, agent_id: int, token_hash: bytes) -> None:
        """Call after one session was deleted."""
        self._cache.pop(token_hash, None)
        self.on_end(agent_id, rows.number_of(token_hash))

    def forget(self, agent_id: int) -> None:
        """Call after an agent's row or sessions changed: nothing old is believed any more."""
        for key in [key for key, (_, session) in self._cache.items() if session.agent.id == agent_id]:
            del self._cache[key]

    def ended(self, agent_id: int) -> None:
        """Call after all sessions of an agent were deleted."""
        self.forget(agent_id)
        self.on_end(agent_id, 0)

    def rescoped(self, agent_id: int) -> None:
        """Call after an agent may see other rows than before."""
        self.forget(agent_id)
        self.on_change(agent_id)


def check_csrf(session: Session, shown: str) -> None:
    """Compares the header with the session's token.

    Raises:
        ZhikeError: ``csrf``.
    """
    if not hmac.compare_digest(session.csrf.encode(), shown.encode("utf-8", "replace")):
        raise ZhikeError("csrf")


def cookie_of(header: str) -> str:
    """Our cookie's value in a Cookie header, or ""."""
    if COOKIE not in header:
        return ""
    plain = ""
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        if name == SECURE_COOKIE:
            return value.strip('"')
        if name == COOKIE and not plain:
            plain = value.strip('"')
    return plain


def set_cookie(token: str, *, secure: bool) -> str:
    """The Set-Cookie header of a sign-in; ``token`` "" removes the cookie."""
    age = LIFETIME_MS // 1000 if token else 0
    return (f"{SECURE_COOKIE if secure else COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}"
            + ("; Secure" if secure else ""))
