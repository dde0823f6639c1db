"""Choosing a source by what an operator knows, by its own group, and by what its policy would have earned."""

from collections.abc import Callable

import numpy as np
import pytest

from slicefast import Simulator, Task, transfer
from slicefast.learn import TD3, TD3Config
from slicefast.scenario import Scenario
from slicefast.units import Float32

EQUAL = np.full((12, 4), 0.25)
STARVING = np.array([0.94, 0.02, 0.02, 0.02])


class Written:
    """Sources whose policies are written down: agent i answers with rules[i] of what it sees."""

    def __init__(self, rules: list[Callable[[Float32], np.ndarray]], obs_dim: int = 16, action_dim: int = 4) -> None:
        self.rules, self.n_agents = rules, len(rules)
        self.obs_dim, self.action_dim = obs_dim, action_dim

    def act(self, observation: Float32, /) -> Float32:
        """Return every agent's answer."""
        return np.stack([rule(row) for rule, row in zip(self.rules, observation, strict=True)]).astype(np.float32)


def started(scenario: Scenario, seed: int = 3) -> Simulator:
    simulator = Simulator(scenario, seed=seed)
    simulator.reset()
    return simulator


def test_the_default_actions_hindsight_is_what_the_network_earned() -> None:
    scenario = Scenario.paper()
    task, simulator, played = Task(scenario), started(scenario), started(scenario)
    found = transfer.hindsight_rewards(Written([lambda row: np.full(4, 0.25)] * 2), simulator, task, steps=20)
    earned = np.mean([task.reward(played.step(EQUAL)) for _ in range(20)], axis=0)
    np.testing.assert_allclose(found, [earned, earned], atol=1e-6)
    np.testing.assert_array_equal(simulator.serving, played.serving)  # it has played those steps, and nothing else
    np.testing.assert_array_equal(simulator.backlog_bits, played.backlog_bits)


def test_every_source_is_asked_with_what_every_cell_saw() -> None:
    """The slow way: from a snapshot of each step, one probe for every pair of source and target cell alone."""
    scenario = Scenario.paper()
    task = Task(scenario)
    agents = TD3(3, 16, 4, TD3Config(), seed=2)
    agents.state.actor.bank *= 3.0  # fresh policies all lie near the equal split
    found = transfer.hindsight_rewards(agents, started(scenario), task, steps=4)
    slow, network = np.zeros((3, 12)), started(scenario)
    for _ in range(4):
        seen = task.observe(network.kpis)
        for i in range(3):
            for j in range(12):
                shares = EQUAL.copy()
                shares[j] = task.to_shares(agents.act(np.tile(seen[j], (3, 1)))[i])
                slow[i, j] += task.reward(network.probe(shares, EQUAL))[j] / 4
        network.step(EQUAL)
    np.testing.assert_allclose(found, slow, atol=1e-6)
    assert np.ptp(found, axis=0).min() > 1e-4  # sources differ, or nothing was tested


def test_the_policy_that_would_have_earned_more_is_chosen() -> None:
    scenario = Scenario.heterogeneous(1.0, "mix", seed=3)
    task = Task(scenario)

    def by_load(row: Float32) -> np.ndarray:
        return row[4:8] + 0.05  # a share by the load that the cell saw

    rules = [lambda row: STARVING, by_load, lambda row: STARVING[::-1]]
    ticks: list[int] = []
    rewards = transfer.hindsight_rewards(Written(rules), started(scenario), task, 30, ticks.append)
    chosen = transfer.choose_sources(-rewards, "probe", scenario.requirement_groups, seed=0, exclude_same=False)
    assert (chosen == 1).sum() >= 10
    assert ticks == [1] * 30


@pytest.mark.parametrize(
    ("sources", "replicas", "steps", "message"),
    [
        (
            Written([by := lambda row: STARVING], obs_dim=20),
            1,
            5,
            "obs_dim of the source: got 20, allowed: the task's 16",
        ),
        (Written([by], action_dim=3), 1, 5, "action_dim of the source: got 3, allowed: the task's 4 slices"),
        (Written([by]), 1, 0, "steps: got 0, allowed: at least 1"),
        (Written([by]), 2, 5, r"simulator: got '?2 replicas'?, allowed: one replica"),
    ],
)
def test_sources_that_do_not_fit_are_refused_before_anything_is_played(sources, replicas, steps, message) -> None:
    simulator = Simulator(Scenario.paper(), seed=0, n_replicas=replicas)
    simulator.reset()
    with pytest.raises(ValueError, match=message):
        transfer.hindsight_rewards(sources, simulator, Task(simulator.scenario), steps)
    assert simulator.step_index == 0


