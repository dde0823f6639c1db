"""`policy="best"`: what it sees, how it learns, and what it earns."""

from pathlib import Path

import numpy as np
import pytest

from slicefast import Scenario, Simulator
from slicefast.learn.counterfactual import CurvePolicy
from slicefast.study import best

LEVELS = np.linspace(0.0, 1.0, 11)


def problem(count: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs x and curves of two slices that are satisfied by x and 1 - x: min over s of share_s / need_s."""
    need = np.random.default_rng(0).uniform(0.2, 0.8, count)
    needs = np.stack([need, 1.0 - need], axis=1)
    curves = np.minimum(LEVELS[None, :, None] / needs[:, None, :], 1.0)
    return need[:, None], curves


def test_policy_finds_the_partition_that_satisfies_both() -> None:
    x, curves = problem()
    policy = CurvePolicy(1, 2, hidden=(16,), learning_rate=1e-2)
    earned = policy.fit(x, curves, LEVELS, epochs=60)
    assert earned[-1] > 0.95
    assert earned[-1] > earned[0]
    np.testing.assert_allclose(policy.act([[0.3], [0.7]]), [[0.3, 0.7], [0.7, 0.3]], atol=0.08)
    np.testing.assert_allclose(policy.act(x).sum(axis=1), 1.0)


def test_same_seed_same_policy_and_saved_policies_act_alike(tmp_path: Path) -> None:
    x, curves = problem(64)
    policies = [CurvePolicy(1, 2, hidden=(8,)) for _ in range(2)]
    for policy in policies:
        policy.fit(x, curves, LEVELS, epochs=2, seed=7)
    np.testing.assert_array_equal(policies[0].act(x), policies[1].act(x))
    policies[0].save(tmp_path / "policy.safetensors")
    np.testing.assert_array_equal(CurvePolicy.load(tmp_path / "policy.safetensors").act(x), policies[0].act(x))


@pytest.mark.parametrize(("what", "shape"), [("observation", (5, 2)), ("curves", (5, 10, 2))])
def test_wrong_shapes_are_refused(what: str, shape: tuple[int, ...]) -> None:
    arrays = {"observation": np.zeros((5, 1)), "curves": np.zeros((5, 11, 2)), what: np.zeros(shape)}
    with pytest.raises(ValueError, match=what):
        CurvePolicy(1, 2).fit(arrays["observation"], arrays["curves"], LEVELS)


def tiny_simulator(seed: int = 0) -> Simulator:
    """Return a started network of three cells."""
    simulator = Simulator(Scenario.hexagonal(n_sites=1, window_ttis=50), seed=seed)
    simulator.reset()
    return simulator


def test_curves_rise_from_nothing_and_leave_the_network_as_it_was() -> None:
    simulator, twin = tiny_simulator(), tiny_simulator()
    shares = np.full(simulator.shares_shape, 0.25)
    curves = best.satisfaction_curves(simulator, shares)
    assert curves.shape == (3, len(best.LEVELS), 4)
    assert (np.diff(curves, axis=1) >= 0.0).all()
    assert ((curves >= 0.0) & (curves <= 1.0)).all()
    np.testing.assert_array_equal(simulator.step(shares).delay_ms, twin.step(shares).delay_ms)


def test_rich_observation_is_finite_and_its_parts_can_be_left_out() -> None:
    simulator = tiny_simulator()
    x = best.observe_richly(simulator.kpis, simulator.scenario, np.full(simulator.shares_shape, 0.25))
    assert np.isfinite(x).all()
    assert x.shape == (3, 4 * sum(best.PARTS.values()))
    assert best.columns("full", 4).size == x.shape[1]
    np.testing.assert_array_equal(np.setdiff1d(np.arange(36), best.columns("delay", 4)), [12, 13, 14, 15])


def test_trained_policy_plays_the_simplex() -> None:
    simulator = tiny_simulator()
    found = best.train([simulator], seed=0, steps=8, tick=lambda steps: None, epochs=2)
    assert set(found) == set(best.VARIANTS)
    other = tiny_simulator(1)
    for variant, policy in found.items():
        shares = best.player(policy, variant, 4)(other)
        np.testing.assert_allclose(shares.sum(axis=1), 1.0)
        other.step(shares)
