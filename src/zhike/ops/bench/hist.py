"""A latency histogram with logarithmic buckets: constant memory, mergeable, 1.6 % wide buckets.

Values are whole microseconds. Below 64 µs every value has its own bucket; above, each power of two
is split into 64, so that a bucket is never wider than 1/64 of its value. The reported quantile is
the *upper* edge of its bucket: it never flatters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_SUB_BITS = 6
_SUB = 1 << _SUB_BITS
_MAX_EXPONENT = 32
"""Values from 2**38 µs (three days) on fall into the last bucket."""
_SIZE = _SUB * (_MAX_EXPONENT + 1)


class Histogram:
    """Counts of values by bucket, with exact count, sum, minimum and maximum."""

    __slots__ = ("count", "counts", "max_us", "min_us", "sum_us")

    def __init__(self) -> None:
        self.counts = [0] * _SIZE
        self.count = 0
        self.sum_us = 0
        self.min_us = 0
        self.max_us = 0

    def record(self, value_us: int) -> None:
        """Count one value in µs; negative values (clock granularity) count as 0."""
        if value_us < _SUB:
            value_us = max(value_us, 0)
            index = value_us
        else:
            exponent = value_us.bit_length() - _SUB_BITS - 1
            index = (exponent << _SUB_BITS) + (value_us >> exponent)
            if index >= _SIZE:
                index = _SIZE - 1
        self.counts[index] += 1
        if not self.count or value_us < self.min_us:
            self.min_us = value_us
        self.count += 1
        self.sum_us += value_us
        if value_us > self.max_us:
            self.max_us = value_us

    def merge(self, other: Histogram) -> None:
        """Add all of ``other``."""
        if not other.count:
            return
        self.min_us = min(self.min_us, other.min_us) if self.count else other.min_us
        self.max_us = max(self.max_us, other.max_us)
        self.count += other.count
        self.sum_us += other.sum_us
        for index, n in enumerate(other.counts):
            if n:
                self.counts[index] += n

    def quantile_us(self, q: float) -> float:
        """The value below which a share ``q`` (0..1) lies: upper bucket edge, at most the maximum."""
        if not self.count:
            return 0.0
        wanted = max(1, -int(-q * self.count // 1))  # ceil
        seen = 0
        for index, n in enumerate(self.counts):
            seen += n
            if n and seen >= wanted:
                return float(min(upper_edge_us(index), self.max_us))
        return float(self.max_us)

    def quantile_ms(self, q: float) -> float:
        """:meth:`quantile_us` in ms."""
        return self.quantile_us(q) / 1000.0

    def mean_ms(self) -> float:
        """Arithmetic mean in ms (exact)."""
        return self.sum_us / self.count / 1000.0 if self.count else 0.0

    def rows(self) -> list[tuple[float, int]]:
        """``(upper edge in ms, count)`` of every bucket that holds something, in order."""
        return [(upper_edge_us(i) / 1000.0, n) for i, n in enumerate(self.counts) if n]

    def to_wire(self) -> dict[str, object]:
        """A small JSON object; :meth:`from_wire` reads it."""
        return {"buckets": [[i, n] for i, n in enumerate(self.counts) if n],
                "sum_us": self.sum_us, "min_us": self.min_us, "max_us": self.max_us}

    @classmethod
    def from_wire(cls, data: Mapping[str, object]) -> Histogram:
        """The histogram that :meth:`to_wire` wrote.

        Raises:
            ValueError: if it is not such an object.
        """
        out = cls()
        buckets, total = data.get("buckets"), data.get("sum_us")
        low, high = data.get("min_us"), data.get("max_us")
        if (not isinstance(buckets, list) or not isinstance(total, int)
                or not isinstance(low, int) or not isinstance(high, int)):
            raise ValueError("not a histogram")
        for row in buckets:
            index, n = int(row[0]), int(row[1])
            if not 0 <= index < _SIZE or n < 0:
                raise ValueError(f"not a histogram bucket: {row!r}")
            out.counts[index] += n
            out.count += n
        out.sum_us, out.min_us, out.max_us = total, low, high
        return out


def upper_edge_us(index: int) -> int:
    """The largest whole value in µs that falls into bucket ``index``."""
    if index < 2 * _SUB:
        return index
    exponent = (index >> _SUB_BITS) - 1
    return ((((index & (_SUB - 1)) + _SUB) + 1) << exponent) - 1


def merged(parts: Iterable[Histogram]) -> Histogram:
    """One histogram of all ``parts``."""
    out = Histogram()
    for part in parts:
        out.merge(part)
    return out