def test_cells_are_described_by_logarithms_of_what_was_written_down() -> None:
    settings = [
        {"cells": [2], "activity": [0.5, 1, 1, 1], "power_dbm": 36.0, "tilt_deg": 5.0},
        {"cells": [3], "rate_bps": [440e3, 165e3, 110e3, 55e3], "packet_bits": [12e3, 12e3, 24e3, 12e3]},
        {"cells": [8], "n_prb": 25},
    ]
    scenario = Scenario.paper(cell_settings=settings)
    x = transfer.describe_cells(scenario)
    assert x.shape == (12, 21)
    step = x - x[0]
    expected = np.zeros((3, 21))
    expected[1, [8, 16, 17]] = np.log(0.5) / 2.0, -1.0, -1.0
    expected[2, [8, 6, 14]] = np.log(2.0) / 2.0, -np.log(2.0) / 2.0, np.log(2.0) / 2.0
    np.testing.assert_allclose(step[:3], expected, atol=1e-9)
    np.testing.assert_allclose(step[7], np.log(0.25) * (np.arange(21) == 18), atol=1e-9)
    # Cell 5 is of the other group, whose delays are as many packets long.
    np.testing.assert_allclose(step[4, :4], np.log([2.5 / 4, 2 / 3, 1.5 / 2, 1.0]) / 2.0, atol=1e-9)
    np.testing.assert_allclose(step[4, 4:], 0.0, atol=1e-9)
    dense = transfer.describe_cells(Scenario.paper(cell_settings=[{"cells": [5], "density": 3.0}]))
    np.testing.assert_allclose((dense[4] - dense[0])[8:12], np.log(3.0) / 2.0, atol=0.02)  # areas are equal to 2 %


def test_the_distance_of_configurations_is_that_of_the_patterns() -> None:
    one, other = (Scenario.heterogeneous(0.8, "mix", seed=seed) for seed in (1, 2))
    distance = transfer.configuration_distance(one, other)
    offered = [np.log(item.activity * item.slice_users) for item in (one, other)]
    required = np.log(one.throughput_requirement_bps)
    slow = [
        [np.sqrt(np.mean((a - b) ** 2) + np.mean((p - q) ** 2)) for b, q in zip(offered[1], required, strict=True)]
        for a, p in zip(offered[0], required, strict=True)
    ]
    np.testing.assert_allclose(distance, slow, atol=1e-9)
    paper = transfer.configuration_distance(Scenario.paper())
    groups = Scenario.paper().requirement_groups
    np.testing.assert_allclose(paper[groups[:, None] == groups], 0.0, atol=1e-9)
    assert paper[groups[:, None] != groups].min() > 0.1


def test_a_silent_slice_and_a_lone_site_are_somewhere() -> None:
    settings = [{"cells": [1], "activity": [0, 1, 1, 1]}]
    alone = Scenario.hexagonal(1, wrap_around=False, cell_settings=settings)
    assert np.isfinite(transfer.configuration_distance(alone)).all()
    two = Scenario.paper(
        slices=[{"name": name, "rate_bps": 1e5} for name in "ab"],
        requirements=[{"cells": "all", "throughput_bps": [1e6, 1e6], "delay_ms": [9, 9]}],
    )
    with pytest.raises(ValueError, match=r"target: got '?2 slices'?, allowed: the source's 4"):
        transfer.configuration_distance(alone, two)


def test_the_own_group_comes_first_if_there_is_another_of_it() -> None:
    distance = np.array([[0.0, 1.0, 5.0], [1.0, 0.0, 4.0], [2.0, 3.0, 0.0]])
    groups = np.array([0, 1, 0])
    assert transfer.choose_sources(distance, "own", groups, seed=0).tolist() == [2, 0, 0]
    assert transfer.choose_sources(distance, "own", groups, seed=0, exclude_same=False).tolist() == [0, 1, 2]
    assert transfer.choose_sources(distance, "most", groups, seed=0).tolist() == [1, 0, 1]
    for choice in ("configuration", "probe"):
        assert transfer.choose_sources(distance, choice, groups, seed=0).tolist() == [1, 0, 1]
