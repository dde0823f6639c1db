"""Playing a network: simulators, agents and the loops in which they meet."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from slicefast.kpis import Kpis
from slicefast.rewards import satisfaction
from slicefast.scenario import Scenario
from slicefast.simulator import Simulator
from slicefast.task import Coordination, observe, reward

if TYPE_CHECKING:
    from slicefast.learn import TD3

Arrays = dict[str, NDArray[Any]]
Tick = Callable[[int], None]
Reward = Callable[[Kpis, Scenario], NDArray[Any]]
KPIS = ("throughput_bps", "delay_ms", "load", "users")
TICK_STEPS = 25
CAPACITY = 10_000  # transitions an agent keeps of its own


class Recorder:
    """Keeps the reward of every step and all KPIs of the last `evaluation_steps`; NaN where nothing was played."""

    def __init__(self, scenario: Scenario, horizon: int, evaluation_steps: int):
        cells, slices = scenario.n_cells, scenario.n_slices
        self.scenario = scenario
        self.first = horizon - evaluation_steps
        self.reward = np.full((horizon, cells), np.nan, dtype=np.float32)
        names = (*KPIS, "throughput_satisfaction", "delay_satisfaction")
        self.kpis = {name: np.full((evaluation_steps, cells, slices), np.nan, np.float32) for name in names}

    def add(self, step: int, kpis: Kpis, rewards: NDArray[Any]) -> None:
        """Keep a step."""
        self.reward[step] = rewards
        if step >= self.first:
            row = step - self.first
            for name in KPIS:
                self.kpis[name][row] = getattr(kpis, name)
            throughput, delay = satisfaction(kpis, self.scenario)
            self.kpis["throughput_satisfaction"][row] = throughput
            self.kpis["delay_satisfaction"][row] = delay

    def arrays(self) -> Arrays:
        """Return everything kept."""
        return {"reward": self.reward, **self.kpis}


def report(step: int, steps: range, tick: Tick) -> None:
    """Tell the progress bar about a step now and then."""
    done = step - steps.start + 1
    if done % TICK_STEPS == 0:
        tick(TICK_STEPS)
    elif done == len(steps):
        tick(done % TICK_STEPS)


def started(scenario: Scenario, seed: int, place_seed: int | None = None) -> Simulator:
    """Return a simulator after its warm-up step."""
    simulator = Simulator(scenario, seed=seed, place_seed=place_seed)
    simulator.reset()
    return simulator


def new_agents(
    scenario: Scenario,
    exploration_steps: int,
    seed: int,
    capacity: int = CAPACITY,
    coordination: Coordination = "mean",
    n_agents: int | None = None,
    **settings: Any,
) -> TD3:
    """Return untrained agents, one per cell unless told otherwise; `settings` go into `TD3Config`."""
    from slicefast.learn import TD3, TD3Config

    return TD3(
        n_agents=scenario.n_cells if n_agents is None else n_agents,
        obs_dim=scenario.n_slices * (4 if coordination == "mean" else 3),
        action_dim=scenario.n_slices,
        config=TD3Config(exploration_steps=exploration_steps, capacity=capacity, **settings),
        seed=seed,
    )


def play(
    simulator: Simulator, policy: Any, recorder: Recorder | None, steps: range, tick: Tick, score: Reward = reward
) -> None:
    """Play a policy that does not learn: policy(simulator, observation) -> shares."""
    scenario = simulator.scenario
    observation = observe(simulator.kpis, scenario)
    for step in steps:
        kpis = simulator.step(policy(simulator, observation))
        observation = observe(kpis, scenario)
        if recorder is not None:
            recorder.add(step, kpis, score(kpis, scenario))
        report(step, steps, tick)


def learn(
    simulator: Simulator,
    agents: TD3,
    recorder: Recorder | None,
    train_steps: int,
    total_steps: int,
    tick: Tick,
    coordination: Coordination = "mean",
    score: Reward = reward,
    first_step: int = 0,
    after_step: Tick = lambda done: None,
) -> None:
    """Train agents for `train_steps` in lock-step with the network, then play them as they are to `total_steps`.

    A run that goes on starts at `first_step`; `after_step(done)` is called with the steps done after each.
    """
    scenario = simulator.scenario
    observation = observe(simulator.kpis, scenario, coordination)
    steps = range(first_step, total_steps)
    for step in steps:
        training = step < train_steps
        action = agents.act(observation, explore=training)
        kpis = simulator.step(action)
        following, rewards = observe(kpis, scenario, coordination), score(kpis, scenario)
        if training:
            agents.store(observation, action, rewards, following)
            agents.update()
        observation = following
        if recorder is not None:
            recorder.add(step, kpis, rewards)
        after_step(step + 1)
        report(step, steps, tick)


def frozen(agents: TD3) -> Callable[[Simulator, NDArray[np.float32]], NDArray[Any]]:
    """Return trained agents as a policy without noise."""

    def policy(simulator: Simulator, observation: NDArray[np.float32]) -> NDArray[Any]:
        return np.asarray(agents.act(observation, explore=False))

    return policy
