"""The study's statistics against scipy and answers known by hand."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from slicefast.study import scores as statistics


def test_group_scores_average_the_cells_of_a_group() -> None:
    found = statistics.group_scores([[1.0, 2.0, 3.0, 10.0]], [1, 0, 1, 0])
    np.testing.assert_array_equal(found, [[6.0, 2.0]])


def test_group_scores_refuse_labels_of_another_length() -> None:
    with pytest.raises(ValueError, match="groups"):
        statistics.group_scores(np.ones((2, 3)), [0, 1])


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
