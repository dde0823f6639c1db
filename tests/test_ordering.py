"""Whether distances order gains: known orders, known variance shares, and what the report says of them."""

import warnings
from collections.abc import Callable
from itertools import product
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from slicefast.study import explanation, ordering, report
from slicefast.study.comparison import Comparison
from slicefast.study.scores import without_diagonal
from slicefast.transfer import floored_variance, median_distance

CELLS = 6
GROUPS = np.array([0, 0, 0, 1, 1, 1])


@pytest.fixture
def study(reference: Callable[[str], ModuleType]) -> Callable[..., Comparison]:
    """Return the builder of a comparison from rewards (K, G, source, target) and distances (K, source, target)."""

    def build(pair_reward: np.ndarray, distance: np.ndarray, **variables: Any) -> Comparison:
        seeds, steps = pair_reward.shape[:2]
        pretrain = np.broadcast_to(np.linspace(0.1, 0.9, CELLS), (seeds, 40, CELLS))
        reward = np.full((seeds, 40, CELLS), 0.5)
        dataset = reference("result_file").build(
            {"traffic_aware": reward, "drl": reward},
            GROUPS,
            distance=(("seed", "source", "target"), distance),
            pretrain_reward=(("seed", "pretrain_step", "cell"), pretrain),
            pair_reward=(("seed", "gain_step", "source", "target"), pair_reward),
            gain_step=(("gain_step",), 10 * np.arange(1, steps + 1)),
            **variables,
        )
        return Comparison(dataset.set_coords("gain_step"))

    return build


def test_distance_that_orders_gains_has_rank_correlation_minus_one_within_targets(study: Any) -> None:
    generator = np.random.default_rng(0)
    distance = generator.uniform(1.0, 2.0, (3, CELLS, CELLS))
    difficulty = 2.0 * np.arange(CELLS)[None, None, None, :]
    orderings = study(difficulty - distance[:, None] + np.zeros((3, 2, 1, 1)), distance).orderings
    paper = orderings["distance"]
    assert [estimate.value for estimate in paper.within] == pytest.approx([-1.0, -1.0])
    assert all(abs(estimate.value) < 0.5 for estimate in paper.every)  # the targets' difficulty hides it
    assert all(estimate.value > 0.0 for estimate in paper.chosen)
    assert list(orderings) == ["distance", "distance_relative", "source_reward"]


def test_ordering_by_hand() -> None:
    """Three cells, one seed, one step. Ranks within targets: +0.5 is impossible with two sources, so four cells."""
    distance = np.array([[[0.0, 5.0, 2.0, 1.0], [1.0, 0.0, 1.0, 2.0], [2.0, 1.0, 0.0, 3.0], [3.0, 2.0, 3.0, 0.0]]])
    rewards = np.array([[[[9.0, 0.3, 0.2, 0.1], [0.5, 9.0, 0.4, 0.2], [0.7, 0.1, 9.0, 0.3], [0.6, 0.2, 0.6, 9.0]]]])
    rewards = without_diagonal(rewards)
    found = ordering.order(distance, 100.0 * rewards, rewards)
    # targets 1 to 4: distances of their sources (1,2,3), (5,1,2), (2,1,3), (1,2,3)
    #        rewards                          (5,7,6), (3,1,2), (2,4,6), (1,2,3): correlations 0.5, 1, 0.5, 1
    assert found.within[0].value == pytest.approx((0.5 + 1.0 + 0.5 + 1.0) / 4)
    # the nearest sources are 2, 3, 2 and 1; means of the targets 0.6, 0.2, 0.4, 0.2
    assert found.chosen[0].value == pytest.approx(np.mean([0.5 - 0.6, 0.1 - 0.2, 0.4 - 0.4, 0.1 - 0.2]))
    np.testing.assert_array_equal(ordering.nearest_sources(distance), [[1, 2, 1, 0]])
    assert ordering.targets_of_one_source(distance) == 2.0


def test_gains_that_fall_with_distance_over_all_pairs() -> None:
    distance = np.arange(16.0).reshape(1, 4, 4)
    rewards = without_diagonal(1.0 - 0.01 * distance[:, None])
    found = ordering.order(distance, 100.0 * rewards, rewards)
    assert found.every[0].value == pytest.approx(-1.0)
    assert ordering.order(-distance, 100.0 * rewards, rewards).every[0].value == pytest.approx(1.0)


def test_better_sources_are_told_from_nearer_ones(study: Any) -> None:
    """Sources earn by themselves, whatever the target: their own reward orders gains, a distance need not."""
    rewards = np.broadcast_to(np.linspace(0.1, 0.9, CELLS)[:, None], (2, 1, CELLS, CELLS))
    comparison = study(rewards, np.random.default_rng(1).uniform(0.5, 1.0, (2, CELLS, CELLS)))
    assert comparison.orderings["source_reward"].within[0].value == pytest.approx(-1.0)
    parts = comparison.decomposition
    assert parts.source[0].value == pytest.approx(100.0, abs=1e-6)
    assert parts.target[0].value == pytest.approx(0.0, abs=1e-6)
    assert parts.repeated == []


