"""The histogram: exact below 64 µs, at most 1/64 wide above, merging changes nothing."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhike.ops.bench.hist import Histogram, merged, upper_edge_us

VALUES = st.lists(st.integers(0, 2**36), min_size=1, max_size=200)


@given(VALUES, st.sampled_from([0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0]))
def test_quantile_is_never_below_the_true_one_and_at_most_a_bucket_above(values: list[int], q: float) -> None:
    hist = Histogram()
    for value in values:
        hist.record(value)
    ordered = sorted(values)
    rank = max(1, -int(-q * len(values) // 1))
    true = ordered[rank - 1]
    assert true <= hist.quantile_us(q) <= true + true / 64 + 1


@given(st.integers(0, 2**37))
def test_value_lies_in_its_bucket(value: int) -> None:
    hist = Histogram()
    hist.record(value)
    index = next(i for i, n in enumerate(hist.counts) if n)
    assert value <= upper_edge_us(index)
    assert index == 0 or value > upper_edge_us(index - 1)


@given(VALUES, VALUES)
def test_merge_and_wire_equal_recording_all(a: list[int], b: list[int]) -> None:
    both, left, right = Histogram(), Histogram(), Histogram()
    for value in a:
        left.record(value)
        both.record(value)
    for value in b:
        right.record(value)
        both.record(value)
    out = merged([Histogram.from_wire(left.to_wire()), right])
    assert out.to_wire() == both.to_wire()
    assert out.count == len(a) + len(b)


def test_uniform_latencies() -> None:
    rng = random.Random(1)
    hist = Histogram()
    for _ in range(20_000):
        hist.record(rng.randrange(0, 10_000))
    assert hist.quantile_ms(0.5) == pytest.approx(5.0, rel=0.05)
    assert hist.quantile_ms(0.99) == pytest.approx(9.9, rel=0.03)
    assert hist.mean_ms() == pytest.approx(5.0, rel=0.03)


def test_odd_values() -> None:
    hist = Histogram()
    hist.record(-5)
    hist.record(2**60)
    assert (hist.count, hist.min_us) == (2, 0)
    assert hist.quantile_us(1.0) >= 2**38 - 1
    assert Histogram().quantile_us(0.5) == 0.0
    with pytest.raises(ValueError, match="histogram"):
        Histogram.from_wire({"buckets": [[-1, 2]], "sum_us": 0, "min_us": 0, "max_us": 0})
