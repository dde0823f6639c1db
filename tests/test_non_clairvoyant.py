"""The non-clairvoyant bound: exact where the answer is known, between the rule and the oracle, refusals by name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import slicefast as sf
from slicefast.policies import get, oracle
from slicefast.policies.non_clairvoyant import NonClairvoyant, best_in_the_mean, mean_worst
from slicefast.policies.oracle import max_min_shares
from slicefast.training import play

LEVELS = np.linspace(0.0, 1.0, 201)


def lines(needs: np.ndarray) -> np.ndarray:
    """Return curves min(a / need, 1), (M, L, N, S), of needs (M, N, S)."""
    return np.minimum(LEVELS[None, :, None, None] / needs[:, None], 1.0)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 4), st.integers(1, 6))
def test_no_division_of_a_grid_or_a_random_one_is_better_in_the_mean(seed: int, n_slices: int, replays: int) -> None:
    rng = np.random.default_rng(seed)
    curves = lines(rng.uniform(0.1, 0.8, (replays, 2, n_slices)))
    best = best_in_the_mean(curves, LEVELS)
    np.testing.assert_allclose(best.sum(axis=1), 1.0, rtol=1e-12)
    reached = mean_worst(curves, LEVELS, best)[0]
    tried = [mean_worst(curves, LEVELS, rng.dirichlet(np.ones(n_slices), 2))[0] for _ in range(300)]
    assert (reached >= np.max(tried, axis=0) - 0.01).all()
    assert (reached >= mean_worst(curves, LEVELS, max_min_shares(curves.mean(axis=0), LEVELS))[0]).all()


def test_of_one_replay_it_is_the_max_min_division() -> None:
    needs = np.array([[[0.8, 0.6], [0.9, 0.3]]])
    expected = needs[0] / needs[0].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(best_in_the_mean(lines(needs), LEVELS), expected, atol=5e-3)


def test_a_slice_that_seldom_needs_much_gets_what_pays_in_the_mean() -> None:
    """Slice 1 needs 0.2, and 0.8 in one of ten replays: 0.8 for slice 0, which always needs 0.8, loses least."""
    needs = np.tile([0.8, 0.2], (10, 1, 1)).astype(float)
    needs[0, 0, 1] = 0.8
    np.testing.assert_allclose(best_in_the_mean(lines(needs), LEVELS), [[0.8, 0.2]], atol=0.01)


def started(**options: object) -> sf.Simulator:
    simulator = sf.Simulator(sf.Scenario.hexagonal(n_sites=1, window_ttis=50, **options), seed=3)
    simulator.reset()
    return simulator


def test_it_lies_below_the_oracle_and_pays_more_than_the_rule() -> None:
    earned = {}
    for name in ("non_clairvoyant", "max_min_rule", "oracle"):
        simulator = started()
        earned[name] = play(simulator, get(name), sf.Task(simulator.scenario), 40).reward.mean()
    assert earned["max_min_rule"] < earned["non_clairvoyant"] < earned["oracle"]


def test_it_changes_nothing_and_does_not_see_the_packets_to_come() -> None:
    simulator, other = started(), started()
    for _ in range(2):
        simulator.step(np.full((3, 4), 0.25))
    state = simulator.snapshot()
    shares = NonClairvoyant(4, seed=1)(simulator)
    # Of other packets in the same state the shares are the same; the oracle's are not.
    replica = state["replicas"][0]
    few = [part[: len(part) // 2] for part in replica["arrivals"]]
    state["replicas"][0]["arrivals"] = few
    other.restore(state)
    np.testing.assert_array_equal(NonClairvoyant(4, seed=1)(other), shares)
    assert (oracle(other) != oracle(simulator)).any()
    twin = started()
    for _ in range(2):
        twin.step(np.full((3, 4), 0.25))
    np.testing.assert_array_equal(simulator.step(shares).delay_ms, twin.step(shares).delay_ms)


def test_what_its_own_replays_promise_is_about_what_it_earns() -> None:
    simulator, policy, promised = started(), NonClairvoyant(8), []
    task, earned = sf.Task(simulator.scenario), []
    for _ in range(30):
        shares = policy(simulator)
        promised.append(policy.promised.mean())
        earned.append(task.reward(simulator.step(shares)).mean())
    assert np.mean(promised) == pytest.approx(np.mean(earned), abs=0.03)


def test_packets_that_depend_on_the_past_and_replicas_are_refused_by_name() -> None:
    tables = sf.Scenario.hexagonal(n_sites=1, window_ttis=50).model_dump()
    tables["slices"][1]["traffic"] = {"kind": "constant"}
    simulator = sf.Simulator(sf.Scenario.model_validate(tables), seed=0)
    simulator.reset()
    with pytest.raises(sf.SlicefastError, match=r"traffic of slice .*: got 'constant', allowed: Poisson"):
        NonClairvoyant(2)(simulator)
    several = sf.Simulator(sf.Scenario.hexagonal(n_sites=1, window_ttis=50), n_replicas=2)
    several.reset()
    with pytest.raises(sf.SlicefastError, match="n_replicas: got 2"):
        NonClairvoyant(2)(several)
    with pytest.raises(sf.SlicefastError, match="replays: got 0"):
        NonClairvoyant(0)
