"""The hindsight learner on a network: what it sees and asks, what it earns where the replay is not exact, resuming."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import slicefast as sf
from slicefast.learn import Hindsight, HindsightConfig
from slicefast.policies import MaxMinRule, equal_split
from slicefast.policies.curves import curves_from_nothing
from slicefast.policies.hindsight import CellView, HindsightPlayer, OnlineHindsight, sight_size
from slicefast.training import History, play, train

CONFIGS = {
    "task": HindsightConfig(),
    "rich": HindsightConfig(sight="rich"),
    "on rule": HindsightConfig(sight="rich", basis="rule"),
    "federated": HindsightConfig(basis="rule", federated=True),
}
#: Where what is replayed is not what will be, or is not replayed packet by packet.
INEXACT: dict[str, dict[str, Any]] = {
    "default": {},
    "harq": {"scheduler": {"block_error_rate": 0.1}},
    "flow": {"fidelity": "flow"},
    "bands": {"scheduler": {"bands": "in_order"}},
}


def scenario_of(**options: Any) -> sf.Scenario:
    return sf.Scenario.hexagonal(n_sites=1, window_ttis=100, **options)


def started(scenario: sf.Scenario, seed: int = 1) -> sf.Simulator:
    simulator = sf.Simulator(scenario, seed=seed)
    simulator.reset()
    return simulator


def learner_of(scenario: sf.Scenario, config: HindsightConfig, seed: int = 1) -> Hindsight:
    task = sf.Task(scenario)
    return Hindsight(task.n_agents, sight_size(config, task), task.action_size, config, seed)


def trained(simulator: sf.Simulator, learner: Hindsight, steps: int, online: Any = OnlineHindsight) -> History:
    return train(simulator, online(learner, simulator), sf.Task(simulator.scenario), steps)


def test_another_network_than_its_own_is_refused() -> None:
    own, other = started(scenario_of()), started(scenario_of(), seed=2)
    learner = learner_of(own.scenario, CONFIGS["task"])
    with pytest.raises(sf.SlicefastError, match="simulator: got another network"):
        train(other, OnlineHindsight(learner, own), sf.Task(own.scenario), 3)
    assert learner.step == len(learner.replay) == 0


@pytest.mark.parametrize("name", CONFIGS)
def test_it_starts_as_what_its_logits_are_added_to(name: str) -> None:
    simulator, config = started(scenario_of()), CONFIGS[name]
    online = OnlineHindsight(learner_of(simulator.scenario, config), simulator)
    shares = online.act(sf.Task(simulator.scenario).observe(simulator.kpis), explore=True)
    expected = MaxMinRule()(simulator) if config.basis == "rule" else equal_split(simulator)
    np.testing.assert_allclose(shares, expected, atol=2e-3)


def test_what_a_step_would_have_earned_is_what_it_earns() -> None:
    """At the share that is played the curve says the reward, but for interpolation and the ripple of whole PRBs."""
    simulator = started(scenario_of())
    task, shares = sf.Task(simulator.scenario), np.full((3, 4), 0.25)
    levels = HindsightConfig(n_levels=60).levels
    for _ in range(3):
        curves = curves_from_nothing(simulator, levels, shares)
        foretold = [np.interp(0.25, levels, curves[n, :, s]) for n in range(3) for s in range(4)]
        earned = task.reward(simulator.step(shares))
        np.testing.assert_allclose(np.reshape(foretold, (3, 4)).min(axis=1), earned, atol=0.03)


@pytest.mark.parametrize("name", INEXACT)
def test_a_few_hundred_steps_pay_whatever_the_replay_leaves_out(name: str) -> None:
    """Neighbours learn too, so interference changes under every learner."""
    scenario = scenario_of(**INEXACT[name])
    earned = trained(started(scenario), learner_of(scenario, CONFIGS["task"]), 200).reward[50:].mean()
    equal = play(started(scenario), equal_split, sf.Task(scenario), 200).reward[50:].mean()
    assert earned > equal + 0.3 * (1.0 - equal)


class StepLate(OnlineHindsight):
    """A base station whose packet log is a step late: it learns what it saw with the curves of the step before."""

    late: Any = None

    def store(self, *transition: Any) -> None:
        """Remember the step."""
        fresh, self._curves = self._curves, self._curves if self.late is None else self.late
        super().store(*transition)
        self.late = fresh


def test_curves_of_the_step_before_still_teach() -> None:
    scenario = scenario_of()
    late = trained(started(scenario), learner_of(scenario, CONFIGS["task"]), 200, StepLate).reward[50:].mean()
    equal = play(started(scenario), equal_split, sf.Task(scenario), 200).reward[50:].mean()
    assert late > equal + 0.3 * (1.0 - equal)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_saved_run_goes_on_bit_for_bit(tmp_path: Path, name: str) -> None:
    scenario, path = scenario_of(), tmp_path / "learner.safetensors"
    whole = trained(started(scenario), learner_of(scenario, CONFIGS[name]), 12).reward
    simulator = started(scenario)
    online = OnlineHindsight(learner_of(scenario, CONFIGS[name]), simulator)
    task = sf.Task(scenario)
    history = History.empty(12, 3)
    history.reward[:7] = train(simulator, online, task, 7).reward
    online.save(path)
    later = started(scenario, seed=4)
    later.restore(simulator.snapshot())
    again = OnlineHindsight(Hindsight.load(path), later)
    train(later, again, task, 12, first_step=7, history=history)
    np.testing.assert_array_equal(history.reward, whole)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_player_acts_as_the_learner_does_and_learns_nothing(name: str) -> None:
    scenario = scenario_of()
    learner = learner_of(scenario, CONFIGS[name])
    trained(started(scenario), learner, 10)
    weights = learner.network.bank.clone()
    task, simulator, twin = sf.Task(scenario), started(scenario, 2), started(scenario, 2)
    learner.view = {}
    online = OnlineHindsight(learner, twin)
    earned = play(simulator, HindsightPlayer(learner), task, 5).reward
    np.testing.assert_array_equal(earned, train(twin, online, task, 5, learn_steps=0).reward)
    assert (learner.network.bank == weights).all()
    assert learner.step == 10


def test_lending_slices_and_replicas_are_refused_by_name() -> None:
    lending = started(scenario_of(scheduler={"share_as": "guarantee"}))
    with pytest.raises(sf.SlicefastError, match=r"scheduler\.share_as = 'guarantee'"):
        OnlineHindsight(learner_of(lending.scenario, CONFIGS["task"]), lending)
    several = sf.Simulator(scenario_of(), n_replicas=2)
    several.reset()
    with pytest.raises(sf.SlicefastError, match="n_replicas: got 2"):
        CellView(CONFIGS["task"]).look(several, np.zeros((6, 16), np.float32))
