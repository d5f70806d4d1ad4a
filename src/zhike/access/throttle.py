"""Sign-in attempts: the delay grows with every failure, per account and per address.

An attempt counts as failed when it *begins* and is taken back when it succeeds: a hundred
attempts in parallel do not slip through before the first has failed. The delay per account is
capped at a minute, so that a stranger can slow its owner down but not lock them out; an address
that tries many accounts waits up to a quarter of an hour.
"""

from __future__ import annotations

from dataclasses import dataclass

from zhike.errors import ZhikeError

FORGET_AFTER_S = 1800.0


@dataclass(slots=True)
class _Tries:
    failures: int
    last_s: float


class Counter:
    """Failures of one kind of key: ``free`` ones without delay, then 1, 2, 4 … seconds up to a cap."""

    def __init__(self, free: int, cap_s: float, size: int = 10_000) -> None:
        self.free = free
        self.cap_s = cap_s
        self.size = size
        self._tries: dict[str, _Tries] = {}

    def wait_s(self, key: str, now_s: float) -> float:
        """Seconds this key still has to wait; 0.0 = may try."""
        tries = self._tries.get(key)
        if tries is None or tries.failures < self.free:
            return 0.0
        delay_s = min(self.cap_s, 2.0 ** min(tries.failures - self.free, 20))
        return max(0.0, tries.last_s + delay_s - now_s)

    def count(self, key: str, now_s: float) -> None:
        """One more attempt that has not succeeded (yet)."""
        tries = self._tries.pop(key, None)
        if tries is None or now_s - tries.last_s > FORGET_AFTER_S:
            tries = _Tries(0, now_s)
        tries.failures += 1
        tries.last_s = now_s
        self._tries[key] = tries
        if len(self._tries) > self.size:
            del self._tries[next(iter(self._tries))]

    def take_back(self, key: str) -> None:
        """The attempt succeeded: uncount it."""
        tries = self._tries.get(key)
        if tries is not None:
            tries.failures -= 1
            if tries.failures <= 0:
                del self._tries[key]

    def clear(self, key: str) -> None:
        """Forgets the key's failures."""
        self._tries.pop(key, None)


class LoginThrottle:
    """Call :meth:`begin` before the password is checked and :meth:`succeeded` after it was right."""

    def __init__(self) -> None:
        self._accounts = Counter(free=4, cap_s=60.0)
        self._addresses = Counter(free=12, cap_s=900.0)
        self._codes = Counter(free=4, cap_s=900.0)

    def begin(self, account: str, address: str, now_s: float) -> None:
        """Counts an attempt.

        Raises:
            ZhikeError: ``rate_limited`` with ``retry_after_s``; the same for known and unknown accounts.
        """
        account = account.strip().lower()
        wait_s = max(self._accounts.wait_s(account, now_s), self._addresses.wait_s(address, now_s))
        if wait_s > 0:
            raise ZhikeError("rate_limited", retry_after_s=round(wait_s + 0.05, 1))
        self._accounts.count(account, now_s)
        self._addresses.count(address, now_s)

    def unfinished(self, account: str, address: str) -> None:
        """The password was right and a code is wanted: this attempt is taken back, earlier ones stay."""
        self._accounts.take_back(account.strip().lower())
        self._addresses.take_back(address)

    def begin_code(self, account: str, now_s: float) -> None:
        """Counts a code. Who gets so far has the password: a wait of up to a quarter of an hour leaves them
        300 of a million codes a day, and locks nobody out for long.

        Raises:
            ZhikeError: ``rate_limited`` with ``retry_after_s``.
        """
        account = account.strip().lower()
        wait_s = self._codes.wait_s(account, now_s)
        if wait_s > 0:
            raise ZhikeError("rate_limited", retry_after_s=round(wait_s + 0.05, 1))
        self._codes.count(account, now_s)

    def code_succeeded(self, account: str) -> None:
        """The code was right."""
        self._codes.clear(account.strip().lower())

    def succeeded(self, account: str, address: str) -> None:
        """The password was right: the account starts anew, the address gets this attempt back."""
        self._accounts.clear(account.strip().lower())
        self._addresses.take_back(address)
