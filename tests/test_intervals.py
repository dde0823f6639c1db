"""Intervals over seeds against scipy, answers known by hand, and how often they hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from slicefast.study import intervals
from slicefast.study.intervals import ENOUGH_SEEDS, SHARE, Estimate


def test_interquartile_mean_cuts_a_quarter_from_each_side() -> None:
    assert intervals.interquartile_mean([100.0, 1.0, 2.0, 3.0, 4.0, -50.0, 2.0, 3.0]) == pytest.approx(2.5)


def test_interquartile_mean_is_scipys_trimmed_mean_along_an_axis() -> None:
    values = np.random.default_rng(0).normal(size=(11, 3))
    expected = scipy.stats.trim_mean(values, 0.25, axis=0)
    np.testing.assert_array_equal(intervals.interquartile_mean(values, axis=0), expected)


def test_stratified_estimate_is_the_mean_over_strata() -> None:
    scores = np.random.default_rng(1).normal(size=(10, 2)) + np.array([0.0, 4.0])
    found = intervals.stratified(scores)
    expected = np.mean([scipy.stats.trim_mean(column, 0.25) for column in scores.T])
    assert found.value == pytest.approx(expected)
    assert found.low < found.value < found.high


def test_stratified_interval_is_scipys_bootstrap() -> None:
    """With one stratum and the mean, the interval is scipy's own for the same generator."""
    scores = np.random.default_rng(2).normal(size=12)
    found = intervals.stratified(scores[:, None], statistic=np.mean, seed=5)
    expected = scipy.stats.bootstrap(
        (scores,), np.mean, n_resamples=intervals.N_RESAMPLES, method="percentile", rng=np.random.default_rng(5)
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_stratified_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Of 100 intervals for the mean of 20 normal scores nearly 93 should cover it; 82 is four deviations less."""
    generator = np.random.default_rng(3)
    covered = 0
    for _ in range(100):
        found = intervals.stratified(generator.normal(size=(20, 1)), statistic=np.mean)
        covered += found.low <= 0.0 <= found.high
    assert covered >= 82


def test_resampling_inside_strata_ignores_the_difference_between_them() -> None:
    """Two strata far apart but constant inside leave no uncertainty."""
    assert intervals.stratified([[1.0, 9.0]] * 5) == Estimate(5.0, 5.0, 5.0)


def test_estimates_of_few_seeds_are_those_of_whole_seeds_as_the_claims_are() -> None:
    """One seed fewer than enough: the mean over strata, then Student over seeds; from enough on the bootstrap."""
    scores = np.random.default_rng(5).normal(size=(ENOUGH_SEEDS, 2))
    few = scores[1:]
    whole = scipy.stats.t.interval(0.95, len(few) - 1, few.mean(), scipy.stats.sem(few.mean(axis=1)))
    found = intervals.estimate(few)
    assert (found.value, found.low, found.high) == pytest.approx((few.mean(), *whole))
    assert found == intervals.over_seeds(few.mean(axis=1))
    assert intervals.estimate(scores) == intervals.stratified(scores)
    scores[0, 1] = np.nan
    assert intervals.estimate(scores) == found


@pytest.mark.parametrize("seeds", [2, 3, 5, ENOUGH_SEEDS - 1])
@pytest.mark.parametrize("together", [0.0, 0.9])
def test_estimates_of_few_seeds_cover_what_they_promise(seeds: int, together: float) -> None:
    """Groups of a seed may go together or not: of 2,000 studies 95 % cover; four standard errors are 0.02."""
    generator = np.random.default_rng(seeds)
    shared = generator.normal(size=(2000, seeds, 1))
    scores = np.sqrt(together) * shared + np.sqrt(1.0 - together) * generator.normal(size=(2000, seeds, 2))
    found = [intervals.estimate(study) for study in scores]
    assert np.mean([item.low <= 0.0 <= item.high for item in found]) == pytest.approx(0.95, abs=0.02)


def test_one_seed_and_few_alike_have_a_value_and_no_interval() -> None:
    for scores in ([[1.0, 3.0]], [[1.0, 3.0], [3.0, 1.0]]):
        found = intervals.estimate(scores)
        assert found.value == 2.0
        assert not found.known
        assert not found.above(0.0)
        assert not found.below(5.0)
    assert intervals.estimate(np.ones((ENOUGH_SEEDS, 2))) == Estimate(1.0, 1.0, 1.0)


def test_unfinished_seeds_are_left_out() -> None:
    assert intervals.estimate([[1.0], [np.nan], [2.0]]) == intervals.over_seeds([1.0, 2.0])
    assert np.isnan(intervals.estimate([[np.nan]]).value)
    scores = np.random.default_rng(6).normal(size=(12, 2))
    assert intervals.stratified(np.vstack([scores, [[np.nan, 1.0]]])) == intervals.stratified(scores)
    alone = intervals.stratified([[1.0, 3.0]])
    assert (alone.value, alone.known) == (2.0, False)


def test_an_interval_ends_where_the_quantity_does() -> None:
    assert intervals.told([0.2, 0.9], SHARE) == Estimate(pytest.approx(0.55), 0.0, 1.0)
    assert intervals.told([0.2, np.nan, 0.9], (-1.0, np.inf)).low == -1.0
    assert intervals.estimate([[0.2], [0.9]], limits=SHARE) == Estimate(pytest.approx(0.55), 0.0, 1.0)
    assert not Estimate(0.5, np.nan, np.nan).within(SHARE).known


def test_band_holds_the_interquartile_mean_of_every_step() -> None:
    curves = np.random.default_rng(0).normal(size=(ENOUGH_SEEDS, 5)) + np.arange(5)
    middle, low, high = intervals.band(curves)
    np.testing.assert_allclose(middle, intervals.interquartile_mean(curves, axis=0))
    assert ((low < middle) & (middle < high)).all()
    for edge in intervals.band(np.ones((ENOUGH_SEEDS, 3))):
        np.testing.assert_array_equal(edge, 1.0)


def test_band_of_few_seeds_is_students_at_every_step() -> None:
    curves = np.random.default_rng(0).uniform(size=(3, 5))
    middle, low, high = intervals.band(curves)
    for step, values in enumerate(curves.T):
        found = intervals.over_seeds(values)
        assert (middle[step], low[step], high[step]) == pytest.approx((found.value, found.low, found.high))
    _, low, high = intervals.band(curves, limits=SHARE)
    assert low.min() == 0.0
    assert high.max() == 1.0
    for edge in intervals.band(curves[:1]):
        np.testing.assert_array_equal(edge, curves[0])


def test_negated_estimate_swaps_the_ends_of_its_interval() -> None:
    assert -Estimate(1.0, -2.0, 3.0) == Estimate(-1.0, -3.0, 2.0)


def test_interval_of_two_seeds_is_from_the_lower_to_the_higher() -> None:
    """Resampling two seeds gives both, or one of them twice in a quarter of all cases, more than 2.5 %."""
    assert intervals.stratified([[1.0, 10.0], [2.0, 14.0]]) == Estimate(6.75, 5.5, 8.0)
