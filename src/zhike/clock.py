"""The one clock. Nothing else in zhike asks the system for the time of day.

Tests hand in their own clock; deadlines inside the event loop use ``loop.time()``, which the
virtual-time loop of :mod:`zhike.testing` moves by hand.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

NowMs = Callable[[], int]


def now_ms() -> int:
    """Milliseconds since 1970-01-01 UTC, wall clock."""
    return time.time_ns() // 1_000_000


_last: tuple[int, datetime] = (0, datetime.fromtimestamp(0, UTC))


def to_datetime(ms: int) -> datetime:
    """An aware UTC datetime from stored milliseconds. All messages of a batch share one."""
    global _last
    last = _last
    if last[0] != ms:
        last = _last = (ms, datetime.fromtimestamp(ms / 1000, UTC))
    return last[1]


def to_ms(value: datetime) -> int:
    """Stored milliseconds from an aware datetime.

    Raises:
        ValueError: if ``value`` is naive.
    """
    if value.tzinfo is None:
        raise ValueError("a time needs a time zone")
    return int(value.timestamp() * 1000)
