"""Hindsight arms on a small network: what they start as, how long they learn, whom they take over from."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slicefast import policies
from slicefast.learn import Hindsight
from slicefast.policies.hindsight import OnlineHindsight
from slicefast.scenario import Scenario
from slicefast.study import work
from slicefast.study.arms import ARMS
from slicefast.study.jobs import Job
from slicefast.study.protocol import Protocol
from slicefast.task import Task
from slicefast.traffic.models import OnOffTraffic
from slicefast.training import play

NAMES = [name for name, arm in ARMS.items() if arm.family == "hindsight"]
# From every source cell (row) to every target cell: nearest are 2, 0 and 1.
DISTANCE = np.array([[0.0, 1.0, 2.0], [3.0, 0.0, 1.0], [1.0, 5.0, 0.0]])


class Runner:
    """Runs jobs of seed 0 in a folder."""

    def __init__(self, folder: Path, scenario: Scenario, protocol: Protocol) -> None:
        self.folder, self.scenario, self.protocol = folder, scenario, protocol
        work.save_result(folder / "similarity.npz", {"distance": DISTANCE}, "")

    def context(self, name: str, tick: Callable[[int], None] = lambda steps: None) -> work.Context:
        """Return what a job is handed."""
        unit = Job(name, 0).work
        return work.Context(unit, self.scenario, self.protocol.only(unit.reads), 0, self.folder, tick)

    def run(self, name: str) -> dict[str, Any]:
        """Return a job's arrays, its steps counted."""
        ticks: list[int] = []
        arrays = Job(name, 0).work.run(self.context(name, ticks.append))
        assert sum(ticks) == Job(name, 0).work.steps(self.protocol, 3)
        return arrays


@pytest.fixture
def runner(tmp_path: Path, tiny: Protocol, tiny_scenario: Callable[..., Scenario]) -> Runner:
    """Return a runner, the learner trained on the source network there."""
    runner = Runner(tmp_path, tiny_scenario(), tiny)
    runner.run("hindsight_pretrain")
    return runner


@pytest.fixture
def learners(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Hindsight, Hindsight]]:
    """Return the learners that are put on a network, and copies of them as they were then."""
    seen: list[tuple[Hindsight, Hindsight]] = []
    original = OnlineHindsight.__init__

    def watched(self: OnlineHindsight, learner: Hindsight, simulator: Any) -> None:
        original(self, learner, simulator)
        seen.append((learner, copy.deepcopy(learner)))

    monkeypatch.setattr(OnlineHindsight, "__init__", watched)
    return seen


@pytest.mark.parametrize("name", NAMES)
def test_they_learn_as_long_as_a_transfer_and_begin_where_they_say(
    runner: Runner, learners: list[tuple[Hindsight, Hindsight]], name: str
) -> None:
    arrays = runner.run(name)
    learner, first = learners[-1]
    assert learner.step == first.step + runner.protocol.hindsight_steps
    assert arrays["reward"].shape == (runner.protocol.horizon, 3)
    np.testing.assert_array_equal(runner.run(name)["reward"], arrays["reward"])
    arm = ARMS[name]
    assert (first.config.sight, first.config.basis, first.config.federated) == (arm.sight, arm.basis, arm.federated)
    if name == "hindsight_most":
        source = Hindsight.load(runner.folder / "hindsight_pretrain.safetensors")
        np.testing.assert_array_equal(arrays["source_cell"], [3, 1, 2])
        np.testing.assert_array_equal(first.network.bank, source.network.bank[[2, 0, 1]])
        assert first.replay.n_kept.tolist() == [runner.protocol.hindsight_steps] * 3
        assert arm.source_choice == "most"
        return
    start = policies.MaxMinRule() if arm.basis == "rule" else policies.equal_split
    one = play(runner.context(name).target_network(), start, Task(runner.scenario), 1)
    np.testing.assert_allclose(arrays["reward"][0], one.reward[0], atol=1e-3)


@pytest.mark.parametrize("name", [*NAMES, "hindsight_pretrain"])
def test_slices_that_lend_are_left_out_and_the_reason_named(name: str, tiny_scenario: Callable[..., Scenario]) -> None:
    lending = tiny_scenario(scheduler={"share_as": "guarantee"})
    assert "share_as = 'guarantee'" in Job(name, 0).work.impossible(lending)
    assert Job(name, 0).work.impossible(tiny_scenario()) == ""


def test_the_bound_is_played_in_the_evaluation_alone_and_pays_more_than_the_rule(runner: Runner) -> None:
    bound, rule = (runner.run(name)["reward"] for name in ("non_clairvoyant", "max_min_rule"))
    first = runner.protocol.horizon - runner.protocol.evaluation_steps
    assert np.isnan(bound[:first]).all()
    assert bound[first:].mean() > rule[first:].mean()
    bursts = [item.model_copy(update={"traffic": OnOffTraffic()}) for item in runner.scenario.slices]
    bursty = runner.scenario.replace(slices=bursts)
    assert Job("non_clairvoyant", 0).work.impossible(bursty) == "fresh packets cannot be drawn for on_off traffic"
