"""Rewards by name."""

from types import SimpleNamespace

import numpy as np
import pytest

from slicefast import Scenario, rewards
from slicefast.kpis import Kpis
from slicefast.task import Task, reward


def some_kpis(scenario: Scenario) -> Kpis:
    """Return KPIs of which some meet their requirement and some do not."""
    generator = np.random.default_rng(0)
    shape = (scenario.n_cells, scenario.n_slices)
    throughput = scenario.throughput_requirement_bps * generator.uniform(0.2, 1.5, shape)
    delay = scenario.delay_requirement_ms * generator.uniform(0.5, 3.0, shape)
    return Kpis(throughput, delay, np.full(shape, 0.2), np.full(shape, 8.0))


def test_max_min_is_the_papers_reward() -> None:
    scenario = Scenario.paper()
    kpis = some_kpis(scenario)
    np.testing.assert_array_equal(rewards.get("max_min")(kpis, scenario), reward(kpis, scenario))


def test_logarithmic_utility_by_hand() -> None:
    """Satisfied by 1 everywhere it is 1; a slice at 1/10 of one of four costs ln 10 / ln 100 / 4 = 1/8."""
    scenario = Scenario.paper()
    shape = (scenario.n_cells, scenario.n_slices)
    good = np.asarray(scenario.throughput_requirement_bps, dtype=np.float64).copy()
    delay = np.asarray(scenario.delay_requirement_ms, dtype=np.float64)
    ones = np.ones(shape)
    np.testing.assert_allclose(rewards.logarithmic(Kpis(good, delay, ones, ones), scenario), 1.0)
    good[:, 2] /= 10.0
    np.testing.assert_allclose(rewards.logarithmic(Kpis(good, delay, ones, ones), scenario), 0.875, rtol=1e-6)
    good[:] = 1e-3
    np.testing.assert_allclose(rewards.logarithmic(Kpis(good, delay, ones, ones), scenario), 0.0, atol=1e-6)


def test_own_rewards_are_registered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewards.REWARDS, "entries", dict(rewards.REWARDS.entries))

    def own(kpis: Kpis, scenario: Scenario) -> np.ndarray:
        return kpis.load.sum(axis=-1)

    rewards.register("own-test", own)
    rewards.register("own-test", own)
    assert rewards.get("own-test") is own
    with pytest.raises(ValueError, match="own-test"):
        rewards.register("own-test", rewards.logarithmic)
    with pytest.raises(ValueError, match="max_min"):
        rewards.get("fairness")


def test_satisfaction_by_hand() -> None:
    """Half as much again as required counts as 1, twice the delay as 1/2; who had no packet is satisfied."""
    scenario = SimpleNamespace(
        throughput_requirement_bps=np.array([[2e6, 1e6]] * 2), delay_requirement_ms=np.array([[10.0, 20.0]] * 2)
    )
    ones = np.ones((2, 2))
    kpis = Kpis(np.array([[3e6, 0.25e6], [1e6, 0.0]]), np.array([[20.0, 10.0], [10.0, 0.0]]), ones, ones)
    throughput, delay = rewards.satisfaction(kpis, scenario)
    np.testing.assert_array_equal(throughput, [[1.0, 0.25], [0.5, 1.0]])
    np.testing.assert_array_equal(delay, [[0.5, 1.0], [1.0, 1.0]])
    np.testing.assert_array_equal(rewards.max_min(kpis, scenario), [0.25, 0.5])
    expected = [1.0 - (np.log(2.0) + np.log(4.0)) / 2.0 / np.log(100.0), 1.0 - np.log(2.0) / 2.0 / np.log(100.0)]
    np.testing.assert_allclose(rewards.logarithmic(kpis, scenario), expected, rtol=1e-6)
    # A replica more: the slices are those of the last axis still.
    twice = Kpis(*(np.stack([item, item[::-1]]) for item in (kpis.throughput_bps, kpis.delay_ms, ones, ones)))
    np.testing.assert_array_equal(rewards.max_min(twice, scenario), [[0.25, 0.5], [0.5, 0.25]])
    np.testing.assert_allclose(rewards.logarithmic(twice, scenario), [expected, expected[::-1]], rtol=1e-6)


def test_no_cell_earns_more_than_one_however_much_is_left_over() -> None:
    scenario = SimpleNamespace(
        throughput_requirement_bps=np.full((1, 2), 1e6), delay_requirement_ms=np.full((1, 2), 9.0)
    )
    kpis = Kpis(np.full((1, 2), 5e6), np.full((1, 2), 3.0), np.ones((1, 2)), np.ones((1, 2)))
    assert rewards.max_min(kpis, scenario).tolist() == rewards.logarithmic(kpis, scenario).tolist() == [1.0]


@pytest.mark.parametrize("measured", ["throughput_bps", "delay_ms"])
@pytest.mark.parametrize("name", ["max_min", "logarithmic"])
def test_what_is_no_number_is_no_satisfaction_and_no_reward(name: str, measured: str) -> None:
    scenario = Scenario.paper()
    kpis = some_kpis(scenario)
    getattr(kpis, measured)[4, 1] = np.nan
    assert np.flatnonzero(np.isnan(rewards.get(name)(kpis, scenario))).tolist() == [4]
    satisfied = rewards.satisfaction(kpis, scenario)
    assert np.isnan(satisfied[measured == "delay_ms"][4, 1])
    with pytest.raises(ValueError, match=rf"reward '{name}': got nan, allowed: one finite number per cell"):
        Task(scenario, reward=name).reward(kpis)
