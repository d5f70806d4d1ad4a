"""How often one key, session or address may come: a token bucket in one float per caller (GCRA)."""

from __future__ import annotations


class Buckets:
    """``rate_per_s`` on average, ``burst`` at once, for at most ``size`` callers remembered.

    Each caller is one number: the time at which its bucket would be full again. Callers are kept
    in the order of their last request; beyond ``size`` the one that has been quiet longest is
    forgotten, which gives it a full bucket and nothing else.
    """

    __slots__ = ("_full_at", "_interval_s", "_slack_s", "size")

    def __init__(self, rate_per_s: float, burst: int, size: int = 20_000) -> None:
        if rate_per_s <= 0 or burst < 1 or size < 1:
            raise ValueError("rate, burst and size must be positive")
        self._interval_s = 1.0 / rate_per_s
        self._slack_s = self._interval_s * (burst - 1)
        self._full_at: dict[object, float] = {}
        self.size = size

    def take(self, caller: object, now_s: float) -> float:
        """Takes one token: 0.0 if there was one, else the seconds until there is (nothing taken)."""
        full_at = max(self._full_at.pop(caller, now_s), now_s)
        wait_s = full_at - now_s - self._slack_s
        if wait_s <= 1e-9:
            full_at += self._interval_s
            wait_s = 0.0
        self._full_at[caller] = full_at
        if len(self._full_at) > self.size:
            del self._full_at[next(iter(self._full_at))]
        return wait_s

    def __len__(self) -> int:
        return len(self._full_at)
