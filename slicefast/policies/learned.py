"""Trained agents as policies: they act without noise and learn no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from slicefast.arguments import checked
from slicefast.policies.base import Policy
from slicefast.simulator import Simulator
from slicefast.task import Task
from slicefast.units import Float32, Float64


class Actor(Protocol):
    """What acts for agents; `slicefast.learn.TD3` does, and so does what else `slicefast.training` trains."""

    def act(self, observation: Float32, explore: bool = False) -> NDArray[Any]:
        """Return shares (A, S) for observations (A, n_o)."""


@checked
def greedy(agents: Actor) -> Policy:
    """Return what agents do without noise as a policy.

    Parameters
    ----------
    agents : Actor
        One agent per cell, such as `slicefast.learn.TD3`, or what else `slicefast.training` trains; a TD3 of one agent
        acts for every cell.

    Examples
    --------
    >>> scenario = sf.Scenario.hexagonal(n_sites=1, window_ttis=20)
    >>> agents = sf.training.new_agents(sf.Task(scenario), sf.learn.TD3Config(), seed=0)
    >>> sf.Simulator(scenario, seed=0).run(sf.policies.greedy(agents), steps=2).reward.shape
    (2, 3)
    """

    def policy(simulator: Simulator, observation: Float32) -> Float64:
        shares = agents.act(observation.reshape(-1, observation.shape[-1]), explore=False)
        return np.asarray(shares, np.float64).reshape(simulator.shares_shape)

    return policy


@checked
def of_actions(act: Callable[[Float32], NDArray[Any]], task: Task) -> Policy:
    """Return what another library learned on a task as a policy, for `slicefast.compare` and `Simulator.run`.

    Parameters
    ----------
    act : callable
        observations (A, n_o) -> actions (A, S), as the task's environments take them.
    task : Task
        What the actions stand for, such as ``env.task``.

    Raises
    ------
    SlicefastError
        When the policy plays: an action has a wrong length or is not finite.

    Examples
    --------
    >>> scenario = sf.Scenario.hexagonal(n_sites=1, window_ttis=20)
    >>> task = sf.Task(scenario, actions="symmetric")
    >>> policy = sf.policies.of_actions(lambda rows: np.zeros((len(rows), 4)), task)
    >>> sf.Simulator(scenario, seed=0).run(policy, steps=2).share.values[0, 0]  # logits of 0: the equal split
    array([0.25, 0.25, 0.25, 0.25])
    """

    def policy(simulator: Simulator, observation: Float32) -> Float64:
        rows = observation.reshape(-1, observation.shape[-1])
        return task.to_shares(act(rows)).reshape(simulator.shares_shape)

    return policy
