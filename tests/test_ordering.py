"""Whether distances order gains: known orders, known variance shares, and what the report says of them."""

import json
import warnings
from itertools import product

import numpy as np
import pytest
import xarray as xr

from slicefast.study import dataset as results
from slicefast.study import ordering, report
from slicefast.transfer import floored_variance, median_distance

CELLS = 6
GROUPS = np.array([0, 0, 0, 1, 1, 1])


def study(pair_reward: np.ndarray, distance: np.ndarray) -> xr.Dataset:
    """Return a result file of these rewards (K, G, source, target) and distances (K, source, target)."""
    seeds, steps = pair_reward.shape[:2]
    reward = np.full((2, seeds, 40, CELLS), 0.5)
    pretrain = np.broadcast_to(np.linspace(0.1, 0.9, CELLS), (seeds, 40, CELLS))
    return xr.Dataset(
        {
            "reward": (("policy", "seed", "step", "cell"), reward),
            "pair_reward": (("seed", "gain_step", "source", "target"), pair_reward),
            "distance": (("seed", "source", "target"), distance),
            "pretrain_reward": (("seed", "pretrain_step", "cell"), pretrain),
            "requirement_group": ("cell", GROUPS),
        },
        coords={"policy": ["traffic_aware", "drl"], "gain_step": 10 * np.arange(1, steps + 1)},
        attrs={"protocol": json.dumps({"early_steps": 10, "evaluation_steps": 5})},
    )


def test_distance_that_orders_gains_has_rank_correlation_minus_one_within_targets() -> None:
    generator = np.random.default_rng(0)
    distance = generator.uniform(1.0, 2.0, (3, CELLS, CELLS))
    difficulty = 2.0 * np.arange(CELLS)[None, None, None, :]
    found = ordering.orderings(study(difficulty - distance[:, None] + np.zeros((3, 2, 1, 1)), distance))
    paper = found[0]
    assert [estimate.value for estimate in paper.within] == pytest.approx([-1.0, -1.0])
    assert all(abs(estimate.value) < 0.5 for estimate in paper.every)  # the targets' difficulty hides it
    assert all(estimate.value > 0.0 for estimate in paper.chosen)
    assert {item.short for item in found} == {"mean KL", "relative KL", "source's reward"}


def test_better_sources_are_told_from_nearer_ones() -> None:
    """Sources earn by themselves, whatever the target: their own reward orders gains, a distance need not."""
    rewards = np.broadcast_to(np.linspace(0.1, 0.9, CELLS)[:, None], (2, 1, CELLS, CELLS))
    found = {
        item.short: item for item in ordering.orderings(study(rewards, np.random.default_rng(1).random((2, 6, 6))))
    }
    assert found["source's reward"].within[0].value == pytest.approx(-1.0)
    parts = ordering.decompose(study(rewards, np.ones((2, CELLS, CELLS))))
    assert parts is not None
    assert parts.source[0].value == pytest.approx(100.0, abs=1e-6)


def test_variance_shares_of_additive_rewards() -> None:
    source, target = np.array([-1.0, 0.0, 1.0]), np.array([-2.0, 0.0, 2.0])
    matrix = 5.0 + source[:, None] + target
    assert ordering.variance_shares(matrix) == pytest.approx((0.8, 0.2, 0.0), abs=1e-9)
    np.fill_diagonal(matrix, np.nan)
    assert ordering.variance_shares(matrix)[2] == pytest.approx(0.0, abs=1e-9)
    pair = np.array([[1.0, -1.0], [-1.0, 1.0]])
    assert ordering.variance_shares(pair) == pytest.approx((0.0, 0.0, 1.0))
    assert np.isnan(ordering.variance_shares(np.ones((3, 3)))).all()


def test_relative_distance_forgets_what_source_and_target_have_with_all() -> None:
    matrix = np.exp(np.random.default_rng(0).normal(size=(4, 4)))
    scaled = matrix * np.array([1.0, 10.0, 3.0, 0.1])[:, None] * np.array([5.0, 1.0, 2.0, 9.0])
    np.testing.assert_allclose(ordering.relative(scaled), ordering.relative(matrix), atol=1e-12)


def test_tables_and_explanation_are_in_both_reports() -> None:
    generator = np.random.default_rng(2)
    dataset = study(generator.random((3, 2, CELLS, CELLS)), 1.0 + generator.random((3, CELLS, CELLS)))
    tables = report.ordering_tables(dataset)
    assert [len(table.rows) for table in tables] == [3, 3, 3]
    assert all(len(row) == len(table.headings) == 3 for table in tables for row in table.rows)
    said = ordering.explanation(dataset)
    assert any("% of the variance" in sentence for sentence in said)
    assert any("nearest for" in sentence for sentence in said)
    assert results.has(dataset, "drl")


def test_explanation_claims_no_more_than_its_numbers_and_bears_missing_seeds() -> None:
    generator = np.random.default_rng(3)
    rewards = generator.random((3, 2, CELLS, CELLS))
    rewards[1:] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        said = " ".join(ordering.explanation(study(rewards, 1.0 + generator.random((3, CELLS, CELLS)))))
    assert "nan" not in said
    assert "bounds" not in said
    assert "interval" not in said  # one seed has none


def test_without_pairs_there_is_nothing_to_order() -> None:
    dataset = study(np.ones((1, 1, CELLS, CELLS)), np.ones((1, CELLS, CELLS))).drop_vars("pair_reward")
    assert ordering.orderings(dataset) == []
    assert ordering.decompose(dataset) is None
    assert ordering.explanation(dataset) == []


def test_median_distance_equals_a_loop_over_pairs() -> None:
    generator = np.random.default_rng(0)
    mean, variance = generator.normal(size=(7, 2)), generator.uniform(0.1, 2.0, (7, 2))
    parts = [slice(0, 3), slice(3, 7)]
    found = median_distance(mean, variance, np.array([0, 3, 7]))
    for (i, a), (j, b) in product(enumerate(parts), repeat=2):
        every = [
            0.5 * sum(np.log(t / s) + (s + (p - q) ** 2) / t - 1.0 for p, s, q, t in zip(m, v, n, w, strict=True))
            for m, v in zip(mean[a], variance[a], strict=True)
            for n, w in zip(mean[b], variance[b], strict=True)
        ]
        assert found[i, j] == pytest.approx(np.median(every), rel=1e-12)


def test_floor_raises_small_variances_to_the_median() -> None:
    np.testing.assert_array_equal(floored_variance(np.array([[1.0], [2.0], [3.0]])), [[2.0], [2.0], [3.0]])
