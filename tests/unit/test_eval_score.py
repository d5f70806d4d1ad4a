"""Counting for ``zhike eval``: every figure on cases small enough to check by hand."""

from __future__ import annotations

import pytest

from zhike.ops.eval.score import (
    Bin,
    Guess,
    Point,
    auroc,
    best_threshold,
    calibration,
    calibration_error,
    coverage_at,
    curve,
    keeping_threshold,
    thinned,
)


def test_the_curve_goes_from_sure_to_unsure_and_keeps_equal_confidences_together() -> None:
    guesses = [Guess(.9, True), Guess(.5, True), Guess(.5, False), Guess(.2, False, False), Guess(0, False)]
    assert curve(guesses) == [Point(.9, .2, 0), Point(.5, .6, 1 / 3), Point(.2, .8, .5)]


def test_coverage_is_the_widest_point_within_the_risk_even_after_a_wrong_start() -> None:
    first_wrong = [Guess(1, False), *[Guess(.9 - k / 1000, True) for k in range(99)]]
    assert coverage_at(curve(first_wrong)) == 1.0  # 1 of 100 answers is wrong
    assert coverage_at(curve(first_wrong), 0.001) == 0.0
    assert coverage_at([]) == 0.0


def test_auroc_counts_pairs_and_equal_ones_half() -> None:
    assert auroc([.9, .8], [.1, .2]) == 1.0
    assert auroc([.5], [.5]) == 0.5
    assert auroc([.9, .3], [.5, .3]) == pytest.approx((1 + 1 + 0 + .5) / 4)


def test_calibration_compares_what_was_said_with_what_was_right() -> None:
    bins = calibration([Guess(.75, True), Guess(.75, False), Guess(1.0, True), Guess(0.0, False)])
    assert bins == [Bin(.7, 2, .75, .5), Bin(.9, 1, 1.0, 1.0)]
    assert calibration_error(bins) == pytest.approx(2 / 3 * .25)
    assert calibration_error([]) == 0.0


def test_the_threshold_weighs_known_and_unknown_alike() -> None:
    known = [Guess(.9, True), Guess(.8, True), Guess(.6, True), Guess(.3, False)]
    assert best_threshold([*known, Guess(.5, False, False)]) == pytest.approx(.55)
    many = [Guess(.7, False, False)] * 100  # rejecting them costs one of three right answers
    assert best_threshold([*known, *many]) == pytest.approx(.75)
    assert best_threshold(known) == 0.0
    assert best_threshold([Guess(.5, False, False)]) == 0.0


def test_a_bot_that_is_never_right_is_best_silent() -> None:
    assert best_threshold([Guess(.9, False), Guess(.9, False, False)]) == 1.0


def test_a_thinned_curve_keeps_its_end() -> None:
    points = [Point(1 - k / 5000, k / 5000, 0) for k in range(5000)]
    few = thinned(points, 100)
    assert len(few) <= 102
    assert few[-1] == points[-1]
    assert thinned(points[:3]) == points[:3]


def test_a_keeping_threshold_gives_up_no_more_than_it_may() -> None:
    guesses = [Guess(n / 100, True) for n in range(1, 101)] + [Guess(.5, False, False), Guess(.02, False)]
    assert keeping_threshold(guesses, 0.0) == .01
    at = keeping_threshold(guesses, .05)
    assert sum(guess.right and guess.confidence < at for guess in guesses) == 5
    assert keeping_threshold([Guess(.9, False)], .05) == 0.0
