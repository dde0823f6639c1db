"""What sources' policies would have earned on a target, asked after each of its first steps.

The target plays the default action. A base station knows, after a step, the packets that came and the interference
there was, so it can replay the step with any share (`slicefast.simulator.Simulator.probe`): here with the share that
each source's policy would have chosen from what the target's cell had seen before the step. No source policy acts on
the target, and nothing has to be trained.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from slicefast.arguments import checked
from slicefast.errors import refuse
from slicefast.simulator import Simulator
from slicefast.task import Task
from slicefast.training import Tick
from slicefast.units import Float32, Float64


class Sources(Protocol):
    """A agents that each act on an observation of their own; `slicefast.learn.TD3` is one.

    Attributes
    ----------
    n_agents, obs_dim, action_dim : int
        A, and the lengths n_o and S of an observation and an action.
    """

    n_agents: int
    obs_dim: int
    action_dim: int

    def act(self, observation: Float32, /) -> Float32:
        """Return shares (A, S) for observations (A, n_o), without noise."""


@checked
def hindsight_rewards(
    source: Sources, simulator: Simulator, task: Task, steps: int = 250, tick: Tick = lambda steps: None
) -> Float64:
    """Return what every source's policy would have earned in every target cell, the mean over the target's steps.

    Interference is that of the default action, and every step is asked for alone: the queues that a policy would have
    left behind are not, so a source that starves a slice for good is judged too kindly. Minus the result is a distance
    for `choose_sources`. Costs a probe per source and step.

    Parameters
    ----------
    source : Sources
        A agents, which observe and act like those of the task.
    simulator : Simulator
        The target network after `reset`, of one replica; it plays the equal split for so many steps.
    task : Task
        What the target's cells see and earn, N of them.
    steps : int
        At least 1.
    tick : callable
        Called with 1 after every step.

    Returns
    -------
    ndarray of float64, (A, N)
        Row the source, column the target.

    Raises
    ------
    SlicefastError
        The sources observe or act otherwise, there are no steps, or the simulator has several replicas; nothing was
        played then.

    Examples
    --------
    >>> scenario = sf.Scenario.hexagonal(n_sites=1, window_ttis=20)
    >>> simulator, task = sf.Simulator(scenario, seed=0), sf.Task(scenario)
    >>> sources, _ = sf.training.new_agents(task, sf.learn.TD3Config(), seed=0), simulator.reset()
    >>> sf.transfer.hindsight_rewards(sources, simulator, task, steps=2).shape  # sources, targets
    (3, 3)
    """
    seen = f"the task's {task.observation_size}: {', '.join(task.feature_names)}"
    if source.obs_dim != task.observation_size:
        refuse("obs_dim of the source", source.obs_dim, seen)
    if source.action_dim != task.action_size:
        refuse("action_dim of the source", source.action_dim, f"the task's {task.action_size} slices")
    if steps < 1:
        refuse("steps", steps, "at least 1")
    if simulator.n_replicas != 1:
        refuse("simulator", f"{simulator.n_replicas} replicas", "one replica")
    earned = np.zeros((source.n_agents, task.n_agents))
    equal = np.full(simulator.shares_shape, 1.0 / task.action_size)
    for _ in range(steps):
        observation = task.observe(simulator.kpis)
        answers = [task.to_shares(source.act(np.tile(row, (source.n_agents, 1)))) for row in observation]
        for i in range(source.n_agents):
            asked = np.stack([answer[i] for answer in answers])
            earned[i] += task.reward(simulator.probe(asked, equal))
        simulator.step(equal)
        tick(1)
    return earned / steps
