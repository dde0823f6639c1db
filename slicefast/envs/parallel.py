"""PettingZoo ``ParallelEnv``: one agent per cell, acting in lock-step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

import gymnasium
import numpy as np
from pettingzoo import ParallelEnv

from slicefast.envs.episodes import Episodes, spaces
from slicefast.errors import refuse
from slicefast.radio import Gains
from slicefast.scenario import Scenario
from slicefast.simulator import Simulator
from slicefast.task import Task, TaskOptions
from slicefast.units import Float32, Float64

#: What an agent's info holds: "throughput_bps" and "delay_ms" of its cell, (S,) each.
Info = dict[str, Float64]


class SlicingParallelEnv(ParallelEnv[str, Float32, Float32]):  # type: ignore[misc]  # pettingzoo is untyped
    """One agent per cell, acting in lock-step; see `parallel_env`."""

    metadata = {"name": "slicefast_v0", "render_modes": [], "is_parallelizable": True}  # noqa: RUF012
    render_mode = None

    def __init__(
        self,
        scenario: Scenario | Task,
        seed: int = 0,
        n_steps: int = 200,
        n_threads: int = 1,
        gains: Gains | None = None,
        **options: Unpack[TaskOptions],
    ):
        self.task = Task.of(scenario, **options)
        self._episodes = Episodes(self.task, seed, n_steps, n_threads=n_threads, gains=gains)
        self.possible_agents = list(self.task.agent_names)
        self.agents: list[str] = []
        # A pair of spaces per agent: each draws its samples from a generator of its own.
        pairs = {agent: spaces(self.task) for agent in self.possible_agents}
        self.observation_spaces = {agent: pair[0] for agent, pair in pairs.items()}
        self.action_spaces = {agent: pair[1] for agent, pair in pairs.items()}

    @property
    def n_steps(self) -> int:
        """Steps of an episode."""
        return self._episodes.n_steps

    @property
    def simulator(self) -> Simulator:
        """The simulator of the episode; SlicefastError before the first reset and after `close`."""
        return self._episodes.simulator

    def observation_space(self, agent: str) -> gymnasium.spaces.Box:
        """Return the space of an agent's observations, float32 (n_o,): see `slicefast.Task.observe`."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> gymnasium.spaces.Box:
        """Return the space of an agent's actions, the box [0, 1]^S: see `slicefast.Task.to_shares`."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Float32], dict[str, Info]]:
        """Start the next episode and play one step under the equal split.

        Parameters
        ----------
        seed : int, optional
            Starts anew with the first episode of this seed; see `parallel_env`.
        options : dict, optional
            Not used.

        Returns
        -------
        observations, infos : dict
            By agent; the infos are empty.
        """
        kpis = self._episodes.start(seed)
        self.agents = list(self.possible_agents)
        observation = self.task.observe(kpis)
        return dict(zip(self.agents, observation, strict=True)), {agent: {} for agent in self.agents}

    def step(
        self, actions: Mapping[str, Float32]
    ) -> tuple[dict[str, Float32], dict[str, float], dict[str, bool], dict[str, bool], dict[str, Info]]:
        """Play one decision step; every agent is truncated after ``n_steps`` and never terminated.

        Parameters
        ----------
        actions : mapping of str to ndarray, (S,)
            One per agent.

        Returns
        -------
        observations, rewards, terminations, truncations, infos : dict
            By agent; an info holds "throughput_bps" and "delay_ms" of the cell, (S,) each.

        Raises
        ------
        SlicefastError
            There is no episode (before `reset` or after its end), an agent's action is missing, of another shape or
            not finite; nothing is played then.
        """
        if not self.agents:
            refuse("step", "an environment without an episode", "after reset() and before the episode's end")
        kpis = self.simulator.step(self._shares(actions))
        over = self._episodes.over
        agents = self.agents
        observations = dict(zip(agents, self.task.observe(kpis), strict=True))
        rewards = dict(zip(agents, self.task.reward(kpis).tolist(), strict=True))
        infos: dict[str, Info] = {
            agent: {"throughput_bps": kpis.throughput_bps[n].copy(), "delay_ms": kpis.delay_ms[n].copy()}
            for n, agent in enumerate(agents)
        }
        if over:
            self.agents = []
        return observations, rewards, dict.fromkeys(agents, False), dict.fromkeys(agents, over), infos

    def _shares(self, actions: Mapping[str, Float32]) -> Float64:
        rows = np.empty((self.task.n_agents, self.task.action_size))
        for n, agent in enumerate(self.agents):
            if agent not in actions:
                refuse("actions", f"none of {agent}", "one per agent")
            action = np.asarray(actions[agent])
            if action.shape != rows[n].shape:
                refuse(f"action of {agent}", f"shape {action.shape}", f"shape {rows[n].shape}")
            rows[n] = action
        return self.task.to_shares(rows)

    def state(self) -> Float32:
        """Return all agents' observations joined, (N n_o,), for centralised critics."""
        return self.task.observe(self.simulator.kpis).ravel()

    def render(self) -> None:
        """Draw nothing: figures are made from result files."""

    def close(self) -> None:
        """End the episode and let go of the simulator, its threads and its network; `reset` starts anew."""
        self.agents = []
        self._episodes.close()


def parallel_env(
    scenario: Scenario | Task,
    seed: int = 0,
    n_steps: int = 200,
    n_threads: int = 1,
    gains: Gains | None = None,
    **options: Unpack[TaskOptions],
) -> SlicingParallelEnv:
    """Return a PettingZoo ``ParallelEnv`` with one agent ``cell_n`` per cell.

    Observations are float32 (n_o,), actions float32 (S,) in the box [0, 1], of which `Task.to_shares` makes shares;
    rewards are the task's.

    Parameters
    ----------
    scenario : Scenario or Task
        What is played.
    seed : int
        Seed of the first episode, which is that of ``Simulator(scenario, seed=seed)``. Later episodes, each after
        ``reset()`` without a seed, play seeds drawn from it: episode k the first word of ``SeedSequence((seed, k))``.
    n_steps : int
        Steps per episode.
    n_threads : int
        Threads of the simulator.
    gains : GainMap or GainSeries, optional
        Of the simulator.
    features, reward, coordination
        Of `Task`, where a scenario is given.

    Raises
    ------
    SlicefastError
        An option is out of range or unknown, or a task came with options of its own.
    """
    return SlicingParallelEnv(scenario, seed, n_steps, n_threads, gains, **options)
