"""The hindsight learner on a network: what its cells see, what their steps would have earned, and how they play.

Learning is online and greedy: a cell acts, and after the step asks what every share would have earned in it.

Dimensions: N cells, S slices, L levels of share, n_o the length of what a cell sees.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from slicefast.errors import described, refuse
from slicefast.policies.curves import curves_from_nothing
from slicefast.policies.measurements import FEATURE_NAMES, Measurements
from slicefast.policies.rule import MaxMinRule
from slicefast.scenario import Scenario
from slicefast.simulator import Simulator
from slicefast.task import Task
from slicefast.units import Arrays, Float32, Float64

if TYPE_CHECKING:
    from slicefast.learn import Hindsight, HindsightConfig

#: The rule's shares below this one count as this one, for the logarithm's sake.
LEAST_RULE_SHARE = 1e-3


def replay_fault(scenario: Scenario) -> str:
    """Return why a scenario's steps cannot be replayed slice by slice, or nothing."""
    if scenario.scheduler.share_as == "guarantee":
        return "with scheduler.share_as = 'guarantee' slices lend each other PRBs, so none can be replayed by itself"
    return ""


def check_replayable(scenario: Scenario) -> None:
    """Raise SlicefastError where a scenario's steps cannot be replayed; the option is named."""
    if fault := replay_fault(scenario):
        refuse("scenario", scenario.name, f"one that can be replayed in hindsight: {fault}")


def sight_size(config: HindsightConfig, task: Task) -> int:
    """Return n_o, the length of what a cell sees."""
    own = task.observation_size if config.sight == "task" else len(FEATURE_NAMES) * task.action_size
    return own + (task.action_size if config.basis == "rule" else 0)


def new_hindsight(task: Task, config: HindsightConfig, seed: int) -> Hindsight:
    """Return an untrained learner for every cell of a task."""
    from slicefast.learn import Hindsight  # torch is only needed here

    return Hindsight(task.n_agents, sight_size(config, task), task.action_size, config, seed)


class CellView:
    """What the cells of one network see, and what their logits are added to.

    Sight "task" is the task's observation, "rich" all that `Measurements` names. Basis "rule" is the logarithm of the
    max-min rule's shares, which the cell then also sees.

    Parameters
    ----------
    config : HindsightConfig
        Sight and basis.
    """

    def __init__(self, config: HindsightConfig) -> None:
        self._measurements = Measurements() if config.sight == "rich" else None
        self._rule = MaxMinRule() if config.basis == "rule" else None

    def look(self, simulator: Simulator, observation: Float32) -> tuple[Float32, Float32]:
        """Return what every cell sees before the coming step, (N, n_o), and what its logits are added to, (N, S).

        Parameters
        ----------
        simulator : Simulator
            The network, of one replica.
        observation : ndarray, (N, n)
            The task's.
        """
        if simulator.n_replicas > 1:
            refuse("n_replicas", simulator.n_replicas, "1 for a learner in hindsight")
        seen: NDArray[Any] = observation
        if self._measurements is not None:
            seen = self._measurements.see(simulator).reshape(len(observation), -1)
        if self._rule is None:
            return seen.astype(np.float32), np.zeros(simulator.shares_shape, np.float32)
        base = np.log(np.maximum(self._rule(simulator), LEAST_RULE_SHARE))
        return np.concatenate([seen, base], axis=1).astype(np.float32), base.astype(np.float32)

    def remember(self, simulator: Simulator, shares: NDArray[Any]) -> None:
        """Keep what is known of the coming step and looked at after it."""
        if self._measurements is not None:
            self._measurements.remember(simulator, np.asarray(shares, np.float64))

    def state(self) -> Arrays:
        """Return what is remembered between steps."""
        state: Arrays = {} if self._measurements is None else self._measurements.state()
        if self._rule is not None and self._rule.efficiency is not None:
            state["efficiency"] = self._rule.efficiency
        return state

    def set_state(self, state: Arrays) -> None:
        """Take over what `state` returned; nothing where that is nothing."""
        if self._measurements is not None and "had_data" in state:
            self._measurements.set_state(state)
        if self._rule is not None:
            self._rule.efficiency = state.get("efficiency")


class HindsightPlayer:
    """A policy that plays one network with a learner as it is.

    Parameters
    ----------
    learner : Hindsight
        One cell per cell of the network.
    """

    def __init__(self, learner: Hindsight) -> None:
        self._learner, self._view = learner, CellView(learner.config)

    def __call__(self, simulator: Simulator, observation: Float32) -> Float64:
        """Return the shares of the coming step, (N, S)."""
        shares = self._learner.act(*self._view.look(simulator, observation)).astype(np.float64)
        self._view.remember(simulator, shares)
        return shares


class OnlineHindsight:
    """A learner that plays and learns on one network: what `slicefast.training.train` trains.

    What a step would have earned is computed before it is played, from the partition that is about to be played: the
    packets, queues, rates and interference are those of the step, and it is learned from afterwards.

    Parameters
    ----------
    learner : Hindsight
        One cell per cell of the network; goes on with the view that it was loaded with.
    simulator : Simulator
        The network, of one replica.

    Raises
    ------
    SlicefastError
        The scenario cannot be replayed; see `check_replayable`.
    """

    def __init__(self, learner: Hindsight, simulator: Simulator) -> None:
        check_replayable(simulator.scenario)
        self.learner, self._simulator = learner, simulator
        self._view = CellView(learner.config)
        self._view.set_state(learner.view)
        self._levels = learner.config.levels
        self._seen: Float32 = np.zeros((0, 0), np.float32)
        self._base: Float32 = np.zeros((0, 0), np.float32)
        self._curves: Float64 = np.zeros((0, 0, 0))
        self._asked_at = -1

    def act(self, observation: Float32, explore: bool = False) -> Float32:
        """Return shares (N, S), without noise; where it is to learn from the step, also look what each would earn."""
        self._seen, self._base = self._view.look(self._simulator, observation)
        shares = self.learner.act(self._seen, self._base)
        if explore:
            self._curves = curves_from_nothing(self._simulator, self._levels, shares)
            self._asked_at = self._simulator.step_index
        self._view.remember(self._simulator, shares)
        return shares

    def store(self, observation: Float32, action: NDArray[Any], reward: Float32, next_observation: Float32) -> None:
        """Remember the step with its curves; what it earned is on them.

        Raises
        ------
        SlicefastError
            Another network was played than the one that was asked what shares would earn; nothing is remembered.
        """
        if self._simulator.step_index != self._asked_at + 1:
            refuse("simulator", described("another network"), "the one that OnlineHindsight was given")
        self.learner.store(self._seen, self._base, self._curves)

    def update(self) -> None:
        """Learn from what is remembered."""
        self.learner.update()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the learner, with the state of its view, between two steps."""
        self.learner.save(path, view=self._view.state())
