"""Everything that proves who someone is, made once and shared by REST, gateway and commands."""

from __future__ import annotations

from zhike.access.api_keys import ApiKeys
from zhike.access.passwords import Passwords
from zhike.access.sessions import Database, Sessions
from zhike.access.throttle import LoginThrottle
from zhike.access.visitors import Visitors
from zhike.clock import NowMs, now_ms


class Access:
    """The parts of ``access`` of one process.

    Args:
        store: the open store.
        secret: the instance secret, as the store's ``prepare`` returns it (hex).
        now: the clock.
    """

    def __init__(self, store: Database, secret: str, now: NowMs = now_ms) -> None:
        self.secret = bytes.fromhex(secret)
        self.visitors = Visitors(self.secret)
        self.sessions = Sessions(store, now)
        self.api_keys = ApiKeys(store, now)
        self.passwords = Passwords()
        self.throttle = LoginThrottle()

    def close(self) -> None:
        """Ends the password threads."""
        self.passwords.close()
