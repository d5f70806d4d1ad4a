"""Passwords: argon2id, in its own small thread pool.

Each hash takes tens of milliseconds and 19 MiB (the parameters OWASP names as the minimum for
argon2id: m=19 MiB, t=2, p=1; Password Storage Cheat Sheet, read 2025-06). Two threads bound the
memory to 38 MiB whatever arrives; who waits behind more than :data:`MAX_WAITING` others is told so.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from zhike.errors import ZhikeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from argon2 import PasswordHasher

T = TypeVar("T")

MIN_CHARS = 10
MAX_CHARS = 200
"""Long enough for any passphrase; a bound, because hashing cost grows with the input."""
THREADS = 2
MAX_WAITING = 32


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher  # heavy (cffi): loaded with the first password, not at start

    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16)


@cache
def _nobody() -> str:
    """The hash that a sign-in with an unknown address is checked against, so that it takes as long."""
    return _hasher().hash("nobody has this password")


def check_strength(password: str, *, email: str = "") -> None:
    """Refuses passwords that are too short, too long, of one character, or the address itself.

    Raises:
        ZhikeError: ``invalid_field`` naming ``password``.
    """
    if len(password) < MIN_CHARS:
        raise ZhikeError("invalid_field", field="password",
                         detail=f"password: at least {MIN_CHARS} characters / 至少 {MIN_CHARS} 个字符")
    if len(password) > MAX_CHARS:
        raise ZhikeError("invalid_field", field="password",
                         detail=f"password: at most {MAX_CHARS} characters / 最多 {MAX_CHARS} 个字符")
    lowered = password.lower()
    if len(set(lowered)) < 4 or (email and lowered in (email.lower(), email.split("@")[0].lower())):
        raise ZhikeError("invalid_field", "password: too easy to guess / 太容易被猜到", field="password")


def hash_now(password: str) -> str:
    """An argon2id string. Blocks for tens of milliseconds."""
    return _hasher().hash(password)


def verify_now(stored: str, password: str) -> bool:
    """True if ``password`` belongs to ``stored``; "" (nobody) takes as long and is False. Blocks."""
    from argon2.exceptions import Argon2Error, InvalidHashError

    try:
        return _hasher().verify(stored or _nobody(), password) and bool(stored)
    except (Argon2Error, InvalidHashError):
        return False


def needs_rehash(stored: str) -> bool:
    """True if ``stored`` was made with other parameters than today's."""
    return _hasher().check_needs_rehash(stored)


class Passwords:
    """Hashing off the event loop, bounded."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="zhike-password")
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """An argon2id string.

        Raises:
            ZhikeError: ``overloaded``.
        """
        return await self._run(hash_now, password)

    async def verify(self, stored: str, password: str) -> bool:
        """See :func:`verify_now`.

        Raises:
            ZhikeError: ``overloaded``.
        """
        return await self._run(verify_now, stored, password)

    async def _run(self, work: Callable[..., T], *args: str) -> T:
        if self._waiting >= MAX_WAITING:
            raise ZhikeError("overloaded", retry_after_s=2.0)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, *args)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Ends the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)
