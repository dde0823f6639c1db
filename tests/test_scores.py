"""The study's statistics against scipy and answers known by hand."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from slicefast.study import scores as statistics


def test_interquartile_mean_cuts_a_quarter_from_each_side() -> None:
    assert statistics.interquartile_mean([100.0, 1.0, 2.0, 3.0, 4.0, -50.0, 2.0, 3.0]) == pytest.approx(2.5)


def test_interquartile_mean_is_scipys_trimmed_mean_along_an_axis() -> None:
    values = np.random.default_rng(0).normal(size=(11, 3))
    expected = scipy.stats.trim_mean(values, 0.25, axis=0)
    np.testing.assert_array_equal(statistics.interquartile_mean(values, axis=0), expected)


def test_group_scores_average_the_cells_of_a_group() -> None:
    found = statistics.group_scores([[1.0, 2.0, 3.0, 10.0]], [1, 0, 1, 0])
    np.testing.assert_array_equal(found, [[6.0, 2.0]])


def test_group_scores_refuse_labels_of_another_length() -> None:
    with pytest.raises(ValueError, match="groups"):
        statistics.group_scores(np.ones((2, 3)), [0, 1])


def test_stratified_estimate_is_the_mean_over_strata() -> None:
    scores = np.random.default_rng(1).normal(size=(10, 2)) + np.array([0.0, 4.0])
    found = statistics.stratified(scores)
    expected = np.mean([scipy.stats.trim_mean(column, 0.25) for column in scores.T])
    assert found.value == pytest.approx(expected)
    assert found.low < found.value < found.high


def test_stratified_interval_is_scipys_bootstrap() -> None:
    """With one stratum and the mean, the interval is scipy's own for the same generator."""
    scores = np.random.default_rng(2).normal(size=12)
    found = statistics.stratified(scores[:, None], statistic=np.mean, seed=5)
    expected = scipy.stats.bootstrap(
        (scores,), np.mean, n_resamples=statistics.N_RESAMPLES, method="percentile", rng=np.random.default_rng(5)
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_stratified_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Of 100 intervals for the mean of 20 normal scores nearly 93 should cover it; 82 is four deviations less."""
    generator = np.random.default_rng(3)
    covered = 0
    for _ in range(100):
        found = statistics.stratified(generator.normal(size=(20, 1)), statistic=np.mean)
        covered += found.low <= 0.0 <= found.high
    assert covered >= 82


def test_resampling_inside_strata_ignores_the_difference_between_them() -> None:
    """Two strata far apart but constant inside leave no uncertainty."""
    assert statistics.stratified([[1.0, 9.0]] * 5) == statistics.Estimate(5.0, 5.0, 5.0)


def test_whole_seeds_bring_all_their_strata() -> None:
    """Strata that agree seed by seed leave a mean as uncertain as one of them; opposite ones leave none."""
    scores = np.random.default_rng(4).normal(size=(12, 1))
    alone = statistics.stratified(scores, statistic=np.mean)
    together = statistics.stratified(np.hstack([scores, scores]), statistic=np.mean, jointly=True)
    apart = statistics.stratified(np.hstack([scores, scores]), statistic=np.mean)
    assert (together.low, together.high) == pytest.approx((alone.low, alone.high), abs=0.05)
    assert together.high - together.low > 1.2 * (apart.high - apart.low)
    opposite = statistics.stratified(np.hstack([scores, -scores]), statistic=np.mean, jointly=True)
    assert (opposite.low, opposite.high) == pytest.approx((0.0, 0.0), abs=1e-12)


def test_one_seed_has_a_value_and_no_interval() -> None:
    found = statistics.stratified([[1.0, 3.0]])
    assert found.value == 2.0
    assert not found.known
    assert not found.above(0.0)
    assert not found.below(5.0)


def test_unfinished_seeds_are_left_out() -> None:
    assert statistics.stratified([[1.0], [np.nan], [1.0]]) == statistics.Estimate(1.0, 1.0, 1.0)
    assert np.isnan(statistics.stratified([[np.nan]]).value)


def test_improvement_is_paired_and_counts_ties_half() -> None:
    found = statistics.improvement([[1.0, 2.0], [3.0, 4.0]], [[0.0, 3.0], [3.0, 3.0]], [0, 0])
    assert found.value == pytest.approx((0.5 + 0.75) / 2)


def test_rank_correlation_is_spearmans() -> None:
    generator = np.random.default_rng(4)
    x, y = generator.normal(size=30), generator.normal(size=30)
    assert statistics.rank_correlation(x, y) == pytest.approx(scipy.stats.spearmanr(x, y).statistic)
    assert statistics.rank_correlation(x, np.exp(x)) == pytest.approx(1.0)
    assert np.isnan(statistics.rank_correlation(x, np.ones(30)))


@given(st.integers(0, 10_000), st.integers(2, 8))
def test_rank_correlation_over_seeds_averages_the_seeds(seed: int, seeds: int) -> None:
    x, y = np.random.default_rng(seed).normal(size=(2, seeds, 6))
    found = statistics.rank_correlation_over_seeds(x, y)
    assert found.value == pytest.approx(
        np.mean([scipy.stats.spearmanr(a, b).statistic for a, b in zip(x, y, strict=True)])
    )
    assert -1.0 <= found.low <= found.value <= found.high <= 1.0


def test_band_holds_the_interquartile_mean_of_every_step() -> None:
    curves = np.random.default_rng(0).normal(size=(8, 5)) + np.arange(5)
    middle, low, high = statistics.band(curves)
    np.testing.assert_allclose(middle, statistics.interquartile_mean(curves, axis=0))
    assert ((low < middle) & (middle < high)).all()
    for edge in statistics.band(curves[:1]):
        np.testing.assert_array_equal(edge, curves[0])
    for edge in statistics.band(np.ones((4, 3))):
        np.testing.assert_array_equal(edge, 1.0)


def test_scores_by_hand() -> None:
    """One seed, five steps of which two are early and two evaluate, two cells, two slices."""
    reward = [[[0.1, 1.0], [0.3, 0.6], [9.0, 9.0], [0.5, 0.2], [0.7, 0.4]]]
    satisfaction = [[[[0.94, 1.0], [1.0, 0.96]], [[1.0, 0.98], [0.4, 0.2]]]]  # seed, step, cell, slice
    delay_ms = [[[[1.0, 7.0], [2.0, 1.0]], [[5.0, 4.0], [8.0, 30.0]]]]
    scores = statistics.score(reward, satisfaction, delay_ms, early_steps=2, evaluation_steps=2)
    np.testing.assert_allclose(scores.early_reward, [[0.2, 0.8]])
    np.testing.assert_allclose(scores.reward, [[0.6, 0.3]])
    np.testing.assert_allclose(scores.step_satisfaction, [[[0.94, 0.96], [0.98, 0.2]]])
    np.testing.assert_allclose(scores.satisfaction, [[0.96, 0.58]])
    np.testing.assert_allclose(scores.failing_percent, [[50.0, 50.0]])  # 0.94 fails, 0.96 does not
    np.testing.assert_allclose(scores.step_delay_ms, [[[7.0, 2.0], [5.0, 30.0]]])
    np.testing.assert_allclose(scores.delay_ms, [[6.0, 16.0]])


def test_scores_of_a_seed_that_is_not_finished_are_missing() -> None:
    nothing = np.full((1, 2, 1, 1), np.nan)
    scores = statistics.score(nothing[..., 0], nothing, nothing, 1, 1)
    for values in (scores.reward, scores.satisfaction, scores.failing_percent, scores.delay_ms):
        assert np.isnan(values).all()


def test_gain_is_relative_to_the_networks_mean_and_undefined_where_that_is_zero() -> None:
    value, reference = np.array([[0.6, 0.6], [0.5, 0.5]]), np.array([[0.2, 0.6], [0.0, 0.0]])
    gain = statistics.relative_gain_percent(value, reference)
    np.testing.assert_allclose(gain[0], [100.0, 0.0])
    assert np.isnan(gain[1]).all()


def test_gains_of_pairs_are_over_the_target_and_not_with_itself() -> None:
    rewards = np.array([[[[0.5, 0.6], [0.3, 0.5]]]])  # seed, gain step, source, target
    gains = statistics.pair_gains_percent(rewards, np.array([[[0.2, 0.4]]]))
    np.testing.assert_allclose(gains, [[[[np.nan, 50.0], [50.0, np.nan]]]])
    assert np.isnan(statistics.pair_gains_percent(rewards, np.zeros((1, 1, 2)))).all()


def test_window_before_a_step_ends_there_and_is_shorter_at_the_start() -> None:
    reward = np.arange(6.0)[None, :, None]
    np.testing.assert_array_equal(statistics.window_means(reward, [1, 3, 6], 2), [[[0.0], [1.5], [4.5]]])


def test_negated_estimate_swaps_the_ends_of_its_interval() -> None:
    assert -statistics.Estimate(1.0, -2.0, 3.0) == statistics.Estimate(-1.0, -3.0, 2.0)


def test_interval_of_two_seeds_is_from_the_lower_to_the_higher() -> None:
    """Resampling two seeds gives both, or one of them twice in a quarter of all cases, more than 2.5 %."""
    assert statistics.stratified([[1.0, 10.0], [2.0, 14.0]]) == statistics.Estimate(6.75, 5.5, 8.0)
