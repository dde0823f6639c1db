"""The one loop in which learners and networks meet.

Dimensions: T steps, A agents (cells of all networks played side by side), n_o and S sizes of observation and action.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from slicefast import usual
from slicefast.arguments import checked
from slicefast.arrays import to_finite, to_matrix
from slicefast.callbacks.bar import Ticker
from slicefast.errors import GivenBy, described, refuse
from slicefast.kpis import Kpis
from slicefast.rng import Restarts
from slicefast.task import Task
from slicefast.units import Float32, Float64

if TYPE_CHECKING:
    from slicefast.learn import TD3, TD3Config
    from slicefast.policies import Policy
    from slicefast.simulator import Simulator

TRAIN_STEPS, TRANSFER_STEPS = usual.TRAIN_STEPS, usual.TRANSFER_STEPS
#: Reports that steps were played.
Tick = Callable[[int], None]


class Learner(Protocol):
    """What `train` asks of whatever learns; `slicefast.learn.TD3` is one."""

    def act(self, observation: Float32, explore: bool = False) -> NDArray[Any]:
        """Return shares (A, S) for observations (A, n_o), with noise where it explores."""

    def store(self, observation: Float32, action: NDArray[Any], reward: Float32, next_observation: Float32) -> None:
        """Keep one transition per agent: (A, n_o), (A, S), (A,), (A, n_o)."""

    def update(self) -> object:
        """Learn from what is stored; losses by name, arrays per agent, reach the callbacks."""


@dataclass(frozen=True, eq=False)
class Step:
    """One step that was played, as callbacks get it.

    Attributes
    ----------
    index : int
        Its number, from 0.
    kpis : tuple of Kpis
        What it measured, one per simulator.
    reward : ndarray of float32, (A,)
        What every agent earned.
    learning : bool
        Whether the learner explored and learned in it.
    losses : dict of ndarray
        What the learner's `update` returned, if it was losses by name.
    noise : float
        The learner's `noise` in this step, NaN where it says none.
    """

    index: int
    kpis: tuple[Kpis, ...]
    reward: Float32
    learning: bool
    losses: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    noise: float = math.nan


Callback = Callable[[Step], None]


@dataclass(frozen=True, eq=False)
class History:
    """What a run earned.

    Attributes
    ----------
    reward : ndarray of float32, (T, A)
        Per step and agent; NaN for steps that were not played.

    Examples
    --------
    >>> history = sf.training.History.empty(steps=5, n_agents=3)
    >>> history.reward.shape, bool(np.isnan(history.reward).all())
    ((5, 3), True)
    """

    reward: Float32

    @classmethod
    def empty(cls, steps: int, n_agents: int) -> History:
        """Return the history of a run of which nothing was played yet."""
        return cls(np.full((steps, n_agents), np.nan, dtype=np.float32))


@checked
def train(
    simulators: Simulator | Sequence[Simulator],
    learner: Learner,
    task: Task,
    steps: int,
    *,
    learn_steps: int | None = None,
    first_step: int = 0,
    history: History | None = None,
    callbacks: Sequence[Callback] = (),
    restarts: Restarts | None = None,
) -> History:
    """Play networks and train a learner in lock-step with them.

    Parameters
    ----------
    simulators : Simulator or sequence of Simulator
        Networks of the task's scenario after `reset`, played side by side. The agents of the first network come first,
        then those of the second; within a network of several replicas likewise, N cells after N cells.
    learner : Learner
        Acts for all agents, keeps their transitions and learns once a step. A `slicefast.learn.TD3` of fewer agents
        than are played has them shared: that of one agent acts for every cell and learns from all of them, that of N
        agents for the cells of one number in all networks.
    task : Task
        What agents see and earn.
    steps : int
        Steps T of the whole run.
    learn_steps : int, optional
        Steps with exploration and learning, all of them unless given; from then on the learner acts without noise.
    first_step : int
        Index of the first step that is played: where a run goes on.
    history : History, optional
        The rewards so far of a run that goes on, for all T steps; it is filled in place.
    callbacks : sequence of callable
        Called with every `Step` after it was played and learned from, in their order.
    restarts : Restarts, optional
        When a lone simulator starts anew with another seed; the step under the equal split that `Simulator.reset` plays
        then is not learned from. Never unless given.

    Returns
    -------
    History
        The rewards of every step.

    Raises
    ------
    SlicefastError
        The steps, or the history's shape, do not fit; nothing was played then.

    Examples
    --------
    >>> scenario = sf.Scenario.hexagonal(n_sites=1, window_ttis=20)
    >>> simulator, task = sf.Simulator(scenario, seed=0), sf.Task(scenario)
    >>> config = sf.learn.TD3Config(exploration_steps=10)
    >>> agents, _ = sf.training.new_agents(task, config, seed=0), simulator.reset()
    >>> sf.training.train(simulator, agents, task, steps=50).reward.shape  # steps, cells
    (50, 3)
    """
    networks = list(simulators) if isinstance(simulators, Sequence | np.ndarray) else [simulators]
    if not networks:
        refuse("simulators", described("none"), "at least one")
    if restarts is not None and len(networks) != 1:
        refuse("restarts", f"{len(networks)} simulators", "one simulator, of any number of replicas")
    learn_until = steps if learn_steps is None else learn_steps
    observation = _rows([task.observe(network.kpis) for network in networks])
    earned = _history(history, steps, first_step, len(observation))
    for index in range(first_step, steps):
        if restarts is not None and (seed := restarts.seed_at(index)) is not None:
            observation = _rows([task.observe(networks[0].reset(seed))])
        learning = index < learn_until
        noise = float(getattr(learner, "noise", math.nan)) if learning else 0.0
        action = learner.act(observation, explore=learning)
        kpis = _play_step(networks, action)
        following = _rows([task.observe(item) for item in kpis])
        reward = np.concatenate([task.reward(item).ravel() for item in kpis])
        losses: object = None
        if learning:
            learner.store(observation, action, reward, following)
            losses = learner.update()
        observation = following
        earned.reward[index] = reward
        step = Step(index, kpis, reward, learning, losses if isinstance(losses, Mapping) else {}, noise)
        for callback in callbacks:
            callback(step)
    return earned


@checked
def play(
    simulator: Simulator,
    policy: Policy,
    task: Task,
    steps: int,
    *,
    first_step: int = 0,
    history: History | None = None,
    callbacks: Sequence[Callback] = (),
) -> History:
    """Play a network under a policy that does not learn.

    Parameters
    ----------
    simulator : Simulator
        A network of the task's scenario after `reset`.
    policy : Policy
        policy(simulator, observation) -> shares.
    task : Task
        What agents see and earn.
    steps, first_step, history, callbacks
        As in `train`, with its returns and refusals; no `Step` is one of learning.

    Examples
    --------
    >>> scenario = sf.Scenario.hexagonal(n_sites=1, window_ttis=20)
    >>> simulator = sf.Simulator(scenario, seed=0)
    >>> _ = simulator.reset()
    >>> sf.training.play(simulator, sf.policies.equal_split, sf.Task(scenario), steps=5).reward.shape
    (5, 3)
    """
    observation = task.observe(simulator.kpis)
    earned = _history(history, steps, first_step, observation[..., 0].size)
    for index in range(first_step, steps):
        with GivenBy("policy"):
            kpis = simulator.step(policy(simulator, observation))
        observation = task.observe(kpis)
        earned.reward[index] = reward = task.reward(kpis).ravel()
        for callback in callbacks:
            callback(Step(index, (kpis,), reward, learning=False))
    return earned


@checked
def collect_samples(simulator: Simulator, task: Task, steps: int, tick: Tick = lambda steps: None) -> Float32:
    """Return what agents see and earn under the default action, the equal split.

    Parameters
    ----------
    simulator : Simulator
        A network of the task's scenario after `reset`.
    task : Task
        What they see and earn.
    steps : int
        Samples per agent.
    tick : callable
        Called with how many steps were played since it was called last.

    Returns
    -------
    ndarray of float32, (N, steps, n_o + 1)
        [observation, reward] of every agent and step: the observation before the step, the reward after it.

    Examples
    --------
    >>> scenario = sf.Scenario.hexagonal(n_sites=1, window_ttis=20)
    >>> simulator = sf.Simulator(scenario, seed=0)
    >>> _ = simulator.reset()
    >>> sf.training.collect_samples(simulator, sf.Task(scenario), steps=5).shape
    (3, 5, 17)
    """
    samples = np.empty((task.n_agents, steps, task.observation_size + 1), np.float32)
    equal = np.full(simulator.shares_shape, 1.0 / task.action_size)
    ticker = Ticker(tick, steps - 1)
    for index in range(steps):
        samples[:, index, :-1] = task.observe(simulator.kpis)
        kpis = simulator.step(equal)
        samples[:, index, -1] = reward = task.reward(kpis)
        ticker(Step(index, (kpis,), reward, learning=False))
    return samples


def _history(history: History | None, steps: int, first_step: int, n_agents: int) -> History:
    if steps < 0:
        refuse("steps", steps, "at least 0")
    if not 0 <= first_step <= steps:
        refuse("first_step", first_step, f"0 to steps, {steps}")
    if history is None:
        return History.empty(steps, n_agents)
    if history.reward.shape != (steps, n_agents):
        refuse("history", f"rewards of shape {history.reward.shape}", f"(steps, agents), {(steps, n_agents)}")
    return history


def _rows(observations: list[Float32]) -> Float32:
    """Join the observations of all networks and replicas, (A, n_o)."""
    return np.concatenate([item.reshape(-1, item.shape[-1]) for item in observations])


def _play_step(networks: list[Simulator], action: NDArray[Any]) -> tuple[Kpis, ...]:
    """Play every network with the rows of its own agents."""
    played, first = [], 0
    for network in networks:
        shape = network.shares_shape
        last = first + math.prod(shape[:-1])
        played.append(network.step(action[first:last].reshape(shape)))
        first = last
    return tuple(played)


@checked
def new_agents(task: Task, config: TD3Config, seed: int, n_agents: int | None = None) -> TD3:
    """Return untrained agents of a task's sizes.

    Parameters
    ----------
    task : Task
        Whose observations and shares the agents take and give.
    config : TD3Config
        The algorithm's numbers.
    seed : int
        Of everything random about the agents.
    n_agents : int, optional
        One per cell unless given.

    Examples
    --------
    >>> sf.training.new_agents(sf.Task(sf.Scenario.hexagonal(n_sites=1)), sf.learn.TD3Config(), seed=0)
    TD3(n_agents=3, obs_dim=16, action_dim=4, seed=0, engine='native', step=0, n_updates=0)
    """
    from slicefast.learn import TD3

    return TD3(task.n_agents if n_agents is None else n_agents, task.observation_size, task.action_size, config, seed)


@checked
class CentralAgent:
    """One agent that observes all cells of one network and divides them all; its reward is the cells' mean.

    Its N S outputs share one softmax and are normalised per cell, which is a softmax per cell:
    a_ns = (y_ns + 1e-12) / sum_s (y_ns + 1e-12).

    Parameters
    ----------
    agent : TD3
        One agent with N n_o inputs and N S outputs.
    n_cells : int
        N.

    Examples
    --------
    >>> scenario = sf.Scenario.hexagonal(n_sites=1, window_ttis=20)
    >>> task, one = sf.Task(scenario), sf.learn.TD3(1, obs_dim=3 * 16, action_dim=3 * 4)
    >>> central, seen = sf.training.CentralAgent(one, n_cells=3), task.observe(sf.Simulator(scenario, seed=0).reset())
    >>> shares = central.act(seen, explore=True)
    >>> shares.shape, shares.sum(axis=1).round(9)
    ((3, 4), array([1., 1., 1.]))
    >>> central.store(seen, shares, reward=np.ones(3), next_observation=seen)  # what `train` does with it
    >>> central.update()
    """

    # Added to every output: far below any that counts, and a cell whose outputs all underflow is divided equally.
    _SMALLEST = 1e-12

    def __init__(self, agent: TD3, n_cells: int) -> None:
        self.agent = agent
        self._n_cells = n_cells
        # What the last shares were made from: the agent learns on its own outputs, not on what became of them.
        self._action: Float32 = np.empty((1, agent.action_dim), np.float32)

    def act(self, observation: Float32, explore: bool = False) -> Float64:
        """Return shares (N, S) for observations (N, n_o)."""
        self._action = self.agent.act(observation.reshape(1, -1), explore=explore)
        shares = self._action.reshape(self._n_cells, -1).astype(np.float64) + self._SMALLEST
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))

    def store(self, observation: Float32, action: NDArray[Any], reward: Float32, next_observation: Float32) -> None:
        """Keep the network's transition with the outputs that led to the last shares."""
        n_cells, agent = self._n_cells, self.agent
        to_matrix("action", action, (n_cells, self._action.shape[1] // n_cells))  # its outputs are kept in its place
        seen = to_matrix("observation", observation, (n_cells, None)).astype(np.float32).reshape(1, -1)
        following = to_matrix("next_observation", next_observation, (n_cells, None))
        earned = to_finite("reward", reward, n_cells).astype(np.float32).mean(keepdims=True)
        agent.store(seen, self._action, earned, following.astype(np.float32).reshape(1, -1))

    def update(self) -> None:
        """Learn once."""
        self.agent.update()
