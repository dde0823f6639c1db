"""PettingZoo ``ParallelEnv``: one agent per cell, acting in lock-step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

import gymnasium
import numpy as np
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from slicefast.arguments import checked, hold_numbers
from slicefast.envs.episodes import Episodes, spaces
from slicefast.errors import described, refuse
from slicefast.kpis import CELL_KPIS, Kpis
from slicefast.plot.rendering import RENDER_MODES, Picture
from slicefast.radio import Gains
from slicefast.scenario import Scenario
from slicefast.simulator import Simulator
from slicefast.task import Task, TaskOptions
from slicefast.units import Float32, Float64

#: What an agent's info holds: the seven KPIs of its cell by name, (S,) each and read-only.
Info = dict[str, Float64]


@checked
class SlicingParallelEnv(ParallelEnv[str, Float32, Float32]):  # type: ignore[misc]  # pettingzoo is untyped
    """One agent per cell, acting in lock-step; see `parallel_env`.

    Examples
    --------
    >>> env = sf.envs.SlicingParallelEnv(sf.Scenario.hexagonal(n_sites=1), n_steps=2, render_mode="rgb_array")
    >>> observations, infos = env.reset(seed=0)
    >>> env.observation_space("cell_1").shape, env.action_space("cell_1").shape, env.state().shape
    ((16,), (4,), (48,))
    >>> actions = {agent: env.action_space(agent).sample() for agent in env.agents}
    >>> observations, rewards, terminations, truncations, infos = env.step(actions)
    >>> sorted(rewards), env.render().shape
    (['cell_1', 'cell_2', 'cell_3'], (560, 640, 3))
    >>> env.close()
    """

    metadata = {  # noqa: RUF012
        "name": "slicefast_v0",
        "render_modes": list(RENDER_MODES),
        "render_fps": 4,
        "is_parallelizable": True,
    }

    def __init__(
        self,
        scenario: Scenario | Task,
        seed: int = 0,
        n_steps: int = 200,
        n_threads: int = 1,
        gains: Gains | None = None,
        place_seed: int | None = None,
        render_mode: str | None = None,
        **options: Unpack[TaskOptions],
    ):
        self.task = Task.of(scenario, **options)
        self._picture = Picture(render_mode)
        self.render_mode = render_mode
        self._episodes = Episodes(self.task, seed, n_steps, n_threads=n_threads, gains=gains, place_seed=place_seed)
        self.possible_agents = list(self.task.agent_names)
        self.agents: list[str] = []
        # A pair of spaces per agent: each draws its samples from a generator of its own.
        pairs = {agent: spaces(self.task) for agent in self.possible_agents}
        self.observation_spaces = {agent: pair[0] for agent, pair in pairs.items()}
        self.action_spaces = {agent: pair[1] for agent, pair in pairs.items()}
        low, high = (np.tile(bound, self.task.n_agents) for bound in self.task.observation_bounds())
        self.state_space = gymnasium.spaces.Box(low, high, dtype=np.float32)

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
        return self._space(self.observation_spaces, agent)

    def action_space(self, agent: str) -> gymnasium.spaces.Box:
        """Return the space of an agent's actions, float32 (S,): see `slicefast.Task.to_shares`."""
        return self._space(self.action_spaces, agent)

    def _space(self, spaces: dict[str, gymnasium.spaces.Box], agent: str) -> gymnasium.spaces.Box:
        if agent not in spaces:
            refuse("agent", agent, f"{self.possible_agents[0]} to {self.possible_agents[-1]}")
        return spaces[agent]

    def __repr__(self) -> str:
        return f"SlicingParallelEnv({self.task!r})"

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
            By agent, as from `step`.
        """
        kpis = self._episodes.start(seed)
        self._picture.show(self.simulator, self.task)
        self.agents = list(self.possible_agents)
        observation = self.task.observe(kpis)
        return dict(zip(self.agents, observation, strict=True)), self._infos(kpis)

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
            By agent; an info holds the seven KPIs of `Kpis` of its cell, (S,) each and read-only.

        Raises
        ------
        SlicefastError
            There is no episode (before `reset` or after its end), an agent's action is missing, of another shape or
            not finite; nothing is played then.
        """
        if not self.agents:
            refuse("step", "an environment without an episode", "after reset() and before the episode's end")
        kpis = self.simulator.step(self._shares(actions))
        self._picture.show(self.simulator, self.task)
        over = self._episodes.over
        agents = self.agents
        observations = dict(zip(agents, self.task.observe(kpis), strict=True))
        rewards = dict(zip(agents, self.task.reward(kpis).tolist(), strict=True))
        infos = self._infos(kpis)
        if over:
            self.agents = []
        return observations, rewards, dict.fromkeys(agents, False), dict.fromkeys(agents, over), infos

    def _infos(self, kpis: Kpis) -> dict[str, Info]:
        return {agent: {name: getattr(kpis, name)[n] for name in CELL_KPIS} for n, agent in enumerate(self.agents)}

    def _shares(self, actions: Mapping[str, Float32]) -> Float64:
        rows = np.empty((self.task.n_agents, self.task.action_size))
        for n, agent in enumerate(self.agents):
            if agent not in actions:
                refuse("actions", described(f"none of {agent}"), "one per agent")
            hold_numbers(f"action of {agent}", actions[agent])
            action = np.asarray(actions[agent], np.float64)
            if action.shape != rows[n].shape:
                refuse(f"action of {agent}", described(f"shape {action.shape}"), f"shape {rows[n].shape}")
            rows[n] = action
        return self.task.to_shares(rows)

    def state(self) -> Float32:
        """Return all agents' observations joined, (N n_o,) in `state_space`, for centralised critics."""
        return self.task.observe(self.simulator.kpis).ravel()

    def render(self) -> NDArray[np.uint8] | None:
        """Return the network's picture (height, width, 3), or None unless "rgb_array"; see `VectorEnv.render`."""
        pictures = self._picture.of_all(self.simulator, self.task)
        return None if pictures is None else pictures[0]

    def close(self) -> None:
        """End the episode and let go of the simulator, its threads and its network; `reset` starts anew."""
        self.agents = []
        self._picture.close()
        self._episodes.close()


@checked
def parallel_env(
    scenario: Scenario | Task,
    seed: int = 0,
    n_steps: int = 200,
    n_threads: int = 1,
    gains: Gains | None = None,
    place_seed: int | None = None,
    render_mode: str | None = None,
    **options: Unpack[TaskOptions],
) -> SlicingParallelEnv:
    """Return a PettingZoo ``ParallelEnv`` with one agent ``cell_n`` per cell.

    Observations are float32 (n_o,), actions float32 (S,) in the task's box, of which `Task.to_shares` makes shares;
    rewards are the task's. For learners that draw Gaussians around 0, as PPO does: ``actions="symmetric"``.

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
    gains, place_seed
        Of the simulator; with a ``place_seed`` every episode is in the same place.
    render_mode : {"human", "rgb_array"}, optional
        "human" shows every step in a window; "rgb_array" is what `render` returns.
    features, reward, coordination, actions
        Of `Task`, where a scenario is given.

    Raises
    ------
    SlicefastError
        An option is out of range or unknown, or a task came with options of its own.

    Examples
    --------
    >>> env = sf.parallel_env(sf.Scenario.hexagonal(n_sites=1))
    >>> observations, infos = env.reset(seed=0)
    >>> sorted(observations)
    ['cell_1', 'cell_2', 'cell_3']
    """
    return SlicingParallelEnv(scenario, seed, n_steps, n_threads, gains, place_seed, render_mode, **options)