def test_order_of_sources_that_turns_round_is_repeated_by_minus_one(study: Any) -> None:
    rewards = np.random.default_rng(5).random((2, 1, CELLS, CELLS))
    turned = study(np.concatenate([rewards, 1.0 - rewards, 1.0 - rewards], axis=1), np.ones((2, CELLS, CELLS)))
    assert [item.value for item in turned.decomposition.repeated] == pytest.approx([-1.0, 1.0])


def test_sources_of_the_same_group_are_compared_with_the_others_by_hand() -> None:
    rewards = np.array([[[np.nan, 0.5, 0.1], [0.7, np.nan, 0.2], [0.3, 0.4, np.nan]]])
    groups = np.array([0, 0, 1])
    found = ordering.same_group_advantage(rewards, groups[:, None] == groups)
    assert found.value == pytest.approx((0.5 + 0.7) / 2 - (0.1 + 0.2 + 0.3 + 0.4) / 4)


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


def test_tables_show_every_ordering_at_every_step(study: Any) -> None:
    generator = np.random.default_rng(2)
    comparison = study(generator.random((3, 2, CELLS, CELLS)), 1.0 + generator.random((3, CELLS, CELLS)))
    tables = report.ordering_tables(comparison)
    assert [table.headings for table in tables] == [("sources ordered by", "step 10", "step 20")] * 3
    paper = comparison.orderings["distance"]
    for table, estimates, digits in zip(tables, (paper.within, paper.every, paper.chosen), (2, 2, 3), strict=True):
        assert len(table.rows) == 3
        assert table.rows[0][0] == "mean KL divergence (the paper's)"
        assert [cell.value for cell in table.rows[0][1:]] == [f"{item.value:+.{digits}f}" for item in estimates]


def test_explanation_names_its_numbers(study: Any) -> None:
    generator = np.random.default_rng(2)
    rewards = generator.random((3, 2, CELLS, CELLS))
    latent = np.array([0.5, 0.25, 1.0, 0.25])[None, None, :, None] + np.zeros((3, 12, 1, 1))
    distance = 1.0 + generator.random((3, CELLS, CELLS))
    distance[:, 2] = 0.5  # the nearest of all other targets
    distance[0, 0, 1] = 123456.0
    comparison = study(rewards, distance, latent_variance=(("seed", "agent", "latent_sample", "latent"), latent))
    found = explanation.explain(comparison)
    parts, said = found.parts, explanation.say(found)
    shares = [parts.target, parts.source, parts.pair]
    assert sum(share[0].value for share in shares) == pytest.approx(100.0)
    assert f"{parts.target[0].value:.0f} % of the variance over the pairs at step 10 and" in said[0]
    assert f"rank correlation of {parts.repeated[0].value:+.2f} at first" in said[1]
    alike = GROUPS[:, None] == GROUPS
    first = without_diagonal(rewards[:, 0])
    advantage = np.nanmean(first[:, alike], axis=1) - np.nanmean(first[:, ~alike], axis=1)
    assert found.same_group.value == pytest.approx(np.mean(advantage))  # three seeds: nothing is cut
    assert f"earn {found.same_group.value:+.3f} more at step 10" in said[2]
    assert "the paper's)”, one and the same source is the nearest for 5.0 of the 6 targets" in said[3]
    assert said[4].startswith("Ordered by “logarithm of the mean KL divergence")
    assert "smallest latent variance is 2.5e-01 where the median is 3.8e-01" in said[5]
    assert "largest mean divergence 1.23e+05 nat where the median is 1." in said[5]
    assert len(said) == 6


def test_explanation_claims_no_more_than_its_numbers_and_bears_missing_seeds(study: Any) -> None:
    generator = np.random.default_rng(3)
    rewards = generator.random((3, 2, CELLS, CELLS))
    rewards[1:] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        comparison = study(rewards, 1.0 + generator.random((3, CELLS, CELLS)))
        assert all(len(item.chosen) == 2 for item in comparison.orderings.values())
        said = " ".join(explanation.say(explanation.explain(comparison)))
    assert "nan" not in said
    assert "bounds" not in said
    assert "interval" not in said  # one seed has none


def test_without_pairs_there_is_nothing_to_order(study: Any) -> None:
    whole = study(np.ones((1, 1, CELLS, CELLS)), np.ones((1, CELLS, CELLS)))
    comparison = Comparison(whole.dataset.drop_vars("pair_reward"))
    assert comparison.orderings == {}
    assert comparison.decomposition is None
    assert explanation.explain(comparison) is None
    assert report.ordering_tables(comparison) == []


def test_pairs_none_of_which_is_finished_are_borne(study: Any) -> None:
    comparison = study(np.full((2, 1, CELLS, CELLS), np.nan), np.ones((2, CELLS, CELLS)))
    assert np.isnan(comparison.orderings["distance"].chosen[0].value)
    assert explanation.explain(comparison) is None


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
